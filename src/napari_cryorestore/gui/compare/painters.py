"""Sections and Fourier slices as pixels, each made anew only where something about it changed; free of Qt."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_cryorestore.comparison.picture import PLANES, SECTIONS, SPECTRA, levels_of
from napari_cryorestore.comparison.sections import section
from napari_cryorestore.comparison.spectra import spectrum_row
from napari_cryorestore.gui.compare.shading import block_means, fitting_factor, painted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_cryorestore.comparison.comparison_config import Column, ComparisonConfig, Position
    from napari_cryorestore.comparison.picture import Levels, Picture
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.shading import Painted
    from napari_cryorestore.physics.fourier_slices import FourierSlices

    Place = tuple[int, Column]

_AT_ONCE = 2  # threads: sections of volumes on disk wait for memory more than they compute
_MOST_LEVELS = 64  # sets of sample sections that are remembered


@dataclass(frozen=True)
class Row:
    """A row to paint: its number, its volume, and black and white if set by hand."""

    number: int
    volume: ComparedVolume
    limits: Levels | None = None


@dataclass(frozen=True)
class SectionRequest:
    """What is to be painted.

    Attributes
    ----------
    rows : tuple of Row
        From top to bottom.
    config : ComparisonConfig
        Columns, slab and contrast.
    cursor : Position
        z, y, x in Å.
    table : array, shape (256,), uint32
        Colours from `shade_table`; the same object while they are the same.
    pixels : mapping
        Å of a pixel of the screen, by column.
    """

    rows: tuple[Row, ...]
    config: ComparisonConfig
    cursor: Position
    table: NDArray[Any]
    pixels: Mapping[Column, float]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The sections that are shown."""
        return tuple(column for column in self.config.columns if column in SECTIONS)


