"""What the folder of a new run is called."""

from __future__ import annotations

import re
import time
from pathlib import Path

from napari_cryorestore.whole_file import fitting_name

_ROOM_FOR_NUMBERS = 8  # bytes
_UNFIT = re.compile(r"[^\w.+-]+")


def new_run_path(parent: Path | str, *, tomogram: str, method: str, now: float | None = None) -> Path:
    """Return a folder that is not there yet, ``<date>_<tomogram>_<method>``, with a number if need be.

    Parameters
    ----------
    parent : Path or str
        Where it shall lie.
    tomogram, method : str
        What is restored and how.
    now : float, optional
        Seconds since 1970; the present time by default.
    """
    date = time.strftime("%Y-%m-%d", time.localtime(now))
    room = len(f"{date}__{method}") + _ROOM_FOR_NUMBERS
    name = fitting_name(_UNFIT.sub("-", tomogram), room=room)
    wished = Path(parent) / f"{date}_{name}_{method}"
    path, number = wished, 1
    while path.exists():
        number += 1
        path = wished.with_name(f"{wished.name}_{number}")
    return path


__all__ = ["new_run_path"]
