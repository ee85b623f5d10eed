from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from napari_cryorestore.gui.dock_place import open_panel
from napari_cryorestore.gui.examined_data import ExaminedData
from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.restore import RestorePanel, source_section
from napari_cryorestore.gui.restore.model import RestoreModel
from napari_cryorestore.gui.viewer_session import session_of

from .conftest import choices, choose

if TYPE_CHECKING:
    from pathlib import Path

    from napari import Viewer
    from napari.components import ViewerModel

    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.runs.trained_on import TrainedOn


def test_the_halves_that_are_open_are_chosen(panel: RestorePanel) -> None:
    assert choices(panel.source.even) == ["none", "TS01_even", "TS01_odd"]
    assert (panel.source.even.currentText(), panel.source.odd.currentText()) == ("TS01_even", "TS01_odd")
    assert not panel.source.queue.isVisibleTo(panel)
    assert panel.choice.model.currentText() == "Wiener filter"
    assert not panel.choice.step.isEnabled()
    assert panel.bar.restore.isEnabled()
    assert not panel.bar.cancel.isEnabled()


def test_halves_opened_later_are_chosen_too(
    viewer: ViewerModel, pair: tuple[Path, Path], load, opened
) -> None:
    panel = opened()
    assert panel.source.even.currentText() == "none"
    load(pair[1])
    assert (panel.source.even.currentText(), panel.source.odd.currentText()) == ("TS01_odd", "none")
    load(pair[0])
    assert panel.source.odd.currentText() == "TS01_even"
    del viewer.layers["TS01_odd"]
    assert panel.source.even.currentText() == "TS01_even"


def test_napari_opens_it_with_a_proxy(window: Viewer) -> None:
    _, panel = window.window.add_plugin_dock_widget("napari-cryorestore", "Restore")
    assert isinstance(panel, RestorePanel)
    assert panel.model is session_of(window).own(RestoreModel)
    assert panel.source.odd.currentText() == "TS01_odd"


def test_a_step_chosen_elsewhere_opens_the_panel_once(window: Viewer, run: Path) -> None:
    session_of(window).use_step.emit(run, 300)
    panel = window.window.dock_widgets["Restore (CryoRestore)"]
    assert panel.model.request.model == ModelChoice(run, 300)
    session_of(window).use_step.emit(run, 200)
    assert panel.model.request.model == ModelChoice(run, 200)
    assert open_panel(window, "Restore") is panel
    assert list(window.window.dock_widgets) == ["Restore (CryoRestore)"]


def test_choosing_one_half_chooses_the_other(
    viewer: ViewerModel, panel: RestorePanel, save, tmp_path: Path, load
) -> None:
    load(*(save(tmp_path / f"TS02_half{number}.mrc") for number in (1, 2)))
    assert panel.source.even.currentText() == "TS01_even"
    choose(panel.source.even, "TS02_half1")
    assert panel.source.odd.currentText() == "TS02_half2"
    choose(panel.source.odd, "none")
    assert panel.model.request.odd is None


def test_half_2_goes_back_to_none_where_half_1_has_no_partner(
    panel: RestorePanel, save, tmp_path: Path, load
) -> None:
    load(save(tmp_path / "lonely.mrc"))
    choose(panel.source.even, "lonely")
    assert panel.source.odd.currentText() == "none"
    assert panel.model.request.odd is None


def test_what_looks_wrong_with_the_halves_is_said_and_goes_with_them(
    panel: RestorePanel, save, tmp_path: Path, load, qtbot
) -> None:
    def says(words: str) -> None:
        qtbot.waitUntil(lambda: words in panel.source.warning.text(), timeout=60_000)

    says("The two halves are the same volume")  # the pair of these tests differs by a constant
    load(save(tmp_path / "lonely.mrc"))
    choose(panel.source.even, "lonely")
    qtbot.waitUntil(lambda: not panel.background.busy(), timeout=60_000)
    assert panel.source.warning.text() == ""
    choose(panel.source.even, "TS01_even")
    says("The two halves are the same volume")


def test_a_tilt_range_of_the_run_is_named_after_the_run(
    panel: RestorePanel, run: Path, model: RestoreModel, monkeypatch
) -> None:
    judgements: list[tuple[DataChoice, TrainedOn | None]] = []

    def judged(
        choice: DataChoice, look: object, *, needs_wedge: bool, learned: TrainedOn | None
    ) -> ExaminedData:
        judgements.append((choice, learned))
        return ExaminedData()

    monkeypatch.setattr(source_section, "examined_data", judged)
    session_of(panel.viewer).use_step.emit(run, 300)
    choice, learned = judgements[-1]
    assert (choice.tilt_min, choice.tilt_max, choice.tilt_axis) == ("-57", "63", "x")
    assert learned is not None
    assert (learned.recording.tilt_range, learned.recording.tilt_axis) == ((-57, 63), "x")
    panel.compute.tilt_min.setText("-40")
    panel.compute.tilt_max.setText("50")
    panel.compute.tilt_max.textEdited.emit("50")
    assert (judgements[-1][0].tilt_min, judgements[-1][0].tilt_max) == ("-40", "50")


def test_half_2_that_was_taken_away_stays_away_and_greys_what_needs_it(
    panel: RestorePanel, pair: tuple[Path, Path], save, load
) -> None:
    combo = panel.choice.model

    def enabled() -> bool:
        return combo.model().item(combo.findText("Wiener filter")).isEnabled()

    assert enabled()
    choose(panel.source.odd, "none")
    assert not enabled()
    tip = combo.itemData(combo.findText("Wiener filter"), Qt.ItemDataRole.ToolTipRole)
    assert "needs both halves" in tip
    load(save(pair[0].with_name("TS07.mrc")))
    assert panel.source.odd.currentText() == "none"
    choose(panel.source.odd, "TS01_odd")
    assert enabled()