class SectionPainter:
    """Paints sections, remembering the last ones and the contrast of every volume."""

    def __init__(self) -> None:
        self._last: dict[Place, tuple[tuple[Any, ...], Painted]] = {}
        self._samples: dict[tuple[Any, ...], list[Picture]] = {}
        self._known_levels: dict[tuple[Any, ...], Levels] = {}

    def paint(self, request: SectionRequest) -> dict[Place, Painted]:
        """Return the painted sections of every row and column."""
        levels = self.levels(request)
        fresh: dict[Place, tuple[tuple[Any, ...], Painted]] = {}
        missing: dict[Place, tuple[Row, tuple[Any, ...]]] = {}
        for row in request.rows:
            for column in request.columns:
                key = self._key(row, column, request, levels[row.number])
                known = self._last.get((row.number, column))
                if known is not None and known[0] == key:
                    fresh[row.number, column] = known
                else:
                    missing[row.number, column] = row, key
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            futures = {
                place: pool.submit(_paint, row, place[1], request, levels[row.number])
                for place, (row, _) in missing.items()
            }
        fresh |= {place: (key, futures[place].result()) for place, (_, key) in missing.items()}
        self._last = fresh
        return {place: result for place, (_, result) in fresh.items()}

    def levels(self, request: SectionRequest) -> dict[int, Levels]:
        """Return black and white of every row: from its middle, whatever the crosshair does."""
        own = {row.number: self._levels([row], request) for row in request.rows}
        if request.config.contrast == "linked":
            return dict.fromkeys(own, self._levels(list(request.rows), request))
        if request.config.contrast == "manual":
            own |= {row.number: row.limits for row in request.rows if row.limits is not None}
        return own

    def _levels(self, rows: list[Row], request: SectionRequest) -> Levels:
        """Return the percentiles of some rows together, computed once."""
        key = (request.config.percentiles, *(_sample_key(row, request) for row in rows))
        if key not in self._known_levels:
            pictures = [picture for row in rows for picture in self.samples(row, request)]
            self._known_levels[key] = levels_of(pictures, request.config.percentiles)
            _forget_oldest(self._known_levels)
        return self._known_levels[key]

    def samples(self, row: Row, request: SectionRequest) -> list[Picture]:
        """Return the sections through the middle of a row's volume, as coarse as they are shown."""
        volume, key = row.volume, _sample_key(row, request)
        if key not in self._samples:
            factors = [_section_factor(volume, column, request) for column in request.columns]
            slabs = [_slab(volume, column, request) for column in request.columns]
            middle = volume.position_of([size // 2 for size in volume.shape])
            cut = [section(volume, c, middle, slab) for c, slab in zip(request.columns, slabs, strict=True)]
            self._samples[key] = [
                replace(picture, image=block_means(picture.image, factor))
                for picture, factor in zip(cut, factors, strict=True)
            ]
            _forget_oldest(self._samples)
        return self._samples[key]

    def _key(self, row: Row, column: Column, request: SectionRequest, levels: Levels) -> tuple[Any, ...]:
        volume, axis = row.volume, PLANES[column].through
        index = volume.index_along(axis, request.cursor[axis])
        slab, factor = _slab(volume, column, request), _section_factor(volume, column, request)
        return id(volume), volume.key, volume.version, index, slab, factor, levels, id(request.table)


def _sample_key(row: Row, request: SectionRequest) -> tuple[Any, ...]:
    volume, columns = row.volume, request.columns
    factors = tuple(_section_factor(volume, column, request) for column in columns)
    slabs = tuple(_slab(volume, column, request) for column in columns)
    return volume.key, volume.version, id(volume), columns, factors, slabs


def _forget_oldest(known: dict[Any, Any]) -> None:
    while len(known) > _MOST_LEVELS:
        del known[next(iter(known))]


def _paint(row: Row, column: Column, request: SectionRequest, levels: Levels) -> Painted:
    picture = section(row.volume, column, request.cursor, _slab(row.volume, column, request))
    return painted(picture, request.table, levels=levels, factor=_section_factor(row.volume, column, request))


def _slab(volume: ComparedVolume, column: Column, request: SectionRequest) -> int:
    """Return the planes on either side, so that slabs of volumes of different voxel size are as thick."""
    axis = PLANES[column].through
    finest = min(row.volume.voxel_size[axis] for row in request.rows)
    return round(request.config.slab * finest / volume.voxel_size[axis])


def _section_factor(volume: ComparedVolume, column: Column, request: SectionRequest) -> int:
    plane = PLANES[column]
    voxel = max(volume.voxel_size[plane.across], volume.voxel_size[plane.down])
    return fitting_factor(voxel, request.pixels[column])


@dataclass(frozen=True)
class SpectrumRequest:
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

    def paint(self, request: SpectrumRequest) -> dict[Place, Painted]:
        """Return the painted Fourier slices of every row and column."""
        fresh: dict[Place, tuple[Any, Painted]] = {}
        for number, volume, slices in request.rows:
            pictures = self._row(number, volume, slices, request)
            for column, picture in pictures.items():
                factor = _spectrum_factor(slices, volume, column, request)
                key = (id(picture), factor, id(request.table))
                known = self._last.get((number, column))
                if known is None or known[0] != key:
                    levels = picture.levels or (0.0, 1.0)
                    known = key, painted(picture, request.table, levels=levels, factor=factor)
                fresh[number, column] = known
        self._last = fresh
        numbers = {number for number, _, _ in request.rows}
        self._pictures = {number: kept for number, kept in self._pictures.items() if number in numbers}
        return {place: result for place, (_, result) in fresh.items()}

    def _row(
        self, number: int, volume: ComparedVolume, slices: FourierSlices, request: SpectrumRequest
    ) -> dict[Column, Picture]:
        fourier = request.config.fourier
        key = (slices, request.columns, fourier.flat_field, fourier.decades, volume.voxel_size)
        if number not in self._pictures or self._pictures[number][0] != key:
            pictures = spectrum_row(slices, request.config, voxel_size=volume.voxel_size)
            self._pictures[number] = key, pictures
        return self._pictures[number][1]


def _spectrum_factor(
    slices: FourierSlices, volume: ComparedVolume, column: Column, request: SpectrumRequest
) -> int:
    plane = PLANES[column]
    steps = (1 / (slices.shape[axis] * volume.voxel_size[axis]) for axis in (plane.across, plane.down))
    return fitting_factor(max(steps), request.pixels[column])


__all__ = ["Row", "SectionPainter", "SectionRequest", "SpectrumPainter", "SpectrumRequest"]
