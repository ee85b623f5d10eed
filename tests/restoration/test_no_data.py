"""What was never reconstructed is left as it was, and leaves what lies beside it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_cryorestore.checkpoint import Label, save_weights
from napari_cryorestore.comparison.region import Region, RegionRestorer
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods.noise2noise import Noise2NoiseConfig
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.recording import Recording
from napari_cryorestore.restoration import ModelRef, restore

from ..restoring import restoration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHAPE, ROWS = (32, 64, 56), 18
Pair = tuple["Path", "Path"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_pair(tmp_path: Path) -> Callable[..., Pair]:
    """Write halves; their first rows hold a fill, if one is given."""

    def make(name: str, fill: float | None = None) -> Pair:
        random = np.random.default_rng(0)
        signal = gaussian_filter(random.standard_normal(SHAPE), 1.5) * 10
        paths = []
        for half in ("even", "odd"):
            values = 20 + signal + random.standard_normal(SHAPE)
            if fill is not None:
                values[:, :ROWS] = fill
            write_volume(tmp_path / f"{name}_{half}.mrc", values, voxel_size=10, label="test")
            paths.append(tmp_path / f"{name}_{half}.mrc")
        return paths[0], paths[1]

    return make


def restored(pair: Pair, source: Path | str = "wiener") -> np.ndarray:
    output = pair[0].with_suffix(".restored.mrc")
    more = {"device": "cpu", "threads": 1, "tilt_range": (-60.0, 60.0), "tilt_axis": "y"}
    restore(restoration(source, pair[0], output, pair[1], **more))
    return np.array(open_volume(output).data)


def test_the_wiener_filter_does_as_well_as_without_the_fill(make_pair: Callable[..., Pair]) -> None:
    whole, blank = restored(make_pair("whole")), restored(make_pair("blank", 0.0))
    assert (blank[:, :ROWS] == 0).all()
    here = (slice(None), slice(ROWS + 8, None))
    assert np.corrcoef(blank[here].ravel(), whole[here].ravel())[0, 1] > 0.98
    # a fill twenty units off rang far into the data beside it
    edge = (slice(None), slice(ROWS, ROWS + 6))
    assert abs(float((blank[edge] - whole[edge]).mean())) < 0.3
    assert float((blank[edge] - whole[edge]).std()) < 0.6 * float(whole.std())


def test_a_network_is_shown_local_means_and_its_answer_there_is_not_kept(
    make_pair: Callable[..., Pair], tmp_path: Path
) -> None:
    config = Noise2NoiseConfig(input="raw")
    small = UNetConfig(features=2, levels=2)
    (tmp_path / "model").mkdir()
    save_weights(tmp_path / "model", build_network(small, channels=1, seed=1), Label(1, config, small))
    pairs = [make_pair(name, fill) for name, fill in (("low", 0.0), ("high", 1e4))]
    low, high = (restored(pair, tmp_path / "model") for pair in pairs)
    assert (low[:, :ROWS] == 0).all()
    assert (high[:, :ROWS] == 1e4).all()
    # whatever the fill is, the data's answer is the same
    difference = low[:, ROWS:] - high[:, ROWS:]
    assert float(difference.std()) < 0.02 * float(low[:, ROWS:].std())
    assert float(np.abs(difference).max()) < 0.1


def test_a_region_is_what_the_whole_is_there(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair("blank", 0.0)
    whole = restored(pair)
    tomogram = open_tomogram(pair, recording=Recording(tilt_range=(-60.0, 60.0), tilt_axis="y"))
    region = RegionRestorer(tomogram).restore(ModelRef(method="wiener"), Region((16, 20, 28), 24))
    np.testing.assert_allclose(region.data, whole[4:28, 8:32, 16:40], atol=1e-3)
    assert region.halves is not None
    for half in region.halves:
        assert (half[:, : ROWS - 8] == 0).all()
