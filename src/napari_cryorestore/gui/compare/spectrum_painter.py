"""Fourier slices of all rows as pixels, each made anew only where something about it changed; free of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cryorestore.comparison.picture import PLANES, SPECTRA
from napari_cryorestore.comparison.spectra import spectrum_row
from napari_cryorestore.gui.compare.shading import fitting_factor, painted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_cryorestore.comparison.config import Column, ComparisonConfig
    from napari_cryorestore.comparison.picture import Picture
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.shading import Painted
    from napari_cryorestore.physics.fourier_slices import FourierSlices

    Place = tuple[int, Column]


@dataclass(frozen=True)
class SpectrumWish:
    """What is to be painted.

    Attributes
    ----------
    rows : tuple
        Number, volume and Fourier slices of each row that has them.
    config : ComparisonConfig
        Columns and Fourier settings.
    table : array, shape (256,), uint32
        Colours from `shade_table`.
    pixels : mapping
        1/Å of a pixel of the screen, by column.
    """

    rows: tuple[tuple[int, ComparedVolume, FourierSlices], ...]
    config: ComparisonConfig
    table: NDArray[Any]
    pixels: Mapping[Column, float]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The Fourier slices that are shown."""
        return tuple(column for column in self.config.columns if column in SPECTRA)


class SpectrumPainter:
    """Paints Fourier slices, remembering the last ones."""

    def __init__(self) -> None:
        self._pictures: dict[int, tuple[Any, dict[Column, Picture]]] = {}
        self._last: dict[Place, tuple[Any, Painted]] = {}

    def paint(self, wish: SpectrumWish) -> dict[Place, Painted]:
        """Return the painted Fourier slices of every row and column."""
        fresh: dict[Place, tuple[Any, Painted]] = {}
        for number, volume, slices in wish.rows:
            pictures = self._row(number, volume, slices, wish)
            for column, picture in pictures.items():
                factor = _factor(slices, volume, column, wish)
                key = (id(picture), factor, id(wish.table))
                known = self._last.get((number, column))
                if known is None or known[0] != key:
                    levels = picture.levels or (0.0, 1.0)
                    known = key, painted(picture, wish.table, levels=levels, factor=factor)
                fresh[number, column] = known
        self._last = fresh
        numbers = {number for number, _, _ in wish.rows}
        self._pictures = {number: kept for number, kept in self._pictures.items() if number in numbers}
        return {place: result for place, (_, result) in fresh.items()}

    def _row(
        self, number: int, volume: ComparedVolume, slices: FourierSlices, wish: SpectrumWish
    ) -> dict[Column, Picture]:
        fourier = wish.config.fourier
        key = (slices, wish.columns, fourier.flat_field, fourier.decades, volume.voxel_size)
        if number not in self._pictures or self._pictures[number][0] != key:
            pictures = spectrum_row(slices, wish.config, voxel_size=volume.voxel_size)
            self._pictures[number] = key, pictures
        return self._pictures[number][1]


def _factor(slices: FourierSlices, volume: ComparedVolume, column: Column, wish: SpectrumWish) -> int:
    plane = PLANES[column]
    steps = (1 / (slices.shape[axis] * volume.voxel_size[axis]) for axis in (plane.across, plane.down))
    return fitting_factor(max(steps), wish.pixels[column])


__all__ = ["SpectrumPainter", "SpectrumWish"]
