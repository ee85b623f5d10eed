"""All pictures of a comparison, row by row, for doors that paint once and not as the crosshair moves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.comparison.contrast import levels_of
from napari_cryorestore.comparison.picture import PLANES, SECTIONS, SPECTRA
from napari_cryorestore.comparison.sections import section_row
from napari_cryorestore.comparison.spectra import offset_indices, spectrum_row
from napari_cryorestore.physics.fourier_slices import fourier_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.comparison.config import Column, ComparisonConfig, Position
    from napari_cryorestore.comparison.picture import Levels, Picture
    from napari_cryorestore.comparison.volume import ComparedVolume

    Row = dict[Column, Picture]


def picture_rows(
    volumes: Sequence[ComparedVolume], config: ComparisonConfig, *, cursor: Position | None = None
) -> list[Row]:
    """Make the sections and Fourier pictures of every volume.

    Parameters
    ----------
    volumes : sequence of ComparedVolume
        One for each row.
    config : ComparisonConfig
        Columns, slab, contrast and Fourier settings; where contrast is manual, the limits of the rows that
        have the volumes' names.
    cursor : Position, optional
        Å; the configuration's, or else the middle of the first volume, if not given.

    Returns
    -------
    list of dict
        Pictures by column, with levels.
    """
    place = cursor or cursor_of(volumes, config)
    plane = [max(volume.voxel_size[axis] for volume in volumes) for axis in range(3)]
    rows: list[Row] = [section_row(volume, config, cursor=place, plane=max(plane)) for volume in volumes]
    _set_contrast(rows, volumes, config)
    for row, volume in zip(rows, volumes, strict=True):
        row |= _spectra(volume, config)
    return rows


def cursor_of(volumes: Sequence[ComparedVolume], config: ComparisonConfig) -> Position:
    """Return where the sections cut, in Å: the configuration's place, else the first volume's middle."""
    if config.cursor is not None:
        return config.cursor
    return volumes[0].position_of([size // 2 for size in volumes[0].shape])


def _set_contrast(rows: list[Row], volumes: Sequence[ComparedVolume], config: ComparisonConfig) -> None:
    """Change the levels of the sections where they are not each row's own."""
    if config.contrast == "linked":
        every = [picture for row in rows for picture in row.values()]
        common = levels_of(every, config.percentiles)
        chosen: list[Levels | None] = [common] * len(rows)
    elif config.contrast == "manual":
        limits = {row.name: row.limits for row in config.rows}
        chosen = [limits.get(volume.name) for volume in volumes]
    else:
        return
    for row, levels in zip(rows, chosen, strict=True):
        if levels is not None:
            row |= {column: replace(row[column], levels=levels) for column in SECTIONS if column in row}


def _spectra(volume: ComparedVolume, config: ComparisonConfig) -> Row:
    planes = sorted(PLANES[column].through for column in SPECTRA if column in config.columns)
    if not planes:
        return {}
    slices = fourier_slices(
        volume.data,
        window=config.fourier.window,
        offsets=offset_indices(volume, config.fourier),
        planes=planes,
    )
    return spectrum_row(slices, config, voxel_size=volume.voxel_size)


__all__ = ["cursor_of", "picture_rows"]
