"""The training's bar in napari's activity dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils import progress

if TYPE_CHECKING:
    from napari_cryorestore.runs.state import RunState


class ActivityBar:
    """Shows a run while it is live, and nothing else."""

    def __init__(self) -> None:
        self._bar: progress | None = None

    def follow(self, state: RunState, name: str) -> None:
        """Show how far a live run is."""
        if not state.steps:
            return
        if self._bar is None:
            self._bar = progress(total=state.steps, desc=f"Training {name}")
        if state.step > self._bar.n:
            self._bar.update(state.step - self._bar.n)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


__all__ = ["ActivityBar"]
