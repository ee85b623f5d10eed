"""The page of a figure: where its panels lie, and the marks that are drawn upon its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_cryorestore.comparison.picture import PLANES, SECTIONS, round_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_cryorestore.comparison.comparison_config import Column
    from napari_cryorestore.comparison.overlays import Overlay
    from napari_cryorestore.comparison.picture import Plane

    Span = tuple[float, float]
    Place = tuple[float, float, float]

INK, FRAME, ACCENT, HOLE = "#1c2230", "#c9ccd3", "#f2b134", "#b9a7c9"
"""Letters, borders, marks, and voxels that are not finite."""
SHADE: dict[str, Any] = {"facecolor": "black", "alpha": 0.45, "edgecolor": "none", "pad": 1.5}

_WIDTH = 15.0  # inches
_TOP, _EDGE, _GAP, _WIDE_GAP = 0.42, 0.12, 0.07, 0.22
_LINE = 0.2  # inches of a line of a row's name
_TALLEST = 6.0  # inches of a row: a single column would fill the page
_MISSING = "Figures need matplotlib: install it with pip install 'napari-cryorestore[figures]'."


class _Panel(NamedTuple):
    left: float
    width: float
    height: float


@dataclass(frozen=True)
class Page:
    """A figure, and its panels row by row.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        On an Agg canvas, so that pyplot and its state are not touched.
    rows : list of dict
        The axes of every row, by column, from top to bottom.
    name_places : list of (float, float)
        Where the rows' names stand, in shares of the figure, to be written upright.
    row_height : float
        Inches.
    """

    figure: Figure
    rows: list[dict[Column, Axes]]
    name_places: list[tuple[float, float]]
    row_height: float


def blank_page(count: int, columns: Sequence[Column], view: Sequence[Span], *, name_lines: int = 1) -> Page:
    """Lay out the panels: sections to one scale, Fourier pictures square.

    Parameters
    ----------
    count : int
        Rows.
    columns : sequence of str
        From left to right.
    view : sequence of (float, float)
        What is seen of the volumes along z, y and x, in Å.
    name_lines : int
        Lines that the longest name of a row takes.

    Returns
    -------
    Page
        Without any picture.
    """
    left = _EDGE + 0.1 + _LINE * name_lines
    panels, row_height, width = _layout(columns, [high - low for low, high in view], left)
    height = _TOP + count * (row_height + _GAP) - _GAP + _EDGE
    figure = _blank_figure(width, height)
    rows, places = [], []
    for row in range(count):
        top = height - _TOP - row * (row_height + _GAP)
        rows.append({
            column: _add_axes(figure, panel, middle=top - row_height / 2)
            for column, panel in zip(columns, panels, strict=True)
        })  # fmt: skip
        places.append(((left - 0.08) / 2 / width, (top - row_height / 2) / height))
    return Page(figure, rows, places, row_height)


def _layout(
    columns: Sequence[Column], sizes: Sequence[float], left: float
) -> tuple[list[_Panel], float, float]:
    """Return the panels of a row, its height and the page's width, in inches."""
    tallest = max([sizes[PLANES[c].down] for c in columns if c in SECTIONS], default=1.0)
    shapes = [
        (sizes[PLANES[c].across], sizes[PLANES[c].down]) if c in SECTIONS else (tallest, tallest)
        for c in columns
    ]
    gaps = [
        _WIDE_GAP if (one in SECTIONS) != (other in SECTIONS) else _GAP for one, other in pairwise(columns)
    ]
    across = sum(width for width, _ in shapes)
    inch = min((_WIDTH - left - _EDGE - sum(gaps)) / across, _TALLEST / tallest)
    panels, place = [], left
    for (width, height), gap in zip(shapes, [*gaps, 0.0], strict=True):
        panels.append(_Panel(place, width * inch, height * inch))
        place += width * inch + gap
    return panels, tallest * inch, place + _EDGE


