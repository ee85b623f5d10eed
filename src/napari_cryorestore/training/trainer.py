"""The training loop: draws, steps, previews, saves, looks at requests; knows no files."""

from __future__ import annotations

import os
import socket
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

from napari_cryorestore.checkpoint import Label, load_resume, not_resumable, save_resume, save_weights
from napari_cryorestore.data.crops import CropSampler
from napari_cryorestore.hardware import Precision, is_out_of_memory
from napari_cryorestore.methods import build_method
from napari_cryorestore.runs.events import Evaluated, Failed, Finished, Paused, Resumed, Started
from napari_cryorestore.runs.recorder import Recorder, Request
from napari_cryorestore.runs.run_dir import step_of_checkpoint
from napari_cryorestore.training.fabric_setup import is_first, launch_fabric, leave_process_group
from napari_cryorestore.training.failure import is_lost_contact, words_of
from napari_cryorestore.training.learner import Learner, next_batch
from napari_cryorestore.training.preparation import crop_of, holds_out, prepare
from napari_cryorestore.training.preview import Preview
from napari_cryorestore.training.progress import RequestPolling, TrainingProgress
from napari_cryorestore.training.rank import is_supervised
from napari_cryorestore.training.rank_recorder import RankRecorder
from napari_cryorestore.training.refills import Refills

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from lightning_fabric import Fabric

    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event
    from napari_cryorestore.runs.state import RunState

_NEEDED = ("step", "batch", "generator", "precision", "network", "average", "optimiser", "scaler")


class StopRequested(Exception):  # noqa: N818  a request of the user, not an error
    """The user stopped training before its first step."""


def train_recorded(
    config: RunConfig, recorder: Recorder, *, resume_from: Path | None = None, past: Iterable[Event] = ()
) -> None:
    """Train, recording everything; every call records exactly one `Finished` or `Failed`.

    Parameters
    ----------
    config : RunConfig
        As made by `create_run`, with nothing left open.
    recorder : Recorder
        Takes events, snapshots and checkpoints, and passes on requests.
    resume_from : Path, optional
        The checkpoint folder to go on from.
    past : iterable of Event
        What the run recorded before.

    Raises
    ------
    ConnectionError
        If another process of a supervised run is gone; the supervisor records why.
    Exception
        Whatever else went wrong, after it was recorded.
    """
    rank_recorder = RankRecorder(
        recorder, kept=config.snapshots.kept, first=is_first(config.hardware), past=past
    )
    step = step_of_checkpoint(resume_from) if resume_from else 0
    rank_recorder.record(started_event(config, rank_recorder.state, step=step))
    reason: Literal["completed", "stopped"] = "stopped"
    trainer: Trainer | None = None
    try:
        trainer = Trainer(config, rank_recorder, resume_from=resume_from)
        reason = trainer.run()
    except StopRequested:
        pass
    except BaseException as error:
        if is_supervised() and is_lost_contact(error):
            raise ConnectionError("Another process of this training is gone.") from error
        step = trainer.step if trainer else step
        rank_recorder.record(Failed(step=step, error=sentence_of(error), traceback=traceback.format_exc()))
        raise
    step, why = (trainer.step, trainer.why) if trainer else (step, "")
    del trainer  # before the processes part, as it holds on to their group
    leave_process_group()
    rank_recorder.record(Finished(step=step, reason=reason, why=why))


def sentence_of(error: BaseException) -> str:
    """Return what an error says, in words of ours where memory ran out."""
    if is_out_of_memory(error) and not isinstance(error, MemoryError):
        return "The device has too little memory: choose a smaller batch, crop, preview block or network."
    return words_of(error)


