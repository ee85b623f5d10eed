"""What tests of several storeys share: a tiny pair of half tomograms, and what rounding may do."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage

import napari_cryorestore

from .warm_python import begin, warm_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

TESTS = Path(__file__).parent
DOORS = TESTS / "gui"  # what it tests is not measured (`omit` in pyproject.toml)
OTHERS = ("lightning_fabric", "matplotlib.figure", "mrcfile", "safetensors.torch", "scipy.ndimage")
_PAUSED: list[Coverage] = []


def _pause() -> None:
    """Stop measuring coverage, which lets Python, whosever code it runs, take nearly twice as long."""
    while (measuring := Coverage.current()) is not None:  # a worker of xdist has a second one beneath
        measuring.stop()
        _PAUSED.append(measuring)
    del _PAUSED[1:]


@contextmanager
def _measured(node: pytest.Item | pytest.Collector) -> Iterator[None]:
    """Measure, if coverage is requested, what a test of the engine does; not what pytest or napari do."""
    if not _PAUSED or DOORS in node.path.parents:
        yield
        return
    measuring = _PAUSED.pop()
    measuring.start()
    try:
        yield
    finally:
        _pause()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[object]:
    with _measured(pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Iterator[object]:
    with _measured(request.node):
        return (yield)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Import the engine under measurement, but neither what it needs nor the tests."""
    if collector.path != TESTS or Coverage.current() is None:
        return
    _pause()
    for name in OTHERS:
        import_module(name)
    measuring = _PAUSED.pop()
    measuring.start()
    for found in walk_packages(napari_cryorestore.__path__, "napari_cryorestore."):
        if ".gui" not in found.name:
            import_module(found.name)
    _pause()


def pytest_collection_finish() -> None:
    """Let the garbage collector look at nothing that was made so far: PyTorch, napari and thousands of tests.

    Otherwise each full round, which trainings and closing windows start, takes a fifth of a second.
    """
    gc.collect()
    gc.freeze()
    _pause()


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


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the network ``wide`` and the method ``picky`` into the tables, as other packages would."""
    from napari_cryorestore.methods import METHODS
    from napari_cryorestore.networks import NETWORKS

    from .plugins import WIDE, Picky

    monkeypatch.setitem(NETWORKS, "wide", WIDE)
    monkeypatch.setitem(METHODS, "picky", Picky)


@pytest.fixture
def species(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the four species of method, and the network of one, into the tables, as other packages would."""
    from napari_cryorestore.methods import METHODS
    from napari_cryorestore.networks import NETWORKS

    from .methods.species.one_map import OneMap
    from .methods.species.parts import Parts
    from .methods.species.slices import FLAT, Slices
    from .methods.species.untrained import Untrained

    monkeypatch.setitem(NETWORKS, "flat", FLAT)
    for method in (OneMap, Parts, Slices, Untrained):
        monkeypatch.setitem(METHODS, method.Config().kind, method)


__all__ = ["begin", "warm_python"]
