"""Several devices, chosen in the Train panel: processes of their own, which the Monitor follows and stops."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.dock_place import open_panel
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.launch import ProcessHandle

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LONG = 300_000  # ms
SHORT = {
    "network": {"features": 4, "levels": 2},
    "schedule": {"steps": 100_000, "batch": 1, "crop": 16},
    "snapshots": {"every": 40_000},
    "hardware": {"device": "cpu", "threads": 1, "precision": "32", "devices": 2},
}


def test_two_devices_train_outside_and_are_watched_here(
    make_napari_viewer: Any,
    qtbot: Any,
    tiny_pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for path in tiny_pair[0].parent.iterdir():
        shutil.copy(path, tmp_path)
    viewer = make_napari_viewer()
    viewer.open([str(tmp_path / path.name) for path in tiny_pair], plugin="napari-cryorestore")
    train = open_panel(viewer, "Train")
    qtbot.waitUntil(lambda: train.recipe is not None and not train.background.busy(), timeout=LONG)
    for section, values in SHORT.items():
        train.model.put(section, train.model.sections[section].model_copy(update=values))
    qtbot.waitUntil(train.bar.start.isEnabled, timeout=LONG)
    train.bar.start.click()
    runs = session_of(viewer)
    qtbot.waitUntil(lambda: runs.current is not None, timeout=LONG)
    assert isinstance(runs.work_of(runs.current), ProcessHandle)

    monitor = viewer.window.dock_widgets["Monitor (CryoRestore)"]
    qtbot.waitUntil(lambda: monitor.model.state.step > 0, timeout=LONG)
    assert monitor.model.status() == "running"
    train.bar.stop.click()
    qtbot.waitUntil(lambda: monitor.model.status() == "stopped", timeout=LONG)
    qtbot.waitUntil(lambda: not runs.is_training(runs.current), timeout=LONG)
    assert RunDir.open(runs.current).checkpoint_steps() == [monitor.model.state.step]
