"""The Compare panel in a real napari window."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QDockWidget

from napari_cryorestore.gui.compare.panel import ComparePanel
from napari_cryorestore.gui.dock_place import open_panel
from napari_cryorestore.gui.viewer_session import session_of

from .conftest import noise

TITLE = "Compare (CryoRestore)"


@pytest.fixture
def window(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(noise(), name="one", scale=(10,) * 3, units=("angstrom",) * 3)
    return viewer


def test_the_panel_is_docked_below_by_its_menu_entry(window, settled) -> None:
    panel = open_panel(window, "Compare")
    assert isinstance(panel, ComparePanel)
    panel.empty.buttons["layers"].click()
    settled(panel)
    assert open_panel(window, "Compare") is panel


def test_a_panel_opened_from_the_console_is_found_too(window) -> None:
    _, panel = window.window.add_plugin_dock_widget("napari-cryorestore", "Compare")
    assert open_panel(window, "Compare") is panel


def test_floating_and_docking_again_keeps_everything(window, settled) -> None:
    panel = open_panel(window, "Compare")
    panel.empty.buttons["layers"].click()
    settled(panel)
    dock = panel.parent()
    assert isinstance(dock, QDockWidget)
    dock.setFloating(True)
    dock.resize(900, 700)
    dock.move(QPoint(20, 20))
    settled(panel)
    assert all(cell.painted is not None for cell in panel.grid.cells.values())
    dock.setFloating(False)
    settled(panel)
    assert len(panel.model.entries) == 1
    panel.model.set_cursor((15.0, 15.0, 15.0))
    settled(panel)


def test_closing_the_dock_keeps_the_comparison_for_the_next_panel(window, settled) -> None:
    panel = open_panel(window, "Compare")
    panel.empty.buttons["layers"].click()
    settled(panel)
    window.window.remove_dock_widget(panel)
    again = open_panel(window, "Compare")
    assert again is not panel
    settled(again)
    assert [entry.config.name for entry in again.model.entries] == ["one"]
    assert all(cell.painted is not None for cell in again.grid.cells.values())


def test_closing_the_window_ends_what_is_computed(window, qtbot) -> None:
    panel = open_panel(window, "Compare")
    large = np.random.default_rng(0).normal(size=(96, 96, 96)).astype(np.float32)
    panel.rows.add_layer(window.add_image(large, name="large"))
    panel.bar.numbers.click()
    window.close()
    for cache in (panel.comparison.spectra, panel.comparison.volumes, panel.comparison.numbers):
        assert cache.join(300)


def test_a_step_is_compared_from_anywhere(window, run, save, tmp_path, settled) -> None:
    runs = session_of(window)
    path = save(tmp_path / "restored.mrc")
    runs.compare_file.emit(path)
    panel = window.window.dock_widgets[TITLE]
    settled(panel)
    assert panel.model.entries[0].config.path == path
    runs.compare_file.emit(path)
    assert len(panel.model.entries) == 1
    runs.compare_step.emit(run, 400)
    assert panel.model.entries[1].config.step == 400
    runs.compare_family.emit(run)
    assert [entry.config.kind for entry in panel.model.entries] == ["file", "run", "mean", "method"]


def test_a_second_opinion_opens_the_form(window, run) -> None:
    session_of(window).second_opinion.emit(run)
    panel = window.window.dock_widgets["Train (CryoRestore)"]
    panel.leave()
    assert panel._opinion_pending == (run, None) or panel.model.opinion.run == run


def test_the_light_theme_suits(window, settled) -> None:
    panel = open_panel(window, "Compare")
    panel.empty.buttons["layers"].click()
    window.theme = "light"
    settled(panel)
    pixel = panel.grid.grab().toImage().pixelColor(panel.grid.width() - 2, 2)
    assert pixel.lightness() > 180


def test_opening_the_panel_imports_no_pytorch() -> None:
    code = "import sys, napari_cryorestore.gui.compare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 0
