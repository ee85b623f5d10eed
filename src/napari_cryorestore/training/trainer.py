"""The training loop: draws, steps, records, previews, saves, looks at requests; knows no files."""

from __future__ import annotations

import os
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor

from napari_cryorestore.checkpoint import Label, load_resume, save_resume, save_weights
from napari_cryorestore.data.crops import CropSampler
from napari_cryorestore.hardware import (
    FABRIC_PRECISION,
    choose_device,
    choose_precision,
    is_out_of_memory,
    peak_memory,
    use_threads,
)
from napari_cryorestore.methods import build_method
from napari_cryorestore.runs.events import (
    Evaluated,
    Failed,
    Finished,
    Paused,
    Resumed,
    Snapshotted,
    Started,
    Stepped,
)
from napari_cryorestore.runs.recorder import Recorder, Request
from napari_cryorestore.training.journal import Journal
from napari_cryorestore.training.learner import Draw, Learner
from napari_cryorestore.training.preparation import crop_of, prepare
from napari_cryorestore.training.preview import Preview, mean_of_halves
from napari_cryorestore.training.running_mean import RunningMean

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig

RECORD_EVERY = 0.2
"""Seconds between two records of the loss, and between two looks at requests."""
LOOK_EVERY = 20
"""Steps between two looks at requests where several processes must agree."""


def train(config: RunConfig, recorder: Recorder, *, resume_from: Path | None = None) -> None:
    """Train, recording everything; every call records exactly one `Finished` or `Failed`.

    Parameters
    ----------
    config : RunConfig
        As made by `create_run`, with nothing left open.
    recorder : Recorder
        Takes events, snapshots and checkpoints, and passes on requests.
    resume_from : Path, optional
        The checkpoint folder to go on from.

    Raises
    ------
    Exception
        Whatever went wrong, after it was recorded.
    """
    journal = Journal(recorder, kept=config.snapshots.kept)
    journal.first = int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
    trainer: Trainer | None = None
    started = int(resume_from.name.rsplit("_", 1)[-1]) if resume_from else 0
    journal.record(
        Started(step=started, steps=config.schedule.steps, process=os.getpid(), host=socket.gethostname())
    )
    try:
        trainer = Trainer(config, journal, resume_from=resume_from)
        reason = trainer.run()
    except BaseException as error:
        step = trainer.step if trainer else started
        journal.record(Failed(step=step, error=sentence_of(error), traceback=traceback.format_exc()))
        raise
    journal.record(Finished(step=trainer.step, reason=reason))


def sentence_of(error: BaseException) -> str:
    """Return an error's message, or its kind where it has none."""
    if is_out_of_memory(error):
        return (
            "The device has too little memory even for one crop at a time: choose a smaller crop or network."
        )
    return str(error) or type(error).__name__


