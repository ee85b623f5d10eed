"""Tests of the table of numbers."""

from __future__ import annotations

from qtpy.QtGui import QColor

from napari_cryorestore.comparison.number import Number
from napari_cryorestore.gui.compare.table_tab import TableTab
from napari_cryorestore.metrics.bands import octaves


def test_bands_stand_from_coarse_to_fine(qtbot):
    table = TableTab()
    qtbot.addWidget(table)
    bands = [str(band) for band in octaves(10.0)]
    numbers = [Number(row, "wedge_power", 0.1, region=band) for row in ("one", "two") for band in bands]

    table.show_numbers(numbers, [("one", QColor("red")), ("two", QColor("blue"))], [])

    lines = [table.table.item(row, 0).text() for row in range(table.table.rowCount())]
    assert lines == [f"Power in the wedge ({band})" for band in bands]
