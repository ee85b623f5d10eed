"""The field's comparison figure: one row per volume, sections in real and slices in Fourier space."""

from __future__ import annotations

import textwrap
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.comparison.comparison_config import ComparisonConfig, RowConfig
from napari_cryorestore.comparison.overlays import overlays
from napari_cryorestore.comparison.page import (
    INK,
    add_arrows,
    add_overlay,
    add_scale_bar,
    add_ticks,
    blank_page,
    require_matplotlib,
)
from napari_cryorestore.comparison.picture import PLANES, SECTIONS, SPECTRA, levels_of
from napari_cryorestore.comparison.sections import section_row
from napari_cryorestore.comparison.sources import Sources
from napari_cryorestore.comparison.spectra import offset_indices, spectrum_row, tilts_of
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.physics.fourier_slices import fourier_slices
from napari_cryorestore.whole_file import require_new, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_cryorestore.comparison.comparison_config import Column, Position
    from napari_cryorestore.comparison.page import Page
    from napari_cryorestore.comparison.picture import Levels, Picture
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.recording import Recording

    Span = tuple[float, float]
    Row = dict[Column, Picture]

SUFFIXES = (".png", ".pdf", ".svg")
TITLES: dict[Column, str] = {
    "XY": "XY",
    "XZ": "XZ",
    "YZ": "YZ",
    "|F|xy": "$|F|$  $k_x k_y$",
    "|F|xz": "$|F|$  $k_x k_z$",
    "|F|yz": "$|F|$  $k_y k_z$",
}
ARROW_PLANES = 3
"""An arrow is drawn where its place lies at most so many planes beside the section."""

_LETTERS_OF_A_LINE = 22


def comparison_figure(
    volumes: Sequence[ComparedVolume],
    config: ComparisonConfig | None = None,
    *,
    arrows: Iterable[Position] = (),
    detected: Sequence[Recording | None] = (),
    warn: Callable[[str], object] = lambda sentence: None,
) -> Figure:
    """Draw volumes below one another, in sections and Fourier slices that show noise and missing wedge.

    Sections have x or y to the right and y or z downwards, all to one scale; volumes of different voxel size
    are aligned in Å, and as much is shown as they have in common. Fourier pictures are logarithms of the
    magnitudes; dashed lines are the borders of the missing wedge after the tilt range, dotted ones those
    found in the data.

    Parameters
    ----------
    volumes : sequence of ComparedVolume
        With the names that stand beside the rows.
    config : ComparisonConfig, optional
        How it looks; as in the Compare panel, by default.
    arrows : iterable of Position
        Places (z, y, x in Å) that arrows point at, in every row.
    detected : sequence of Recording or None
        The tilts that each volume's spectrum shows, to be drawn beside those that are known.
    warn : callable
        Takes sentences that the user should read, about holes for instance.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn on an Agg canvas; pyplot and its state are not touched.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no volume, the crosshair lies outside all of them, or there is no such colour map.
    """
    require_matplotlib()
    config = config or ComparisonConfig()
    if not volumes:
        raise ValueError("There is no volume to draw: give at least one.")
    drawing = _Drawing(volumes, config, tuple(arrows))
    names = [_wrapped(volume.name) for volume in volumes]
    page = blank_page(
        len(volumes), config.columns, drawing.view, name_lines=max(name.count("\n") for name in names) + 1
    )
    for place, row in enumerate(picture_rows(volumes, config, cursor=drawing.cursor)):
        found = detected[place] if place < len(detected) else None
        drawing.draw_row(page.rows[place], row, place, found=found)
        for sentence in {picture.warning for picture in row.values() if picture.warning}:
            warn(sentence)
    _write_words(page, names)
    return page.figure


