"""Panels without a window, and volumes to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.gui.compare.panel import ComparePanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image

SHAPE = (12, 16, 20)
VOXEL = 10.0


def noise(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def volume() -> Callable[..., ComparedVolume]:
    """Make a volume of noise."""

    def make(name: str = "one", *, shape=SHAPE, voxel=VOXEL, data=None, low_edge=(0, 0, 0), **more):
        sizes = (voxel,) * 3
        data = noise(shape) if data is None else data
        return ComparedVolume(name, data, sizes, corner_of(sizes, low_edge), **more)

    return make


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def add(viewer: ViewerModel) -> Callable[..., Image]:
    """Add a layer in Å."""

    def layer(data: np.ndarray, name: str = "input", *, voxel: float = VOXEL, **more: object) -> Image:
        return viewer.add_image(
            data, name=name, scale=(voxel,) * data.ndim, units=("angstrom",) * data.ndim, **more
        )

    return layer


@pytest.fixture
def panel(viewer: ViewerModel, qtbot) -> ComparePanel:
    made = ComparePanel(viewer)
    qtbot.addWidget(made)
    made.resize(1200, 500)
    made.show()
    yield made
    made.leave()


@pytest.fixture
def settled(qtbot) -> Callable[[ComparePanel], None]:
    """Wait until nothing is computed any more."""

    def wait(panel: ComparePanel) -> None:
        def still() -> bool:
            return not (panel.pictures.busy or panel.rows.sources.busy or panel.lower_tabs.busy)

        qtbot.waitUntil(still, timeout=300_000)
        qtbot.wait(5)
        qtbot.waitUntil(still, timeout=300_000)

    return wait
