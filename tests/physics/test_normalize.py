from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_cryorestore.physics import normalize
from napari_cryorestore.physics.normalize import Standardisation, measure, skewness

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _small_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalize, "_SLAB_VOXELS", 200)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(20, 9, 11), (3, 40, 30)])
def test_agrees_with_numpy(dtype: type, shape: tuple[int, int, int]) -> None:
    volume = (RANDOM.normal(size=shape) * 10 + 50).astype(dtype)
    found = measure(volume)
    assert found.mean == pytest.approx(volume.mean(dtype=np.float64), rel=1e-12)
    assert found.std == pytest.approx(volume.std(dtype=np.float64), rel=1e-12)


def test_a_large_offset_costs_no_precision() -> None:
    volume = RANDOM.normal(size=(20, 9, 11)) + 1e8
    assert measure(volume).std == pytest.approx(volume.std(), rel=1e-9)


def test_only_the_mask_is_measured() -> None:
    volume = RANDOM.normal(size=(20, 9, 11)).astype(np.float32)
    mask = np.zeros(volume.shape, dtype=np.int8)
    mask[4:9, 2:5] = 1
    inside = volume[mask > 0].astype(np.float64)
    found = measure(volume, mask=mask)
    assert (found.mean, found.std) == (pytest.approx(inside.mean()), pytest.approx(inside.std()))


def test_reads_memory_mapped_volumes(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", RANDOM.normal(size=(6, 9, 11)))
    volume = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert measure(volume).std == pytest.approx(float(volume.std()))


def test_standardised_volumes_have_mean_0_and_deviation_1_and_come_back() -> None:
    volume = RANDOM.normal(3, 7, size=(8, 9, 11))
    change = measure(volume)
    standard = change.apply(volume)
    assert standard.dtype == np.float32
    assert (standard.mean(), standard.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1))
    np.testing.assert_allclose(change.invert(standard), volume, rtol=1e-4, atol=1e-4)
    tensor = torch.from_numpy(volume)
    np.testing.assert_allclose(change.apply(tensor), standard, rtol=1e-6)
    torch.testing.assert_close(change.invert(change.apply(tensor)), tensor.float())


def test_narrow_types_are_widened_before_the_mean_is_taken_off() -> None:
    change = Standardisation(-1000.0, 0.01)
    assert change.apply(np.array([100], dtype=np.int8)) == pytest.approx(110000)
    assert change.apply(np.array([100], dtype=np.float16)) == pytest.approx(110000)
    assert change.apply(torch.tensor([100.0], dtype=torch.float16)).item() == pytest.approx(110000)


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_non_finite_voxels_are_found(value: float, kind: str, dtype: type) -> None:
    volume = RANDOM.normal(size=(20, 9, 11)).astype(dtype)
    volume[13, 4, 2] = value
    with pytest.raises(ValueError, match=rf"contains {kind} voxels \(first in plane z = 13\)"):
        measure(volume)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_constant_volumes_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=rf"constant \(every voxel is {value:g}\)"):
        measure(np.full((20, 9, 11), value, dtype=np.float32))


def test_masks_that_leave_nothing_are_refused() -> None:
    volume = RANDOM.normal(size=(6, 5, 4))
    with pytest.raises(ValueError, match="The mask is empty"):
        measure(volume, mask=np.zeros(volume.shape))
    with pytest.raises(ValueError, match="they must be equal"):
        measure(volume, mask=np.ones((6, 5, 5)))
    with pytest.raises(ValueError, match="three axes"):
        measure(volume[0])


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.0), (0.0, -1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_impossible_standardisations_are_refused(mean: float, std: float) -> None:
    with pytest.raises(ValueError, match="positive standard deviation"):
        Standardisation(mean, std)


CHANCE = np.random.default_rng(0)
NOISE = CHANCE.normal(size=(2, 48, 48, 48)).astype(np.float32)


def beads(sign: float) -> np.ndarray:
    volume = np.zeros((48, 48, 48), np.float32)
    for z, y, x in CHANCE.integers(0, 40, (30, 3)):
        volume[z : z + 8, y : y + 8, x : x + 8] += sign
    return volume


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_particles_tell_dark_from_bright(sign: float) -> None:
    volume = beads(sign)
    value = skewness([volume + half for half in NOISE])
    assert sign * value > 0.5
    assert skewness([-(volume + half) for half in NOISE]) == pytest.approx(-value, abs=0.05)


def test_noise_is_neither() -> None:
    assert abs(skewness(list(NOISE))) < 0.2


def test_one_speck_of_gold_does_not_decide() -> None:
    volume = beads(1.0)
    volume[20:24, 20:24, 20:24] = -1000
    assert skewness([volume + half for half in NOISE]) > 0.4


@pytest.mark.parametrize("volume", [np.zeros((8, 8, 8)), np.ones((2, 9, 9)), np.full((8, 8, 8), np.nan)])
def test_nothing_to_see_is_zero(volume: np.ndarray) -> None:
    assert skewness([volume]) == 0.0
