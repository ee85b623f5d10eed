"""Making a run folder and starting its training, in a thread of this program or as a program of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.io.input_stamps import stamps_of
from napari_cryorestore.runs.events import Noted
from napari_cryorestore.runs.raw_config import device_counts
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import RunLock, refuse
from napari_cryorestore.training.attempt import attempt
from napari_cryorestore.training.environment import environment
from napari_cryorestore.training.handles import (
    LAUNCHED,
    ProcessHandle,
    RunHandle,
    ThreadHandle,
    training_command,
)
from napari_cryorestore.training.rank import is_supervised, own_place, ranks_first
from napari_cryorestore.training.supervised import end_with_supervisor
from napari_cryorestore.training.supervision import supervise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.findings import Finding
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event


def create_run(config: RunConfig, path: Path) -> RunDir:
    """Make a run folder whose configuration leaves nothing open.

    The voxel size, the tilt range and axis, the name and the crop are filled in where they were not given.
    What the examination of the tomograms found is recorded first.

    Raises
    ------
    FileExistsError
        If there is something in the folder.
    ValueError
        If the tomograms cannot be used, with what to do about it.
    """
    from napari_cryorestore.training.preparation import input_files
    from napari_cryorestore.training.resolution import resolved

    findings: list[Finding] = []
    complete = resolved(config, tell=findings.append)
    known = {**environment((complete.packages or {}).values()), "inputs": stamps_of(input_files(complete))}
    run = RunDir.create(path, config=complete.to_toml(), environment=known)
    for finding in findings:
        run.record(Noted(level="info" if finding.severity == "note" else "warning", message=finding.text))
    return run


def run_training(run: RunDir, *, hear: Callable[[Event], None] = lambda event: None) -> None:
    """Train what a run folder describes, going on from its newest checkpoint if it has one.

    Where it has several devices on this computer, each gets a process. Requests that were left before are
    taken back, except by a process that `launch` started: those it finds were made since.

    Parameters
    ----------
    run : RunDir
        As made by `create_run`.
    hear : callable
        Is told every event that other processes record.

    Raises
    ------
    ValueError
        If somebody trains there already; the run is left alone.
    Exception
        Whatever else went wrong, after it was recorded as `Failed`.
    """
    if is_supervised():
        end_with_supervisor(run)
    if is_supervised() or not _is_first(run):
        _train(run, hear=hear)
        return
    lock = RunLock.take(run.path)
    try:
        if LAUNCHED not in os.environ and ranks_first():
            run.clear_requests()
        _train(run, hear=hear, note=lock.note)
    finally:
        lock.release()


def _train(run: RunDir, *, hear: Callable[[Event], None], note: str = "") -> None:
    count = (
        1 if is_supervised() or own_place().count > 1 or "LOCAL_RANK" in os.environ else device_counts(run)[0]
    )
    if count == 1:
        attempt(run, note=note)
        return
    if note:
        run.record(Noted(level="info", message=note))
    supervise(run, training_command(run), count, hear=hear)


def launch(run: RunDir, where: Literal["thread", "process"] = "thread") -> RunHandle:
    """Start training and return at once.

    Parameters
    ----------
    run : RunDir
        As made by `create_run`; a run that ended or was killed goes on.
    where : {"thread", "process"}
        A thread shares this program; a process survives it, and is needed for more than one device.

    Raises
    ------
    ValueError
        If a thread is asked for a run on more than one device, or somebody trains there already.
    OSError
        If the run folder cannot be written.
    """
    if where == "thread" and device_counts(run) != (1, 1):
        raise ValueError(
            f"The run {run.path.name} uses several devices, which takes a process of its own: "
            "launch it as a process."
        )
    refuse(run.path)
    if where == "process":
        run.clear_requests()
        return ProcessHandle(run)
    lock = RunLock.take(run.path)
    run.clear_requests()
    return ThreadHandle(run, lock)


def _is_first(run: RunDir) -> bool:
    """Tell whether this is the one process of a run that records; a recipe that is damaged fails later."""
    return device_counts(run) == (1, 1) or ranks_first()


__all__ = ["create_run", "launch", "run_training"]
