"""What a training goes on from, checked: a file that was damaged or tampered with ends in one sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_args

from napari_cryorestore.checkpoint import load_resume, not_resumable
from napari_cryorestore.hardware import Precision, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig

_NEEDED = ("step", "batch", "generator", "precision", "network", "average", "optimiser", "scaler")


def step_of(checkpoint: Path) -> int:
    """Return the step of a checkpoint folder, by its name."""
    return int(checkpoint.name.rsplit("_", 1)[-1])


def resume_state(checkpoint: Path, config: RunConfig) -> dict[str, Any]:
    """Read the state of a training that a run can go on from.

    Raises
    ------
    ValueError
        If the file is damaged, lacks something, or its numbers are not some that this run can have written.
    """
    state = load_resume(checkpoint, needed=_NEEDED)
    step, batch, bits = state["step"], state["batch"], state["precision"]
    counts = type(step) is int and type(batch) is int and isinstance(bits, str)
    if not counts or step != step_of(checkpoint) or not 1 <= batch <= config.schedule.batch:
        raise not_resumable(checkpoint)
    if bits not in get_args(Precision):
        raise not_resumable(checkpoint)
    return state


@contextmanager
def damage_explained(checkpoint: Path) -> Iterator[None]:
    """Turn what Python and PyTorch make of a state that fits nothing into one sentence.

    Raises
    ------
    ValueError
        Instead.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise not_resumable(checkpoint) from error


__all__ = ["damage_explained", "resume_state", "step_of"]
