"""What scripts and benchmarks do with a real window: wait, dismiss messages, and take its picture."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari import Viewer

COLOURS = 256
"""Colours of a picture that is kept; chosen to suit it, so that a palette shows no difference."""


def until(happened: Callable[[], bool], *, seconds: float = 120.0, pause: float = 0.005) -> None:
    """Let the window live until something has happened.

    Parameters
    ----------
    happened : callable
        Called again and again until it returns True.
    seconds : float
        How long to wait at most.
    pause : float
        Seconds between two calls.

    Raises
    ------
    TimeoutError
        If it did not happen in time.
    """
    from qtpy.QtWidgets import QApplication

    deadline = time.monotonic() + seconds
    while not happened():
        QApplication.processEvents()
        if time.monotonic() > deadline:
            raise TimeoutError(f"this did not happen within {seconds:g} seconds")
        time.sleep(pause)


def wait(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, seconds=seconds + 120)


def dismiss_messages() -> None:
    """Close what napari says in the corner."""
    from napari._qt.dialogs.qt_notification import NapariQtNotification
    from qtpy.QtWidgets import QApplication

    for widget in QApplication.allWidgets():
        if isinstance(widget, NapariQtNotification):
            widget.close()


def take_pictures(viewer: Viewer, folder: Path, name: str) -> None:
    """Save a viewer's window in both themes, as ``<name>-dark.png`` and ``<name>-light.png``.

    Without napari's flash, which would take the colours away, and with `shrink`.
    """
    before = viewer.theme
    for theme in ("dark", "light"):
        viewer.theme = theme
        wait(0.6)
        path = folder / f"{name}-{theme}.png"
        viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        shrink(path)
    viewer.theme = before


def shrink(path: Path) -> None:
    """Give a PNG file a palette, which makes it a third as large; one that has one is left alone."""
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode == "P":
            return
        # the palette that covers every colour, moved to where most pixels are; not dithered, as that grows
        small = picture.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        )
    small.save(path, optimize=True)
