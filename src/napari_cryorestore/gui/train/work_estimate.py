"""What training will take, said before it starts: crops, memory and time; free of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.status_line import about_words
from napari_cryorestore.gui.train.preview_place import binning_of, shape_once_binned

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.devices import Device
    from napari_cryorestore.gui.train.model import TrainModel

_SECTIONS = ("method", "network", "schedule", "snapshots", "hardware")


@dataclass(frozen=True)
class WorkEstimate:
    """What is known so far of what training takes; what is not is ``None``.

    Attributes
    ----------
    crop : int
        Edge of a training crop in voxels, as given or as it would be chosen.
    memory : float
        Bytes.
    free : float
        Bytes that the device has; 0 where that is not known.
    seconds : float
        For all steps.
    may_end : bool
        Whether it may end earlier by itself.
    """

    crop: int | None = None
    memory: float | None = None
    free: float = 0.0
    seconds: float | None = None
    may_end: bool = False

    @property
    def does_not_fit(self) -> bool:
        """Whether more memory is needed than there is."""
        return bool(self.memory and self.free and self.memory > self.free)

    def memory_words(self) -> str:
        """Return what is to be said of memory, in a sentence; empty where it is not known."""
        if self.memory is None:
            return ""
        words, free = f"Training takes about {self.memory / 1e9:.1f} GB", f"{self.free / 1e9:.1f} GB"
        if self.does_not_fit:
            return f"{words}, but only {free} are free: choose a smaller crop, batch or network."
        return f"{words}."

    def words(self) -> str:
        """Return all of it in one line, e.g. ``Estimated: crops of 64³, 2.1 GB, about 4 min …``.

        Empty where nothing is known yet.
        """
        parts = []
        if self.crop is not None:
            parts.append(f"crops of {self.crop}³")
        if self.memory is not None:
            parts.append(f"{self.memory / 1e9:.1f} GB")
        if self.seconds is not None:
            parts.append(f"{'at most ' if self.may_end else ''}{about_words(self.seconds)} on this computer")
        return f"Estimated: {', '.join(parts)}." if parts else ""


class WorkEstimator:
    """Estimates anew, in threads, what training takes whenever something changed that it depends on.

    Parameters
    ----------
    model : TrainModel
        What is chosen.
    background : Background
        Where it is estimated.
    say : callable
        Given what is known, as soon as more is.
    """

    def __init__(
        self, model: TrainModel, background: Background, *, say: Callable[[WorkEstimate], None]
    ) -> None:
        self._model, self._background, self._say = model, background, say
        self._requested: Any = None
        self._cancel = Event()
        self._known: dict[str, Any] = {}

    def estimate(self, device: Device) -> None:
        """Estimate for a device, unless that was done already."""
        model = self._model
        halves = [model.choice.even, *(item.choice.even for item in model.more_tomograms)]
        binning = binning_of(model.sections["schedule"])
        shapes = tuple(shape_once_binned(half.shape, binning) for half in halves if half is not None)
        sections = {name: model.sections[name] for name in _SECTIONS}
        precision = getattr(sections["hardware"], "precision", "auto")
        half = precision in ("bf16", "fp16") or (precision == "auto" and device.half_precision)
        requested = (shapes, tuple(sections.values()), half, device.name)
        if model.choice.even is None or requested == self._requested:
            return
        self.cancel()
        self._requested, self._cancel = requested, Event()
        cancelled = self._cancel.is_set
        ends: Any = getattr(sections["schedule"], "end", "steps")
        self._known = {"free": float(device.free), "may_end": ends == "held-out"}
        self._say(WorkEstimate(**self._known))

        def memory() -> dict[str, Any]:
            from napari_cryorestore.training.memory_estimate import estimated_memory, likely_crop

            found = {"crop": likely_crop(sections, shapes)}
            return {**found, "memory": estimated_memory(sections, shapes, half_precision=half)}

        def seconds() -> dict[str, Any]:
            from napari_cryorestore.training.time_estimate import estimated_seconds

            where = {"device": device.name, "precision": precision}
            return {"seconds": estimated_seconds(sections, shapes, cancelled=cancelled, **where)}

        self._start("memory", memory)
        self._start("time", seconds)

    def cancel(self) -> None:
        """End what is still being estimated: nobody waits for it any more."""
        self._cancel.set()

    def _start(self, what: str, estimate: Callable[[], dict[str, Any]]) -> None:
        """Estimate in a thread; what cannot be estimated, such as what a wrong recipe takes, is left out."""
        self._background.start(what, estimate, answer=self._take, failure=lambda _error: None)

    def _take(self, found: dict[str, Any]) -> None:
        self._known.update(found)
        self._say(WorkEstimate(**self._known))


__all__ = ["WorkEstimate", "WorkEstimator"]
