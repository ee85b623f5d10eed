"""``cryorestore train --restored-by``: the halves are restored before the run folder is made."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from napari_cryorestore.cli.named_run import require_model, run_and_step
from napari_cryorestore.cli.outcome import INTERRUPTED, CommandError, on_interruption

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.cli.live_text import LiveText
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.run_config import RunConfig


def create_chain(config: RunConfig, path: Path, restored_by: str, screen: LiveText | None) -> Path:
    """Restore the halves by a run, showing how far it is, and return the folder of the run to train.

    Raises
    ------
    CommandError
        If it was interrupted; the same command goes on.
    ValueError, OSError, MemoryError
        See `chain.create_chained_run`.
    """
    from napari_cryorestore.chain import Talk, create_chained_run
    from napari_cryorestore.data.tiles import Cancelled
    from napari_cryorestore.restore_config import ModelRef

    first, step = run_and_step(restored_by)
    require_model(first)
    cancel = threading.Event()

    def show(share: float) -> None:
        if screen:
            screen.show(f"restoring the halves by {first.name}: {100 * share:.0f} %")

    def say(sentence: str) -> None:
        if screen:
            screen.say(sentence)

    def found(finding: Finding) -> None:
        say(finding.line)

    talk = Talk(show, cancel.is_set, say, found)
    try:
        with on_interruption(cancel.set):
            by = ModelRef(weights=first, step="suggested" if step is None else step)
            return create_chained_run(config, path, by=by, talk=talk).path
    except (Cancelled, KeyboardInterrupt):
        told = f"interrupted: the run {path.name} was not made; the same command with --run {path} goes on"
        raise CommandError(told, code=INTERRUPTED) from None
    finally:
        if screen:
            screen.end()


__all__ = ["create_chain"]
