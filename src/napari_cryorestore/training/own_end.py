"""When a run previews, and whether it then ends by itself, which all its processes must do together."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from napari_cryorestore.runs.events import Started
from napari_cryorestore.training.preparation import holds_out

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.state import RunState


def ends_itself(config: RunConfig) -> bool:
    """Tell whether a run ends where held-out agreement falls; it takes previews and a block to fall on."""
    return config.schedule.end == "held-out" and config.snapshots.every > 0 and holds_out(config)


def started(config: RunConfig, state: RunState, *, step: int) -> Started:
    """Return what this process records first; a run ends by itself only once."""
    may_end = ends_itself(config) and not state.ended_itself
    return Started(
        step=step,
        steps=config.schedule.steps,
        process=os.getpid(),
        host=socket.gethostname(),
        may_end=may_end,
    )


def going_on_words(config: RunConfig, state: RunState, *, step: int) -> str:
    """Return from where training goes on, and that it no longer ends by itself where it did before.

    Of a run that took all its steps, it says how to take more.
    """
    if step >= config.schedule.steps:
        return (
            f"All {config.schedule.steps} steps of this run are done. For more, begin another run with its "
            "weights: 'cryorestore train --from-checkpoint RUN'."
        )
    again = f" The run ended by itself before; now it goes on to step {config.schedule.steps}."
    return f"Going on from step {step}.{again if state.ended_itself and ends_itself(config) else ''}"


def why_over(config: RunConfig, state: RunState, fabric: Fabric) -> str:
    """Return why a run ends after a preview, to all processes, which all call this; empty if it goes on.

    Only the first process knows the history.
    """
    if not ends_itself(config):
        return ""
    found = state.ending if state.may_end else None
    return str(fabric.broadcast("" if found is None else found.words))


def is_due(step: int, *, every: int) -> bool:
    """Tell whether a snapshot is due: every so many steps, and thrice before the first of these."""
    early = (every // 8, every // 4, every // 2) if every >= 16 else ()
    return step % every == 0 or step in early


__all__ = ["ends_itself", "going_on_words", "is_due", "started", "why_over"]
