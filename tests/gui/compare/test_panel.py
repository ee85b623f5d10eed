"""Tests of the Compare panel without a window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_cryorestore.comparison import trust_maps
from napari_cryorestore.comparison.comparison_config import COLUMNS, RowConfig
from napari_cryorestore.comparison.trust_maps import agreement_job, bands_of
from napari_cryorestore.gui.compare import row_offers, trust_control
from napari_cryorestore.gui.compare.panel import ComparePanel
from napari_cryorestore.gui.compare.saving import NO_NUMBERS, NOTHING
from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.methods import METHODS, untrained_methods

from .conftest import SHAPE, noise

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def two(panel, add, settled):
    """Two rows of one grid."""
    for seed, name in ((0, "input"), (1, "restored")):
        panel.rows.add_layer(add(noise(seed=seed), name))
    settled(panel)
    return panel


def numbers(panel):
    return [entry.number for entry in panel.model.entries]


def cells(panel, column):
    return [panel.grid.cells[number, column] for number in numbers(panel)]


def turn(cell, steps, modifier=Qt.KeyboardModifier.NoModifier):
    middle = QPointF(cell.rect().center())
    angle = QPoint(0, 120 * steps)
    event = QWheelEvent(
        middle, cell.mapToGlobal(middle), QPoint(), angle, Qt.MouseButton.NoButton, modifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(cell, event)


# What is shown --------------------------------------------------------------------------------------


def test_without_rows_it_says_how_to_begin(panel, add, settled):
    assert panel.pages.currentWidget() is panel.empty
    add(noise(), "one")
    panel.empty.buttons["layers"].click()
    settled(panel)
    assert panel.pages.currentWidget() is panel.rows_view
    assert [entry.config.name for entry in panel.model.entries] == ["one"]


def test_every_row_has_a_picture_in_every_column(two):
    assert set(two.grid.cells) == {(number, column) for number in numbers(two) for column in COLUMNS}
    assert all(cell.painted is not None for cell in two.grid.cells.values())
    assert two.grid.titles["XY"].text() == "XY · z 65 Å"


def test_columns_can_be_left_out(two, settled):
    two.bar.column_actions["YZ"].trigger()
    two.bar.column_actions["|F|yz"].trigger()
    settled(two)
    assert {column for _, column in two.grid.cells} == set(COLUMNS) - {"YZ", "|F|yz"}
    for column in ("XY", "XZ", "|F|xy", "|F|xz"):
        two.bar.column_actions[column].trigger()
    assert len(two.model.config.columns) == 1  # the last one stays
    assert any(action.isChecked() for action in two.bar.column_actions.values())


def test_rows_of_different_size_are_aligned(two, add, settled):
    half = add(noise((6, 8, 10)), "binned", voxel=20.0)
    two.rows.add_layer(half)
    settled(two)
    windows = {cell.window_shown for cell in cells(two, "XY")}
    extents = [cell.painted.picture.extent for cell in cells(two, "XY")]
    assert extents[0] == pytest.approx(extents[2])
    assert max(window.right - window.left for window in windows) == pytest.approx(
        min(window.right - window.left for window in windows), rel=0.05
    )


def test_holes_and_missing_voxel_sizes_are_told(panel, viewer, settled):
    data = noise()
    data[6, 3, 3] = np.nan
    panel.rows.add_layer(viewer.add_image(data, name="holes", contrast_limits=(-3, 3)))
    settled(panel)
    (number,) = numbers(panel)
    assert panel.grid.cells[number, "XY"].marks.words == "⚠"
    assert "NaN" in panel.grid.cells[number, "XY"].toolTip()
    assert "voxel size unknown" in panel.grid.heads[number].state.caption


def test_a_volume_of_nothing_but_nan_breaks_nothing(panel, viewer, settled):
    panel.rows.add_layer(viewer.add_image(np.full(SHAPE, np.nan), name="nan", contrast_limits=(0, 1)))
    settled(panel)
    panel.bar.numbers.click()
    settled(panel)
    assert "nan cannot be measured" in panel.lower_tabs.table.problem.text()


def test_more_than_eight_rows_are_refused_in_a_sentence(two, add, settled):
    for index in range(7):
        two.rows.add_layer(add(noise((4, 4, 4), index), f"more {index}"))
    settled(two)
    assert len(two.model.entries) == 8
    assert "8 rows already" in two.message.text()


# The crosshair --------------------------------------------------------------------------------------


def test_a_click_moves_the_crosshair_everywhere(two, qtbot, settled):
    cell = cells(two, "XY")[0]
    place = cell.place_of(155.0, 35.0).toPoint()
    qtbot.mousePress(cell, Qt.MouseButton.LeftButton, pos=place)
    z, y, x = two.model.cursor
    assert (y, x) == pytest.approx((35, 155), abs=3)
    qtbot.mouseMove(cell, cell.place_of(55.0, 125.0).toPoint())
    settled(two)
    assert cells(two, "XZ")[1].marks.crosshair == pytest.approx((two.model.cursor[2], z))
    assert cells(two, "YZ")[0].marks.crosshair == pytest.approx((two.model.cursor[1], z))


def test_the_wheel_steps_through_slices(two, settled):
    z = two.model.cursor[0]
    turn(cells(two, "XY")[0], 2)
    assert two.model.cursor[0] == pytest.approx(z + 20)
    settled(two)
    assert two.grid.titles["XY"].text() == "XY · z 85 Å"
    turn(cells(two, "|F|xz")[1], -1)
    settled(two)
    assert two.model.config.fourier.offset[1] < 0
    assert "ky 1/" in two.grid.titles["|F|xz"].text()
    two.bar.fourier.centre.click()
    assert two.model.config.fourier.offset == (0, 0, 0)


def test_zoom_and_pan_are_shared(two, qtbot):
    first, second = cells(two, "XY")
    whole = first.window_shown
    turn(first, 5, Qt.KeyboardModifier.ControlModifier)
    zoomed = first.window_shown
    assert zoomed.right - zoomed.left < 0.5 * (whole.right - whole.left)
    assert second.window_shown == pytest.approx(zoomed, rel=0.05)
    middle = first.rect().center()
    qtbot.mousePress(first, Qt.MouseButton.RightButton, pos=middle)
    qtbot.mouseMove(first, middle + QPoint(-20, 0))
    qtbot.mouseRelease(first, Qt.MouseButton.RightButton, pos=middle)
    assert second.window_shown.left > zoomed.left
    two.bar.fit.click()
    assert first.window_shown == whole


def test_what_lies_under_the_pointer_is_read_out(two, qtbot):
    cell = cells(two, "XY")[0]
    cell.hovered.emit((105.0, 55.0))
    value = cell.painted.picture.image[5, 10]
    assert two.bar.readout.text() == f"x 105  y 55 Å · {value:.4g}"
    cells(two, "|F|xy")[0].hovered.emit((0.03, 0.04))
    assert two.bar.readout.text() == "20.0 Å"
    cell.hovered.emit(None)
    assert two.bar.readout.text() == ""


# Rows -----------------------------------------------------------------------------------------------


def test_rows_are_moved_renamed_hidden_and_removed(two, settled):
    first, second = numbers(two)
    two.grid.action_requested.emit(first, "down")
    assert numbers(two) == [second, first]
    two.grid.row_dropped.emit(first, 0)
    assert numbers(two) == [first, second]
    two.grid.action_requested.emit(first, "rename")
    head = two.grid.heads[first]
    head.editor.setText("Raw data")
    head.editor.editingFinished.emit()
    assert two.model.entry(first).config.name == "Raw data"
    two.grid.action_requested.emit(second, "hide")
    settled(two)
    assert {number for number, _ in two.grid.cells} == {first}
    two.rows._fill_menu()
    entry = next(action for action in two.bar.rows_menu.actions() if action.text() == "restored")
    entry.trigger()
    settled(two)
    assert {number for number, _ in two.grid.cells} == {first, second}
    two.grid.action_requested.emit(first, "remove")
    assert numbers(two) == [second]


def is_ready(name: str) -> bool:
    """Tell whether a method has the package that it needs, if any."""
    return not METHODS[name](METHODS[name].Config()).lacks()


def test_the_menu_offers_what_can_be_added(two, pair, viewer, settled):
    for data, arguments, _ in read_tomograms([str(path) for path in pair]):
        viewer.add_image(data, **arguments)
    two.rows._fill_menu()
    words = [action.text() for action in two.bar.rows_menu.actions() if action.text()]
    assert words == [
        "input",
        "restored",
        "Add a layer",
        "Add TS01 · mean",
        *[f"Add TS01 · {METHODS[name].title}" for name in untrained_methods() if is_ready(name)],
        "Add a step of a run",
        "Add the live preview of a run",
        "Add files…",
        "Add results of other programs…",
    ]
    next(action for action in two.bar.rows_menu.actions() if "mean" in action.text()).trigger()
    settled(two)
    assert two.model.entries[2].volume.halves is not None


def test_a_deleted_layer_takes_its_row_along(two, viewer, settled):
    viewer.layers.remove(viewer.layers["input"])
    settled(two)
    assert [entry.config.name for entry in two.model.entries] == ["restored"]
    assert "was removed with its layer" in two.message.text()
    viewer.layers.clear()
    assert two.pages.currentWidget() is two.empty


def test_files_become_rows(panel, save, tmp_path, monkeypatch, settled):
    path = save(tmp_path / "TS01.mrc")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    panel.rows.add_files()
    settled(panel)
    (entry,) = panel.model.entries
    assert entry.volume.voxel_size == (7.5, 7.5, 7.5)
    path.unlink()
    panel.rows.add_file(tmp_path / "gone.mrc")
    settled(panel)
    assert "gone.mrc" in panel.model.entries[1].problem
    assert "cannot be shown" in panel.grid.heads[numbers(panel)[1]].state.caption


def test_halves_offer_their_mean_and_the_wiener_filter(panel, pair, settled):
    mean, wiener, *_ = row_offers.rows_of_maps(*pair)
    panel.rows.add(mean)
    settled(panel)
    assert panel.model.entries[0].volume.halves is not None
    assert (wiener.kind, wiener.name) == ("method", "TS01 · Wiener filter")


# Contrast and Fourier -------------------------------------------------------------------------------


def test_black_and_white_are_set_by_hand_for_one_row_or_all(two, settled):
    two.model.choose(numbers(two)[1])
    two.contrast.show()
    assert two.bar.contrast.row.text() == "restored"
    two.bar.contrast.slider.setValue((250.0, 750.0))
    assert two.model.config.contrast == "manual"
    limits = [entry.config.limits for entry in two.model.entries]
    assert limits[0] is None
    assert limits[1][0] < limits[1][1]
    two.bar.contrast.every_row.setChecked(True)
    two.bar.contrast.slider.setValue((300.0, 700.0))
    limits = [entry.config.limits for entry in two.model.entries]
    assert limits[0] == limits[1]
    settled(two)


def test_inverting_and_colour_maps_repaint(two, settled):
    before = cells(two, "XY")[0].painted.pixels
    two.bar.contrast.inverted.setChecked(True)
    settled(two)
    assert (cells(two, "XY")[0].painted.pixels != before).mean() > 0.9
    two.bar.contrast.colormap.setCurrentText("viridis")
    two.bar.contrast.fourier_colormap.setCurrentText("gray")
    settled(two)
    assert two.model.config.colormap == "viridis"


def test_fourier_settings_reach_the_model(two, settled):
    two.bar.fourier.ticks["flat_field"].setChecked(True)
    two.bar.fourier.decades.setValue(2.0)
    two.bar.fourier.tilts.setText("-50, 40")
    two.bar.fourier.tilts.editingFinished.emit()
    settled(two)
    config = two.model.config
    assert (config.fourier.flat_field, config.fourier.decades, config.tilt_range) == (True, 2.0, (-50, 40))
    assert cells(two, "|F|xz")[0].marks.overlay.wedge
    two.bar.fourier.tilts.setText("40, -50")
    two.bar.fourier.tilts.editingFinished.emit()
    assert "must rise" in two.message.text()
    assert two.model.config.tilt_range == (-50, 40)


def test_slabs_are_averaged(two, settled):
    two.bar.slab.setValue(3)
    settled(two)
    image = cells(two, "XY")[0].painted.picture.image
    expected = two.model.entries[0].volume.data[3:10].mean(axis=0)
    assert image == pytest.approx(expected, abs=1e-5)


# Numbers --------------------------------------------------------------------------------------------


def test_numbers_are_computed_when_they_are_asked_for(two, settled):
    assert two.lower_tabs.numbers.evaluation.numbers == ()
    two.bar.numbers.click()
    settled(two)
    assert {number.row for number in two.lower_tabs.numbers.evaluation.numbers} == {"input", "restored"}
    two.lower_tabs.curves.what.setCurrentIndex(two.lower_tabs.curves.what.findData("other"))
    two.lower_tabs.curves.other.setCurrentText("input")
    two.lower_tabs.curves.other.activated.emit(0)
    settled(two)
    assert [
        item
        for item in two.lower_tabs.numbers.evaluation.numbers
        if item.name == "fsc" and item.against == "input"
    ]
    assert "does not prove" in two.lower_tabs.curves.sentence.text()
    two.bar.numbers.click()
    assert not two.lower_tabs.isVisible()


def test_the_table_says_why_there_is_no_number(two, settled):
    two.bar.numbers.click()
    two.lower_tabs.curves.what.setCurrentIndex(two.lower_tabs.curves.what.findData("other"))
    two.lower_tabs.curves.other.setCurrentText("input")
    two.lower_tabs.curves.other.activated.emit(0)
    settled(two)
    table = two.lower_tabs.table.table
    lines = [table.item(row, 0).text() for row in range(table.rowCount())]
    cell = table.item(lines.index("Shell correlation falls to 0.5 (everywhere, with input)"), 2)
    assert cell.text() == "starts below"  # noise against noise
    assert cell.toolTip().startswith("Below from the start. The size of detail at which")
    assert table.item(0, 1).text() == "itself"


def test_the_trust_tab_says_what_is_missing(two):
    two.lower_tabs.trust.buttons["parts"].click()
    assert "tilt range of input is not known" in two.lower_tabs.trust.problem.text()
    two.lower_tabs.trust.buttons["disagreement"].click()
    assert "was not made from two halves" in two.lower_tabs.trust.problem.text()


def test_both_parts_become_rows(two, viewer, settled):
    two.model.update(tilt_range=(-60, 60))
    settled(two)
    two.lower_tabs.trust.buttons["parts"].click()
    two.lower_tabs.trust.buttons["share"].click()
    settled(two)
    names = [entry.config.name for entry in two.model.entries]
    assert names[2:] == ["input · measured", "input · supplied"]
    measured, supplied = (np.asarray(entry.volume.data) for entry in two.model.entries[2:])
    assert measured + supplied == pytest.approx(two.model.entries[0].volume.data, abs=1e-4)
    assert viewer.layers[-1].name == "input · share supplied by the network"
    assert two.model.entries[2].volume.corner == pytest.approx(two.model.entries[0].volume.corner)


def test_the_menu_of_a_row_splits_it(two, settled):
    two.grid.heads[numbers(two)[1]].actions_by_name["parts"].trigger()
    assert two.lower_tabs.isVisible()
    assert "tilt range of restored is not known" in two.lower_tabs.trust.problem.text()
    two.model.update(tilt_range=(-60, 60))
    two.grid.heads[numbers(two)[1]].actions_by_name["parts"].trigger()
    settled(two)
    names = [entry.config.name for entry in two.model.entries]
    assert names[2:] == ["restored · measured", "restored · supplied"]


def test_maps_of_large_rows_follow_the_crosshair(two, viewer, settled, monkeypatch):
    monkeypatch.setattr(trust_maps, "MOST_EDGE", 8)
    two.model.update(tilt_range=(-60, 60))
    tab, entry = two.lower_tabs.trust, two.model.entries[0]
    two.lower_tabs.maps.show_row()
    assert "cover a block of 8 × 8 × 8" in tab.extent.text()
    voxel = np.array(entry.volume.voxel_size)
    two.model.set_cursor(tuple(4 * voxel))
    tab.buttons["share"].click()
    settled(two)
    (layer,) = [layer for layer in viewer.layers if "share supplied" in layer.name]
    assert layer.data.shape == (8, 8, 8)
    before = layer.translate.copy()
    two.model.set_cursor(tuple(9 * voxel))
    settled(two)
    assert (layer.translate > before).all()
    moved = layer.translate.copy()

    tab.follow.click()
    two.model.set_cursor(tuple(4 * voxel))
    settled(two)
    assert (layer.translate == moved).all()
    tab.follow.click()
    settled(two)
    assert (layer.translate == before).all()
    viewer.layers.remove(layer)
    two.model.set_cursor(tuple(9 * voxel))
    settled(two)
    assert not [layer for layer in viewer.layers if "share supplied" in layer.name]


def test_the_agreement_is_mapped_in_the_band_chosen(two, viewer, settled, monkeypatch):
    halves = tuple(noise(seed=seed) for seed in (3, 4))
    raw = replace(two.model.entries[0].volume, name="raw", halves=halves)
    two.model.set_volume(numbers(two)[1], replace(two.model.entries[1].volume, halves=halves))
    monkeypatch.setattr(
        trust_control,
        "agreement_job",
        lambda volume, _, *place, **more: agreement_job(volume, raw, *place, **more),
    )
    tab = two.lower_tabs.trust
    two.model.choose(numbers(two)[1])
    tab.band.setCurrentIndex(3)
    tab.buttons["agreement"].click()
    settled(two)
    assert tab.band.currentText() == str(bands_of(raw)[2])
    assert viewer.layers[-1].name == f"restored · agreement with the other half, {bands_of(raw)[2]}"
    tab.band.setCurrentIndex(0)
    tab.band.activated.emit(0)
    settled(two)
    assert viewer.layers[-1].name == "restored · agreement with the other half"


def test_particles_are_compared_with_a_reference(two, tmp_path, settled):
    reference, picks, broken = (tmp_path / name for name in ("reference.csv", "picks.csv", "broken.csv"))
    reference.write_text("z,y,x\n1,1,1\n5,5,5\n9,9,9\n", encoding="utf-8")
    picks.write_text("z,y,x,score\n1,1,2,0.9\n5,5,5,0.8\n0,15,0,0.1\n", encoding="utf-8")
    broken.write_text("no numbers here\n", encoding="utf-8")
    two.lower_tabs.particles.tolerance.setValue(25)
    two.lower_tabs.picks.load_reference(reference)
    two.lower_tabs.picks.load_picks(picks)
    found = two.lower_tabs.picks.found["picks.csv"]
    assert (found.found, found.reference, found.picks) == (2, 3, 3)
    without = tmp_path / "without.csv"
    without.write_text("z,y,x\n0,15,0\n", encoding="utf-8")
    two.lower_tabs.picks.load_picks(without)
    table = two.lower_tabs.particles.table
    assert [table.item(1, column).text() for column in (4, 5, 6, 7)] == [
        "no scores",
        "no scores",
        "none found",
        "0 of 3",
    ]
    two.lower_tabs.picks.load_picks(broken)
    assert "broken.csv" in two.lower_tabs.particles.problem.text()
    assert list(two.lower_tabs.picks.found) == ["picks.csv", "without.csv"]
    two.lower_tabs.particles.buttons["clear"].click()
    assert two.lower_tabs.particles.table.rowCount() == 0


# Saving ---------------------------------------------------------------------------------------------


@pytest.fixture
def target(tmp_path, monkeypatch):
    def choose(name: str) -> Path:
        path = tmp_path / name
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        return path

    return choose


def test_there_must_be_something_to_save(panel, two, target):
    two.bar.requested.emit("csv")
    assert NO_NUMBERS in two.message.text()
    two.model.load(type(two.model.config)())
    two.bar.requested.emit("figure")
    assert NOTHING in two.message.text()


def test_a_figure_is_written(two, target):
    path = target("figure.png")
    two.bar.requested.emit("figure")
    assert path.stat().st_size > 1000
    assert str(path) in two.message.text()
    path.write_bytes(b"old")
    two.bar.requested.emit("figure")  # the dialog has asked whether to replace it
    assert path.stat().st_size > 1000
    assert [item.name for item in path.parent.glob("figure*")] == ["figure.png"]


def test_numbers_are_written(two, target, settled):
    two.bar.numbers.click()
    settled(two)
    path = target("numbers.csv")
    two.bar.requested.emit("csv")
    assert "power" in path.read_text(encoding="utf-8")


def test_a_comparison_is_saved_and_opened_again(two, target, settled):
    two.model.set_cursor((15.0, 25.0, 35.0))
    two.model.update(slab=2, columns=("XZ", "|F|xz"))
    path = target("comparison.toml")
    two.bar.requested.emit("save")
    two.model.load(type(two.model.config)())
    two.bar.requested.emit("open")
    settled(two)
    assert [entry.config.name for entry in two.model.entries] == ["input", "restored"]
    assert all(entry.volume is not None for entry in two.model.entries)
    assert two.model.cursor == (15.0, 25.0, 35.0)
    assert {column for _, column in two.grid.cells} == {"XZ", "|F|xz"}
    path.write_text("nonsense", encoding="utf-8")
    two.bar.requested.emit("open")
    assert "is not a comparison" in two.message.text()
    assert len(two.model.entries) == 2


# The panel itself -----------------------------------------------------------------------------------


def test_a_panel_opened_again_shows_the_same(two, viewer, qtbot, settled):
    two.leave()
    again = ComparePanel(viewer)
    qtbot.addWidget(again)
    again.resize(1000, 500)
    settled(again)
    assert numbers(again) == numbers(two)
    assert all(cell.painted is not None for cell in again.grid.cells.values())
    again.leave()
    viewer.layers.clear()
    third = ComparePanel(viewer)
    qtbot.addWidget(third)
    assert "There is no layer" in third.model.entries[0].problem
    third.leave()


def test_themes_change_the_colours(two, viewer):
    before = two.grid._colours
    viewer.theme = "light"
    assert two.grid._colours != before
    assert two.grid._colours.text.lightness() < 128


def test_numbers_stand_beside_or_beneath_the_pictures(two):
    two.resize(1400, 400)
    assert two.splitter.orientation() == Qt.Orientation.Horizontal
    two.resize(800, 800)
    assert two.splitter.orientation() == Qt.Orientation.Vertical


def test_a_row_that_names_no_layer_is_told(panel, settled):
    panel.rows.add(RowConfig(name="x", kind="layer", layer="nothing"))
    panel.rows.attach()
    assert "There is no layer" in panel.model.entries[0].problem


def test_rows_are_compared_with_a_reference_file(two, tmp_path, settled):
    path = write_volume(
        tmp_path / "truth.mrc", two.model.entries[1].volume.data, voxel_size=10, label="truth"
    )
    two.bar.numbers.click()
    two.lower_tabs.curves.what.setCurrentIndex(two.lower_tabs.curves.what.findData("other"))
    two.lower_tabs.numbers.use_reference(path)
    settled(two)
    found = {
        item.row: item.value
        for item in two.lower_tabs.numbers.evaluation.numbers
        if item.name == "correlation" and item.region == "all"
    }
    assert found["restored"] == pytest.approx(1, abs=1e-3)
    assert abs(found["input"]) < 0.2


def test_signal_and_background_come_from_points_layers(two, viewer, settled):
    for name, places in (("signal", [[6.0, 8.0, 5.0], [6.0, 8.0, 9.0]]), ("ground", [[6.0, 3.0, 14.0]] * 2)):
        viewer.add_points(places, name=name, scale=(10,) * 3, units=("angstrom",) * 3, size=4)
    two.bar.numbers.click()
    table = two.lower_tabs.table
    table.boxes.setCurrentIndex(table.boxes.findData("points"))
    table.signal.setCurrentText("signal")
    table.background.setCurrentText("ground")
    table.background.activated.emit(0)
    settled(two)
    assert {item.row for item in two.lower_tabs.numbers.evaluation.numbers if item.name == "snr_squared"} == {
        "input",
        "restored",
    }


def test_the_result_of_another_program_comes_beside_the_halves(panel, pair, settled, tmp_path, monkeypatch):
    made = write_volume(tmp_path / "TS01_isonet.mrc", noise(seed=5), voxel_size=10.0, label="")
    panel.rows.add(row_offers.rows_of_maps(*pair)[0])
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([str(made)], ""))
    panel.rows.add_results()
    settled(panel)
    row = panel.model.entries[1]
    assert (row.config.kind, row.config.name, row.config.even) == ("result", "IsoNet", pair[0])
    assert "TS01_isonet.mrc" in panel.message.text()
    assert "was made by IsoNet, as its name says" in panel.message.text()
