"""The plugin's preferences, as the manifest declares them and napari keeps them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

PLUGIN = "napari-cryorestore"


def preferences() -> Any:
    """Return the preferences; setting an attribute saves it.

    Returns
    -------
    napari settings model
        With ``default_device`` (auto, cpu, cuda, mps), ``preview_size`` (voxels, 0 = automatic),
        ``runs_folder`` and ``last_folder`` (empty = not set).
    """
    from napari.settings import get_plugin_settings

    return get_plugin_settings(PLUGIN).general


def last_folder() -> Path:
    """Return the folder in which file dialogs open: the last one used that still exists, or home."""
    folder = preferences().last_folder
    return Path(folder) if folder and Path(folder).is_dir() else Path.home()


def remember_folder(path: Path) -> None:
    """Open the next file dialog where this file or folder lies."""
    preferences().last_folder = str(path if path.is_dir() else path.parent)


def runs_folder(tomogram: Path) -> Path:
    """Return where new runs are made: in the preferred folder if there is one, or beside the tomogram."""
    preferred = preferences().runs_folder
    return Path(preferred).expanduser() if preferred else folder_beside(tomogram)


def folder_beside(tomogram: Path) -> Path:
    """Return the folder of a tomogram, or home if it may not be written to or belongs to this package."""
    folder = tomogram.absolute().parent
    ours = any(name in folder.parts for name in ("napari_cryorestore", PLUGIN))
    return folder if os.access(folder, os.W_OK) and not ours else Path.home()
