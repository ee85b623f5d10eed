"""What the heading of a row says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui.compare.layer_rows import UNKNOWN_SIZE, size_is_known
from napari_cryorestore.gui.compare.row_head import HeadState
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image

    from napari_cryorestore.comparison.model import Entry
    from napari_cryorestore.comparison.volume import ComparedVolume


def head_state(entry: Entry, layer: Image | None, *, share: float | None, chosen: bool) -> HeadState:
    """Return what a row's heading says.

    Parameters
    ----------
    entry : Entry
        The row.
    layer : Image or None
        The layer that it shows.
    share : float or None
        How much of what it waits for is done.
    chosen : bool
        Whether it is the chosen row.
    """
    row, size = entry.config, _size_words(entry.volume)
    if layer is not None and not size_is_known(layer):
        size = f"⚠ {UNKNOWN_SIZE}"
    caption = entry.busy or ("⚠ cannot be shown" if entry.problem else size)
    if entry.busy and share:
        caption = f"{entry.busy} {share:.0%}"
    where = row.path or row.even
    return HeadState(
        name=row.name,
        caption=caption,
        tip="\n".join(filter(None, (row.name, size, entry.problem, str(where or "")))),
        steps=_steps(row.path) if row.kind == "run" and row.path is not None else (),
        step=row.step,
        busy=bool(entry.busy),
        share=share,
        chosen=chosen,
    )


def _size_words(volume: ComparedVolume | None) -> str:
    if volume is None:
        return ""
    return f"{'×'.join(map(str, volume.shape))} · {volume.voxel_size[2]:.4g} Å"


def _steps(run: Path) -> tuple[int, ...]:
    try:
        return tuple(RunDir(run).checkpoint_steps())
    except OSError:
        return ()


__all__ = ["head_state"]
