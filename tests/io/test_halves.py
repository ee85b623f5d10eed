"""The check of two halves tells the same, the unrelated and the inverted from the genuine."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.findings import problems
from napari_cryorestore.io.halves import check_halves, check_maps, describe_size, require_maps
from napari_cryorestore.io.joint_sample import shift_of
from napari_cryorestore.io.masks import Inside
from napari_cryorestore.io.sampling import sample_slabs
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path

    Volume = np.ndarray[Any, Any]


def halves(
    seed: int, *, noise: float, shape: tuple[int, int, int] = (40, 96, 128), width: float = 3
) -> tuple[Volume, Volume]:
    even, odd = made_halves(seed, noise, shape, width)
    return even.copy(), odd.copy()


@cache
def made_halves(seed: int, noise: float, shape: tuple[int, int, int], width: float) -> tuple[Volume, Volume]:
    rng = np.random.default_rng(seed)
    signal = gaussian_filter(rng.normal(size=shape), width)
    signal /= signal.std()
    even, odd = (signal + noise * rng.normal(size=shape) for _ in range(2))
    return even.astype(np.float32), odd.astype(np.float32)


def test_genuine_halves_agree() -> None:
    even, odd = halves(0, noise=1.0)
    result = check_halves(even, odd, voxel_size=8.0)
    assert result.correlation == pytest.approx(0.5, abs=0.02)
    assert result.coarse_correlation > 0.9
    assert result.no_data == 0.0
    assert result.findings == ()
    assert result.message.startswith("40×96×128, 8.0 Å, halves agree (r = 0.")


def test_weak_but_genuine_halves_agree() -> None:
    result = check_halves(*halves(0, noise=6.0))
    assert result.correlation < 0.05
    assert result.warning is None


def test_sampled_correlation_is_the_correlation_of_what_is_sampled() -> None:
    even, odd = halves(0, noise=1.0)
    cut = [np.concatenate(list(sample_slabs(half))).ravel() for half in (even, odd)]
    assert check_halves(even, odd).correlation == pytest.approx(np.corrcoef(cut[0], cut[1])[0, 1], abs=1e-6)


def test_unrelated_halves_are_warned_about() -> None:
    result = check_halves(halves(0, noise=1.0)[0], halves(1, noise=1.0)[1])
    assert result.warning is not None
    assert "seem unrelated" in result.warning
    assert "halves do not agree" in result.message


def test_common_gradient_does_not_hide_that_halves_are_unrelated() -> None:
    ramp = np.linspace(0, 1, 128, dtype=np.float32)
    result = check_halves(halves(0, noise=1.0)[0] + ramp, halves(1, noise=1.0)[1] + ramp)
    assert result.coarse_correlation < 0.1
    assert result.warning is not None


def test_common_empty_border_does_not_hide_that_halves_are_unrelated() -> None:
    even, odd = halves(0, noise=1.0)[0] + 5, halves(1, noise=1.0)[1] + 5
    for half in (even, odd):
        half[:, :30] = 0
        half[:2] = 0
    result = check_halves(even, odd)
    assert result.warning is not None
    assert result.no_data == pytest.approx(30 / 96, abs=0.04)
    assert "% no data" in result.message


def test_inverted_half_is_warned_about() -> None:
    even, odd = halves(0, noise=1.0)
    warning = check_halves(even, -odd).warning
    assert warning is not None
    assert "opposite contrast" in warning


def problem_of(even: Volume, odd: Volume, **more: bool) -> str:
    """Return the problem's sentence, which `require_maps` raises."""
    found = problems(check_halves(even, odd, **more).findings)
    assert len(found) == 1
    with pytest.raises(ValueError, match=re.escape(f"TS_01: {found[0].text}")):
        require_maps((even, odd), name="TS_01", **more)
    return found[0].text


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_same_volume_is_a_problem(scale: float) -> None:
    even, _ = halves(0, noise=1.0)
    assert "same volume (correlation 1.0000)" in problem_of(even, scale * even)
    even[:, :30] = 0  # with no data in it, too
    assert "same volume (correlation 1.0000)" in problem_of(even, scale * even)


def test_any_two_of_several_maps_must_differ_and_have_one_scale() -> None:
    """The first and the fourth map would be on either side of what is compared."""
    signal, rng = halves(0, noise=0.0)[0], np.random.default_rng(9)
    maps = [signal + rng.normal(size=signal.shape).astype(np.float32) for _ in range(3)]
    genuine = check_maps(maps)
    assert genuine is not None
    assert genuine.findings == ()
    with pytest.raises(
        ValueError, match=r"Maps 1 \(even\) and 4 \(odd\): The two halves are the same volume"
    ):
        require_maps([*maps, maps[0]])
    told = check_maps([maps[0], 1.8 * maps[1], 3.2 * maps[2]])
    assert told is not None
    assert [item.topic for item in told.findings] == ["spread of the halves"]
    assert told.findings[0].sentence.startswith("Maps 1 (even) and 3 (odd): ")


