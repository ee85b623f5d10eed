"""Connects the contrast box with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_cryorestore.comparison.picture import Levels
    from napari_cryorestore.gui.compare.panel import ComparePanel
    from napari_cryorestore.gui.compare.section_painter import Row, SectionWish


class ContrastControl:
    """Shows the values of the chosen row, and sets black and white by hand.

    Parameters
    ----------
    panel : ComparePanel
        Whose rows.
    """

    def __init__(self, panel: ComparePanel) -> None:
        self._panel, self._model = panel, panel.model
        self._box = panel.bar.contrast
        self._box.changed.connect(lambda name, value: self._model.update(**{name: value}))
        self._box.limits_chosen.connect(self._set_limits)
        panel.bar.contrast_button.clicked.connect(self.show)

    def show(self) -> None:
        """Show the histogram of the chosen row's sections."""
        wish = self._panel.pictures.wish()
        row = self._row(wish)
        if wish is None or row is None:
            return
        pictures = self._panel.pictures.sections.samples(row, wish)
        values = np.concatenate([np.zeros(0, np.float32), *(picture.image.ravel() for picture in pictures)])
        limits = self._panel.pictures.sections.levels(wish)[row.number]
        self._box.show_values(self._model.entry(row.number).config.name, values[np.isfinite(values)], limits)

    def _row(self, wish: SectionWish | None) -> Row | None:
        rows = wish.rows if wish is not None else ()
        chosen = [row for row in rows if row.number == self._panel.rows.chosen]
        return next(iter(chosen or rows), None)

    def _set_limits(self, limits: Levels, every_row: bool) -> None:
        row = self._row(self._panel.pictures.wish())
        if row is None:
            return
        numbers = [entry.number for entry in self._model.entries] if every_row else [row.number]
        for number in numbers:
            self._model.set_limits(number, limits)
        self._model.update(contrast="manual")


__all__ = ["ContrastControl"]
