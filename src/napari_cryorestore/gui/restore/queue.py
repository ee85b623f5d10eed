"""What is to be restored, how, and how far it is; free of Qt and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.runs.chosen_step import ChosenStep


@dataclass(frozen=True)
class Subject:
    """A tomogram to be restored.

    Attributes
    ----------
    name : str
        What the user calls it.
    even : NamedVolume
        Half 1, or the whole tomogram.
    odd : NamedVolume or None
        Half 2.
    """

    name: str
    even: NamedVolume
    odd: NamedVolume | None = None

    @property
    def volumes(self) -> tuple[NamedVolume, ...]:
        """One or two volumes."""
        return (self.even,) if self.odd is None else (self.even, self.odd)

    @property
    def voxels(self) -> int:
        """How many voxels there are to restore."""
        return len(self.volumes) * prod(self.even.shape)


@dataclass(frozen=True)
class Recipe:
    """How all tomograms of a queue are restored.

    Attributes
    ----------
    model : ModelChoice
        With what.
    common : dict
        The values of a `RestoreConfig` that are those of all tomograms: method, tiling, hardware.
    chosen : ChosenStep or None
        Why the model's step was taken; the queue keeps it while the run trains on.
    recording : Recording
        What was typed of how they were recorded; the rest is from their files, those beside them or the run.
    folder : Path
        Where results go.
    output : Path or None
        The file of the only tomogram; named after tomogram and model if ``None``.
    scratch : Path
        A folder for volumes that only live in memory, and for results that are only looked at.
    """

    model: ModelChoice
    chosen: ChosenStep | None
    folder: Path
    scratch: Path
    common: dict[str, Any] = field(default_factory=dict)
    recording: Recording = Recording()
    output: Path | None = None


class Progress(StrEnum):
    """How far an entry of the queue is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class Entry:
    """A tomogram in the queue, written by the thread and read by the window.

    Attributes
    ----------
    subject : Subject
    progress : Progress
        Set last, so that whoever sees "done" sees the rest too.
    share : float
        0 to 1 of its restoration.
    share_at_start : float
        What an interrupted restoration had done of it.
    remark : str
        A sentence about its restoration, such as that an interrupted one goes on.
    title : str
        What the result is called, e.g. ``TS01 · ICECREAM @ 600``.
    output : Path or None
        The result.
    model : ModelChoice
        What restores it, or did.
    sentence, details : str
        Why it failed.
    """

    subject: Subject
    progress: Progress = Progress.WAITING
    share: float = 0.0
    share_at_start: float = 0.0
    remark: str = ""
    title: str = ""
    output: Path | None = None
    model: ModelChoice = field(default_factory=ModelChoice)
    sentence: str = ""
    details: str = field(default="", repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.progress in (Progress.DONE, Progress.FAILED, Progress.CANCELLED)


def told_apart_by_folder(subjects: Sequence[Subject]) -> list[str]:
    """Return names for some tomograms: each its own, but the same for one that stands there twice."""
    from napari_cryorestore.io.pair_search import told_apart

    places = [one.even.path or id(one.even.data) for one in subjects]
    unlike = dict(zip(places, subjects, strict=True))
    told = told_apart([one.name for one in unlike.values()], [one.even.path for one in unlike.values()])
    names = dict(zip(unlike, told, strict=True))
    return [names[place] for place in places]


__all__ = ["Entry", "Progress", "Recipe", "Subject", "told_apart_by_folder"]
