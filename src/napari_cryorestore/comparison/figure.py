"""The field's comparison figure: one row per volume, three sections in real and three in Fourier space."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Image = NDArray[np.float64]

SUFFIXES = (".png", ".pdf", ".svg")
TITLES = ("XY", "XZ", "YZ", "$|F|$  $k_x k_y$", "$|F|$  $k_x k_z$", "$|F|$  $k_y k_z$")
DECADES = 2.5
"""Range of the Fourier magnitudes that is shown, below the highest of the row."""

_WIDTH = 15.0  # inches
_LEFT, _TOP, _EDGE, _GAP, _WIDE_GAP = 0.42, 0.42, 0.12, 0.07, 0.22
_INK, _FRAME, _ACCENT = "#1c2230", "#c9ccd3", "#f2b134"
_SHADE = {"facecolor": "black", "alpha": 0.45, "edgecolor": "none", "pad": 1.5}
_MISSING = "Figures need matplotlib: install it with pip install 'napari-cryorestore[figures]'."


class _Panel(NamedTuple):
    left: float
    width: float
    height: float


def restoration_figure(
    volumes: Sequence[tuple[str, NDArray[np.floating]]],
    *,
    voxel_size: float,
    position: tuple[int, int, int] | None = None,
) -> Figure:
    """Draw volumes below one another, with the sections in which the missing wedge and the noise show.

    Each row has the sections XY, XZ and YZ (x or y to the right, y or z downwards, to one scale), and the
    logarithms of the Fourier magnitudes in the central planes kz = 0, ky = 0 and kx = 0. By the
    projection-slice theorem these are the two-dimensional transforms of the sums along z, y and x; the mean
    is subtracted and a Hann window applied. Contrast is set row by row.

    Parameters
    ----------
    volumes : sequence of (str, array (z, y, x))
        Names and volumes, all of one shape.
    voxel_size : float
        Å, for the scale bar and the Nyquist frequency.
    position : tuple of int, optional
        Where (z, y, x) the sections cut; the middle if not given.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn on an Agg canvas; pyplot and its state are not touched.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there is no volume, their shapes differ, a voxel is not finite, or the position lies outside.
    """
    shape = _common_shape(volumes)
    cut = _checked_position(position, shape)
    panels, row_height = _layout(shape)
    height = _TOP + len(volumes) * (row_height + _GAP) - _GAP + _EDGE
    figure = _blank_figure(height)
    for row, (name, volume) in enumerate(volumes):
        top = height - _TOP - row * (row_height + _GAP)
        axes = [_add_axes(figure, panel, top=top, row_height=row_height) for panel in panels]
        _draw_sections(axes[:3], volume, cut)
        _draw_spectra(axes[3:], volume)
        label_height = (top - row_height / 2) / height
        figure.text(0.16 / _WIDTH, label_height, name, rotation=90, va="center", ha="center", color=_INK)
        if row == 0:
            _annotate(axes, shape, cut, voxel_size=voxel_size)
    return figure


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
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path.name} is no kind of figure: name it {', '.join(SUFFIXES)}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist: make it or choose another one.")
    if path.exists():
        raise FileExistsError(f"{path} exists and is never overwritten: choose another name or remove it.")
    part = path.with_name(path.name + ".part")
    try:
        figure.savefig(part, format=path.suffix[1:].lower(), dpi=dots_per_inch)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def fourier_section(volume: NDArray[np.floating], axis: int) -> Image:
    """Return the Fourier magnitude in the central plane across an axis.

    Parameters
    ----------
    volume : array (z, y, x)
        Read once; may be memory-mapped.
    axis : int
        0, 1 or 2: the plane kz = 0, ky = 0 or kx = 0.

    Returns
    -------
    array
        The two other axes, in their order, with the zero frequency at ``n // 2``.
    """
    projection = np.asarray(volume).sum(axis=axis, dtype=np.float64)
    projection -= projection.mean()
    # a window of n + 1 without its last point: periodic, and never zero altogether
    down, across = (np.hanning(size + 2)[1:-1] for size in projection.shape)
    spectrum = np.fft.fft2(projection * down[:, None] * across)
    return np.abs(np.fft.fftshift(spectrum))


def _common_shape(volumes: Sequence[tuple[str, NDArray[np.floating]]]) -> tuple[int, int, int]:
    if not volumes:
        raise ValueError("There is no volume to draw: give at least one.")
    shapes = {name: tuple(np.shape(volume)) for name, volume in volumes}
    first = next(iter(shapes.values()))
    if len(first) != 3:
        raise ValueError(f"A volume has three axes (z, y, x), but the shape {first} was given.")
    for name, shape in shapes.items():
        if shape != first:
            raise ValueError(f"{name!r} has the shape {shape}, the first volume {first}: crop them to match.")
    for name, volume in volumes:
        if not all(np.isfinite(plane).all() for plane in volume):
            raise ValueError(f"{name!r} holds NaN or infinite voxels: it cannot be drawn.")
    return first


def _checked_position(
    position: tuple[int, int, int] | None, shape: tuple[int, int, int]
) -> tuple[int, int, int]:
    if position is None:
        return shape[0] // 2, shape[1] // 2, shape[2] // 2
    if not all(0 <= index < size for index, size in zip(position, shape, strict=True)):
        raise ValueError(f"The position {position} lies outside the volumes of shape {shape}.")
    return position


def _layout(shape: tuple[int, int, int]) -> tuple[list[_Panel], float]:
    """Return the panels of a row in inches, and its height: sections to one scale, spectra square."""
    z, y, x = shape
    tallest = max(z, y)
    free = _WIDTH - _LEFT - _EDGE - 4 * _GAP - _WIDE_GAP
    inch = free / (2 * x + y + 3 * tallest)
    sizes = [(x, y), (x, z), (y, z), *[(tallest, tallest)] * 3]
    panels, left = [], _LEFT
    for (across, down), gap in zip(sizes, (_GAP, _GAP, _WIDE_GAP, _GAP, _GAP, _GAP), strict=True):
        panels.append(_Panel(left, across * inch, down * inch))
        left += across * inch + gap
    return panels, tallest * inch


def _blank_figure(height: float) -> Figure:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(_MISSING) from None
    figure = Figure(figsize=(_WIDTH, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _add_axes(figure: Figure, panel: _Panel, *, top: float, row_height: float) -> Axes:
    height = float(figure.get_figheight())
    bottom = top - (row_height + panel.height) / 2
    axes = figure.add_axes(
        (panel.left / _WIDTH, bottom / height, panel.width / _WIDTH, panel.height / height)
    )
    axes.set(xticks=(), yticks=())
    for spine in axes.spines.values():
        spine.set(color=_FRAME, linewidth=0.6)
    return axes


def _draw_sections(axes: Sequence[Axes], volume: NDArray[np.floating], cut: tuple[int, int, int]) -> None:
    sections = [np.asarray(np.take(volume, cut[axis], axis=axis), dtype=np.float64) for axis in range(3)]
    low, high = np.percentile(np.concatenate([section.ravel() for section in sections]), (0.5, 99.5))
    for target, section in zip(axes, sections, strict=True):
        target.imshow(section, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="auto")


def _draw_spectra(axes: Sequence[Axes], volume: NDArray[np.floating]) -> None:
    spectra = [fourier_section(volume, axis) for axis in range(3)]
    brightest = float(np.percentile(np.concatenate([spectrum.ravel() for spectrum in spectra]), 99.8))
    high = np.log10(brightest or 1.0)
    for target, spectrum in zip(axes, spectra, strict=True):
        logarithm = np.log10(np.maximum(spectrum, 10 ** (high - 2 * DECADES)))
        target.imshow(
            logarithm, cmap="magma", vmin=high - DECADES, vmax=high, interpolation="nearest", aspect="auto"
        )


def _annotate(
    axes: Sequence[Axes],
    shape: tuple[int, int, int],
    cut: tuple[int, int, int],
    *,
    voxel_size: float,
) -> None:
    """Put titles, scale bar, Nyquist frequency and the marks of the sections on the first row."""
    tops = [float(target.get_position().y1) for target in axes]
    for target, title in zip(axes, TITLES, strict=True):
        box = target.get_position()
        target.figure.text(
            (box.x0 + box.x1) / 2, max(tops) * 1.004, title, ha="center", va="bottom", color=_INK, fontsize=11
        )
    z, y, x = cut
    for target, (down, across) in zip(axes, ((y, x), (z, x), (z, y)), strict=False):
        _mark(target, down, across)
    _add_scale_bar(axes[0], shape, voxel_size=voxel_size)
    axes[3].text(
        0.97, 0.03, f"edge 1/({2 * voxel_size:.3g} Å)", transform=axes[3].transAxes, ha="right",
        va="bottom", color="white", fontsize=8, bbox=_SHADE,
    )  # fmt: skip


def _mark(target: Axes, down: int, across: int) -> None:
    """Mark at the edges where the other sections cut."""
    style = {"color": _ACCENT, "linewidth": 1.4, "clip_on": True}
    for low, high in ((0.0, 0.06), (0.94, 1.0)):
        target.axvline(across, low, high, **style)
        target.axhline(down, low, high, **style)


def _add_scale_bar(target: Axes, shape: tuple[int, int, int], *, voxel_size: float) -> None:
    _, height, width = shape
    nanometres = _round_length(0.3 * width * voxel_size / 10)
    length = nanometres * 10 / voxel_size
    left, level = 0.05 * width - 0.5, 0.93 * height - 0.5
    for color, thickness in (("black", 5.0), ("white", 3.0)):
        target.plot(
            [left, left + length], [level, level], color=color, linewidth=thickness, solid_capstyle="butt"
        )
    target.text(
        left + length / 2, level - 0.025 * height, f"{nanometres:g} nm", color="white", fontsize=9,
        ha="center", va="bottom", fontweight="bold", bbox=_SHADE,
    )  # fmt: skip


def _round_length(longest: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, … that is no longer."""
    power = 10 ** np.floor(np.log10(longest))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= longest * (1 + 1e-9)))
