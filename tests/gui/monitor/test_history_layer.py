"""Tests of the preview history in a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryorestore.gui.layers import origin_of
from napari_cryorestore.gui.monitor.history_layer import HistoryLayer
from napari_cryorestore.gui.monitor.preview_frames import INPUT, GrowingFrames, Placement

SHAPE = (4, 6, 8)


def noise(spread=1.0, seed=0):
    return np.random.default_rng(seed).normal(0, spread, SHAPE)


@pytest.fixture
def history():
    viewer = ViewerModel()
    frames = GrowingFrames()
    layer = HistoryLayer(viewer, frames)
    layer.placement = Placement("run · training", "/runs/run", 8.0, (1, 2, 3))
    layer.viewer = viewer
    return layer


def grow(history, *steps, spread=0.3):
    for step in steps:
        history.frames.put(step, noise(1.0 if step == INPUT else spread, seed=max(step, 0)))
        history.sync()


def shown(history):
    """The plane that the layer really draws."""
    return np.asarray(history.layer._slice.image.raw)


def slider(history):
    return round(history.viewer.dims.point[0])


def test_no_layer_without_frames(history):
    history.sync()
    assert len(history.viewer.layers) == 0
    assert history.limits == (0.0, 1.0)


def test_the_layer_is_in_angstrom_with_training_time_first(history):
    grow(history, INPUT)
    layer = history.layer
    assert layer.axis_labels == ("training time", "z", "y", "x")
    assert [str(unit) for unit in layer.units] == ["pixel", "angstrom", "angstrom", "angstrom"]
    assert tuple(layer.scale) == (1, 8, 8, 8)
    assert tuple(layer.translate) == (0, 8, 16, 24)
    assert layer.name == "run · training"
    assert origin_of(layer).run == "/runs/run"


def test_it_agrees_with_a_tomogram_in_angstrom(history):
    """Trap 8: one layer in pixels among those in Å would switch units off."""
    history.viewer.add_image(
        np.zeros((9, 20, 20)), scale=(8,) * 3, units=("angstrom",) * 3, axis_labels=("z", "y", "x")
    )
    grow(history, INPUT, 100)
    assert [str(unit) for unit in history.viewer.layers.units] == ["pixel", *["angstrom"] * 3]
    assert history.viewer.dims.ndim == 4
    assert history.viewer.dims.point[1] == (1 + 2) * 8


def test_growing_hands_the_same_object_over(history):
    """Trap 5: concatenating and assigning anew took half a second in the end."""
    grow(history, INPUT)
    layer = history.layer
    grow(history, 100, 200)
    assert history.layer is layer
    assert layer.data is history.frames
    assert history.viewer.dims.range[0].stop == 2


def test_contrast_zoom_and_slider_of_the_user_stay(history):
    grow(history, INPUT, 100)
    history.layer.contrast_limits = (-0.5, 0.25)
    history.viewer.scene.camera.zoom = 7.0
    history.viewer.dims.set_point(2, 40)
    history.show(100)
    grow(history, 200, 300)
    assert tuple(history.layer.contrast_limits) == (-0.5, 0.25)
    assert history.viewer.scene.camera.zoom == 7.0
    assert history.viewer.dims.point[2] == 40
    assert slider(history) == 1


def test_contrast_leaves_the_noisy_input_behind_and_then_only_widens(history):
    grow(history, INPUT)
    of_input = np.ptp(history.limits)
    grow(history, 100)
    narrow = np.ptp(history.limits)
    assert narrow < 0.5 * of_input
    grow(history, 200, spread=0.6)
    wide = np.ptp(history.limits)
    assert wide > 1.5 * narrow
    grow(history, 300, spread=0.1)
    assert np.ptp(history.limits) == wide


def test_the_drawn_plane_is_that_of_the_step(history):
    grow(history, INPUT, 100, 200)
    history.show(100)
    z = round(history.viewer.dims.point[1] / 8 - 1)
    np.testing.assert_array_equal(shown(history), history.frames.frame(100)[z])


def test_moving_the_slider_signals_the_step(history):
    grow(history, INPUT, 100, 200)
    heard = []
    history.step_selected.connect(heard.append)
    history.viewer.dims.set_point(0, 1)
    assert heard == [100]
    assert history.step == 100
    assert origin_of(history.layer).step == 100


def test_what_we_move_ourselves_is_not_signalled(history):
    heard = []
    history.step_selected.connect(heard.append)
    grow(history, INPUT, 100, 200)
    history.show(200)
    history.viewer.dims.set_point(1, 8)
    assert heard == []
    assert slider(history) == 2


def test_thinning_keeps_the_step_not_the_index(history):
    """Trap 5: thinned frames move the others along the slider."""
    grow(history, INPUT, 100, 200, 300, 400)
    history.show(300)
    heard = []
    history.step_selected.connect(heard.append)
    history.frames.drop(100)
    history.frames.drop(200)
    history.sync()
    assert (history.step, slider(history), heard) == (300, 1, [])


def test_thinning_the_shown_step_goes_to_the_nearest(history):
    grow(history, INPUT, 100, 200, 300)
    history.show(300)
    history.frames.drop(300)
    history.sync()
    assert (history.step, slider(history)) == (200, 2)


@pytest.mark.parametrize("change", ["roll", "3d"])
def test_every_axis_can_be_displayed(history, change):
    grow(history, INPUT, 100, 200)
    if change == "roll":
        history.viewer.dims.order = (1, 2, 0, 3)
    else:
        history.viewer.dims.ndisplay = 3
    assert shown(history).shape == {"roll": (3, 8), "3d": (4, 6, 8)}[change]


def test_a_deleted_layer_stays_away_until_a_step_is_chosen(history):
    grow(history, INPUT, 100, 200)
    history.viewer.layers.remove(history.layer)
    assert history.dismissed
    grow(history, 300)
    history.show(100)
    assert len(history.viewer.layers) == 0
    history.revive()
    history.revive()
    assert len(history.viewer.layers) == 1
    assert (history.step, slider(history)) == (100, 1)


def test_removing_is_not_dismissing(history):
    grow(history, INPUT, 100)
    history.remove()
    assert len(history.viewer.layers) == 0
    grow(history, 200)
    assert len(history.viewer.layers) == 1


def test_losing_all_frames_removes_the_layer(history):
    grow(history, INPUT)
    history.frames.clear()
    history.sync()
    assert len(history.viewer.layers) == 0


def test_a_second_history_of_a_run_replaces_the_first(history):
    grow(history, INPUT)
    history.disconnect()
    again = HistoryLayer(history.viewer, history.frames)
    again.placement = history.placement
    again.sync()
    assert list(history.viewer.layers) == [again.layer]


def test_after_disconnecting_the_slider_says_nothing(history):
    grow(history, INPUT, 100)
    heard = []
    history.step_selected.connect(heard.append)
    history.disconnect()
    history.viewer.dims.set_point(0, 0)
    assert heard == []


def test_a_five_dimensional_neighbour_does_not_disturb(history):
    grow(history, INPUT, 100)
    history.viewer.add_image(np.zeros((2, 3, 4, 6, 8)))
    history.show(INPUT)
    history.show(100)
    assert round(history.viewer.dims.point[1]) == 1
