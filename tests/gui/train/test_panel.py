from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QPushButton

from napari_cryorestore.gui.live_runs import Launcher, runs_of
from napari_cryorestore.gui.train import panel as panel_module
from napari_cryorestore.gui.train.examination import Detection
from napari_cryorestore.gui.train.panel import TrainPanel
from napari_cryorestore.io.mrc import write_volume
from napari_cryorestore.runs.events import Failed, Finished, Noted, Started, Stepped
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir

SHAPE = (32, 40, 48)
RANDOM = np.random.default_rng(1)
SIGNAL = RANDOM.normal(size=SHAPE)


class FakeTraining:
    """Records what it is told to, until it is stopped."""

    def __init__(self, path: Path) -> None:
        self.run = RunDir(path)
        self.alive = True
        self.run.record(Started(steps=300, process=1, host="here"))

    def step(self, step: int) -> None:
        self.run.record(Stepped(step=step, loss=1.0, rate=11.0))

    def end(self, event) -> None:
        self.run.record(event)
        self.alive = False

    def stop(self) -> None:
        if self.alive:
            self.end(Finished(step=1, reason="stopped"))

    def join(self, timeout: float | None = None) -> bool:
        while self.alive:
            threading.Event().wait(0.01)
        return True


class Desk:
    """What the tests see of a viewer's trainings."""

    def __init__(self) -> None:
        self.trainings: list[FakeTraining] = []
        self.configs: list = []
        self.monitors = 0

    def launcher(self) -> Launcher:
        def create(config, path: Path) -> None:
            self.configs.append(config)
            RunDir.create(path, config=config.to_toml(), environment={})

        def launch(path: Path) -> FakeTraining:
            self.trainings.append(FakeTraining(path))
            return self.trainings[-1]

        return Launcher(create, launch)


@pytest.fixture
def desk(monkeypatch) -> Desk:
    made = Desk()

    def count(viewer) -> None:
        made.monitors += 1

    monkeypatch.setattr(panel_module, "open_monitor", count)
    yield made
    for training in made.trainings:
        training.stop()


