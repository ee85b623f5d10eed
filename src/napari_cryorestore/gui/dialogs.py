"""The dialogs that panels share: files and folders to choose, and the details of a failure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_cryorestore.gui.preferences import last_folder, remember_folder
from napari_cryorestore.io.volumes import opened_patterns, written_formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

WEIGHTS = "Weights (*.safetensors);;All files (*)"
PICKS = "Lists of particles (*.star *.csv *.txt *.tsv);;All files (*)"


def choose_tomograms(parent: QWidget, title: str = "Tomograms to restore") -> list[Path]:
    """Let the user choose tomograms."""
    names, _ = QFileDialog.getOpenFileNames(parent, title, str(last_folder()), _tomograms())
    return [_remembered(name) for name in names]


def choose_run(parent: QWidget) -> Path | None:
    """Let the user choose the folder of a run."""
    return _chosen_folder(parent, "Folder of a run", last_folder())


def choose_weights(parent: QWidget) -> Path | None:
    """Let the user choose a file of weights."""
    name, _ = QFileDialog.getOpenFileName(parent, "Checkpoint", str(last_folder()), WEIGHTS)
    return _remembered(name) if name else None


def choose_picks(parent: QWidget) -> list[Path]:
    """Let the user choose lists of particles."""
    names, _ = QFileDialog.getOpenFileNames(parent, "Lists of particles", str(last_folder()), PICKS)
    return [_remembered(name) for name in names]


def choose_file(parent: QWidget, title: str, kind: str) -> Path | None:
    """Let the user choose a file of a kind, e.g. ``Table (*.csv)``."""
    name, _ = QFileDialog.getOpenFileName(parent, title, str(last_folder()), kind)
    return _remembered(name) if name else None


def choose_pairs_folder(parent: QWidget) -> Path | None:
    """Let the user choose a folder that holds pairs of half tomograms."""
    return _chosen_folder(parent, "Folder of pairs to train on", last_folder())


def choose_volume(parent: QWidget, title: str) -> Path | None:
    """Let the user choose one tomogram or mask."""
    return choose_file(parent, title, _tomograms())


def choose_folder(parent: QWidget, proposed: Path) -> Path | None:
    """Let the user choose a folder to save into."""
    start = next((folder for folder in (proposed, *proposed.parents) if folder.is_dir()), last_folder())
    return _chosen_folder(parent, "Folder for results", start)


def choose_target(parent: QWidget, proposed: str, *, kind: str = "") -> Path | None:
    """Let the user choose a file to save to; the dialog asks before an existing one is replaced.

    Parameters
    ----------
    parent
        Above which the dialog opens.
    proposed
        The name of the file; its suffix is that of a name typed without one, if it fits the kind chosen.
    kind
        What the file is, e.g. ``Table (*.csv)``; a volume if not given.
    """
    kind = kind or ";;".join(f"{form.title} ({_patterns(form.suffixes)})" for form in written_formats())
    name, chosen = QFileDialog.getSaveFileName(parent, "Save", str(last_folder() / proposed), kind)
    if not name:
        return None
    path, suffixes = _remembered(name), re.findall(r"\*(\.\w+)", chosen)
    suffix = Path(proposed).suffix
    if suffixes and suffix not in suffixes:
        suffix = suffixes[0]
    return path if path.suffix else path.with_suffix(suffix)


def _tomograms() -> str:
    return f"Tomograms ({' '.join(opened_patterns())});;All files (*)"


def _patterns(suffixes: Sequence[str]) -> str:
    return " ".join(f"*{suffix}" for suffix in suffixes)


def _chosen_folder(parent: QWidget, title: str, start: Path) -> Path | None:
    name = QFileDialog.getExistingDirectory(parent, title, str(start))
    return _remembered(name) if name else None


def _remembered(name: str) -> Path:
    remember_folder(Path(name))
    return Path(name)


def open_details(parent: QWidget, sentence: str, details: str) -> None:
    """Show a failure's sentence with its traceback, to copy; returns at once."""
    box = QMessageBox(parent)
    box.setWindowTitle("Details")
    box.setText(sentence)
    box.setDetailedText(details)
    box.setModal(False)
    box.finished.connect(box.deleteLater)
    box.open()


__all__ = [
    "PICKS",
    "WEIGHTS",
    "choose_file",
    "choose_folder",
    "choose_pairs_folder",
    "choose_picks",
    "choose_run",
    "choose_target",
    "choose_tomograms",
    "choose_volume",
    "choose_weights",
    "open_details",
]