class Trainer:
    """One process of a run, from its first to its last step.

    Parameters
    ----------
    config : RunConfig
        As made by `create_run`.
    recorder : RankRecorder
        Records everything, and knows what is requested.
    resume_from : Path or None
        The checkpoint folder to go on from.

    Attributes
    ----------
    step : int
        Optimiser steps done.
    why : str
        Why training ended by itself before its last step; empty otherwise.
    """

    def __init__(self, config: RunConfig, recorder: RankRecorder, *, resume_from: Path | None) -> None:
        self.config, self.recorder, self.step, self.why = config, recorder, 0, ""
        recorder.note("Preparing", level="phase")
        state = resume_state(resume_from, config) if resume_from else {}
        precision = config.hardware.precision
        if precision == "auto":
            precision = state.get("precision", precision)
        self.fabric, self.precision = launch_fabric(config.hardware, precision=precision, say=recorder.note)
        self.device = self.fabric.device
        self.method = build_method(config.method)
        self.prepared = prepare(config, self.device, say=recorder.warn, check=self._end_if_requested)
        self.learner = Learner(config, self.method, self.fabric)
        size = self.method.cut_size(crop_of(config))
        self.refills = Refills(self.method, self.prepared.volumes, size=size, device=self.device)
        self.batch = config.schedule.batch
        self.generator = torch.Generator().manual_seed(self._seed())
        if resume_from is not None:
            self._take_up(state, resume_from)
        elif config.from_checkpoint is not None:
            begun = self.learner.start_from(config.from_checkpoint)
            recorder.note(f"Starting from step {begun} of {config.from_checkpoint}.", level="info")
        first, box, judged = self.prepared.volumes[0], self.prepared.box, self.prepared.judged
        self.preview = Preview(self.method, first, box, device=self.device, judged=judged)
        self.progress = TrainingProgress(recorder, self.learner, self.device)
        self.polling = RequestPolling(self.fabric, recorder, self.progress)
        self.shown = -1

    # The loop ----------------------------------------------------------------------------------------

    def run(self) -> Literal["completed", "stopped"]:
        """Train to the last step, to where more are no use, or to a requested stop; return which it was."""
        steps, every = self.config.schedule.steps, self.config.snapshots.every
        if self.step == 0:
            self.recorder.input(self.preview.input)
            if self.recorder.first and every and self.prepared.held_out:
                self._evaluate()  # what every later step has to surpass
        bits = "32-bit" if self.precision == "32" else self.precision
        self.recorder.note(f"Training on {self.device} in {bits} arithmetic.", level="info", step=self.step)
        self.recorder.note("Training", level="phase", step=self.step)
        self._sampler = self._new_sampler()
        self.progress.start(self.step)
        while self.step < steps:
            if not self._try_step():
                self._halve_batch()
                continue
            due = bool(every) and (self.step == steps or is_due(self.step, every=every))
            if due:
                self._snapshot()
            elif self.step == steps:
                self.progress.record(self.step)
                self._save()
            if self.step < steps and (due or self.polling.due(self.step)):
                if self._look() is not Request.CONTINUE:
                    return "stopped"
                self.why = why_over(self.config, self.recorder.state, self.fabric) if due else ""
                if self.why:
                    return "completed"
        return "completed"

    def _try_step(self) -> bool:
        """Take one step, and tell whether there was memory for it."""
        try:
            steps = self.config.schedule.steps
            batch = next_batch(self._sampler, self.method, self.device, step=self.step, steps=steps)
            batch.crops = self.refills.given(batch.crops)
            losses, bad = self.learner.update(batch, step=self.step)
            self.refills.store(batch.crops.places, self.learner.refill, unless=bad)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or self.fabric.world_size > 1:
                raise
            if self.batch == 1:
                raise MemoryError(
                    "The device has too little memory even for one crop at a time: "
                    "choose a smaller crop or network."
                ) from error
            return False
        self.progress.add(losses, skipped=bad)
        self.step += 1
        return True

    def _new_sampler(self) -> CropSampler:
        return CropSampler(
            self.prepared.volumes,
            crop=self.method.cut_size(crop_of(self.config)),
            batch=self.batch,
            input_kind=self.method.input_kind,
            generator=self.generator,
        )

    def _halve_batch(self) -> None:
        """Go on with less; called when the error that held the tensors of the failed step is gone."""
        self.learner.release()
        before, self.batch = self.batch, self.batch // 2
        self._sampler = self._new_sampler()
        message = f"Out of memory: going on with {self.batch} crops per step instead of {before}."
        self.recorder.note(message, step=self.step)

    # Requests ----------------------------------------------------------------------------------------

    def _look(self) -> Request:
        self.progress.record(self.step)
        request = self.polling.request(self.step)
        if request is Request.PAUSE:
            request = self._wait()
        if request is Request.CONTINUE and self.polling.snapshot_requested():
            self._snapshot()
        if request is Request.STOP:
            self._save()
        return request

    def _wait(self) -> Request:
        """Wait while paused, and return the request that ended the pause."""
        self.recorder.record(Paused(step=self.step))
        while (request := self.polling.request(self.step)) is Request.PAUSE:
            time.sleep(0.1)
        if request is Request.CONTINUE:
            self.recorder.record(Resumed(step=self.step))
        self.progress.start(self.step)
        return request

    def _end_if_requested(self) -> None:
        """End the preparation; of several processes, none may go alone."""
        if self.fabric.world_size == 1 and self.recorder.request() in (Request.STOP, Request.DISCARD):
            raise StopRequested

    # Showing and saving ------------------------------------------------------------------------------

    def _snapshot(self) -> None:
        """Preview, judge and save, once at every step."""
        self.progress.record(self.step)
        if self.shown == self.step:
            return
        self.shown = self.step
        if self.recorder.first and not self._record_preview():
            message = "Out of memory for the preview: choose a smaller preview block or batch."
            self.recorder.note(message, step=self.step)
        self._save()
        self.progress.start(self.step)

    def _record_preview(self) -> bool:
        """Record the preview and its quality, and tell whether there was memory for it."""
        shown = self._evaluate()
        if shown is not None:
            self.recorder.show(self.step, shown)
        return shown is not None

    def _evaluate(self) -> np.ndarray | None:
        """Restore the block, record its quality and return it; ``None`` without memory for that."""
        with self.fabric.autocast():
            shown, numbers = self.preview.restore_and_evaluate(
                self.learner.average, judged=self.prepared.held_out
            )
        if shown is None:
            self.learner.release()
        if numbers is not None:
            self.recorder.record(Evaluated(step=self.step, **numbers._asdict()))
        return shown

    def _save(self) -> None:
        wiener = self.prepared.volumes[0].imaging.wiener
        config, recorded = self.config, self.prepared.recorded
        chain = None if config.restored_by is None else config.restored_by.label()
        label = Label(self.step, config.method, config.network, wiener, recorded, chain)
        state = {"step": self.step, "batch": self.batch, "precision": self.precision}

        def write(folder: Path) -> None:
            save_weights(folder, self.learner.average, label)
            generator = self.generator.get_state()
            refills = self.refills.state()
            save_resume(folder, {**state, "generator": generator, **refills, **self.learner.state()})

        self.learner.with_room(lambda: self.recorder.save(self.step, write))

    def _take_up(self, state: dict[str, Any], resume_from: Path) -> None:
        self.step, self.batch = state["step"], state["batch"]
        with damage_explained(resume_from):
            self.learner.load(state)
            self.refills.load(state)
            if self.fabric.global_rank == 0:
                self.generator.set_state(state["generator"])
            else:
                self.generator.manual_seed(self._seed())
        self.recorder.take_up(resume_from)
        words = going_on_words(self.config, self.recorder.state, step=self.step)
        self.recorder.note(words, level="info", step=self.step)

    def _seed(self) -> int:
        """Return the seed of crops and orientations, another one for every process and place to resume."""
        return self.config.schedule.seed + 7919 * self.fabric.global_rank + 104_729 * self.step


def is_due(step: int, *, every: int) -> bool:
    """Tell whether a snapshot is due: every so many steps, and thrice before the first of these."""
    early = (every // 8, every // 4, every // 2) if every >= 16 else ()
    return step % every == 0 or step in early


def ends_itself(config: RunConfig) -> bool:
    """Tell whether a run ends where held-out agreement falls; it takes previews and a block to fall on."""
    return config.schedule.end == "held-out" and config.snapshots.every > 0 and holds_out(config)


def started_event(config: RunConfig, state: RunState, *, step: int) -> Started:
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
    if not counts or step != step_of_checkpoint(checkpoint) or not 1 <= batch <= config.schedule.batch:
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


__all__ = [
    "StopRequested",
    "Trainer",
    "damage_explained",
    "ends_itself",
    "going_on_words",
    "is_due",
    "resume_state",
    "sentence_of",
    "started_event",
    "train_recorded",
    "why_over",
]
