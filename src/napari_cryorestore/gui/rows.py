"""Rows of a panel: words on the left, all equally wide, and what they name on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL_WIDTH = 92
"""Pixels that the words on the left take, so that rows above one another line up."""
_NARROW = (QPushButton, QToolButton, QLabel, QCheckBox)


def grid_of(parent: QWidget) -> QGridLayout:
    """Give a widget an empty grid for `add_row`."""
    grid = QGridLayout(parent)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(6)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(1, 1)
    return grid


def add_row(grid: QGridLayout, words: str | QWidget, *widgets: QWidget) -> None:
    """Add a row; buttons and labels keep their size, the rest shares what is left.

    Parameters
    ----------
    grid : QGridLayout
        As made by `grid_of`.
    words : str or QWidget
        What stands on the left.
    *widgets : QWidget
        What stands on the right.
    """
    row = grid.rowCount()
    left = QLabel(words) if isinstance(words, str) else words
    left.setMinimumWidth(LABEL_WIDTH)
    grid.addWidget(left, row, 0)
    grid.addLayout(side_by_side(widgets), row, 1)


def side_by_side(widgets: Sequence[QWidget]) -> QHBoxLayout:
    """Return a row of widgets; buttons and labels keep their size if anything else is among them."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    all_narrow = all(isinstance(widget, _NARROW) for widget in widgets)
    for widget in widgets:
        row.addWidget(widget, 1 if all_narrow or not isinstance(widget, _NARROW) else 0)
    return row


__all__ = ["LABEL_WIDTH", "add_row", "grid_of", "side_by_side"]
