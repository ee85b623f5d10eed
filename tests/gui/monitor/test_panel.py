"""Tests of the Monitor panel."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton

from napari_cryorestore.gui.monitor.panel import MonitorPanel
from napari_cryorestore.gui.monitor.preview_frames import INPUT
from napari_cryorestore.gui.monitor.run_body import EMPTY, HINT
from napari_cryorestore.gui.viewer_session import Launcher, session_of
from napari_cryorestore.runs.events import Failed, Finished, Noted, Paused, Thinned
from napari_cryorestore.runs.metric_words import METRIC_WORDS
from napari_cryorestore.runs.recorder import Request


class FakeWork:
    """A training that was launched and is over at once."""

    alive = True

    def __init__(self, path):
        self.path = path

    def stop(self):
        self.alive = False

    def join(self, timeout=None):
        return True


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def panel(viewer, qtbot):
    made = MonitorPanel(viewer)
    qtbot.addWidget(made)
    made.resize(1200, 320)
    yield made
    made.leave()


@pytest.fixture
def watching(panel, trained):
    panel.attach(trained.path)
    return panel


def press(button):
    assert button.isEnabled()
    button.click()


def slider(panel):
    return round(panel.viewer.dims.point[0])


# Which run ------------------------------------------------------------------------------------------


def test_without_a_run_it_says_what_to_do(panel):
    assert panel.body.currentIndex() == 0
    assert EMPTY in panel.body.currentWidget().text()
    for button in (panel.header.pause, panel.header.stop):
        assert not button.isEnabled()
    panel.look()


def test_the_run_of_the_viewer_is_shown_at_once(viewer, trained, qtbot):
    session_of(viewer).add(trained.path)
    panel = MonitorPanel(viewer)
    qtbot.addWidget(panel)
    assert panel.model.run.path == trained.path
    panel.leave()


def test_a_run_that_is_added_later_is_shown(panel, trained):
    panel.session.add(trained.path)
    assert panel.body.currentIndex() == 1
    assert "TS01_icecream" in panel.header.name.text()
    assert panel.model.selected == 300


def test_adding_the_same_run_again_keeps_the_view(watching, trained):
    watching.select(100)
    watching.session.add(trained.path)
    assert watching.model.selected == 100


def test_open_run_opens_a_dialog_and_tells_the_other_panels(panel, trained, monkeypatch, qtbot):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(trained.path))
    press(panel.header.open)
    assert panel.session.current == trained.path
    assert panel.model.run.path == trained.path


def test_a_folder_that_is_not_a_run_is_reported_and_the_run_stays(
    watching, trained, tmp_path, monkeypatch, qtbot
):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    press(watching.header.open)
    assert "holds no run" in watching.header.problem.text()
    assert watching.model.run.path == trained.path
    watching.attach(tmp_path / "nothing")
    assert "There is no folder" in watching.header.problem.text()


def test_giving_up_the_dialog_changes_nothing(panel, monkeypatch, qtbot):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    press(panel.header.open)
    assert panel.model.run is None


def test_another_run_replaces_the_history(watching, trained, tmp_path):
    other = type(trained).create(tmp_path / "other", config="", environment={})
    other.start()
    other.save(50)
    watching.attach(other.path)
    assert [layer.name for layer in watching.viewer.layers] == ["other · training"]
    assert watching.model.frames.steps == (INPUT, 50)


# Going back in time ---------------------------------------------------------------------------------


def test_line_and_slider_move_together(watching):
    watching.body.plot.step_moved.emit(190.0)
    assert (watching.model.selected, slider(watching)) == (200, 2)
    watching.viewer.dims.set_point(0, 1)
    assert watching.model.selected == 100
    assert watching.body.plot._line.value() == 100
    assert watching.body.step_view.title.text() == "<b>Step 100</b>"


def test_a_timer_follows_the_run(watching, trained, qtbot):
    trained.step(400)
    trained.save(400)
    qtbot.waitUntil(lambda: slider(watching) == 4, timeout=300_000)
    assert "400/5000" in watching.header.state.text()


def test_follow_newest(watching, trained, qtbot):
    watching.select(100)
    assert not watching.header.follow.isChecked()
    trained.save(400)
    watching.look()
    assert watching.model.selected == 100
    press(watching.header.follow)
    assert (watching.model.selected, slider(watching)) == (400, 4)


def test_thinning_keeps_the_step(watching, trained):
    watching.select(200)
    trained.remove_step(100)
    trained.record(Thinned(step=300, removed=[100]))
    watching.look()
    assert (watching.model.selected, slider(watching)) == (200, 1)


def test_a_deleted_layer_comes_back_when_a_step_is_chosen(watching, trained):
    watching.viewer.layers.clear()
    trained.save(400)
    watching.look()
    assert len(watching.viewer.layers) == 0
    watching.body.plot.step_moved.emit(200.0)
    assert len(watching.viewer.layers) == 1
    assert slider(watching) == 2


def test_the_suggested_step_is_marked_and_a_click_away(watching, qtbot):
    watching.select(100)
    assert watching.body.plot._suggested.value() == 300
    assert watching.body.light.suggested.text() == "Go to suggested step 300"
    press(watching.body.light.suggested)
    assert watching.model.selected == 300
    assert not watching.body.light.suggested.isEnabled()


def test_the_light_warns_of_over_fitting(watching, trained):
    assert watching.body.light.words.startswith("Still improving")
    trained.save(400, n2n=0.1)
    watching.look()
    assert watching.body.light.words.startswith("Over-fitting")


def test_what_is_handed_over_is_the_advised_step_unless_another_is_selected(watching, trained):
    trained.save(400, n2n=0.1)
    watching.look()
    assert watching.model.selected == 400
    use = watching.body.step_view.use
    assert use.text() == "Use step 300 → Restore"
    heard = []
    watching.session.use_step.connect(lambda _, step: heard.append(step))
    press(use)
    assert heard == [300]
    assert watching.body.light.suggested.text() == "Go to suggested step 300"
    watching.select(200)
    watching.model.set_follow(False)
    watching.select(400)
    assert use.text() == "Use → Restore"
    press(use)
    assert heard == [300, 400]


# Numbers --------------------------------------------------------------------------------------------


def test_numbers_of_the_selected_step_with_their_meaning(watching):
    numbers = watching.body.step_view.numbers
    watching.select(200)
    assert numbers.texts()["n2n"] == "0.2000"
    watching.select(100)
    assert numbers.texts()["n2n"] == "0.1000"
    box, _ = numbers._rows["n2n"]
    assert METRIC_WORDS["n2n"].sentence in box.toolTip()
    QApplication.sendEvent(box, QEvent(QEvent.Type.Enter))
    assert watching.body.info.text() == METRIC_WORDS["n2n"].sentence
    QApplication.sendEvent(box, QEvent(QEvent.Type.Leave))
    assert watching.body.info.text() == HINT


def test_unticking_hides_the_curve_for_good(watching, trained):
    box, _ = watching.body.step_view.numbers._rows["data"]
    box.setChecked(False)
    assert not watching.body.plot._traces["data"].line.isVisible()
    trained.step(400)
    trained.save(400, wedge_share=0.5)
    watching._rest_until = 0
    watching.look()
    assert not watching.body.plot._traces["data"].line.isVisible()
    assert not watching.body.step_view.numbers._rows["data"][0].isChecked()
    assert not watching.body.step_view.numbers._rows["wedge_share"][0].isChecked()
    assert not watching.body.plot._traces["wedge_share"].line.isVisible()


def test_logarithmic_losses(watching):
    watching.header.log.setChecked(True)
    assert watching.body.plot.getAxis("left").logMode


# Pins -----------------------------------------------------------------------------------------------


def test_pinning_shows_a_thumbnail_that_leads_there(watching, trained, qtbot):
    watching.body.plot.step_pinned.emit(110.0)
    press(watching.body.step_view.pin)
    assert trained.pins() == {100, 300}
    strip = watching.body.strip
    assert strip.steps() == [INPUT, 100, 300]
    assert watching.body.step_view.pin.text() == "Unpin"
    strip.itemClicked.emit(strip.item(1))
    assert watching.model.selected == 100
    assert strip.item(1).isSelected()
    assert not strip.item(1).icon().isNull()
    press(watching.body.step_view.pin)
    assert trained.pins() == {300}


def test_the_menu_of_a_thumbnail_unpins(watching, trained, qtbot):
    watching.toggle_pin(100)
    strip = watching.body.strip
    strip.resize(300, 100)
    with qtbot.waitExposed(strip):
        watching.show()
    place = strip.visualItemRect(strip.item(1)).center()
    strip.customContextMenuRequested.emit(place)
    menu = strip.findChild(type(watching.header.menu))
    assert [entry.text() for entry in menu.actions()] == ["Unpin step 100"]
    menu.actions()[0].trigger()
    menu.close()
    assert trained.pins() == set()
    strip.customContextMenuRequested.emit(strip.visualItemRect(strip.item(0)).center())
    strip.customContextMenuRequested.emit(QPoint(10_000, 10_000))
    assert strip.steps() == [INPUT]


def test_the_input_cannot_be_pinned_or_used(watching):
    watching.select(INPUT)
    assert watching.body.step_view.title.text() == "<b>Input, untouched</b>"
    assert not watching.body.step_view.pin.isEnabled()
    assert not watching.body.step_view.use.isEnabled()
    assert watching.body.plot._line.label.format == "input"


def test_a_folder_that_cannot_be_written_is_reported(watching, trained, monkeypatch, qtbot):
    def refuse(*_):
        raise PermissionError("The run folder cannot be written.")

    monkeypatch.setattr(type(watching.model.run), "pin", refuse)
    press(watching.body.step_view.pin)
    assert "cannot be written" in watching.header.problem.text()
    assert watching.model.pins == set()


# Requests to the run -------------------------------------------------------------------------------------


def test_pause_and_resume(watching, trained, qtbot):
    press(watching.header.pause)
    assert trained.request() is Request.PAUSE
    trained.record(Paused(step=300))
    watching.look()
    assert "Paused" in watching.header.state.text()
    assert watching.header.pause.isHidden()
    press(watching.header.resume)
    assert trained.request() is Request.CONTINUE


def test_stop(watching, trained, qtbot):
    press(watching.header.stop)
    assert trained.request() is Request.STOP
    assert watching.header.state.text().startswith("Stopping")
    assert not watching.header.stop.isEnabled()


def test_the_menu_stops_without_saving_and_requests_a_preview(watching, trained):
    watching.header.entries["preview"].trigger()
    assert trained.snapshot_requested()
    watching.header.entries["discard"].trigger()
    assert trained.request() is Request.DISCARD
    assert not watching.header.entries["discard"].isEnabled()


def test_using_a_step_tells_the_other_panels(watching, trained):
    heard = []
    watching.session.use_step.connect(lambda path, step: heard.append((path, step)))
    watching.select(200)
    press(watching.body.step_view.use)
    assert heard == [(trained.path, 200)]


def test_a_step_is_sent_to_be_compared(watching, trained):
    heard = []
    watching.session.compare_step.connect(lambda path, step: heard.append((path, step)))
    watching.select(200)
    press(watching.body.step_view.compare)
    assert heard == [(trained.path, 200)]
    watching.select(INPUT)
    assert not watching.body.step_view.compare.isEnabled()


def test_a_second_opinion_and_a_comparison_of_all_are_asked_for(panel, watching, trained):
    heard = []
    watching.session.second_opinion.connect(heard.append)
    watching.session.compare_family.connect(heard.append)
    press(watching.body.step_view.opinion)
    watching.header.entries["family"].trigger()
    assert heard == [trained.path, trained.path]


def test_a_stopped_run_is_continued(watching, trained):
    launched = []
    watching.session.launcher = Launcher(launch=lambda path: launched.append(path) or FakeWork(path))
    trained.record(Finished(step=300, reason="stopped"))
    watching.look()
    press(watching.header.go_on)
    assert launched == [trained.path]
    watching.session.stop_all()


def test_a_quiet_run_is_continued_only_once_confirmed(watching, trained, monkeypatch, qtbot):
    launched = []
    watching.session.launcher = Launcher(launch=lambda path: launched.append(path) or FakeWork(path))
    later = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: later)
    watching.look()
    assert watching.header.state.text().startswith("Quiet since")
    for answer in ("Cancel", "Continue here"):
        press(watching.header.go_on)
        box = watching.findChild(QMessageBox)
        assert "quiet since" in box.text()
        button = next(item for item in box.findChildren(QPushButton) if item.text().strip("&") == answer)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert launched == ([] if answer == "Cancel" else [trained.path])
        box.deleteLater()
        QApplication.sendPostedEvents(box, QEvent.Type.DeferredDelete)
    watching.session.stop_all()


def test_a_failure_is_one_sentence_with_details(watching, trained, qtbot):
    trained.record(Failed(step=300, error="No memory is left.", traceback="Traceback: boom"))
    watching.look()
    assert watching.header.problem.text() == "⚠ No memory is left."
    press(watching.header.details)
    box = watching.findChild(QMessageBox)
    assert box.detailedText() == "Traceback: boom"
    box.close()


def test_the_latest_warning_is_shown(watching, trained):
    trained.record(Noted(level="info", message="Going on from step 3."))
    trained.record(Noted(level="warning", message="Out of memory: smaller batch."))
    watching.look()
    assert "smaller batch" in watching.header.problem.text()


def test_a_drive_that_goes_away_is_reported_and_waited_for(watching, trained, monkeypatch):
    def fail(**_):
        raise OSError("Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(watching.model._follower, "poll", fail)
        watching.look()
        assert "Stale file handle" in watching.header.problem.text()
    trained.step(400)
    watching.look()
    assert watching.header.problem.text() == ""
    assert watching.model.state.step == 400


# Exports --------------------------------------------------------------------------------------------


def test_numbers_and_plot_are_exported(watching, tmp_path, monkeypatch):
    for name in ("csv", "png"):
        file = tmp_path / f"run.{name}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, file=file: (str(file), ""))
        watching.header.entries[name].trigger()
        assert file.stat().st_size > 50
    with (tmp_path / "run.csv").open(newline="") as file:
        assert next(csv.reader(file)) == ["step", "loss", "data", "equivariance", "n2n", "fill"]


def test_giving_up_an_export_writes_nothing(watching, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    watching.header.entries["csv"].trigger()
    assert watching.header.problem.text() == ""


def test_an_export_that_fails_says_why(watching, tmp_path, monkeypatch):
    file = str(tmp_path / "nowhere" / "plot.png")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (file, ""))
    watching.header.entries["png"].trigger()
    assert "cannot be written" in watching.header.problem.text()


# Cost, colours and shape ----------------------------------------------------------------------------


def test_looking_at_a_run_that_says_nothing_draws_nothing(watching, monkeypatch):
    drawn = []
    monkeypatch.setattr(watching.body, "draw", drawn.append)
    monkeypatch.setattr(watching.body, "show_model", lambda *_, **__: drawn.append("model"))
    watching.look()
    assert drawn == []


def test_drawing_rests_between_two_bursts(watching, trained, monkeypatch):
    drawn = []
    monkeypatch.setattr(watching.body, "draw", drawn.append)
    watching._rest_until = time.monotonic() + 100
    trained.step(400)
    watching.look()
    assert drawn == []
    watching._rest_until = 0
    watching.look()
    assert drawn == [watching.model.state]


def test_the_theme_is_followed(watching):
    for name in ("light", "dark"):
        watching.viewer.theme = name
        assert watching.body.plot.backgroundBrush().color() == QColor(get_theme(name).background.as_hex())


@pytest.mark.parametrize(
    ("size", "orientation"),
    [((1280, 256), Qt.Orientation.Horizontal), ((440, 900), Qt.Orientation.Vertical)],
)
def test_the_parts_are_arranged_to_fit_the_dock(watching, size, orientation, qtbot):
    with qtbot.waitExposed(watching):
        watching.show()
    watching.resize(*size)
    assert watching.body.splitter.orientation() == orientation
    assert watching.width() == size[0]


# napari's window ------------------------------------------------------------------------------------


@pytest.fixture
def window(make_napari_viewer):
    return make_napari_viewer()


def test_in_a_window_it_docks_below_watches_and_ends(window, trained, qtbot):
    get_settings().application.plugin_widget_positions.clear()
    dock, panel = window.window.add_plugin_dock_widget("napari-cryorestore", "Monitor")
    assert dock.area == "bottom"
    session_of(window).add(trained.path)
    assert panel.model.run.path == trained.path
    assert [layer.name for layer in window.layers] == ["TS01_icecream · training"]
    panel.body.plot.step_moved.emit(100.0)
    assert window.dims.current_step[0] == 1

    dock.destroyOnClose()  # what the × does: closeEvent is never called
    assert not panel._timer.isActive()
    assert trained.request() is Request.CONTINUE
    assert len(window.layers) == 1

    _, again = window.window.add_plugin_dock_widget("napari-cryorestore", "Monitor")
    assert again is not panel
    assert again.model.run.path == trained.path
    assert len(window.layers) == 1
    assert again._timer.isActive()
    left = []
    again._timer.destroyed.connect(lambda: left.append("deleted"))
    session_of(window).closed.connect(lambda: left.append(again._timer.isActive()))
    window.close()
    assert left[0] is False


def test_a_floating_panel_still_draws(window, trained, qtbot):
    panel = MonitorPanel(window)
    dock = window.window.add_dock_widget(panel, name="Monitor", area="bottom")
    window.window.show()
    panel.attach(trained.path)
    dock.setFloating(True)
    dock.resize(900, 400)
    qtbot.wait(50)
    image = panel.body.plot.grab().toImage()
    colours = {image.pixel(x, y) for x in range(0, image.width(), 5) for y in range(0, image.height(), 5)}
    assert len(colours) > 3
    assert panel._timer.isActive()


def test_frames_reach_the_canvas(window, trained):
    panel = MonitorPanel(window)
    window.window.add_dock_widget(panel, name="Monitor", area="bottom")
    panel.attach(trained.path)
    panel.select(200)
    z = round(window.dims.point[1] / 8 - 8)
    drawn = np.asarray(panel.history.layer._slice.image.raw)
    np.testing.assert_array_equal(drawn, trained.read_snapshot(200)[z])


@pytest.mark.parametrize(("width", "side_by_side"), [(1200, True), (420, False)])
def test_numbers_are_never_cut_off(watching, width, side_by_side, qtbot):
    numbers = watching.body.step_view.numbers
    with qtbot.waitExposed(numbers):
        numbers.setParent(None)
        numbers.resize(width, 300)
        numbers.show()
    value = numbers._rows["n2n"][1]
    loss = numbers._rows["loss"][1]
    qtbot.waitUntil(lambda: value.mapTo(numbers, value.rect().topRight()).x() <= numbers.width())
    assert (value.mapTo(numbers, QPoint(0, 0)).y() == loss.mapTo(numbers, QPoint(0, 0)).y()) is side_by_side
    numbers.close()
    numbers.deleteLater()


def test_a_run_that_ended_by_itself_says_why_and_goes_on_to_its_last_step(watching, trained):
    launched = []
    watching.session.launcher = Launcher(launch=lambda path: launched.append(path) or FakeWork(path))
    why = "Ended at step 300: held-out agreement fell 8 % below its best at step 100."
    trained.record(Finished(step=300, reason="completed", why=why))
    watching.look()
    assert watching.header.state.text() == why
    assert watching.header.state.toolTip() == why
    assert watching.header.go_on.isVisibleTo(watching)
    assert "Go on to step 5000" in watching.header.go_on.toolTip()
    press(watching.header.go_on)
    assert launched == [trained.path]
    watching.session.stop_all()
