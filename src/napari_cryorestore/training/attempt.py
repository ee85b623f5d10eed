"""One lifetime of a training in its run folder, which says how it ended."""

from __future__ import annotations

import os
import platform
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.io.input_stamps import changed_inputs
from napari_cryorestore.runs.events import Failed, Finished, Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.training.rank import is_supervised, ranks_first

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event
    from napari_cryorestore.runs.run_dir import RunDir


def attempt(run: RunDir, *, note: str = "") -> None:
    """Train what a run folder describes, going on from its newest checkpoint if it has one.

    Parameters
    ----------
    run : RunDir
        The caller has the right to train in it.
    note : str
        Recorded first, for the user to read.

    Raises
    ------
    Exception
        Whatever went wrong, after it was recorded as `Failed`.
    """
    history = history_of(run)
    try:
        if note:
            run.record(Noted(level="info", message=note))
        if ranks_first():
            run.put_right()
        from napari_cryorestore.training.trainer import train

        recipe = recipe_of(run)
        if ranks_first():
            _tell_changed(run, recipe)
        past = RunFollower(run.path).poll() if ranks_first() else []
        train(recipe, run, resume_from=_resume_from(run), past=past)
    except BaseException as error:
        _record_early_failure(run, history.poll(), error)
        raise


def _tell_changed(run: RunDir, recipe: RunConfig) -> None:
    """Record which inputs are not those that the run began with."""
    from napari_cryorestore.training.preparation import input_files

    for finding in changed_inputs(run.environment().get("inputs"), input_files(recipe)):
        level: Literal["info", "warning"] = "info" if finding.severity == "note" else "warning"
        run.record(Noted(level=level, message=finding.text))


def recipe_of(run: RunDir) -> RunConfig:
    """Return the recipe of a run.

    Raises
    ------
    ValueError
        If it cannot be used here: it is damaged, or what it names is not installed.
    """
    from pydantic import ValidationError

    from napari_cryorestore.config import sentence
    from napari_cryorestore.run_config import RunConfig

    try:
        return RunConfig.from_toml(run.config_text())
    except ValueError as error:
        words = sentence(error) if isinstance(error, ValidationError) else error
        raise ValueError(f"The configuration of {run.path.name} cannot be used: {words}") from error


def _resume_from(run: RunDir) -> Path | None:
    from napari_cryorestore.checkpoint import RESUME

    found = [step for step in run.checkpoint_steps() if (run.checkpoint_path(step) / RESUME).is_file()]
    return run.checkpoint_path(found[-1]) if found else None


def _record_early_failure(run: RunDir, events: list[Event], error: BaseException) -> None:
    """Record a failure that came before `train` could record its own, and is nobody else's to record."""
    if not ranks_first() or (is_supervised() and isinstance(error, ConnectionError)):
        return
    if not any(isinstance(event, Failed) for event in events):
        started = any(isinstance(event, Started) for event in events)
        record_failure(run, words_of(error), started=started, details=traceback.format_exc())


def words_of(error: BaseException) -> str:
    """Return what an error says, or for one that says nothing what it is."""
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted before it could save a checkpoint: continue the run to go on from its newest one."
    return str(error) or type(error).__name__


def record_failure(run: RunDir, words: str, *, started: bool, details: str = "") -> None:
    """Record that a training failed, and that it began unless it `started`; a full disk forbids both."""
    with suppress(OSError):
        if not started:
            step = max(run.checkpoint_steps(), default=0)
            run.record(Started(step=step, steps=0, process=os.getpid(), host=platform.node()))
        run.record(Failed(error=words, traceback=details))


def history_of(run: RunDir) -> RunFollower:
    """Return a follower of what will be recorded from now on."""
    follower = RunFollower(run.path)
    follower.poll()
    return follower


def has_failed(history: RunFollower) -> bool:
    """Tell whether a failure was recorded since the follower last looked."""
    return any(isinstance(event, Failed) for event in history.poll())


def _latest(run: RunDir) -> Event | None:
    events = RunFollower(run.path).poll()
    return next((event for event in reversed(events) if not isinstance(event, Noted)), None)


def has_ended(run: RunDir) -> bool:
    """Tell whether the latest process of a run recorded its end."""
    return isinstance(_latest(run), Failed | Finished)


__all__ = ["attempt", "has_ended", "has_failed", "history_of", "record_failure", "words_of"]