def require_matplotlib() -> None:
    """Raise ``ImportError`` with the remedy where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(_MISSING) from None


def _blank_figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _add_axes(figure: Figure, panel: _Panel, *, middle: float) -> Axes:
    width, height = float(figure.get_figwidth()), float(figure.get_figheight())
    bottom = middle - panel.height / 2
    axes = figure.add_axes((panel.left / width, bottom / height, panel.width / width, panel.height / height))
    axes.set(xticks=(), yticks=(), facecolor=HOLE)
    for spine in axes.spines.values():
        spine.set(color=FRAME, linewidth=0.6)
    return axes


_FOUND = "#5ed3c3"
_ARROW = 26.0  # points
_ROOM = 0.3  # inches between the centre and a ring's label


def add_scale_bar(axes: Axes) -> None:
    """Draw a bar of a round number of nanometres, at most three tenths of the picture wide."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    nanometres = round_length(0.3 * (right - left) / 10)
    start, level = left + 0.05 * (right - left), bottom + 0.07 * (top - bottom)
    for color, thickness in (("black", 5.0), ("white", 3.0)):
        axes.plot(
            [start, start + nanometres * 10], [level] * 2, color=color, linewidth=thickness,
            solid_capstyle="butt", scalex=False, scaley=False,
        )  # fmt: skip
    axes.text(
        start + nanometres * 5, level + 0.025 * (top - bottom), f"{nanometres:g} nm", color="white",
        fontsize=9, ha="center", va="bottom", fontweight="bold", bbox=SHADE,
    )  # fmt: skip


def add_ticks(axes: Axes, crosshair: tuple[float, float]) -> None:
    """Mark at the edges of a section where the other sections cut."""
    across, down = crosshair
    for low, high in ((0.0, 0.06), (0.94, 1.0)):
        axes.axvline(across, low, high, color=ACCENT, linewidth=1.4, clip_on=True)
        axes.axhline(down, low, high, color=ACCENT, linewidth=1.4, clip_on=True)


def add_overlay(axes: Axes, overlay: Overlay, *, words: bool) -> None:
    """Draw rings and wedge lines upon a Fourier picture, labelled or not."""
    turns = np.linspace(0, 2 * np.pi, 181)
    for radius, label in overlay.rings:
        axes.plot(
            radius * np.cos(turns), radius * np.sin(turns), color="white", linewidth=0.6, alpha=0.55,
            scalex=False, scaley=False,
        )  # fmt: skip
        if words and _inches(axes, radius) > _ROOM:
            axes.text(0, -radius, label, color="white", fontsize=7, ha="center", va="bottom", bbox=SHADE)
    for lines, style in ((overlay.wedge, ("white", "--")), (overlay.detected, (_FOUND, ":"))):
        for line in lines:
            across, down = zip(*line, strict=True)
            axes.plot(
                across, down, color=style[0], linestyle=style[1], linewidth=1.1, scalex=False, scaley=False
            )


def add_arrows(axes: Axes, plane: Plane, places: Iterable[Place], *, cut: float, reach: float) -> None:
    """Point at the places (z, y, x in Å) that lie within reach of a section."""
    for place in places:
        if abs(place[plane.through] - cut) > reach:
            continue
        axes.annotate(
            "", xy=(place[plane.across], place[plane.down]), xytext=(-_ARROW, _ARROW),
            textcoords="offset points", annotation_clip=True,
            arrowprops={
                "arrowstyle": "-|>,head_width=0.32,head_length=0.6", "color": ACCENT, "linewidth": 1.8,
                "shrinkA": 0, "shrinkB": 3,
            },
        )  # fmt: skip


def _inches(axes: Axes, length: float) -> float:
    """Return how long a length of a Fourier picture is on paper."""
    bottom, top = axes.get_ylim()
    return float(axes.bbox.height / axes.figure.dpi * length / abs(top - bottom))


__all__ = [
    "ACCENT",
    "FRAME",
    "HOLE",
    "INK",
    "SHADE",
    "Page",
    "add_arrows",
    "add_overlay",
    "add_scale_bar",
    "add_ticks",
    "blank_page",
    "require_matplotlib",
]
