"""What tests of several storeys share: a tiny pair of half tomograms, and what rounding may do."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any


def pytest_collection_finish() -> None:
    """Let the garbage collector look at nothing that was made so far: PyTorch, napari and thousands of tests.

    Otherwise each full round, which trainings and closing windows ask for, takes a fifth of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def rounding() -> Callable[..., float]:
    """Return how far two ways to the same float32 numbers may be apart, on whatever processor.

    So many units in the last place of the largest number; a sum of n terms takes a few times the root of n.
    """

    def allowed(values: Any, units: int = 32) -> float:
        plain = getattr(values, "detach", lambda: values)()
        return units * 2.0**-23 * float(abs(plain).max())

    return allowed


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return simulated halves of 32³ voxels (even, odd) with a tilt file beside them; leave them alone."""
    from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair

    config = SimulationConfig(size=32, voxel_size=20.0, tilt_step=6.0, snr=0.3)
    even, odd, *_ = write_pair(tmp_path_factory.mktemp("tiny"), simulate(config), name="tiny")
    return even, odd
