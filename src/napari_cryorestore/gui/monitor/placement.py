"""Where the preview of a run lies, read from what the run folder says."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.history import Placement

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir


def placement_of(run: RunDir) -> Placement:
    """Return name, voxel size and place of a run's preview; what the folder does not say stays open.

    The configuration is read as plain values: its model would import PyTorch.
    """
    config: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        config = tomllib.loads(run.config_text())
    tomogram: dict[str, Any] = next(iter(config.get("tomograms", [])), {})
    return Placement(
        name=f"{run.path.name} · training",
        run=str(run.path),
        voxel_size=float(tomogram.get("voxel_size", 0.0)),
        start=_start(config.get("snapshots", {})),
    )


def _start(snapshots: dict[str, Any]) -> tuple[int, int, int]:
    """Turn the block's middle and size, as `create_run` fills them in, into its first voxel."""
    position, size = snapshots.get("position"), snapshots.get("size")
    if not position or not size:
        return 0, 0, 0
    z, y, x = (int(middle) - int(length) // 2 for middle, length in zip(position, size, strict=True))
    return z, y, x


__all__ = ["placement_of"]
