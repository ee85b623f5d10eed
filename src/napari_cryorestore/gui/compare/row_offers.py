"""What can become a row: means of halves, the Wiener filter, steps and previews of runs, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.comparison.config import RowConfig
from napari_cryorestore.gui.layers import paired_layers, path_of, voxel_size_of
from napari_cryorestore.gui.model_choice import loss_of, method_of, tomograms_of
from napari_cryorestore.io.pairing import tomogram_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari.layers import Layer

    from napari_cryorestore.gui.model_choice import RecordedTomogram

_METHODS = {"noise2noise": "Noise2Noise", "icecream": "ICECREAM", "wiener": "Wiener filter"}
"""Titles of the methods that come with the package; asking their table would import PyTorch."""


def halves_rows(layers: Iterable[Layer]) -> list[RowConfig]:
    """Return the mean and the Wiener filter of every pair of halves among some layers."""
    rows = []
    for even, odd in paired_layers(layers):
        paths = path_of(even), path_of(odd)
        if paths[0] is not None and paths[1] is not None:
            rows += rows_of_halves(paths[0], paths[1], voxel_size=voxel_size_of(even))
    return rows


def rows_of_halves(even: Path, odd: Path, *, voxel_size: float | None = None) -> list[RowConfig]:
    """Return the mean and the Wiener filter of two halves."""
    name = tomogram_name(even)
    return [
        RowConfig(name=f"{name} · mean", kind="mean", even=even, odd=odd, voxel_size=voxel_size),
        RowConfig(name=f"{name} · Wiener", kind="wiener", even=even, odd=odd, voxel_size=voxel_size),
    ]


def step_row(run: Path, step: int) -> RowConfig:
    """Return the row of a run at a step."""
    return RowConfig(name=step_name(run, step), kind="run", path=run, step=step)


def step_name(run: Path, step: int) -> str:
    """Return what a step of a run is called: ``ICECREAM @ 600``, ``Noise2Noise FSC @ 600``."""
    kind = method_of(run)
    title = " ".join(filter(None, (_METHODS.get(kind, kind or run.name), loss_of(run).upper())))
    return f"{title} @ {step}"


def live_row(run: Path) -> RowConfig:
    """Return the row that shows the newest preview of a run."""
    return RowConfig(name=f"{run.name} · preview", kind="live", path=run)


def file_row(path: Path) -> RowConfig:
    """Return the row that shows a file."""
    return RowConfig(name=path.stem, kind="file", path=path)


def halves_of_run(run: Path) -> list[RowConfig]:
    """Return the mean and the Wiener filter of what a run learned from, if it has both halves."""
    recorded: RecordedTomogram | None = next(iter(tomograms_of(run)), None)
    if recorded is None or recorded.even is None or recorded.odd is None:
        return []
    return rows_of_halves(recorded.even, recorded.odd, voxel_size=recorded.voxel_size)


__all__ = ["file_row", "halves_of_run", "halves_rows", "live_row", "rows_of_halves", "step_name", "step_row"]
