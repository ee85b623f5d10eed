"""The tomograms to restore: what they are, how each is doing, and what becomes of results; free of Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.layers import LayerOrigin, add_volume
from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.named_volume import paired_volumes, tomogram_name_of
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Image

    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.runs.chosen_step import ChosenStep


@dataclass(frozen=True)
class TomogramToRestore:
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
class RestorePlan:
    """How all tomograms of a queue are restored.

    Attributes
    ----------
    model : ModelChoice
        With what.
    common : dict
        The values of a `RestoreConfig` that are those of all tomograms: method, tiling, hardware,
        whether anything is added back.
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


class EntryState(StrEnum):
    """How far an entry of the queue is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class QueueEntry:
    """A tomogram in the queue, written by the thread and read by the window.

    Attributes
    ----------
    tomogram : TomogramToRestore
    state : EntryState
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

    tomogram: TomogramToRestore
    state: EntryState = EntryState.WAITING
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
        return self.state in (EntryState.DONE, EntryState.FAILED, EntryState.CANCELLED)


def told_apart_by_folder(tomograms: Sequence[TomogramToRestore]) -> list[str]:
    """Return names for some tomograms: each its own, but the same for one that stands there twice."""
    from napari_cryorestore.io.pair_search import distinct_names

    places = [one.even.path or id(one.even.data) for one in tomograms]
    unlike = dict(zip(places, tomograms, strict=True))
    told = distinct_names([one.name for one in unlike.values()], [one.even.path for one in unlike.values()])
    names = dict(zip(unlike, told, strict=True))
    return [names[place] for place in places]


def tomograms_from(paths: Iterable[Path]) -> list[TomogramToRestore]:
    """Open files and pair those that are halves of one tomogram.

    Raises
    ------
    ValueError, OSError
        If one cannot be read, with one sentence.
    """
    return [TomogramToRestore(tomogram_name_of(even), even, odd) for even, odd in paired_volumes(paths)]


def save_copy(result: Path, target: Path) -> Path:
    """Copy a result to a file that the user chose; it appears whole or not at all."""
    from napari_cryorestore.io.volume_output import copy_volume

    return copy_volume(result, target)


def saved_words(path: Path) -> str:
    """Return that a file was saved, and what its format could not hold."""
    from napari_cryorestore.io.volume_output import losses

    return " ".join((f"Saved {path.name}.", *(finding.sentence for finding in losses(path))))


def add_result(viewer: Viewer, entry: QueueEntry) -> Image:
    """Add the result of an entry that is done, memory-mapped.

    Raises
    ------
    ValueError, OSError
        If the file is not there any more.
    """
    from napari_cryorestore.io.volumes import open_volume

    if entry.output is None:
        raise ValueError(f"“{entry.tomogram.name}” has no result yet: wait until it is done.")
    volume = open_volume(entry.output)
    model = entry.model
    origin = LayerOrigin(
        path=str(entry.output),
        voxel_size=volume.voxel_size or entry.tomogram.even.voxel_size or 0.0,
        origin=volume.origin,
        start=volume.start,
        run=str(model.run or model.weights or ""),
        step=-1 if model.step is None else model.step,
        label=volume.labels[0] if volume.labels else entry.title,
    )
    return add_volume(viewer, volume.data, name=entry.title, origin=origin)


__all__ = [
    "EntryState",
    "QueueEntry",
    "RestorePlan",
    "TomogramToRestore",
    "add_result",
    "save_copy",
    "saved_words",
    "told_apart_by_folder",
    "tomograms_from",
]
