from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.model import CompareModel
from napari_cryorestore.gui.compare.layer_rows import compared
from napari_cryorestore.gui.compare.viewer_link import PATIENCE, ViewerLink

from .conftest import noise


@pytest.fixture
def model(add) -> CompareModel:
    made = CompareModel()
    layer = add(noise())
    made.add(RowConfig(name="one", kind="layer", layer="input"), compared(layer))
    return made


@pytest.fixture
def link(viewer, model, qtbot) -> ViewerLink:
    made = ViewerLink(viewer, model)
    yield made
    made.leave()


def test_the_crosshair_follows_the_slider(viewer, model, link) -> None:
    viewer.dims.set_point(0, 70.0)  # the centre of voxel 7
    assert model.cursor[0] == pytest.approx(75.0)
    assert model.entries[0].volume.index_of(model.cursor)[0] == 7


def test_the_slider_follows_the_crosshair_and_nothing_goes_in_circles(viewer, model, link, qtbot) -> None:
    changes = []
    model.changed.connect(changes.append)
    model.set_cursor((35.0, 20.0, 30.0))
    qtbot.wait(PATIENCE + 60)
    assert viewer.dims.point[0] == pytest.approx(30.0)
    assert changes == ["cursor"]
    assert model.cursor == (35.0, 20.0, 30.0)


def test_the_viewer_waits_for_the_pictures_but_not_for_ever(viewer, model, link, qtbot) -> None:
    link.is_painting = lambda: True
    model.set_cursor((35.0, 20.0, 30.0))
    qtbot.wait(PATIENCE + 60)
    assert viewer.dims.point[0] != pytest.approx(30.0)
    qtbot.waitUntil(lambda: viewer.dims.point[0] == pytest.approx(30.0), timeout=10 * PATIENCE)


def test_only_axes_with_a_slider_are_moved(viewer, model, link, qtbot) -> None:
    viewer.dims.order = (2, 0, 1)
    model.set_cursor((35.0, 20.0, 55.0))
    qtbot.wait(PATIENCE + 60)
    assert viewer.dims.point[2] == pytest.approx(50.0)
    viewer.dims.set_point(2, 100.0)
    assert model.cursor == pytest.approx((35.0, 20.0, 105.0))


def test_training_time_before_z_is_no_place(viewer, model, link) -> None:
    viewer.add_image(np.zeros((3, 4, 4, 4)), scale=(1, 10, 10, 10), units=("pixel", *("angstrom",) * 3))
    viewer.dims.set_point(0, 2)
    before = model.cursor
    viewer.dims.set_point(0, 1)
    assert model.cursor == before
    viewer.dims.set_point(1, 20.0)
    assert model.cursor[0] == pytest.approx(25.0)


def test_points_lie_in_the_frame_of_the_comparison(viewer, model, link) -> None:
    layer = viewer.add_points([[7.0, 0.0, 1.0]], scale=(10, 10, 10), units=("angstrom",) * 3)
    assert link.positions(layer) == pytest.approx(np.array([[75.0, 5.0, 15.0]]))


def test_after_leaving_nothing_moves(viewer, model, link) -> None:
    before = model.cursor
    link.leave()
    viewer.dims.set_point(0, 20.0)
    assert model.cursor == before
