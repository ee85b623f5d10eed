"""What is drawn upon the pictures of a figure: scale bar, ticks, rings, wedge lines and arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.comparison.page import ACCENT, SHADE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from napari_cryorestore.comparison.overlays import Overlay
    from napari_cryorestore.comparison.picture import Plane

    Place = tuple[float, float, float]

_FOUND = "#5ed3c3"
_ARROW = 26.0  # points
_ROOM = 0.3  # inches between the centre and a ring's label


def add_scale_bar(axes: Axes) -> None:
    """Draw a bar of a round number of nanometres, at most three tenths of the picture wide."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    nanometres = _round_length(0.3 * (right - left) / 10)
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


def _round_length(longest: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, … that is no longer."""
    power = 10 ** np.floor(np.log10(longest))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= longest * (1 + 1e-9)))


__all__ = ["add_arrows", "add_overlay", "add_scale_bar", "add_ticks"]
