"""What can become a row: what is made of halves without training, steps and previews of runs, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.gui.layers import origin_of, paired_layers, path_of, volumes_in, voxel_size_of
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


def rows_without_training(layers: Iterable[Layer]) -> list[RowConfig]:
    """Return what can be made without training of every pair of halves among some layers, and of single maps.

    Of a restored tomogram nothing is made.
    """
    layers, rows = list(layers), []
    pairs = paired_layers(layers)
    for even, odd in pairs:
        paths = path_of(even), path_of(odd)
        if paths[0] is not None and paths[1] is not None:
            rows += rows_of_maps(paths[0], paths[1], voxel_size=voxel_size_of(even))
    for layer in volumes_in(layers):
        path, origin = path_of(layer), origin_of(layer)
        is_restored = origin is not None and bool(origin.label)
        if path is not None and not is_restored and not any(layer in pair for pair in pairs):
            rows += rows_of_maps(path, voxel_size=voxel_size_of(layer))
    return rows


def rows_of_maps(even: Path, odd: Path | None = None, *, voxel_size: float | None = None) -> list[RowConfig]:
    """Return the mean of two halves, and what the methods loaded make of them that need no training.

    Of one map, only what is made of one.
    """
    name, count = tomogram_name(even), 1 if odd is None else 2
    maps = {"even": even, "odd": odd, "recording": Recording(voxel_size=voxel_size)}
    rows = [RowConfig(name=f"{name} · mean", kind="mean", **maps)] if odd is not None else []
    for kind, method in loaded_untrained_methods().items():
        if method.maps_to_restore <= count and not method.missing():
            rows.append(RowConfig(name=f"{name} · {method.title}", kind="method", method=kind, **maps))
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


__all__ = ["file_row", "live_row", "rows_of_maps", "rows_without_training", "step_name", "step_row"]
