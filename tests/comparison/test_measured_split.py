"""Splitting volumes into what was measured and what was supplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_cryorestore.comparison import measured_split as splitting
from napari_cryorestore.comparison.measured_split import share_volume, split_volume
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.metrics.trust import provenance, supplied_share
from napari_cryorestore.physics.fourier import radius
from napari_cryorestore.physics.wedge import Wedge, apply_mask

if TYPE_CHECKING:
    from collections.abc import Callable

WEDGE = Wedge(-60, 60)


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32) + 3


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MOST_VOXELS", 1000), ("TILE", 32), ("MARGIN", 8)):
        monkeypatch.setattr(splitting, name, value)


def test_a_small_volume_is_split_as_a_whole(rounding: Callable[..., float]) -> None:
    volume = noise((20, 21, 22))
    measured, supplied = split_volume(volume, WEDGE)
    whole = provenance(torch.from_numpy(volume), WEDGE).measured
    np.testing.assert_allclose(measured, whole, atol=rounding(volume))
    np.testing.assert_allclose(measured + supplied, volume, atol=rounding(volume))


@pytest.mark.usefixtures("small_tiles")
def test_tiles_give_nearly_the_same_and_add_up_exactly(rounding: Callable[..., float]) -> None:
    fine = apply_mask(torch.from_numpy(noise((48, 50, 52))), radius((48, 50, 52)) > 0.1).numpy()
    parts = split_volume(fine, WEDGE)
    np.testing.assert_allclose(parts[0] + parts[1], fine, atol=rounding(fine))
    whole = provenance(torch.from_numpy(fine), WEDGE)
    for ours, theirs in zip(parts, (whole.measured, whole.supplied), strict=True):
        inner = (slice(8, -8),) * 3
        assert np.corrcoef(ours[inner].ravel(), theirs.numpy()[inner].ravel())[0, 1] > 0.95


@pytest.mark.usefixtures("small_tiles")
def test_the_parts_go_where_one_wants_and_the_work_can_be_stopped(rounding: Callable[..., float]) -> None:
    volume = noise((40, 40, 40)).astype(np.int16)
    out = (np.zeros(volume.shape, np.float32), np.zeros(volume.shape, np.float32))
    shares: list[float] = []
    assert split_volume(volume, WEDGE, out=out, progress=shares.append)[1] is out[1]
    np.testing.assert_allclose(out[0] + out[1], volume, atol=rounding(volume))
    assert shares[-1] == 1
    with pytest.raises(Cancelled):
        split_volume(volume, WEDGE, cancelled=lambda: True)


def test_the_share_slab_by_slab_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "SLAB", 7)
    volume = noise((24, 20, 22))
    expected = supplied_share(provenance(torch.from_numpy(volume), WEDGE), window=1.5).numpy()
    parts = split_volume(volume, WEDGE)
    np.testing.assert_allclose(share_volume(*parts, window=1.5), expected, atol=1e-5)
    with pytest.raises(Cancelled):
        share_volume(*parts, cancelled=lambda: True)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("shape", [(8, 8, 8), (40, 40, 40)])
def test_a_volume_with_holes_is_refused(shape: tuple[int, int, int]) -> None:
    volume = noise(shape)
    volume[3] = np.nan
    with pytest.raises(ValueError, match="holds NaN or infinite voxels"):
        split_volume(volume, WEDGE)
