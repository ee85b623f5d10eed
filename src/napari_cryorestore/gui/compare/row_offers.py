"""What can become a row: what is made of halves without training, steps and previews of runs, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.gui.layers import paired_layers, path_of, voxel_size_of
from napari_cryorestore.gui.model_choice import (
    load_methods,
    loaded_untrained_methods,
    loss_of,
    method_name_of,
)
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari.layers import Layer


def halves_rows(layers: Iterable[Layer]) -> list[RowConfig]:
    """Return what can be made of every pair of halves among some layers without training."""
    rows = []
    for even, odd in paired_layers(layers):
        paths = path_of(even), path_of(odd)
        if paths[0] is not None and paths[1] is not None:
            rows += rows_of_halves(paths[0], paths[1], voxel_size=voxel_size_of(even))
    return rows


def rows_of_halves(even: Path, odd: Path, *, voxel_size: float | None = None) -> list[RowConfig]:
    """Return the mean of two halves, and what the methods loaded make of them that need no training."""
    name = tomogram_name(even)
    halves = {"even": even, "odd": odd, "recording": Recording(voxel_size=voxel_size)}
    rows = [RowConfig(name=f"{name} · mean", kind="mean", **halves)]
    for kind, method in loaded_untrained_methods().items():
        rows.append(RowConfig(name=f"{name} · {method.title}", kind="method", method=kind, **halves))
    return rows


def step_row(run: Path, step: int) -> RowConfig:
    """Return the row of a run at a step."""
    return RowConfig(name=step_name(run, step), kind="run", path=run, step=step)


def step_name(run: Path, step: int) -> str:
    """Return what a step of a run is called: ``ICECREAM @ 600``, ``Noise2Noise FSC @ 600``."""
    kind = method_name_of(run)
    method = load_methods().get(kind)  # whoever shows a step restores with it, which takes PyTorch too
    title = " ".join(filter(None, (method.title if method else kind or run.name, loss_of(run).upper())))
    return f"{title} @ {step}"


def live_row(run: Path) -> RowConfig:
    """Return the row that shows the newest preview of a run."""
    return RowConfig(name=f"{run.name} · preview", kind="live", path=run)


def file_row(path: Path) -> RowConfig:
    """Return the row that shows a file."""
    return RowConfig(name=path.stem, kind="file", path=path)


__all__ = ["file_row", "halves_rows", "live_row", "rows_of_halves", "step_name", "step_row"]