def test_different_shapes_are_a_problem() -> None:
    assert "even is 4×5×6, odd is 4×5×7" in problem_of(np.zeros((4, 5, 6)), np.zeros((4, 5, 7)))


@pytest.mark.parametrize(
    ("constant", "words"), [(0, "The even half is constant"), (1, "The odd half is constant")]
)
def test_constant_half_is_a_problem(constant: int, words: str) -> None:
    pair = list(halves(0, noise=1.0))
    pair[constant][:] = 3.0
    assert words in problem_of(pair[0], pair[1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_half_is_a_problem(value: float) -> None:
    even, odd = halves(0, noise=1.0)
    odd[:, 3, 4] = value
    assert "The odd half contains NaN or infinite voxels" in problem_of(even, odd)


@pytest.mark.parametrize(("offset", "fill"), [(60.0, (0.0, 0.0)), (5.0, (4.0, 4.0)), (5.0, (4.9, 5.1))])
def test_a_fill_leaves_numbers_and_verdict_alone(offset: float, fill: tuple[float, float]) -> None:
    """A fill far off made any halves agree, and genuine ones look the same (correlation 0.9993)."""
    plain = check_halves(*halves(0, noise=1.0))
    pair = [half + np.float32(offset) for half in halves(0, noise=1.0)]
    unrelated = [pair[0].copy(), halves(1, noise=1.0)[1] + np.float32(offset)]
    for half, value in zip((*pair, *unrelated), fill * 2, strict=True):
        half[:, :40] = value
    result = check_halves(*pair)
    (note,) = result.findings
    assert (note.severity, note.sentence[:32]) == ("note", "42 % of the tomogram holds no da")
    assert result.correlation == pytest.approx(plain.correlation, abs=0.03)
    assert result.no_data == pytest.approx(40 / 96, abs=0.01)
    assert f"halves agree (r = {result.correlation:.2g}), 42 % no data" in result.message
    assert "unrelated" in str(check_halves(*unrelated).warning)


def blank(rows: int = 64) -> tuple[Volume, Volume]:
    pair = halves(0, noise=1.0)
    for half in pair:
        half[:, :rows] = half.mean()
    return pair


def mask_of(rows: slice) -> Inside:
    mask = np.zeros((40, 96, 128), dtype=np.int8)
    mask[:, rows] = 1
    return Inside(mask)


def test_hardly_any_data_needs_somebody_who_says_so() -> None:
    text = problem_of(*blank())
    assert text.startswith("67 % of the tomogram holds no data")
    assert "--mask" in text
    for rows in (slice(None), slice(60, 96)):
        (told,) = check_halves(*blank(), mask=mask_of(rows)).findings
        assert (told.severity, told.topic) == ("note", "no data")


@pytest.mark.parametrize(("rows", "lost"), [(64, 67), (40, 42)])
def test_a_mask_must_hold_data(rows: int, lost: int) -> None:
    text = problem_of(*blank(rows), mask=mask_of(slice(rows - 38)))
    assert text.startswith(
        f"The mask holds next to no data: {lost} % of the tomogram holds none, and 100 % of the mask lies"
    )
    assert problems(check_halves(*blank(rows), mask=mask_of(slice(rows + 5))).findings) == ()


def test_a_mask_between_the_looked_at_planes_is_left_to_who_reads_it_all() -> None:
    mask = np.zeros((40, 96, 128), dtype=np.int8)
    looked_at = np.concatenate(list(sample_slabs(np.arange(40)[:, None, None])))
    mask[np.setdiff1d(np.arange(40), looked_at), 70:80] = 1
    assert problems(check_halves(*blank(), mask=Inside(mask)).findings) == ()


@pytest.mark.parametrize("lacks", [("odd",), ("even", "odd")])
def test_a_blank_in_one_half_alone_is_warned_about(lacks: tuple[str, ...]) -> None:
    pair = dict(zip(("even", "odd"), halves(0, noise=1.0), strict=True))
    for name, columns in zip(lacks, (slice(32), slice(96, None)), strict=False):
        pair[name][:, :, columns] = 0
    result = check_halves(**pair)
    assert result.no_data == pytest.approx(len(lacks) / 4, abs=0.01)
    warnings = [told.sentence for told in result.findings if told.severity == "warning"]
    other = {"even": "odd", "odd": "even"}
    assert warnings == [
        f"A part of the {name} half (25 %) is constant where the {other[name]} half is not." for name in lacks
    ]


@pytest.mark.parametrize("noise", [1.0, 3.0])
@pytest.mark.parametrize("step", [(0, 0, 4), (0, -1, 0), (2, 0, -5)])
def test_a_shift_is_told_before_contrast_is_judged(noise: float, step: tuple[int, int, int]) -> None:
    even, odd = halves(0, noise=noise, width=1)
    (told,) = check_halves(even, np.roll(odd, step, (0, 1, 2))).findings
    z, y, x = (str(n).replace("-", "−") for n in step)
    assert told.severity == "warning"
    assert f"by {z}, {y} and {x} voxels along z, y and x" in told.sentence
    assert shift_of(even, np.roll(odd, step, (0, 1, 2))) == step


@pytest.mark.parametrize("fill", [None, 0.0])
def test_unshifted_halves_have_no_shift(fill: float | None) -> None:
    for noise in (1.0, 6.0):
        pair = [half + np.float32(7) for half in halves(0, noise=noise)]
        for half in pair:
            if fill is not None:
                half[:, :, 70:] = fill
        assert shift_of(*pair) == (0, 0, 0)


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000])
def test_spreads_a_thousandfold_apart_are_told(factor: float) -> None:
    even, odd = halves(0, noise=1.0)
    (told,) = check_halves(even, factor * odd).findings
    assert "a factor of 100" in told.sentence or "a factor of 99" in told.sentence
    assert "scaled alike" in told.remedy
    assert check_halves(even, 2 * odd).findings == ()


