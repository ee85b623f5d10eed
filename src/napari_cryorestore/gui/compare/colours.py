"""The colours of a comparison: of its rows, of what is drawn over pictures, and of napari's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtGui import QColor

if TYPE_CHECKING:
    from napari.utils.theme import Theme

ROW_COLOURS = ("#4c9be8", "#e0912f", "#4fae5a", "#d8638f", "#9a7fe0", "#b59b3c", "#3fb8b0", "#a6785a")
"""One for each row that there can be, for its heading and its curves."""
CROSSHAIR = "#ffc247"
RING = "#ffffff"
WEDGE = "#6fe3ff"
"""Borders of the missing wedge; dashed where they were found in the data."""


@dataclass(frozen=True)
class Colours:
    """What the theme gives: words, faint words, the ground between cells, that of cells, what is chosen."""

    text: QColor
    faint: QColor
    ground: QColor
    cell: QColor
    chosen: QColor

    @classmethod
    def of(cls, theme: Theme) -> Colours:
        """Take the colours of a napari theme."""
        text, ground, cell = (
            QColor(getattr(theme, name).as_hex()) for name in ("text", "background", "foreground")
        )
        return cls(
            text, _between(text, ground, 0.42), ground, _between(cell, ground, 0.6), _hex(theme.current)
        )


def row_colour(number: int) -> QColor:
    """Return the colour of a row by its number."""
    return QColor(ROW_COLOURS[number % len(ROW_COLOURS)])


def _hex(colour: object) -> QColor:
    return QColor(colour.as_hex())  # type: ignore[attr-defined]


def _between(first: QColor, second: QColor, share: float) -> QColor:
    """Mix two colours, with so much of the second."""
    pairs = zip(first.getRgb()[:3], second.getRgb()[:3], strict=True)
    return QColor(*(round(one + (other - one) * share) for one, other in pairs))


__all__ = ["CROSSHAIR", "RING", "ROW_COLOURS", "WEDGE", "Colours", "row_colour"]
