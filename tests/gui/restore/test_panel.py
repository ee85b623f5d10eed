from __future__ import annotations

from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.dock_place import open_panel
from napari_cryorestore.gui.layers import LayerOrigin, add_volume, origin_of, voxel_size_of
from napari_cryorestore.gui.panel_layout import WIDTH
from napari_cryorestore.gui.restore.model import RestoreModel
from napari_cryorestore.gui.restore.queue import EntryState, QueueEntry, add_result
from napari_cryorestore.gui.restore.source_section import entry_words
from napari_cryorestore.gui.viewer_session import session_of

from .conftest import choices, choose

if TYPE_CHECKING:
    from pathlib import Path

    from napari import Viewer
    from napari.components import ViewerModel

    from napari_cryorestore.gui.restore import RestorePanel


def rows(panel: RestorePanel) -> list[str]:
    return [panel.source.queue.item(row).text() for row in range(panel.source.queue.count())]


def finish(panel: RestorePanel, qtbot) -> None:
    qtbot.waitUntil(lambda: not panel.model.restoration.alive, timeout=300_000)
    panel._tick()


# Restoring -------------------------------------------------------------------------------------------


def test_restoring_adds_a_layer_that_knows_its_origin(
    viewer: ViewerModel, panel: RestorePanel, run: Path, pair: tuple[Path, Path], qtbot
) -> None:
    session_of(viewer).use_step.emit(run, 600)
    qtbot.mouseClick(panel.bar.restore, Qt.MouseButton.LeftButton)
    finish(panel, qtbot)

    layer = viewer.layers["TS01 · ICECREAM @ 600"]
    assert isinstance(layer.data, np.memmap)
    assert voxel_size_of(layer) == 7.5
    origin = origin_of(layer)
    assert (origin.run, origin.step, origin.label) == (str(run), 600, "cryorestore: a fake")
    assert origin.path == str(run / "restored" / "TS01_ICECREAM_600.mrc")
    assert rows(panel) == ["✓ TS01 · ICECREAM @ 600"]
    assert panel.bar.state.text() == "Saved TS01_ICECREAM_600.mrc."
    assert panel.bar.restore.isEnabled()
    # a result is not offered as a half, and is not chosen as one
    assert choices(panel.source.even) == ["none", "TS01_even", "TS01_odd"]


def test_progress_is_shown_and_cancelled_at_once(panel: RestorePanel, restorer, qtbot) -> None:
    restorer.may_end.clear()
    panel.restore()
    assert panel.bar.cancel.isEnabled()
    assert not panel.bar.restore.isEnabled()
    qtbot.waitUntil(lambda: panel.bar.bar.value() == 500, timeout=300_000)
    assert panel.bar.state.text().startswith("TS01: 50%")
    assert rows(panel) == ["▶ TS01 · 50%"]

    panel.cancel()
    assert panel.bar.restore.isEnabled()
    finish(panel, qtbot)
    assert rows(panel) == ["✕ TS01 · cancelled"]
    assert panel.bar.problem.text() == ""


def test_a_failure_is_one_sentence_with_details(panel: RestorePanel, restorer, qtbot) -> None:
    restorer.error = RuntimeError("device-side assert triggered")
    panel.restore()
    finish(panel, qtbot)
    assert panel.bar.problem.text() == "⚠ TS01: Restoring failed unexpectedly: device-side assert triggered"
    assert rows(panel) == ["⚠ TS01 · failed"]
    panel.bar.show_details()
    (box,) = panel.findChildren(QMessageBox)
    assert "RuntimeError: device-side assert triggered" in box.detailedText()
    box.close()

    restorer.error = None
    panel.restore()
    assert panel.bar.problem.text() == ""
    finish(panel, qtbot)
    panel.source.queue.setCurrentRow(0)
    assert "device-side assert" in panel.bar.problem.text()


def test_what_is_missing_is_reported(panel: RestorePanel) -> None:
    choose(panel.source.even, "none")
    panel.restore()
    assert panel.bar.problem.text().startswith("⚠ Choose half 1")
    panel.source.add.click()
    assert panel.bar.problem.text().startswith("⚠ Choose half 1 first")


