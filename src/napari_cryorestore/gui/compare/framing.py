"""Which part of a picture a cell shows: one place and one enlargement for all rows; free of Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_cryorestore.comparison.picture import PLANES, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_cryorestore.comparison.comparison_config import Column

    Span = tuple[float, float]
    Box = tuple[Span, Span, Span]

LARGEST_FACTOR = 64.0
_NARROWEST, _WIDEST = 0.7, 2.2  # width to height of a column, however thin the tomogram
_AROUND = 0.95  # so that a little of what is around can be seen
_NOTHING: Box = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))


class Window(NamedTuple):
    """What a cell shows: across from left to right, downwards from top to bottom, in Å or 1/Å."""

    left: float
    right: float
    top: float
    bottom: float


class _Camera:
    """A place in three dimensions, and an enlargement; 1 shows everything.

    Parameters
    ----------
    box : Box
        What there is to see: low and high along z, y, x.
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        self.factor = 1.0
        self.centre = _middle(box)

    def show_all(self) -> None:
        self.factor, self.centre = 1.0, _middle(self.box)

    def put(self, centre: Sequence[float]) -> None:
        """Look somewhere, at most as far out as there is something to see."""
        z, y, x = (min(max(place, low), high) for place, (low, high) in zip(centre, self.box, strict=True))
        self.centre = (z, y, x)


class Framing:
    """Place and enlargement of all sections, and those of all Fourier slices.

    Sections share one place in the volume, so that panning in XY takes XZ and YZ along.
    """

    def __init__(self) -> None:
        self._cameras = {True: _Camera(_NOTHING), False: _Camera(_NOTHING)}

    def set_boxes(self, sections: Box, spectra: Box) -> None:
        """Say what there is to see, in Å and in 1/Å; the view stays unless everything was shown."""
        for real, box in ((True, sections), (False, spectra)):
            camera = self._cameras[real]
            if camera.box != box:
                camera.box = box
                camera.put(camera.centre if camera.factor > 1 else _middle(box))

    def factor(self, column: Column) -> float:
        """Return how much a column is enlarged; 1 shows everything."""
        return self._of(column).factor

    def aspect(self, column: Column) -> float:
        """Return the width to height that a column is given, so that its pictures fill it."""
        down, across = self._lengths(column)
        return min(max(across / down, _NARROWEST), _WIDEST)

    def window(self, column: Column, size: tuple[float, float]) -> Window:
        """Return what cells of a column show.

        Parameters
        ----------
        column : Column
            Which.
        size : (float, float)
            Width and height of its cells in pixels.
        """
        plane, camera = PLANES[column], self._of(column)
        unit = self.pixel(column, size)
        half_width, half_height = size[0] * unit / 2, size[1] * unit / 2
        across = _kept(camera.centre[plane.across], half_width, camera.box[plane.across])
        down = _kept(camera.centre[plane.down], half_height, camera.box[plane.down])
        return Window(across - half_width, across + half_width, down - half_height, down + half_height)

    def pixel(self, column: Column, size: tuple[float, float]) -> float:
        """Return the Å (or 1/Å) of one pixel of a cell of so many pixels (width, height)."""
        down, across = self._lengths(column)
        return max(across / max(size[0], 1), down / max(size[1], 1)) / self._of(column).factor

    def zoom(self, column: Column, at: tuple[float, float], by: float, window: Window) -> None:
        """Enlarge around a place (across, down) that stays where it is in its window."""
        camera, plane = self._of(column), PLANES[column]
        before = camera.factor
        camera.factor = min(max(before * by, 1.0), LARGEST_FACTOR)
        if camera.factor == 1:
            camera.show_all()
            return
        shrink = before / camera.factor
        middle = ((window.left + window.right) / 2, (window.top + window.bottom) / 2)
        centre = list(camera.centre)
        for axis, place, old in zip((plane.across, plane.down), at, middle, strict=True):
            centre[axis] = place + (old - place) * shrink
        camera.put(centre)

    def pan(self, column: Column, by: tuple[float, float]) -> None:
        """Move what is shown by so much (across, down); nothing while everything is shown."""
        camera, plane = self._of(column), PLANES[column]
        if camera.factor > 1:
            centre = list(camera.centre)
            centre[plane.across] += by[0]
            centre[plane.down] += by[1]
            camera.put(centre)

    def look_at(self, box: Box) -> None:
        """Enlarge sections to a part of what there is, unless they are enlarged already."""
        camera = self._cameras[True]
        if camera.factor == 1:
            shares = [
                (high - low) / (part[1] - part[0]) for (low, high), part in zip(camera.box, box, strict=True)
            ]
            camera.factor = min(max(min(shares) * _AROUND, 1.0), LARGEST_FACTOR)
            camera.put(_middle(box))

    def show_all(self) -> None:
        """Undo every zoom."""
        for camera in self._cameras.values():
            camera.show_all()

    def _of(self, column: Column) -> _Camera:
        return self._cameras[column in SECTIONS]

    def _lengths(self, column: Column) -> tuple[float, float]:
        box, plane = self._of(column).box, PLANES[column]
        down, across = (max(box[axis][1] - box[axis][0], 1e-12) for axis in (plane.down, plane.across))
        return down, across


def _middle(box: Box) -> tuple[float, float, float]:
    z, y, x = ((low + high) / 2 for low, high in box)
    return z, y, x


def _kept(place: float, half: float, span: Span) -> float:
    """Keep a window from showing more empty space than necessary."""
    low, high = span
    if 2 * half >= high - low:
        return (low + high) / 2
    return min(max(place, low + half), high - half)


__all__ = ["LARGEST_FACTOR", "Framing", "Window"]
