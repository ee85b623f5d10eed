"""What the tests of the comparison share: volumes, and a run with two checkpoints made without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_cryorestore.checkpoint import Label, save_weights
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.events import Snapshotted
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL = UNetConfig(features=2, levels=2)
STEPS = (100, 600)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Leave the number of threads as it was, which restoring changes."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_volume() -> Callable[..., ComparedVolume]:
    """Return what makes volumes of random voxels."""

    def make(shape=(20, 30, 44), voxel=10.0, *, name="a", data=None, **more) -> ComparedVolume:  # type: ignore[no-untyped-def]
        data = np.random.default_rng(0).normal(size=shape).astype(np.float32) if data is None else data
        sizes = (voxel,) * 3 if isinstance(voxel, float) else voxel
        return ComparedVolume(name, data, sizes, more.pop("corner", corner_of(sizes)), **more)

    return make


@pytest.fixture
def volume(make_volume: Callable[..., ComparedVolume]) -> Callable[..., ComparedVolume]:
    """Return what makes small volumes of random voxels, by their names."""

    def make(name="one", *, shape=(12, 16, 20), voxel=10.0, low_edge=(0, 0, 0), **more) -> ComparedVolume:  # type: ignore[no-untyped-def]
        return make_volume(shape, voxel, name=name, corner=corner_of((voxel,) * 3, low_edge), **more)

    return make


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return halves of 24×60×52 voxels of 8 Å, each on its own scale, with a tilt file; leave them alone."""
    return _written_pair(tmp_path_factory.mktemp("pair"), offsets=(100.0, -40.0))


@pytest.fixture(scope="session")
def centred_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the same halves about 0, where float32 resolves the small values of an untrained network."""
    return _written_pair(tmp_path_factory.mktemp("centred"), offsets=(0.0, 0.0))


def _written_pair(folder: Path, *, offsets: tuple[float, float]) -> tuple[Path, Path]:
    random = np.random.default_rng(1)
    z, y, x = np.meshgrid(*(np.arange(n) for n in (24, 60, 52)), indexing="ij")
    signal = np.sin(z / 2) + np.cos(y / 3) * np.sin(x / 4)
    for name, scale, offset in zip(("even", "odd"), (3.0, 5.0), offsets, strict=True):
        values = offset + scale * (signal + random.standard_normal(signal.shape))
        write_volume(folder / f"ts_{name}.mrc", values, voxel_size=8.0, label="test")
    (folder / "ts.tlt").write_text("-50\n0\n60\n", encoding="utf-8")
    return folder / "ts_even.mrc", folder / "ts_odd.mrc"


@pytest.fixture(scope="session")
def run(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with random weights at steps 100 and 600, and a preview; leave it alone."""
    even, odd = pair
    config = RunConfig.model_validate({
        "tomograms": [{"even": even, "odd": odd, "name": "TS"}],
        "method": {"kind": "noise2noise", "loss": "l2"},
        "network": {"kind": "unet", "features": 2, "levels": 2},
        "snapshots": {"position": (12, 30, 26), "size": (16, 24, 24), "held_out": "manual"},
        "hardware": {"device": "cpu", "precision": "32", "threads": 1},
    })  # fmt: skip
    run = RunDir.create(tmp_path_factory.mktemp("runs") / "run", config=config.to_toml(), environment={})
    method = build_method(config.method)
    for seed, step in enumerate(STEPS):
        network = build_network(SMALL, channels=method.channels, seed=seed)
        label = Label(step, config.method, SMALL)
        run.write_checkpoint(step, lambda folder, n=network, about=label: save_weights(folder, n, about))
    file = run.write_snapshot(100, np.full((16, 24, 24), 3.0))
    run.record(Snapshotted(step=100, file=file))
    return run.path