def test_a_queue_of_layers_and_files(
    viewer: ViewerModel, panel: RestorePanel, save, tmp_path: Path, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [save(tmp_path / f"TS02_{half}.mrc") for half in ("even", "odd")]
    monkeypatch.setattr(dialogs, "choose_tomograms", lambda parent: paths)
    panel.source.add.click()
    panel.source.files.click()
    assert rows(panel) == ["TS01 · waiting", "TS02 · waiting"]
    assert panel.source.queue.isVisibleTo(panel)

    panel.restore()
    finish(panel, qtbot)

    assert rows(panel) == ["✓ TS01 · Wiener filter", "✓ TS02 · Wiener filter"]
    assert [layer.name for layer in viewer.layers][-2:] == ["TS01 · Wiener filter", "TS02 · Wiener filter"]
    panel.source.queue.item(1).setSelected(True)
    panel.source.repeat.click()
    assert rows(panel)[2:] == ["TS02 · waiting"]
    panel.source.queue.clearSelection()
    panel.source.remove.click()
    assert not panel.source.queue.isVisibleTo(panel)


def test_files_that_cannot_be_read_are_reported(
    panel: RestorePanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogs, "choose_tomograms", lambda parent: [tmp_path / "gone.mrc"])
    panel.source.files.click()
    assert "gone.mrc does not exist" in panel.bar.problem.text()


def test_the_result_can_stay_off_the_viewer_or_off_the_disk(
    viewer: ViewerModel, panel: RestorePanel, pair: tuple[Path, Path], qtbot
) -> None:
    panel.output.shows.setChecked(False)
    panel.restore()
    finish(panel, qtbot)
    assert len(viewer.layers) == 2
    panel.output.shows.setChecked(True)
    panel.output.saves.setChecked(False)
    assert not panel.output.output.isEnabled()
    panel.restore()
    finish(panel, qtbot)
    assert len(viewer.layers) == 3
    assert [path.name for path in pair[0].parent.glob("*Wiener*")] == ["TS01_Wiener_filter.mrc"]


def test_the_result_is_saved_elsewhere(
    panel: RestorePanel, tmp_path: Path, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not panel.bar.save.isVisibleTo(panel)
    panel.save()
    panel.restore()
    finish(panel, qtbot)
    proposed = []
    monkeypatch.setattr(
        dialogs, "choose_target", lambda parent, name: proposed.append(name) or tmp_path / "mine.mrc"
    )
    panel.bar.save.click()
    qtbot.waitUntil(lambda: panel.bar.state.text() == "Saved mine.mrc.", timeout=300_000)
    assert proposed == ["TS01_Wiener_filter.mrc"]
    assert mrcfile.validate(tmp_path / "mine.mrc")


def test_the_result_is_sent_to_be_compared(panel: RestorePanel, viewer, qtbot) -> None:
    heard: list[Path] = []
    session_of(viewer).compare_file.connect(heard.append)
    assert not panel.bar.compare.isVisibleTo(panel)
    panel.compare()
    panel.restore()
    finish(panel, qtbot)
    panel.bar.compare.click()
    assert [path.name for path in heard] == ["TS01_Wiener_filter.mrc"]


def test_the_folder_is_chosen_and_typed(
    panel: RestorePanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogs, "choose_folder", lambda parent, proposed: tmp_path / "results")
    panel.output.browse.click()
    assert panel.output.output.text() == str(tmp_path / "results")
    monkeypatch.setattr(dialogs, "choose_folder", lambda parent, proposed: None)
    panel.output.browse.click()
    assert panel.model.request.output == str(tmp_path / "results")


def test_what_is_typed_under_advanced_is_summed_up(panel: RestorePanel, qtbot) -> None:
    assert panel.compute.summary() == "all automatic"
    for field, text in (
        (panel.compute.tiling.editor("tile"), "96"),
        (panel.compute.tiling.editor("batch"), "2"),
        (panel.compute.voxel_size, "8"),
        (panel.compute.tilt_min, "-60"),
        (panel.compute.tilt_max, "60"),
    ):
        qtbot.keyClicks(field, text)
    choose(panel.compute.tilt_axis, "x")
    panel.compute.hardware.editor("precision").setCurrentText("bf16")
    request = panel.model.request
    assert (request.tiling.tile, request.tiling.batch, request.hardware.precision) == (96, 2, "bf16")
    assert (request.voxel_size, request.tilt_axis) == ("8", "x")
    assert request.tilt_range == (-60, 60)
    assert panel.compute.summary() == "tile 96, batch 2, precision bf16, 8 Å, -60…60°, axis x"


def test_what_is_invalid_under_advanced_forbids_restoring(panel: RestorePanel, qtbot) -> None:
    qtbot.keyClicks(panel.compute.tiling.editor("tile"), "0")
    panel.restore()
    assert "tile: Should be greater than or equal to 1" in panel.bar.problem.text()
    panel.compute.tiling.editor("tile").clear()
    assert panel.model.problem() == ""


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (EntryState.WAITING, "TS01 · waiting"),
        (EntryState.RUNNING, "▶ TS01 · 25%"),
        (EntryState.DONE, "✓ TS01 · L2 @ 5"),
        (EntryState.FAILED, "⚠ TS01 · failed"),
        (EntryState.CANCELLED, "✕ TS01 · cancelled"),
    ],
)
def test_entries_are_read_at_a_glance(panel: RestorePanel, progress: EntryState, words: str) -> None:
    entry = QueueEntry(panel.model.request.tomogram, progress, share=0.25, title="TS01 · L2 @ 5")
    assert entry_words(entry) == words