@pytest.mark.parametrize("share", [0.8, 0.0])
def test_noise_that_both_halves_share_is_told(share: float) -> None:
    even, odd = halves(0, noise=1.0)
    common = share * np.random.default_rng(5).normal(size=even.shape).astype(np.float32)
    found = check_halves(even + common, odd + common).findings
    assert [finding.topic for finding in found] == ["noise of the halves"] * (share > 0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [1.0, 1.5, 2.0, 3.0])
def test_low_pass_filtered_halves_share_no_noise(seed: int, width: float) -> None:
    """Next to nothing is left at the finest detail but what the window spreads."""
    low = [gaussian_filter(half, width) for half in halves(seed, noise=1.0, shape=(40, 76, 162))]
    assert check_halves(low[0], low[1]).findings == ()


def test_clear_halves_share_no_noise() -> None:
    """Signal of twenty times the noise's variance reaches far, and falls."""
    assert check_halves(*halves(0, noise=0.05)).findings == ()


def test_tiny_volumes_of_integers() -> None:
    rng = np.random.default_rng(0)
    even, odd = (rng.integers(0, 200, (2, 3, 3)).astype(np.uint8) for _ in range(2))
    assert -1 <= check_halves(even, odd).correlation <= 1


@pytest.mark.parametrize(("name", "correlation"), [("mpn40_A", 0.167), ("mpn20_A", 0.033)])
def test_real_halves(real_data: Path, name: str, correlation: float) -> None:
    even, odd = (open_volume(real_data / f"{name}_{half}.mrc").data for half in ("even", "odd"))
    result = check_halves(even, odd, voxel_size=20.0)
    assert result.correlation == pytest.approx(correlation, abs=0.005)
    assert result.warning is None
    for axis in range(3):
        assert check_halves(even, np.flip(odd, axis)).warning is not None


@pytest.mark.parametrize(
    ("voxel_size", "text"),
    [(8.0, "4×5×6, 8.0 Å"), (10.52, "4×5×6, 10.52 Å"), (0.0, "4×5×6, voxel size unknown")],
)
def test_sizes_in_words(voxel_size: float, text: str) -> None:
    assert describe_size((4, 5, 6), voxel_size) == text


@pytest.mark.parametrize("shape", [(1, 3, 3), (7, 5, 5), (64, 8, 8), (464, 30, 1100)])
def test_sample_is_bounded_and_spread(shape: tuple[int, int, int]) -> None:
    volume = np.broadcast_to(np.arange(shape[0], dtype=np.float32)[:, None, None], shape)
    slabs = list(sample_slabs(volume))
    assert 1 <= len(slabs) <= 12
    assert slabs[0].shape == (min(4, shape[0]), shape[1], min(shape[2], 1024))
    planes = np.concatenate([slab[:, 0, 0] for slab in slabs])
    assert len(np.unique(planes)) == planes.size
    assert abs(float(planes.mean()) - (shape[0] - 1) / 2) <= 1.5
