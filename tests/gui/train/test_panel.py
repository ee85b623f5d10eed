from __future__ import annotations

import threading
from pathlib import Path

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QMessageBox

from napari_cryorestore.gui.panel_layout import WIDTH
from napari_cryorestore.gui.train import panel as panel_module
from napari_cryorestore.gui.train.panel import TrainPanel
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.runs.events import Failed, Finished, Noted, Paused
from napari_cryorestore.runs.recorder import Request

SHAPE = (32, 40, 48)


def test_from_two_layers_to_a_running_training_with_one_click(bench, make_napari_viewer):
    viewer = make_napari_viewer()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    assert panel.data.even.currentText() == "cell_even"
    assert panel.data.odd.currentText() == "cell_odd"
    assert panel.data.line.text().startswith("32×40×48, 8.0 Å, halves agree")
    training = bench.start(panel)
    # volumes in memory were written into the run folder
    assert bench.configs[0].tomograms[0].even == training.run.path / "inputs" / "cell_even.mrc"
    assert bench.configs[0].tomograms[0].even.exists()
    assert bench.monitors == 1
    assert session_of(viewer).paths == (training.run.path,)


def test_the_state_line_follows_the_run_to_its_end(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    training = bench.start(panel)
    training.run.record(Noted(level="phase", message="Preparing"))
    bench.shows(panel, "Preparing…")
    assert (panel.bar.start.isEnabled(), panel.bar.stop.isEnabled()) == (False, True)
    training.step(150)
    bench.shows(panel, "150/300 · 11 steps/s · 0:14 left")
    assert (panel.bar.bar.value(), panel.bar.bar.maximum()) == (150, 300)
    training.end(Finished(step=300, reason="completed"))
    bench.shows(panel, "Finished · 300/300")
    assert (panel.bar.start.isEnabled(), panel.bar.stop.isEnabled()) == (True, False)
    # the next run gets a folder of its own
    again = bench.start(panel)
    assert again.run.path == training.run.path.with_name(f"{training.run.path.name}_2")


def test_the_buttons_leave_requests_in_the_run_folder(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    training = bench.start(panel)
    run = training.run
    training.step(1)
    bench.shows(panel, "1/300")
    bench.click(panel.bar.pause)
    assert run.request() is Request.PAUSE
    run.record(Paused(step=1))
    bench.shows(panel, "Paused at 1/300")
    bench.click(panel.bar.pause)
    assert run.request() is Request.CONTINUE
    panel.bar.entries["preview"].trigger()
    assert run.snapshot_requested()
    bench.click(panel.bar.stop)
    assert run.request() is Request.STOP
    panel.bar.entries["discard"].trigger()
    assert run.request() is Request.DISCARD


def test_a_failure_is_one_sentence_with_details(bench, monkeypatch):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    training = bench.start(panel)
    training.end(Failed(error="The disk is full.", traceback="Traceback: all of it"))
    bench.shows(panel, "The disk is full.")
    assert panel.bar.start.isEnabled()
    shown = []
    monkeypatch.setattr(QMessageBox, "open", lambda box: shown.append(box.detailedText()))
    bench.click(panel.bar.details)
    assert shown == ["Traceback: all of it"]
    viewer.layers[0].name = "renamed"
    bench.settle(panel)
    assert "The disk is full." in panel.bar.problem.text()  # until the next start
    panel.bar.findChild(QMessageBox).deleteLater()


def test_a_folder_that_cannot_be_written_is_named(bench, tmp_path):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    (tmp_path / "file").write_text("in the way")
    panel.run.folder.setText(str(tmp_path / "file" / "run"))
    bench.click(panel.bar.start)
    bench.shows(panel, "cannot be written")
    assert panel.bar.start.isEnabled()
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep me")
    panel.run.folder.setText(str(full))
    bench.click(panel.bar.start)
    bench.shows(panel, "is not empty")
    assert [item.name for item in full.iterdir()] == ["mine.txt"]
    assert bench.trainings == []


def test_starting_twice_is_refused_with_a_sentence(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    bench.start(panel)
    panel.start()
    assert "is still training: stop it first" in panel.bar.problem.text()
    assert len(bench.trainings) == 1


def test_closing_the_dock_leaves_training_on_and_reopening_attaches(bench, make_napari_viewer):
    viewer = make_napari_viewer()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    panel.recipe.method.combo.setCurrentIndex(1)
    panel.recipe.method.combo.activated.emit(1)
    panel.data.tilt_min.setText("-60")
    panel.data.tilt_max.setText("60")
    panel.data.tilt_max.textEdited.emit("60")
    training = bench.start(panel)
    viewer.window.remove_dock_widget(panel)  # what the dock's × does
    assert training.alive
    assert not panel._timer.isActive()
    training.step(7)
    again = bench.open(viewer)
    bench.shows(again, "7/300")
    assert again.recipe.method.combo.currentText() == "ICECREAM"
    assert again.data.tilt_min.text() == "-60"
    bench.click(again.bar.stop)
    assert training.run.request() is Request.STOP


def test_two_viewers_train_independently(bench, make_napari_viewer):
    first, second = make_napari_viewer(), make_napari_viewer()
    bench.add_pair(first)
    bench.add_pair(second)
    panels = bench.open(first), bench.open(second)
    training = bench.start(panels[0])
    training.step(5)
    bench.shows(panels[0], "5/300")
    assert panels[1].bar.state.text() == ""
    assert panels[1].bar.start.isEnabled()
    other = bench.start(panels[1])
    assert other.run.path != training.run.path
    assert session_of(second).paths == (other.run.path,)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_off_in_a_narrow_dock(bench, make_napari_viewer, theme):
    viewer = make_napari_viewer()
    viewer.theme = theme
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    for fold in panel._folds.values():
        fold.unfold()
    page = panel.sections.parentWidget()
    assert page.minimumSizeHint().width() < panel.minimumSizeHint().width() <= WIDTH
    assert panel.styleSheet() == ""
    assert all(widget.styleSheet() == "" for widget in panel.findChildren(type(panel.bar.start)))


def test_a_missing_pytorch_is_reported(bench, qtbot, monkeypatch):
    def broken():
        raise ImportError("no module named torch")

    monkeypatch.setattr(panel_module, "Recipes", broken)
    viewer = ViewerModel()
    panel = TrainPanel(viewer)
    qtbot.addWidget(panel)
    qtbot.waitUntil(lambda: "no module named torch" in panel._loading.text(), timeout=300_000)
    bench.click(panel.bar.start)
    assert panel.bar.state.text() == ""
    assert panel.bar.start.isEnabled()


def test_start_waits_for_pytorch(bench, qtbot, monkeypatch, tmp_path):
    gate, recipes = threading.Event(), panel_module.Recipes

    def slow():
        gate.wait(300)
        return recipes()

    monkeypatch.setattr(panel_module, "Recipes", slow)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    viewer = ViewerModel()
    bench.add_pair(viewer)
    session_of(viewer).launcher = bench.launcher()
    panel = TrainPanel(viewer)
    qtbot.addWidget(panel)
    bench.click(panel.bar.start)
    assert panel.bar.state.text() == "Loading PyTorch…"
    assert not panel.bar.start.isEnabled()
    gate.set()
    qtbot.waitUntil(lambda: len(bench.trainings) == 1, timeout=300_000)
    bench.settle(panel)