class Trainer:
    """One process of a run, from its first to its last step."""

    def __init__(self, config: RunConfig, journal: Journal, *, resume_from: Path | None) -> None:
        self.config, self.journal, self.step = config, journal, 0
        journal.note("Preparing", level="phase")
        self.fabric = launched(config, say=journal.note)
        self.device = self.fabric.device
        self.method = build_method(config.method)
        self.prepared = prepare(config, self.device, say=journal.note)
        self.learner = Learner(config, self.method, self.fabric)
        self.batch = config.schedule.batch
        self.generator = torch.Generator().manual_seed(config.schedule.seed + 7919 * self.fabric.global_rank)
        if resume_from is not None:
            self._take_up(resume_from)
        self.preview = Preview(self.method, self.prepared.volumes[0], self.prepared.box)
        self.losses = RunningMean(self.device)

    # The loop ----------------------------------------------------------------------------------------

    def run(self) -> Literal["completed", "stopped"]:
        """Train to the last step or until asked to stop, and tell which it was."""
        steps, every = self.config.schedule.steps, self.config.snapshots.every
        if every and self.step == 0 and self.journal.first:
            self.journal.recorder.write_input(self.preview.input)
        self.journal.note("Training", level="phase", step=self.step)
        sampler = self._sampler()
        self._start_clock()
        while self.step < steps:
            try:
                self._one_step(sampler)
            except RuntimeError as error:
                sampler = self._smaller_batch(error)
                continue
            self.step += 1
            if self._time_to_look() and (request := self._look()) is not Request.CONTINUE:
                if request is Request.STOP:
                    self._save()
                return "stopped"
            if self.step == steps or (every and self.step % every == 0):
                self._snapshot()
        return "completed"

    def _one_step(self, sampler: CropSampler) -> None:
        batch = self.method.augment(sampler.draw(), self.generator).map(self._to_device)
        losses, bad = self.learner.update(Draw(batch, self.generator), step=self.step)
        self.losses.add(losses, skipped=bad)

    def _to_device(self, crops: Tensor) -> Tensor:
        return crops.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last_3d)

    def _sampler(self) -> CropSampler:
        return CropSampler(
            self.prepared.volumes,
            crop=crop_of(self.config),
            batch=self.batch,
            input_kind=self.method.input_kind,
            generator=self.generator,
        )

    def _smaller_batch(self, error: RuntimeError) -> CropSampler:
        """Halve the batch where memory ran out; any other error, or a batch of one, goes on up."""
        if not is_out_of_memory(error) or self.batch == 1:
            raise error
        self.batch //= 2
        self.learner.release()
        self.journal.note(
            f"Out of memory: going on with {self.batch} crops per step instead of {2 * self.batch}.",
            step=self.step,
        )
        return self._sampler()

    # Looking and recording ---------------------------------------------------------------------------

    def _start_clock(self) -> None:
        self._since, self._from_step = time.perf_counter(), self.step

    def _time_to_look(self) -> bool:
        if self.fabric.world_size > 1:
            return self.step % LOOK_EVERY == 0
        return time.perf_counter() - self._since >= RECORD_EVERY

    def _look(self) -> Request:
        self._record_losses()
        request = self._requested()
        if request is Request.PAUSE:
            request = self._wait()
        if request is Request.CONTINUE and self.fabric.broadcast(self.journal.recorder.snapshot_requested()):
            self._snapshot()
        return request

    def _record_losses(self) -> None:
        elapsed = time.perf_counter() - self._since
        means, skipped = self.losses.take()
        if skipped:
            done = (
                "skipped, and the last good weights were taken up again"
                if self.learner.roll_back()
                else "skipped"
            )
            advice = "If it goes on, lower the learning rate or choose 32-bit precision."
            self.journal.note(f"{skipped} step(s) gave no finite loss: {done}. {advice}", step=self.step)
        else:
            self.learner.keep()
        if means:
            loss = means.pop("loss")
            rate = (self.step - self._from_step) / max(elapsed, 1e-9)
            memory = peak_memory(self.device)
            self.journal.record(Stepped(step=self.step, loss=loss, parts=means, rate=rate, memory=memory))
        self._start_clock()

    def _wait(self) -> Request:
        """Wait while paused, and return what is asked for then."""
        self.journal.record(Paused(step=self.step))
        while (request := self._requested()) is Request.PAUSE:
            time.sleep(0.1)
        if request is Request.CONTINUE:
            self.journal.record(Resumed(step=self.step))
        self._start_clock()
        return request

    def _requested(self) -> Request:
        return Request(self.fabric.broadcast(self.journal.recorder.request().value))

    def _snapshot(self) -> None:
        """Preview, judge and save."""
        self._record_losses()
        if self.config.snapshots.every and self.journal.first:
            self._show()
        self._save()
        self._start_clock()

    @torch.no_grad()
    def _show(self) -> None:
        with self.fabric.autocast():
            even, odd = self.preview.restore(self.learner.average)
            metrics = {}
            if self.prepared.held_out:
                metrics = self.preview.evaluate(self.learner.average, even, odd)
        if metrics:
            self.journal.record(Evaluated(step=self.step, metrics=metrics))
        file = self.journal.recorder.write_snapshot(self.step, mean_of_halves(even, odd))
        self.journal.record(Snapshotted(step=self.step, file=file))

    # Saving and taking up ----------------------------------------------------------------------------

    def _save(self) -> None:
        wiener = self.prepared.volumes[0].imaging.wiener
        label = Label(self.step, self.config.method, self.config.network, wiener)
        state = {"step": self.step, "batch": self.batch, "generator": self.generator.get_state()}

        def write(folder: Path) -> None:
            save_weights(folder, self.learner.average, label)
            save_resume(folder, {**state, **self.learner.state()})

        self.journal.save(self.step, write)

    def _take_up(self, resume_from: Path) -> None:
        state: dict[str, Any] = load_resume(resume_from)
        self.learner.load(state)
        self.generator.set_state(state["generator"])
        self.step, self.batch = state["step"], state["batch"]
        self.journal.saved = sorted(int(folder.name[5:]) for folder in resume_from.parent.glob("step_*"))
        self.journal.note(f"Going on from step {self.step}.", level="info", step=self.step)


def launched(config: RunConfig, *, say: Any) -> Fabric:
    """Return the launched Fabric of a run: one device in this process, or one process a device."""
    hardware = config.hardware
    device = choose_device(hardware.device)
    if device.type == "cpu":
        use_threads(hardware.threads)
    torch.backends.cudnn.benchmark = True
    precision, warning = choose_precision(hardware.precision, device)
    if warning:
        say(warning)
    several = hardware.devices * hardware.nodes > 1
    devices: Any = hardware.devices if several or device.type != "cuda" else [device.index or 0]
    fabric = Fabric(
        accelerator=device.type,
        devices=devices,
        num_nodes=hardware.nodes,
        strategy="ddp" if several else "auto",
        precision=FABRIC_PRECISION[precision],
    )
    fabric.launch()
    return fabric


__all__ = ["Trainer", "launched", "sentence_of", "train"]
