"""The whole journey in a real napari window, as a user goes it: drop, train, choose, restore, save."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest

from napari_cryorestore.gui.dock_place import open_panel
from napari_cryorestore.gui.layers import origin_of
from napari_cryorestore.gui.monitor.preview_frames import INPUT
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = "napari-cryorestore"
STEPS, EVERY = 16, 4
LONG = 300_000  # ms


@pytest.fixture
def halves(tmp_path: Path, tiny_pair: tuple[Path, Path]) -> list[str]:
    """Return copies of the pair and of its tilt file, in a folder where a run may be made."""
    for path in tiny_pair[0].parent.iterdir():
        shutil.copy(path, tmp_path)
    return [str(tmp_path / path.name) for path in tiny_pair]


def test_drop_train_watch_choose_restore_and_save(
    make_napari_viewer: Any, qtbot: Any, halves: list[str], tmp_path: Path
) -> None:
    viewer = make_napari_viewer()

    # drop two half maps on the window
    viewer.open(halves, plugin=PLUGIN)
    assert [layer.name for layer in viewer.layers] == ["tiny_even", "tiny_odd"]
    assert tuple(viewer.layers[0].scale) == (20.0, 20.0, 20.0)

    # they are paired, and training starts with one click
    train = open_panel(viewer, "Train")
    qtbot.waitUntil(lambda: train.recipe is not None and not train.background.busy(), timeout=LONG)
    assert (train.data.even.currentText(), train.data.odd.currentText()) == ("tiny_even", "tiny_odd")
    make_it_short(train.model)
    train.bar.start.click()
    runs = session_of(viewer)
    qtbot.waitUntil(lambda: runs.current is not None, timeout=LONG)

    # the Monitor has opened by itself, and the history of the preview grows to the last step
    monitor = viewer.window.dock_widgets["Monitor (CryoRestore)"]
    qtbot.waitUntil(lambda: monitor.model.status() == "completed", timeout=LONG)
    qtbot.waitUntil(lambda: monitor.model.frames.steps[-1] == STEPS, timeout=LONG)
    steps = monitor.model.frames.steps
    assert set(steps) >= {INPUT, EVERY, 2 * EVERY, 3 * EVERY, STEPS}
    history = monitor.history.layer
    assert history.data.shape[0] == len(steps)

    # the slider of training time, the line in the plot and the panel are one
    viewer.dims.set_point(0, steps.index(2 * EVERY))
    assert monitor.model.selected == 2 * EVERY
    monitor.body.plot.step_moved.emit(float(EVERY))
    assert monitor.model.selected == EVERY
    assert viewer.dims.point[0] == steps.index(EVERY)
    monitor.body.step_view.pin.click()
    assert RunDir.open(runs.current).pins() == {EVERY}

    # use the step: the Restore panel opens, with the run, the step and the tomogram chosen
    monitor.body.step_view.use.click()
    restore = viewer.window.dock_widgets["Restore (CryoRestore)"]
    qtbot.waitUntil(lambda: restore.model.request.model.step == EVERY, timeout=LONG)
    restore.bar.restore.click()
    name = f"tiny · Noise2Noise @ {EVERY}"
    qtbot.waitUntil(lambda: name in viewer.layers, timeout=LONG)
    layer = viewer.layers[name]
    assert layer.data.shape == (32, 32, 32)
    assert origin_of(layer).step == EVERY
    assert np.isfinite(layer.data).all()
    assert np.std(layer.data) < np.std(viewer.layers["tiny_even"].data)  # the noise is less

    # save it
    layer.save(str(tmp_path / "mine.mrc"), plugin=PLUGIN)
    with mrcfile.open(tmp_path / "mine.mrc") as file:
        assert float(file.voxel_size.x) == pytest.approx(20.0)
        assert np.array_equal(file.data, np.asarray(layer.data))
    assert restore.bar.problem.text() == ""
    assert train.bar.problem.text() == ""


def make_it_short(model: Any) -> None:
    """Choose what a test has the time for."""
    sizes = {
        "network": {"features": 4, "levels": 2},
        "schedule": {"steps": STEPS, "batch": 2, "crop": 16},
        "snapshots": {"every": EVERY},
        "hardware": {"device": "cpu", "threads": 1, "precision": "32"},
    }
    for section, values in sizes.items():
        model.put(section, model.sections[section].model_copy(update=values))
