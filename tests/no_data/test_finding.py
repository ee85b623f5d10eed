"""No data are told from data, whatever was filled in and however voxels are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.no_data import NoData, find_no_data

Volume = np.ndarray[Any, Any]

ROWS = slice(0, 19)  # not a multiple of the block's edge


def found(*maps: Volume) -> NoData:
    result = find_no_data(*maps)
    assert result is not None
    return result


def only_rows(result: NoData, shape: tuple[int, ...], rows: slice = ROWS) -> None:
    """Demand that the rows are found, to the voxel, and nothing else."""
    expected = np.zeros(shape, bool)
    expected[:, rows] = True
    np.testing.assert_array_equal(result[:], expected)
    assert result.share == pytest.approx(expected.mean())


def test_there_are_data_everywhere(halves: list[Volume]) -> None:
    assert find_no_data(*halves) is None
    assert find_no_data(halves[0]) is None


@pytest.mark.parametrize("fills", [(0, 0), (5.9, 6.1), (6.0, -3.0), (1e6, 1e6)])
def test_a_slab_with_any_fill_in_each_half(halves: list[Volume], fills: tuple[float, float]) -> None:
    for half, fill in zip(halves, fills, strict=True):
        half[:, ROWS] = fill
    only_rows(found(*halves), halves[0].shape)


def test_two_different_constants_in_each_half(halves: list[Volume]) -> None:
    for half in halves:
        half[:, :19] = 0
        half[:, 45:] = half.mean()
    result = found(*halves)[:]
    assert result[:, :19].all()
    assert result[:, 45:].all()
    assert not result[:, 19:45].any()


def test_every_plane_with_its_own_mean(halves: list[Volume]) -> None:
    """As IMOD fills, plane by plane."""
    for half in halves:
        half[:, :20] = half[:, 20:].mean(axis=(1, 2), keepdims=True)
    only_rows(found(*halves), halves[0].shape, slice(0, 20))


def test_a_region_in_which_both_halves_are_the_same(halves: list[Volume]) -> None:
    halves[1][:, :20] = halves[0][:, :20]
    only_rows(found(*halves), halves[0].shape, slice(0, 20))


def test_a_soft_edge_is_left_out_of_what_is_learned(halves: list[Volume]) -> None:
    weight = np.clip((np.arange(64) - 16) / 10, 0, 1).astype(np.float32)[:, None]
    tapered = [half * weight for half in halves]
    result = found(*tapered)
    assert result[:, :16].all()
    assert not result[:, 20:].any()
    assert not result.usable[:, :22].any()  # where less than 60 % of the density is there
    assert result.usable[:, 34:].all()


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16])
def test_whole_numbers_with_ten_levels(halves: list[Volume], kind: Any) -> None:
    """Two such halves agree in a tenth of their voxels by chance."""
    middle = 0 if kind == np.int8 else 100
    stored = [
        np.clip(np.round((half - 6) * 2) + middle, middle - 5, middle + 5).astype(kind) for half in halves
    ]
    assert np.mean(stored[0] == stored[1]) > 0.1
    assert find_no_data(*stored) is None
    for half in stored:
        half[:, ROWS] = middle
    assert found(*stored)[:, ROWS].all()
    assert found(*stored)[:, 19:].mean() < 2e-3  # chance, beside the region


@pytest.mark.parametrize(("offset", "unit"), [(1000, 1), (0, 1e-6), (100, 0.02)])
def test_sixteen_bit_numbers(halves: list[Volume], offset: float, unit: float) -> None:
    """At 1000 they are 0.5 apart; 1e-6 is among the smallest that there are; at 100, 0.06 apart."""
    stored = [(offset + unit * (half - 6)).astype(np.float16) for half in halves]
    assert find_no_data(*stored) is None
    for half in stored:
        half[:, ROWS] = half.mean(dtype=np.float64)
    result = found(*stored)
    assert result[:, ROWS].all()
    assert result[:, 22:].mean() < 0.01


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("thickness", [1, 4])
def test_whole_planes_inside(halves: list[Volume], axis: int, thickness: int) -> None:
    """As where a program lost some; they fill no block."""
    expected = np.zeros(halves[0].shape, bool)
    np.moveaxis(expected, axis, 0)[18 : 18 + thickness] = True
    for half in halves:
        half[expected] = 6
    result = found(*halves)
    np.testing.assert_array_equal(result[:], expected)
    assert not result.usable[:][expected].any()
    halves[1][expected] += np.random.default_rng(2).standard_normal(expected.sum())  # the other half has them
    result = found(*halves)
    np.testing.assert_array_equal(result[:], expected)
    assert result.alone == pytest.approx((expected.mean(), 0))


def test_clipped_gold_leaves_the_statistics_but_is_data(halves: list[Volume]) -> None:
    z, y, x = np.ogrid[:40, :64, :72]
    bead = np.exp(-((((z - 20) ** 2 + (y - 30) ** 2 + (x - 36) ** 2) / 12**2) ** 1.5))
    clipped = [np.clip(half - 60 * bead, -20, None).astype(np.float32) for half in halves]
    top = (clipped[0] == -20) & (clipped[1] == -20)
    assert top.sum() > 1000
    result = found(*clipped)
    assert result.share == 0
    assert not result[:].any()
    assert not result.usable[:][top].any()
    assert result.usable[:].mean() > 0.7
    assert result.forbidden[:].mean() == 0


def test_a_hole_is_no_bead(halves: list[Volume]) -> None:
    for half in halves:
        half[12:28, 20:36, 20:40] = 0
    result = found(*halves)
    assert result.share == pytest.approx(16 * 16 * 20 / halves[0].size)
    assert result[12:28, 20:36, 20:40].all()


@pytest.mark.parametrize(("edge", "is_found"), [(8, True), (7, False), (9, True), (11, True)])
@pytest.mark.parametrize("first", [16, 17, 19])
def test_a_block_counts_from_eight_voxels_on(
    halves: list[Volume], edge: int, first: int, *, is_found: bool
) -> None:
    block = (slice(first, first + edge),) * 3
    for half in halves:
        half[block] = 0
    result = find_no_data(*halves)
    assert (result is not None) == is_found
    if result is not None:
        assert result[block].all()
        assert result[:].sum() == edge**3


@pytest.mark.parametrize("thickness", [1, 2, 5])
def test_a_thin_border(halves: list[Volume], thickness: int) -> None:
    inside = (slice(thickness, -thickness),) * 3
    expected = np.ones(halves[0].shape, bool)
    expected[inside] = False
    bordered = [np.where(expected, np.float32(0), half) for half in halves]
    np.testing.assert_array_equal(found(*bordered)[:], expected)
    assert not found(*bordered).usable[:][expected].any()


def test_the_outside_of_a_cylinder(halves: list[Volume]) -> None:
    """As a user masks a pair, or a program what few tilts have seen."""
    _, y, x = np.ogrid[:40, :64, :72]
    outside = np.broadcast_to((y - 31.5) ** 2 + (x - 35.5) ** 2 > 31**2, halves[0].shape)
    masked = [np.where(outside, np.float32(half.mean()), half) for half in halves]
    result = found(*masked)[:]
    assert not (result & ~outside).any()
    assert result[outside].mean() > 0.97


def test_a_tilted_slab(halves: list[Volume]) -> None:
    z, y, _ = np.ogrid[:40, :64, :72]
    outside = np.broadcast_to(z + 0.4 * y < 22, halves[0].shape)
    result = found(*(np.where(outside, np.float32(0), half) for half in halves))[:]
    assert not (result & ~outside).any()
    assert result[outside].mean() > 0.97


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_little_data_are_data(halves: list[Volume], share: float) -> None:
    rows = round(share * 64)
    for half in halves:
        half[:, :rows] = 3
    only_rows(found(*halves), halves[0].shape, slice(0, rows))


def test_denoised_halves_agree_but_are_data(halves: list[Volume]) -> None:
    """Smooth halves differ by little where there is nothing to see."""
    smooth = [gaussian_filter(half, 1.5) for half in halves]
    quiet = np.linspace(1, 1e-3, 72, dtype=np.float32)
    difference = (smooth[1] - smooth[0]) * quiet**2
    assert find_no_data(smooth[0], smooth[0] + difference) is None


def test_one_map_alone_is_judged_by_what_is_constant(halves: list[Volume]) -> None:
    halves[0][:, ROWS] = 0
    result = found(halves[0])
    only_rows(result, halves[0].shape)
    assert result.alone == ()


def test_a_blank_in_one_half_alone_is_no_data_of_both(halves: list[Volume]) -> None:
    even, odd = halves
    odd[:, :, :24] = 0
    even[:, :, 60:] = 6
    result = found(even, odd)
    assert result[:, :, :24].all()
    assert result[:, :, 60:].all()
    assert not result[:, :, 24:60].any()
    assert result.alone == pytest.approx((12 / 72, 24 / 72))
    even[:, :, :24] = 0  # now both lack it
    assert found(even, odd).alone == pytest.approx((12 / 72, 0))


def in_levels(width: float, levels: float) -> list[Volume]:
    rng = np.random.default_rng(0)
    signal, *noise = (rng.standard_normal((64, 76, 128)) for _ in range(3))
    smooth = [gaussian_filter(signal + part, width) for part in noise]
    return [np.round(half / half.std() * levels / 6).astype(np.int8) for half in smooth]


COARSE = [(1, 2), (2, 2), (4, 2), (6, 2), (1, 3), (2, 3), (4, 3), (2, 6), (4, 6), (4, 10)]


@pytest.mark.parametrize(("width", "levels"), COARSE)
def test_plateaus_of_maps_with_few_levels_are_data(width: float, levels: float) -> None:
    """Up to three quarters of such maps are constant in blocks, at one level beside the next."""
    stored = in_levels(width, levels)
    for maps in (stored, stored[:1]):
        result = find_no_data(*maps)
        assert result is None or result.share < 0.02


@pytest.mark.parametrize(("width", "levels"), [case for case in COARSE if case != (6, 2)])
@pytest.mark.parametrize("fill", [0, 1])
def test_a_fill_of_maps_with_few_levels_is_found(width: float, levels: float, fill: int) -> None:
    stored = in_levels(width, levels)
    for half in stored:
        half[:, :, :40] = fill
    for maps in (stored, stored[:1]):
        result = found(*maps)
        assert result[:, :, :40].mean() > 0.95
        assert result[:, :, 40:].mean() < 0.15  # plateaus that it touches


def test_planes_that_are_constant_by_chance_are_data() -> None:
    stored = [np.ascontiguousarray(half[:40, :40, :40]) for half in in_levels(6, 2)]
    assert any((half == half[:, :1, :1]).all(axis=(1, 2)).any() for half in stored)
    assert find_no_data(*stored) is None


@pytest.mark.parametrize("levels", [3, 6])
def test_gold_in_maps_with_few_levels_leaves_the_statistics(levels: float) -> None:
    """As where its dark values have left the density next to no levels."""
    z, y, x = np.ogrid[:64, :76, :128]
    bead = np.exp(-((((z - 30) ** 2 + (y - 40) ** 2 + (x - 60) ** 2) / 12**2) ** 1.5))
    stored = [
        np.round(np.clip(half.astype(float) * 6 / levels - 120 * bead, -40, None) * levels / 6).astype(
            np.int8
        )
        for half in in_levels(1, levels)
    ]
    top = np.logical_and(*(half == half.min() for half in stored))
    assert top.sum() > 1000
    result = found(*stored)
    assert result.share == 0
    assert not result.usable[:][top].any()
    assert result.usable[:].mean() > 0.9


def test_one_pass_over_planes_in_any_byte_order_gives_the_same(halves: list[Volume], tmp_path: Any) -> None:
    for half in halves:
        half[:, ROWS] = 0
    mapped = []
    for name, half in zip("eo", halves, strict=True):
        np.save(tmp_path / f"{name}.npy", half.astype(">f4"))
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    np.testing.assert_array_equal(found(*mapped)[:], found(*halves)[:])


def test_what_is_not_finite_is_left_to_others(halves: list[Volume]) -> None:
    halves[0][3, 4] = np.nan
    halves[1][5, 6] = np.inf
    assert find_no_data(*halves) is None


def test_halves_of_two_shapes_are_refused(halves: list[Volume]) -> None:
    with pytest.raises(ValueError, match="two halves of one shape"):
        find_no_data(halves[0], halves[1][1:])


def test_three_parts_have_a_slab_in_common_or_one_alone(halves: list[Volume]) -> None:
    third = halves[0][::-1].copy()
    parts = [*halves, third]
    assert find_no_data(*parts) is None
    for part, fill in zip(parts, (1.0, 2.0, 3.0), strict=True):
        part[:, ROWS] = fill
    result = found(*parts)
    only_rows(result, third.shape)
    assert len(result.means) == 3
    assert result.filled(third, 2).shape == third.shape
