"""Connects the contrast box with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_cryorestore.comparison.model import CompareModel
    from napari_cryorestore.comparison.picture import Levels
    from napari_cryorestore.gui.compare.contrast_box import ContrastBox
    from napari_cryorestore.gui.compare.picture_control import PictureControl
    from napari_cryorestore.gui.compare.section_painter import Row, SectionWish


class ContrastControl:
    """Shows the values of the chosen row, and sets black and white by hand.

    Parameters
    ----------
    box : ContrastBox
        Where it is set.
    model : CompareModel
        Whose rows.
    pictures : PictureControl
        Their sections.
    """

    def __init__(self, box: ContrastBox, model: CompareModel, pictures: PictureControl) -> None:
        self._box, self._model, self._pictures = box, model, pictures
        self._box.changed.connect(lambda name, value: self._model.update(**{name: value}))
        self._box.limits_chosen.connect(self._set_limits)

    def show(self) -> None:
        """Show the histogram of the chosen row's sections."""
        wish = self._pictures.wish()
        row = self._row(wish)
        if wish is None or row is None:
            return
        pictures = self._pictures.sections.samples(row, wish)
        values = np.concatenate([np.zeros(0, np.float32), *(picture.image.ravel() for picture in pictures)])
        limits = self._pictures.sections.levels(wish)[row.number]
        self._box.show_values(self._model.entry(row.number).config.name, values[np.isfinite(values)], limits)

    def _row(self, wish: SectionWish | None) -> Row | None:
        chosen = self._model.chosen
        if wish is None or chosen is None:
            return None
        return next(row for row in wish.rows if row.number == chosen.number)

    def _set_limits(self, limits: Levels, every_row: bool) -> None:
        row = self._row(self._pictures.wish())
        if row is None:
            return
        numbers = [entry.number for entry in self._model.entries] if every_row else [row.number]
        for number in numbers:
            self._model.set_limits(number, limits)
        self._model.update(contrast="manual")


__all__ = ["ContrastControl"]
