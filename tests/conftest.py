"""What tests of several storeys share: a tiny pair of half tomograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return simulated halves of 32³ voxels (even, odd) with a tilt file beside them; leave them alone."""
    from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair

    config = SimulationConfig(size=32, voxel_size=20.0, tilt_step=6.0, snr=0.3)
    even, odd, *_ = write_pair(tmp_path_factory.mktemp("tiny"), simulate(config), name="tiny")
    return even, odd
