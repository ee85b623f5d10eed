"""The training loop: draws, steps, previews, saves, looks at requests; knows no files."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

import torch

from napari_cryorestore.checkpoint import Label, save_resume, save_weights
from napari_cryorestore.data.crops import CropSampler
from napari_cryorestore.hardware import is_out_of_memory
from napari_cryorestore.methods import build_method
from napari_cryorestore.runs.events import Evaluated, Failed, Finished, Paused, Resumed
from napari_cryorestore.runs.recorder import Recorder, Request
from napari_cryorestore.training.attempt import words_of
from napari_cryorestore.training.journal import Journal
from napari_cryorestore.training.learner import Learner, next_batch
from napari_cryorestore.training.looks import Looks
from napari_cryorestore.training.own_end import going_on_words, is_due, started, why_over
from napari_cryorestore.training.preparation import crop_of, prepare
from napari_cryorestore.training.preview import Preview
from napari_cryorestore.training.processes import is_first, launched, part
from napari_cryorestore.training.progress import Progress
from napari_cryorestore.training.rank import is_supervised
from napari_cryorestore.training.refills import Refills
from napari_cryorestore.training.resume_state import damage_explained, resume_state, step_of
from napari_cryorestore.training.supervised import is_lost_contact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np

    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event


class StopRequested(Exception):  # noqa: N818  a wish of the user, not an error
    """Training was asked to end before its first step."""


def train(
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
    journal = Journal(recorder, kept=config.snapshots.kept, first=is_first(config.hardware), past=past)
    step = step_of(resume_from) if resume_from else 0
    journal.record(started(config, journal.state, step=step))
    reason: Literal["completed", "stopped"] = "stopped"
    trainer: Trainer | None = None
    try:
        trainer = Trainer(config, journal, resume_from=resume_from)
        reason = trainer.run()
    except StopRequested:
        pass
    except BaseException as error:
        if is_supervised() and is_lost_contact(error):
            raise ConnectionError("Another process of this training is gone.") from error
        step = trainer.step if trainer else step
        journal.record(Failed(step=step, error=sentence_of(error), traceback=traceback.format_exc()))
        raise
    step, why = (trainer.step, trainer.why) if trainer else (step, "")
    del trainer  # before the processes part, as it holds on to their group
    part()
    journal.record(Finished(step=step, reason=reason, why=why))


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
    journal : Journal
        Where everything is recorded, and who knows what is asked.
    resume_from : Path or None
        The checkpoint folder to go on from.

    Attributes
    ----------
    step : int
        Optimiser steps done.
    why : str
        Why training ended before its last step without being asked to; empty otherwise.
    """

    def __init__(self, config: RunConfig, journal: Journal, *, resume_from: Path | None) -> None:
        self.config, self.journal, self.step, self.why = config, journal, 0, ""
        journal.note("Preparing", level="phase")
        state = resume_state(resume_from, config) if resume_from else {}
        precision = config.hardware.precision
        if precision == "auto":
            precision = state.get("precision", precision)
        self.fabric, self.precision = launched(config.hardware, precision=precision, say=journal.note)
        self.device = self.fabric.device
        self.method = build_method(config.method)
        self.prepared = prepare(config, self.device, say=journal.warn, check=self._end_if_asked)
        self.learner = Learner(config, self.method, self.fabric)
        size = self.method.cut_size(crop_of(config))
        self.refills = Refills(self.method, self.prepared.volumes, size=size, device=self.device)
        self.batch = config.schedule.batch
        self.generator = torch.Generator().manual_seed(self._seed())
        if resume_from is not None:
            self._take_up(state, resume_from)
        elif config.from_checkpoint is not None:
            begun = self.learner.start_from(config.from_checkpoint)
            journal.note(f"Starting from step {begun} of {config.from_checkpoint}.", level="info")
        self.preview = Preview(self.method, self.prepared.volumes[0], self.prepared.box, device=self.device)
        self.progress = Progress(journal, self.learner, self.device)
        self.looks = Looks(self.fabric, journal, self.progress)
        self.shown = -1

    # The loop ----------------------------------------------------------------------------------------

    def run(self) -> Literal["completed", "stopped"]:
        """Train to the last step, to where more are no use, or until asked to stop; tell which it was."""
        steps, every = self.config.schedule.steps, self.config.snapshots.every
        if self.step == 0:
            self.journal.input(self.preview.input)
            if self.journal.first and every and self.prepared.held_out:
                self._judged()  # what every later step has to surpass
        bits = "32-bit" if self.precision == "32" else self.precision
        self.journal.note(f"Training on {self.device} in {bits} arithmetic.", level="info", step=self.step)
        self.journal.note("Training", level="phase", step=self.step)
        self._sampler = self._new_sampler()
        self.progress.start(self.step)
        while self.step < steps:
            if not self._stepped():
                self._halve_batch()
                continue
            due = bool(every) and (self.step == steps or is_due(self.step, every=every))
            if due:
                self._snapshot()
            elif self.step == steps:
                self.progress.record(self.step)
                self._save()
            if self.step < steps and (due or self.looks.due(self.step)):
                if self._look() is not Request.CONTINUE:
                    return "stopped"
                self.why = why_over(self.config, self.journal.state, self.fabric) if due else ""
                if self.why:
                    return "completed"
        return "completed"

    def _stepped(self) -> bool:
        """Take one step, and tell whether there was memory for it."""
        try:
            batch = next_batch(self._sampler, self.method, self.device)
            batch.crops = self.refills.given(batch.crops)
            losses, bad = self.learner.update(batch, step=self.step)
            self.refills.put_down(batch.crops.places, self.learner.refill, unless=bad)
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
        self.journal.note(message, step=self.step)

    # Requests ----------------------------------------------------------------------------------------

    def _look(self) -> Request:
        self.progress.record(self.step)
        request = self.looks.request(self.step)
        if request is Request.PAUSE:
            request = self._wait()
        if request is Request.CONTINUE and self.looks.snapshot_requested():
            self._snapshot()
        if request is Request.STOP:
            self._save()
        return request

    def _wait(self) -> Request:
        """Wait while paused, and return what is asked for then."""
        self.journal.record(Paused(step=self.step))
        while (request := self.looks.request(self.step)) is Request.PAUSE:
            time.sleep(0.1)
        if request is Request.CONTINUE:
            self.journal.record(Resumed(step=self.step))
        self.progress.start(self.step)
        return request

    def _end_if_asked(self) -> None:
        """End the preparation; of several processes, none may go alone."""
        if self.fabric.world_size == 1 and self.journal.request() in (Request.STOP, Request.DISCARD):
            raise StopRequested

    # Showing and saving ------------------------------------------------------------------------------

    def _snapshot(self) -> None:
        """Preview, judge and save, once at every step."""
        self.progress.record(self.step)
        if self.shown == self.step:
            return
        self.shown = self.step
        if self.journal.first and not self._showed():
            message = "Out of memory for the preview: choose a smaller preview block or batch."
            self.journal.note(message, step=self.step)
        self._save()
        self.progress.start(self.step)

    def _showed(self) -> bool:
        """Record the preview and its quality, and tell whether there was memory for it."""
        shown = self._judged()
        if shown is not None:
            self.journal.show(self.step, shown)
        return shown is not None

    def _judged(self) -> np.ndarray | None:
        """Restore the block, record its quality and return it; ``None`` without memory for that."""
        with self.fabric.autocast():
            shown, numbers = self.preview.looked_at(self.learner.average, judged=self.prepared.held_out)
        if shown is None:
            self.learner.release()
        if numbers is not None:
            self.journal.record(Evaluated(step=self.step, **numbers._asdict()))
        return shown

    def _save(self) -> None:
        wiener = self.prepared.volumes[0].imaging.wiener
        label = Label(self.step, self.config.method, self.config.network, wiener, self.prepared.recorded)
        state = {"step": self.step, "batch": self.batch, "precision": self.precision}

        def write(folder: Path) -> None:
            save_weights(folder, self.learner.average, label)
            generator = self.generator.get_state()
            refills = self.refills.state()
            save_resume(folder, {**state, "generator": generator, **refills, **self.learner.state()})

        self.learner.with_room(lambda: self.journal.save(self.step, write))

    def _take_up(self, state: dict[str, Any], resume_from: Path) -> None:
        self.step, self.batch = state["step"], state["batch"]
        with damage_explained(resume_from):
            self.learner.load(state)
            self.refills.load(state)
            if self.fabric.global_rank == 0:
                self.generator.set_state(state["generator"])
            else:
                self.generator.manual_seed(self._seed())
        self.journal.take_up(resume_from)
        words = going_on_words(self.config, self.journal.state, step=self.step)
        self.journal.note(words, level="info", step=self.step)

    def _seed(self) -> int:
        """Return the seed of crops and orientations, another one for every process and place to resume."""
        return self.config.schedule.seed + 7919 * self.fabric.global_rank + 104_729 * self.step


__all__ = ["StopRequested", "Trainer", "is_due", "sentence_of", "train"]