@pytest.fixture
def open_panel(qtbot, desk, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")

    monkeypatch.setattr(panel_module, "TICK", 10)

    def opened(viewer) -> TrainPanel:
        """Dock a panel; most tests do without a window, which takes a second to open."""
        runs_of(viewer).launcher = desk.launcher()
        made = TrainPanel(viewer)
        if isinstance(viewer, Viewer):
            viewer.window.add_dock_widget(made, name="Train", area="right")
        else:
            qtbot.addWidget(made)
        qtbot.waitUntil(lambda: made.recipe is not None and not made.background.busy(), timeout=10_000)
        return made

    return opened


def half(seed: int) -> np.ndarray:
    return (SIGNAL + np.random.default_rng(seed).normal(size=SHAPE)).astype(np.float32)


def add(viewer, name: str, data: np.ndarray, *, scale=(8.0,) * 3, units=("angstrom",) * 3):
    return viewer.add_image(data, name=name, scale=scale, units=units)


def add_pair(viewer) -> None:
    add(viewer, "cell_even", half(2))
    add(viewer, "cell_odd", half(3))


def settle(qtbot, panel: TrainPanel) -> None:
    qtbot.waitUntil(lambda: not panel.background.busy(), timeout=5000)


def click(button: QPushButton) -> None:
    assert button.isEnabled()
    button.click()


def start(qtbot, panel: TrainPanel, desk: Desk) -> FakeTraining:
    before = len(desk.trainings)
    click(panel.bar.start)
    qtbot.waitUntil(lambda: len(desk.trainings) > before, timeout=5000)
    return desk.trainings[-1]


def shows(qtbot, panel: TrainPanel, words: str) -> None:
    qtbot.waitUntil(lambda: words in panel.bar.state.text() + panel.bar.problem.text(), timeout=3000)


def test_from_two_layers_to_a_running_training_with_one_click(make_napari_viewer, open_panel, qtbot, desk):
    viewer = make_napari_viewer()
    add_pair(viewer)
    panel = open_panel(viewer)
    assert panel.data.even.currentText() == "cell_even"
    assert panel.data.odd.currentText() == "cell_odd"
    assert panel.data.line.text().startswith("32×40×48, 8.0 Å, halves agree")
    training = start(qtbot, panel, desk)
    # volumes in memory were written into the run folder
    assert desk.configs[0].tomograms[0].even == training.run.path / "inputs" / "cell_even.mrc"
    assert desk.configs[0].tomograms[0].even.exists()
    assert desk.monitors == 1
    assert runs_of(viewer).paths == (training.run.path,)


def test_the_state_line_follows_the_run_to_its_end(open_panel, qtbot, desk):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    training = start(qtbot, panel, desk)
    training.run.record(Noted(level="phase", message="Preparing"))
    shows(qtbot, panel, "Preparing…")
    assert (panel.bar.start.isEnabled(), panel.bar.stop.isEnabled()) == (False, True)
    training.step(150)
    shows(qtbot, panel, "150/300 · 11 steps/s · 0:14 left")
    assert (panel.bar.bar.value(), panel.bar.bar.maximum()) == (150, 300)
    training.end(Finished(step=300, reason="completed"))
    shows(qtbot, panel, "Finished · 300/300")
    assert (panel.bar.start.isEnabled(), panel.bar.stop.isEnabled()) == (True, False)
    # the next run gets a folder of its own
    again = start(qtbot, panel, desk)
    assert again.run.path == training.run.path.with_name(f"{training.run.path.name}_2")


def test_the_buttons_leave_requests_in_the_run_folder(open_panel, qtbot, desk):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    training = start(qtbot, panel, desk)
    run = training.run
    training.step(1)
    shows(qtbot, panel, "1/300")
    click(panel.bar.pause)
    assert run.request() is Request.PAUSE
    from napari_cryorestore.runs.events import Paused

    run.record(Paused(step=1))
    shows(qtbot, panel, "Paused at 1/300")
    click(panel.bar.pause)
    assert run.request() is Request.CONTINUE
    panel.bar.entries["preview"].trigger()
    assert run.snapshot_requested()
    click(panel.bar.stop)
    assert run.request() is Request.STOP
    panel.bar.entries["discard"].trigger()
    assert run.request() is Request.DISCARD


def test_a_failure_is_one_sentence_with_details(open_panel, qtbot, desk, monkeypatch):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    training = start(qtbot, panel, desk)
    training.end(Failed(error="The disk is full.", traceback="Traceback: all of it"))
    shows(qtbot, panel, "The disk is full.")
    assert panel.bar.start.isEnabled()
    shown = []
    monkeypatch.setattr(QMessageBox, "open", lambda box: shown.append(box.detailedText()))
    click(panel.bar.details)
    assert shown == ["Traceback: all of it"]
    viewer.layers[0].name = "renamed"
    settle(qtbot, panel)
    assert "The disk is full." in panel.bar.problem.text()  # until the next start
    panel.bar.findChild(QMessageBox).deleteLater()


def test_bad_inputs_are_named_and_nothing_starts(open_panel, qtbot, desk):
    viewer = ViewerModel()
    panel = open_panel(viewer)
    click(panel.bar.start)
    assert "drop the two half tomograms" in panel.bar.problem.text()

    pixels = {"scale": (1, 1, 1), "units": ("pixel",) * 3}
    thin = {"cell_even": half(2)[:10], "cell_odd": half(3)[:10]}
    cases = {
        "but half 1 has 32×40×48": lambda: (
            add(viewer, "cell_even", half(2)),
            add(viewer, "cell_odd", half(3)[:20]),
        ),
        "differ in voxel size": lambda: (
            add(viewer, "cell_even", half(2)),
            add(viewer, "cell_odd", half(3), scale=(10.0,) * 3),
        ),
        "is unknown: type it in Å": lambda: [
            add(viewer, name, half(index), **pixels) for index, name in enumerate(("cell_even", "cell_odd"))
        ],
        "fewer than the crop's 16": lambda: [add(viewer, name, data) for name, data in thin.items()],
        "NaN": lambda: (
            add(viewer, "cell_even", half(2)),
            add(viewer, "cell_odd", np.full(SHAPE, np.nan, "f4")),
        ),
        "constant": lambda: (
            add(viewer, "cell_even", np.ones(SHAPE, "f4")),
            add(viewer, "cell_odd", half(3)),
        ),
        "are the same volume": lambda: [add(viewer, name, half(2)) for name in ("cell_even", "cell_odd")],
        "needs both half maps": lambda: (add(viewer, "lonely", half(2)),),
    }
    for words, prepare in cases.items():
        viewer.layers.clear()
        prepare()
        settle(qtbot, panel)
        assert words in panel.data.warning.text(), words
        click(panel.bar.start)
        settle(qtbot, panel)
        assert words in panel.bar.problem.text(), words
    viewer.layers.clear()
    add_pair(viewer)
    settle(qtbot, panel)
    for low, high, words in (("60", "-60", "is reversed"), ("-60", "", "both the lowest and the highest")):
        panel.data.tilt_min.setText(low)
        panel.data.tilt_max.setText(high)
        panel.data.tilt_max.textEdited.emit(high)
        assert words in panel.data.warning.text()
        click(panel.bar.start)
        assert words in panel.bar.problem.text()
    assert desk.trainings == []
    assert runs_of(viewer).paths == ()


def test_start_does_not_wait_for_the_look_at_the_data_but_heeds_it(open_panel, qtbot, desk):
    viewer = ViewerModel()
    panel = open_panel(viewer)
    add(viewer, "cell_even", half(2))
    add(viewer, "cell_odd", np.full(SHAPE, np.nan, "f4"))
    assert panel.model.examination is None
    click(panel.bar.start)
    shows(qtbot, panel, "NaN")
    assert desk.trainings == []
    assert not panel.model.run_path().parent.exists()


def test_a_folder_that_cannot_be_written_is_named(open_panel, qtbot, desk, tmp_path):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    (tmp_path / "file").write_text("in the way")
    panel.run.folder.setText(str(tmp_path / "file" / "run"))
    click(panel.bar.start)
    shows(qtbot, panel, "cannot be written")
    assert panel.bar.start.isEnabled()
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep me")
    panel.run.folder.setText(str(full))
    click(panel.bar.start)
    shows(qtbot, panel, "is not empty")
    assert [item.name for item in full.iterdir()] == ["mine.txt"]
    assert desk.trainings == []


def test_an_invalid_setting_is_named_and_nothing_starts(open_panel, qtbot, desk):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    panel.recipe.schedule.editor("learning_rate").setText("-1")
    click(panel.bar.start)
    assert "learning rate: Should be greater than 0" in panel.bar.problem.text()
    panel.recipe.schedule.editor("learning_rate").setText("1e-4")
    assert panel.recipe.presets.currentText() == "custom"
    start(qtbot, panel, desk)
    assert desk.configs[0].schedule.learning_rate == 1e-4


def test_starting_twice_is_refused_with_a_sentence(open_panel, qtbot, desk):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    start(qtbot, panel, desk)
    panel.start()
    assert "is still training: stop it first" in panel.bar.problem.text()
    assert len(desk.trainings) == 1


def test_closing_the_dock_leaves_training_on_and_reopening_attaches(
    make_napari_viewer, open_panel, qtbot, desk
):
    viewer = make_napari_viewer()
    add_pair(viewer)
    panel = open_panel(viewer)
    panel.recipe.method.combo.setCurrentIndex(1)
    panel.recipe.method.combo.activated.emit(1)
    panel.data.tilt_min.setText("-60")
    panel.data.tilt_max.setText("60")
    panel.data.tilt_max.textEdited.emit("60")
    training = start(qtbot, panel, desk)
    viewer.window.remove_dock_widget(panel)  # what the dock's × does
    assert training.alive
    assert not panel._timer.isActive()
    training.step(7)
    again = open_panel(viewer)
    shows(qtbot, again, "7/300")
    assert again.recipe.method.combo.currentText() == "ICECREAM"
    assert again.data.tilt_min.text() == "-60"
    click(again.bar.stop)
    assert training.run.request() is Request.STOP


def test_two_viewers_do_not_know_each_other(make_napari_viewer, open_panel, qtbot, desk):
    first, second = make_napari_viewer(), make_napari_viewer()
    add_pair(first)
    add_pair(second)
    panels = open_panel(first), open_panel(second)
    training = start(qtbot, panels[0], desk)
    training.step(5)
    shows(qtbot, panels[0], "5/300")
    assert panels[1].bar.state.text() == ""
    assert panels[1].bar.start.isEnabled()
    other = start(qtbot, panels[1], desk)
    assert other.run.path != training.run.path
    assert runs_of(second).paths == (other.run.path,)


def test_layers_that_come_go_and_change_their_names_are_followed(open_panel, qtbot):
    viewer = ViewerModel()
    panel = open_panel(viewer)
    assert "Drop two half tomograms" in panel.data.line.text()
    add(viewer, "movie", np.zeros((2, *SHAPE), "f4"), scale=(1, 8, 8, 8), units=("pixel", *("angstrom",) * 3))
    add_pair(viewer)
    names = [panel.data.even.itemText(index) for index in range(panel.data.even.count())]
    assert names == ["none", "cell_even", "cell_odd"]  # a history of previews is no tomogram
    viewer.layers["cell_even"].name = "membrane"
    assert panel.data.even.currentText() == "membrane"
    click(panel.data.swap)
    assert (panel.data.even.currentText(), panel.data.odd.currentText()) == ("cell_odd", "membrane")
    viewer.layers.remove("membrane")
    assert panel.data.odd.currentText() == "none"
    viewer.add_labels(np.ones(SHAPE, int), name="where")
    assert panel.data.region.findText("where") > 0
    assert panel.data.odd.findText("where") < 0
    settle(qtbot, panel)


def test_the_other_half_is_offered_and_opened(open_panel, qtbot, tmp_path):
    viewer = ViewerModel()
    for index, name in enumerate(("even", "odd")):
        write_volume(tmp_path / f"TS_{name}.mrc", half(index), voxel_size=8.0, label="test")
    (tmp_path / "TS.tlt").write_text("-58\n61\n")
    from napari_cryorestore.gui.io_hooks import read_tomograms

    def opened(self, paths, plugin):
        return [viewer.add_image(data, **kwargs) for data, kwargs, _ in read_tomograms(paths)]

    panel = open_panel(viewer)
    panel._data_control._viewer = type("Viewer", (), {"open": opened})()
    opened(None, [str(tmp_path / "TS_even.mrc")], None)
    settle(qtbot, panel)
    assert panel.data.open_other.text() == "Open TS_odd.mrc"
    assert (panel.data.tilt_min.text(), panel.data.tilt_max.text()) == ("-58", "61")
    assert panel.data.tilt_line.text() == "Tilt range from TS.tlt"
    panel.data.open_other.click()
    settle(qtbot, panel)
    assert panel.data.odd.currentText() == "TS_odd"
    assert panel.data.open_other.isHidden()
    # the files are read where they lie
    assert panel.model.config().tomograms[0].odd == tmp_path / "TS_odd.mrc"
    assert panel.model.run_path().parent == tmp_path / "cryorestore"


def test_the_tilt_range_is_read_off_the_spectrum_in_a_thread(open_panel, qtbot, monkeypatch):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    threads = []

    def detect(choice) -> Detection:
        threads.append(threading.current_thread())
        agrees = choice.tilt_min in ("", "-60")
        return Detection(-60, 61, "x", reliable=True, sentence="What I saw.", agrees=agrees)

    monkeypatch.setattr("napari_cryorestore.gui.train.data_control.detect_tilt_range", detect)
    click(panel.data.detect)
    assert panel.data.detect.text() == "Detecting…"
    settle(qtbot, panel)
    assert threads[0] is not threading.main_thread()
    assert (panel.data.tilt_min.text(), panel.data.tilt_max.text()) == ("-60", "61")
    assert panel.data.tilt_axis.currentText() == "x"
    # what was typed stays, with a warning and an offer
    panel.data.tilt_min.setText("-40")
    panel.data.tilt_min.textEdited.emit("-40")
    click(panel.data.detect)
    settle(qtbot, panel)
    assert panel.data.tilt_line.text() == "⚠ What I saw."
    assert panel.data.tilt_min.text() == "-40"
    assert panel.data.use_detected.text() == "Use −60…61°, axis x"
    panel.data.use_detected.click()
    assert panel.model.choice.tilt_min == "-60"
    assert panel.data.use_detected.isHidden()


def test_presets_and_methods_fill_the_forms(open_panel, desk, qtbot):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    recipe = panel.recipe
    index = recipe.presets.findData("quick-look")
    recipe.presets.setCurrentIndex(index)
    recipe.presets.activated.emit(index)
    assert recipe.schedule.editor("steps").value() == 300
    assert recipe.network.form.editor("features").value() == 8
    assert recipe.presets.currentText() == "Quick look"
    recipe.method.combo.setCurrentIndex(recipe.method.combo.findData("icecream"))
    recipe.method.combo.activated.emit(recipe.method.combo.currentIndex())
    assert "missing wedge" in recipe.method.sentence.text()
    assert recipe.method.form.editor("eq_weight").text() == "2"
    assert "needs the tilt range" in panel.data.warning.text()
    settle(qtbot, panel)
    assert "Training takes about" in recipe.memory.text()


def test_the_preview_is_placed_at_the_crosshair(open_panel, qtbot, desk):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    viewer.dims.point = (8.0 * 10, 8.0 * 11, 8.0 * 12)
    place = panel.recipe.place
    place.setCurrentIndex(place.findData("crosshair"))
    place.activated.emit(place.currentIndex())
    training = start(qtbot, panel, desk)
    assert desk.configs[0].snapshots.position == (10, 11, 12)
    assert desk.configs[0].snapshots.held_out == "manual"
    training.stop()
    qtbot.waitUntil(panel.bar.start.isEnabled, timeout=2000)
    place.setCurrentIndex(place.findData("view"))
    place.activated.emit(place.currentIndex())
    viewer.scene.camera.center = (0, 8.0 * 20, 8.0 * 30)
    start(qtbot, panel, desk)
    assert desk.configs[1].snapshots.position == (10, 20, 30)


def test_a_configuration_is_saved_and_loaded_by_the_menu(open_panel, qtbot, tmp_path, monkeypatch):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    panel.bar.entries["save"].trigger()
    assert "only lives in memory" in panel.bar.problem.text()
    viewer.layers.clear()
    from napari_cryorestore.gui.io_hooks import read_tomograms

    for index, name in enumerate(("even", "odd")):
        write_volume(tmp_path / f"TS_{name}.mrc", half(index), voxel_size=8.0, label="test")
        for data, kwargs, _ in read_tomograms(str(tmp_path / f"TS_{name}.mrc")):
            viewer.add_image(data, **kwargs)
    monkeypatch.setattr(panel_module.file_dialog, "remember_folder", lambda path: None)
    file = str(tmp_path / "mine.toml")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (file, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (file, ""))
    panel.recipe.schedule.editor("steps").setValue(123)
    panel.data.tilt_min.setText("-61")
    panel.data.tilt_max.setText("59")
    panel.data.tilt_max.textEdited.emit("59")
    panel.bar.entries["save"].trigger()
    panel.recipe.schedule.editor("steps").setValue(5)
    panel.data.tilt_min.setText("-1")
    panel.data.tilt_min.textEdited.emit("-1")
    panel.bar.entries["load"].trigger()
    assert panel.recipe.schedule.editor("steps").value() == 123
    assert panel.data.tilt_min.text() == "-61"
    assert panel.data.even.currentText() == "TS_even"
    settle(qtbot, panel)
    Path(file).write_text("nonsense")
    panel.bar.entries["load"].trigger()
    assert "no configuration of a run" in panel.bar.problem.text()


def test_folders_are_chosen_by_the_menu(open_panel, tmp_path, monkeypatch):
    viewer = ViewerModel()
    add_pair(viewer)
    panel = open_panel(viewer)
    monkeypatch.setattr(panel_module.file_dialog, "remember_folder", lambda path: None)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    panel.bar.entries["folder"].trigger()
    assert panel.model.run_path().parent == tmp_path
    assert panel.run.folder.text() == str(panel.model.run_path())
    panel.bar.entries["checkpoint"].trigger()
    assert panel.bar.problem.text() != ""  # no checkpoint there
    assert panel.run.checkpoint.text() == ""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_off_in_a_narrow_dock(make_napari_viewer, open_panel, qtbot, theme):
    viewer = make_napari_viewer()
    viewer.theme = theme
    add_pair(viewer)
    panel = open_panel(viewer)
    for fold in panel._folds.values():
        fold.unfold()
    panel.resize(panel_module.WIDTH, 600)
    panel.setParent(panel.parent(), Qt.WindowType.Widget)
    page = panel._sections.parentWidget()
    assert page.minimumSizeHint().width() <= panel_module.WIDTH
    assert panel.styleSheet() == ""
    assert all(widget.styleSheet() == "" for widget in panel.findChildren(type(panel.bar.start)))


def test_a_missing_pytorch_is_told(desk, qtbot, monkeypatch):
    def broken():
        raise ImportError("no module named torch")

    monkeypatch.setattr(panel_module, "Recipes", broken)
    viewer = ViewerModel()
    panel = TrainPanel(viewer)
    qtbot.addWidget(panel)
    qtbot.waitUntil(lambda: "no module named torch" in panel._loading.text(), timeout=3000)
    click(panel.bar.start)
    assert panel.bar.state.text() == ""
    assert panel.bar.start.isEnabled()


def test_start_waits_for_pytorch(desk, qtbot, monkeypatch, tmp_path):
    gate, recipes = threading.Event(), panel_module.Recipes

    def slow():
        gate.wait(5)
        return recipes()

    monkeypatch.setattr(panel_module, "Recipes", slow)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    viewer = ViewerModel()
    add_pair(viewer)
    runs_of(viewer).launcher = desk.launcher()
    panel = TrainPanel(viewer)
    qtbot.addWidget(panel)
    click(panel.bar.start)
    assert panel.bar.state.text() == "Loading PyTorch…"
    assert not panel.bar.start.isEnabled()
    gate.set()
    qtbot.waitUntil(lambda: len(desk.trainings) == 1, timeout=5000)
    settle(qtbot, panel)
