"""Where the preview of a run lies, read from what the run folder says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from napari_cryorestore.gui.history import Placement
from napari_cryorestore.runs.raw_config import raw_config, table, tomograms_of

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir

_MOST = 1e9


def placement_of(run: RunDir) -> Placement:
    """Return name, voxel size and place of a run's preview; what the folder does not say stays open.

    The configuration is read as plain values: its model would import PyTorch.
    """
    config = raw_config(run)
    edge = next((tomogram.recording.voxel_size for tomogram in tomograms_of(run)), None)
    return Placement(
        name=f"{run.path.name} · training",
        run=str(run.path),
        voxel_size=edge if edge is not None and edge < _MOST else 0.0,
        start=_start(table(config, "snapshots")),
    )


def _start(snapshots: dict[str, Any]) -> tuple[int, int, int]:
    """Turn the block's middle and size, as `create_run` fills them in, into its first voxel."""
    position, size = snapshots.get("position"), snapshots.get("size")
    if not _is_triple(position) or not _is_triple(size):
        return 0, 0, 0
    z, y, x = (middle - length // 2 for middle, length in zip(position, size, strict=True))
    return z, y, x


def _is_triple(value: Any) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list) and len(value) == 3 and all(type(n) is int and 0 <= n < _MOST for n in value)
    )


__all__ = ["placement_of"]