def test_a_result_that_is_gone_is_reported(viewer: ViewerModel, panel: RestorePanel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no result yet"):
        add_result(viewer, QueueEntry(panel.model.request.tomogram))
    panel.model.entries = [
        QueueEntry(panel.model.request.tomogram, EntryState.DONE, title="a", output=tmp_path / "gone.mrc")
    ]
    panel._tick()
    assert "gone.mrc does not exist" in panel.bar.problem.text()


# Closing ---------------------------------------------------------------------------------------------


def test_closing_the_panel_keeps_the_work_and_opening_it_shows_it(window: Viewer, restorer) -> None:
    panel = open_panel(window, "Restore")
    restorer.may_end.clear()
    panel.restore()
    panel.parent().destroyOnClose()
    assert not panel._timer.isActive()
    restorer.may_end.set()
    session_of(window).own(RestoreModel).restoration.join(300)

    again = open_panel(window, "Restore")

    assert again is not panel
    assert rows(again) == ["✓ TS01 · Wiener filter"]
    assert window.layers[-1].name == "TS01 · Wiener filter"
    assert again.source.even.currentText() == "TS01_even"


def test_closing_the_window_ends_the_work(window: Viewer, restorer, pair: tuple[Path, Path]) -> None:
    panel = open_panel(window, "Restore")
    active = []
    session_of(window).closed.connect(lambda: active.append(panel._timer.isActive()))
    restorer.may_end.clear()
    panel.restore()
    work = panel.model.restoration

    window.close()

    assert not work.alive
    assert active == [False]
    assert not list(pair[0].parent.glob("*Wiener*"))


def test_nothing_is_cut_off_in_a_narrow_dock(window: Viewer) -> None:
    panel = open_panel(window, "Restore")
    panel._folds["Advanced"].unfold()
    page = panel.sections.parentWidget()
    assert page.minimumSizeHint().width() < panel.minimumSizeHint().width() <= WIDTH


def test_other_images_are_no_volumes(viewer: ViewerModel, panel: RestorePanel) -> None:
    viewer.add_image(np.zeros((4, 5)), name="flat")
    viewer.add_labels(np.zeros((4, 5, 6), int), name="labels")
    add_volume(viewer, np.zeros((4, 5, 6)), name="ours", origin=LayerOrigin(label="restored by x"))
    viewer.add_image(np.zeros((4, 5, 6)), name="theirs")
    assert choices(panel.source.even) == ["none", "TS01_even", "TS01_odd", "theirs"]


def test_adding_back_is_offered_only_of_a_run_that_learned_from_binned_maps(
    viewer: ViewerModel, panel: RestorePanel, run: Path, pair: tuple[Path, Path]
) -> None:
    session_of(viewer).use_step.emit(run, 600)
    assert panel.output.back.isHidden()
    config = run / "config.toml"
    config.write_text(config.read_text() + "[schedule]\nbinning = 2\n")
    session_of(viewer).use_step.emit(run, 500)
    assert not panel.output.back.isHidden()
    panel.output.back.setChecked(True)
    assert panel.model.request.add_back