def save_figure(path: Path | str, figure: Figure, *, dots_per_inch: int = 150) -> Path:
    """Write a figure so that it appears whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file to make, ending in .png, .pdf or .svg; it must not exist yet.
    figure : matplotlib.figure.Figure
        What to write.
    dots_per_inch : int
        Resolution of the images in it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists.
    FileNotFoundError
        If its folder does not exist.
    ValueError
        If the suffix is another one.
    """
    path = check_figure(path)
    with whole_file(path) as aside:
        figure.savefig(aside, format=path.suffix[1:].lower(), dpi=dots_per_inch)
    return path


def check_figure(path: Path | str) -> Path:
    """Refuse a file that `save_figure` would refuse, before anything is computed; errors as there."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path.name} is not a figure: end its name in one of {', '.join(SUFFIXES)}.")
    require_new(path)
    return path


class _Drawing:
    """What all rows have in common."""

    def __init__(
        self, volumes: Sequence[ComparedVolume], config: ComparisonConfig, arrows: tuple[Position, ...]
    ) -> None:
        self.volumes, self.config, self.arrows = volumes, config, arrows
        self.cursor = cursor_of(volumes, config)
        self.view = _view(volumes, config, self.cursor)
        self.highest = config.fourier.zoom or max(0.5 / min(volume.voxel_size) for volume in volumes)
        self.colors = _color_map(config.colormap, inverted=config.inverted)
        self.fourier_colors = _color_map(config.fourier_colormap)

    def draw_row(
        self, row: dict[Column, Axes], pictures: dict[Column, Picture], place: int, *, found: Recording | None
    ) -> None:
        """Paint the pictures of a row, and what belongs upon them."""
        first = place == 0
        for column, picture in pictures.items():
            axes = row[column]
            if column in SECTIONS:
                self._draw_section(axes, picture, self.volumes[place], column=column)
            else:
                self._draw_spectrum(axes, picture, self.volumes[place], column=column, found=found)
            if first and column in SECTIONS and picture.crosshair is not None:
                add_ticks(axes, picture.crosshair)
        sections = [column for column in self.config.columns if column in SECTIONS]
        if first and sections:
            add_scale_bar(row[sections[0]])

    def _draw_section(self, axes: Axes, picture: Picture, volume: ComparedVolume, *, column: Column) -> None:
        _paint(axes, picture, self.colors)
        plane = PLANES[column]
        _look_at(axes, self.view[plane.across], self.view[plane.down])
        reach = (ARROW_PLANES + self.config.slab) * volume.voxel_size[plane.through]
        add_arrows(axes, plane, self.arrows, cut=self.cursor[plane.through], reach=reach)

    def _draw_spectrum(
        self, axes: Axes, picture: Picture, volume: ComparedVolume, *, column: Column, found: Recording | None
    ) -> None:
        _paint(axes, picture, self.fourier_colors)
        _look_at(axes, (-self.highest, self.highest), (-self.highest, self.highest))
        axes.set_facecolor("black")
        drawn = overlays(
            self.config, column, volume.voxel_size, tilts=tilts_of(volume, self.config), detected=found
        )
        add_overlay(axes, drawn, words=volume is self.volumes[0])


def _paint(axes: Axes, picture: Picture, colors: Any) -> None:
    left, right, top, bottom = picture.extent
    low, high = picture.levels or (0.0, 1.0)
    axes.imshow(
        picture.image, cmap=colors, vmin=low, vmax=high, interpolation="nearest", aspect="auto",
        extent=(left, right, bottom, top),
    )  # fmt: skip


def _look_at(axes: Axes, across: Span, down: Span) -> None:
    axes.set(xlim=across, ylim=down[::-1])


def _view(volumes: Sequence[ComparedVolume], config: ComparisonConfig, cursor: Position) -> list[Span]:
    """Return what is seen along z, y and x: what all volumes have, or as much of it as the zoom shows."""
    spans = []
    for axis, name in enumerate("zyx"):
        edges = [volume.extent[axis] for volume in volumes]
        if all(volume.index_along(axis, cursor[axis]) is None for volume in volumes):
            low, high = min(low for low, _ in edges), max(high for _, high in edges)
            raise ValueError(
                f"The sections cut at {cursor[axis]:g} Å along {name}, but the volumes reach from {low:g} to "
                f"{high:g} Å: choose a place inside."
            )
        low, high = max(low for low, _ in edges), min(high for _, high in edges)
        if not low <= cursor[axis] <= high:  # nothing in common there: show everything
            low, high = min(low for low, _ in edges), max(high for _, high in edges)
        if config.zoom is not None:
            middle = (config.centre or cursor)[axis]
            low, high = max(low, middle - config.zoom / 2), min(high, middle + config.zoom / 2)
        spans.append((low, high))
    if any(low >= high for low, high in spans):
        raise ValueError("The place to zoom in on lies outside the volumes: choose one inside.")
    return spans


def _color_map(name: str, *, inverted: bool = False) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, is_color_like

    if name in colormaps:
        chosen = colormaps[name]
    elif is_color_like(name):  # napari names its maps from black to one colour after the colour
        chosen = LinearSegmentedColormap.from_list(name, ["black", name])
    else:
        raise ValueError(f"There is no colour map {name!r} for figures: choose gray, magma, viridis, …")
    chosen = chosen.reversed() if inverted else chosen
    return chosen.with_extremes(bad=(0, 0, 0, 0))


def _wrapped(name: str) -> str:
    return "\n".join(textwrap.wrap(name, _LETTERS_OF_A_LINE, max_lines=3, placeholder=" …")) or name


def _write_words(page: Page, names: Sequence[str]) -> None:
    """Write the names of the rows, and the titles of the columns."""
    for name, (across, up) in zip(names, page.name_places, strict=True):
        page.figure.text(across, up, name, rotation=90, va="center", ha="center", color=INK, fontsize=10)
    top = max(axes.get_position().y1 for axes in page.rows[0].values())
    for column, axes in page.rows[0].items():
        box = axes.get_position()
        page.figure.text(
            (box.x0 + box.x1) / 2, top + 0.05 / page.figure.get_figheight(), TITLES[column], ha="center",
            va="bottom", color=INK, fontsize=11,
        )  # fmt: skip


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


def compare(
    rows: Mapping[str, Path | str | RowConfig],
    figure: Path | str,
    *,
    device: str = "auto",
    warn: Callable[[str], object] = warnings.warn,
    **looks: Any,
) -> Path:
    """Draw volumes and runs below one another, in real and Fourier space, and write the figure.

    Parameters
    ----------
    rows : dict of str to Path, str or RowConfig
        What stands beside each row, and its volume: a file, or a run, of which the suggested step restores
        what is seen. A `RowConfig` can be more: another step, a method without training, the mean of halves.
    figure : Path or str
        The file to make, ending in .png, .pdf or .svg; it must not exist yet.
    device : str
        What restores runs: auto, cpu, mps, cuda or cuda:1.
    warn : callable
        Called with a sentence for everything that does not fit together; a Python warning if not given.
    **looks
        Fields of `ComparisonConfig`, such as ``cursor``, ``columns`` or ``contrast``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError, OSError, MemoryError, ImportError
        If a row is no volume, a field is wrong, or the figure cannot be made; see `comparison_figure`.
    """
    path = check_figure(figure)
    named = [_row(name, volume) for name, volume in rows.items()]
    config = ComparisonConfig.model_validate({"rows": named, **looks})
    sources = Sources(DeviceConfig(device=device))
    volumes = [sources.open_row(row, cursor=config.cursor, region=config.region) for row in config.rows]
    return save_figure(path, comparison_figure(volumes, config, warn=warn))


def _row(name: str, volume: Path | str | RowConfig) -> RowConfig:
    if isinstance(volume, RowConfig):
        return volume.model_copy(update={"name": name})
    path = Path(volume)
    return RowConfig(name=name, kind="run" if path.is_dir() else "file", path=path)


__all__ = [
    "SUFFIXES",
    "check_figure",
    "compare",
    "comparison_figure",
    "cursor_of",
    "picture_rows",
    "save_figure",
]
