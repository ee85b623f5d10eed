"""From half maps to the file of a restored tomogram, out of core, going on after a kill."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.checkpoint import load_label
from napari_cryorestore.data.imaging import StandardisedView, grouped_maps, halves_of
from napari_cryorestore.data.tile_journal import (
    FileJournal,
    Journal,
    forget,
    is_journalled,
    journal_names,
    unfinished,
)
from napari_cryorestore.data.tile_plan import TilePlan
from napari_cryorestore.data.tile_sinks import FittingSink, TileSink
from napari_cryorestore.data.tiles import CancellableView, Cancelled, process_tiles
from napari_cryorestore.io.part_file import part_of, require_own, room_explained
from napari_cryorestore.io.volume_format import label_lines
from napari_cryorestore.io.volume_output import create_volume, losses
from napari_cryorestore.physics.normalize import Standardisation
from napari_cryorestore.restoration.added_back import add_back, binning_words
from napari_cryorestore.restoration.model import Model, cancellable
from napari_cryorestore.restoration.provenance import (
    changed_since_training,
    examined_tomogram,
    header_lines,
    made_of,
    misfits_of,
)
from napari_cryorestore.restoration.tiling import (
    fitting_plan,
    least_tile,
    memory_explained,
    possible_plans,
    smaller_plans,
)
from napari_cryorestore.restoration.weights import with_chosen_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.compute_config import TilingConfig
    from napari_cryorestore.data.crops import Groups
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.no_data import NoData
    from napari_cryorestore.restoration.provenance import MadeOf
    from napari_cryorestore.restore_config import RestoreConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep

_AS_IT_IS = Standardisation(0.0, 1.0)
_PLANES = 16
_TILED, _FILLED = 0.96, 0.98  # shares done when all tiles are, and when the amplitude is put right
_PLAN = ("tile", "margin", "align", "batch")


def restore(
    config: RestoreConfig,
    *,
    chosen: ChosenStep | None = None,
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda sentence: None,
    found: Callable[[Finding], None] = lambda finding: None,
) -> Path:
    """Restore a tomogram into a file, which appears whole or not at all.

    Every half is restored by itself (of other numbers of maps, see `Method.to_restore`), put back on its own
    scale, and the mean is written. If a process that did this was killed, the same configuration goes on
    where that one was, with the same result; where memory runs out, it begins anew with smaller tiles. For a
    model that learned from binned maps, the tomogram is binned alike, and the file has such voxels, unless
    what was restored is to be added back.

    Parameters
    ----------
    config : RestoreConfig
        What to restore with what.
    chosen : ChosenStep, optional
        Which step of a run that is, and why, where it was chosen before; the weights are its checkpoint then.
    progress : callable
        Is told the share done, 0 to 1.
    cancelled : callable
        Returns whether to end; called before every batch of tiles, before every layer of the network,
        and repeatedly after that.
    say : callable
        Is told in a sentence what the user might wonder about, such as that an interrupted restoration goes
        on.
    found : callable
        Is told what was noticed of the tomogram, and what may make the result a poor one: a step past
        over-fitting, a model of other data. The file's header has all but the notes.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Cancelled
        If `cancelled` says so; nothing is left behind.
    ValueError, OSError, MemoryError
        If the input, the model, the output or the device cannot be used, with what to do about it.
    """
    config, chosen = with_chosen_weights(config, chosen)
    examined = examined_tomogram(config)
    tomogram = examined.tomogram
    findings = _of_model(config, chosen, tomogram)
    changed = changed_since_training(config.model, config.tomogram.maps)
    for finding in (*examined.findings, *changed, *findings, *losses(config.output)):
        found(finding)
    tomogram.no_data(through=partial(CancellableView, cancelled=cancelled))
    model = Model.of(config.model, tomogram, settings=config.method, hardware=config.hardware)
    made = made_of(config, tomogram)
    doubts = [finding for finding in (*findings, *examined.findings) if finding.severity != "note"]
    facts = [str(made), *_recorded(tomogram, config), *_links(config)]
    labels = header_lines(model.name, facts, chosen, doubts)
    mark = fingerprint(made, config.tiling, tomogram, model)
    job = RestorationJob(tomogram, model, config.output, labels, progress, cancelled, half=config.half)
    kept = None if config.add_back else kept_plan(config.output, mark)
    if kept is not None:
        say(f"{config.output.name} was being restored when the program was killed: going on from there.")
    _say_of_small_tiles(config.tiling, model, say)
    plan = kept or fitting_plan(tomogram.shape, model, config.tiling)
    smaller = smaller_plans(plan, possible_plans(tomogram.shape, model, config.tiling))
    while True:
        try:
            journal = journal_of(config.output, mark, plan, chosen)
            job.fill_and_add_back(plan) if config.add_back else job.fill(plan, journal, goes_on=plan is kept)
            return config.output
        except MemoryError:
            if not smaller:
                raise
            plan = smaller.pop(0)
            say(f"Memory ran out: beginning anew with tiles of {' x '.join(map(str, plan.sizes))} voxels.")


def _of_model(config: RestoreConfig, chosen: ChosenStep | None, tomogram: Tomogram) -> tuple[Finding, ...]:
    """Return what there is to say of a model, its step, and the voxel size that it learned from."""
    found = (chosen.findings if chosen else ()) + misfits_of(config, tomogram)
    return (*found, *binning_words(tomogram, adds_back=config.add_back))


def _say_of_small_tiles(tiling: TilingConfig, model: Model, say: Callable[[str], None]) -> None:
    least = least_tile(model)
    if tiling.tile is not None and tiling.tile < least:
        say(f"Tiles of {tiling.tile} voxels are too small for this model: {least} voxels are taken.")


def _recorded(tomogram: Tomogram, config: RestoreConfig) -> list[str]:
    """Return what a header says of tilts and binning; `comparison.recorded` reads the tilts back."""
    labels = []
    recording = tomogram.recording
    if recording.tilt_range is not None:
        low, high = recording.tilt_range
        labels.append(f"tilts: {low:g} to {high:g} degrees about {recording.axis}")
    if tomogram.binning > 1 and not config.add_back:
        labels.append(f"binned by {tomogram.binning} from voxels of {tomogram.in_files.voxel_size:.4g} A")
    return labels


def _links(config: RestoreConfig) -> list[str]:
    """Return what a header says of a half that was restored alone, and of the run before that of a chain."""
    half = [] if config.half is None else [f"half {config.half} alone"]
    weights = config.model.weights
    first = None if weights is None else load_label(weights).restored_by
    if first is None:
        return half
    where = "" if first.run is None else f" of {first.run}"
    return [*half, *label_lines(f"learned from what {first.model}{where} restored")]


@dataclass(frozen=True)
class RestorationJob:
    """A tomogram to be restored, by what, and who is told how far it is."""

    tomogram: Tomogram
    model: Model
    output: Path
    labels: list[str]
    progress: Callable[[float], None]
    cancelled: Callable[[], bool]
    half: int | None = None

    def fill(self, plan: TilePlan, journal: FileJournal, *, goes_on: bool) -> None:
        """Make the file, with these tiles."""
        label, checked = "\n".join(self.labels), self.stage(_FILLED, 1.0)
        created = partial(create_volume, self.output, self.tomogram, label=label)
        with resumable(self.output, created, journal, goes_on=goes_on, checked=checked) as out:
            self.restore_into(out, plan, journal)
        self.progress(1.0)

    def fill_and_add_back(self, plan: TilePlan) -> None:
        """Restore binned voxels in memory, and make the file of all voxels; a killed one begins anew."""
        restored = np.zeros(self.tomogram.shape, dtype=np.float32)
        self.restore_into(restored, plan, Journal())
        whole, checked = self.tomogram.in_files, self.stage(_FILLED, 1.0)
        with create_volume(self.output, whole, label="\n".join(self.labels), checked=checked) as out:
            add_back(out, restored, self.tomogram, progress=self.stage(_FILLED, _FILLED))
        self.progress(1.0)

    def stage(self, begin: float, end: float) -> Callable[[float], None]:
        """Return what is told the share done of one part of the work, and ends it if it was cancelled."""

        def done(share: float) -> None:
            if self.cancelled():
                raise Cancelled("The restoration was cancelled.")
            self.progress(begin + share * (end - begin))

        return done

    def restore_into(self, out: NDArray[np.float32], plan: TilePlan, journal: Journal) -> None:
        """Fill an output (z, y, x) with the mean of what is restored by itself."""
        maps, method, no_data = self.tomogram.maps, self.model.method, self.tomogram.no_data()
        count = len(maps)
        learned, taken = self.model.groups(count) if self.half is None else _one_half(count, self.half)
        views = [CancellableView(one, self.cancelled) for one in maps]
        halves = grouped_maps(views, no_data, learned=learned, taken=taken)
        scales, fits = [half.scale for half in halves], not method.fixes_amplitude
        sink = TileSink(out, scales=scales, journal=journal)
        if fits:
            sink = FittingSink(out, raw=[half.filled for half in halves], scales=scales, journal=journal)
        if self.tomogram.mask is not None:
            plan = replace(plan, mask=self.tomogram.mask, elsewhere=torch.zeros_like)
        tiles = len(plan.tiles(out.shape))
        if journal.done < tiles:
            with memory_explained(self.model, plan), cancellable(self.model.network, self.cancelled):
                process_tiles(
                    [StandardisedView(half.filled, half.scale) for half in halves],
                    sink,
                    partial(self.model.restore, scale=_AS_IT_IS),
                    plan=plan,
                    progress=self.stage(0.0, _TILED if fits else _FILLED),
                    cancelled=self.cancelled,
                )
        if isinstance(sink, FittingSink):
            progress = self.stage(_TILED, _FILLED)
            _put_on_line(out, *sink.line(), journal=journal, first=tiles, progress=progress)
        if no_data is not None:
            put_back(out, [half.raw for half in halves], no_data)


def _one_half(maps: int, half: int) -> tuple[Groups, Groups]:
    """Return the halves by which the units are measured, and the one of them that is restored.

    Raises
    ------
    ValueError
        If there is no such half.
    """
    halves = halves_of(maps)
    if half > len(halves):
        raise ValueError("There is one map only, which has no second half: leave out 'half'.")
    return halves, (halves[half - 1],)


def _put_on_line(
    out: NDArray[np.float32],
    slope: float,
    offset: float,
    *,
    journal: Journal,
    first: int,
    progress: Callable[[float], None],
) -> None:
    """Change all voxels to slope · v + offset, a few planes at a time; `first` is the count before any."""
    size, rest = out.shape[0], tuple(slice(0, n) for n in out.shape[1:])
    starts = range(0, size, _PLANES)
    for start in starts[journal.done - first :]:
        planes = (slice(start, min(start + _PLANES, size)), *rest)
        with journal.step(out, [planes]):
            out[planes] = out[planes] * slope + offset
        progress(planes[0].stop / size)


def put_back(out: NDArray[np.float32], halves: Sequence[Any], no_data: NoData) -> None:
    """Leave what holds no data as it was: the mean of the halves, a few planes at a time."""
    for start in range(0, out.shape[0], _PLANES):
        planes = slice(start, min(start + _PLANES, out.shape[0]))
        empty = no_data[planes]
        if empty.any():
            mean = sum(np.asarray(half[planes], dtype=np.float32) for half in halves) / np.float32(
                len(halves)
            )
            out[planes] = np.where(empty, mean, out[planes])


def fingerprint(made: MadeOf, tiling: TilingConfig, tomogram: Tomogram, model: Model) -> str:
    """Return what tells two restorations apart that may give different voxels.

    It covers the weights and the method's settings, the inputs' names, sizes and times of change, what is
    known of the imaging, and the arithmetic; not the tiles chosen to suit the device, which are kept.
    """
    said = {
        "made of": asdict(made),
        "method": model.method.config.model_dump(mode="json"),
        "name": model.name,
        "shape": tomogram.shape,
        "imaging": repr(model.imaging),
        "arithmetic": [model.device.type, model.precision],
        "tiles": [tiling.tile, tiling.batch],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def kept_plan(output: Path, mark: str) -> TilePlan | None:
    """Return the tiles of a killed restoration of the same fingerprint; ``None`` if there is none."""
    plan = unfinished(part_of(output), mark)
    if plan is None:
        return None
    return TilePlan(**{**plan, "tile": tuple(plan["tile"])})


def journal_of(path: Path, mark: str, plan: TilePlan, chosen: ChosenStep | None) -> FileJournal:
    """Return the journal of what is to become a file, for whoever goes on with it if it is killed."""
    about = {} if chosen is None else {"step": chosen.step}
    return FileJournal(part_of(path), mark, {name: getattr(plan, name) for name in _PLAN}, about=about)


@contextmanager
def resumable(
    path: Path,
    created: Callable[..., AbstractContextManager[NDArray[np.float32]]],
    journal: FileJournal,
    *,
    goes_on: bool,
    checked: Callable[[float], None],
) -> Iterator[NDArray[np.float32]]:
    """Open the output with its journal; both are gone from their unfinished places in the end.

    Parameters
    ----------
    path : Path
        The file to make.
    created : callable
        Opens the output, as `create_volume` does, told whether it goes on.
    journal : FileJournal
        The count of what was done.
    goes_on : bool
        Whether there is a killed one to go on with.
    checked : callable
        Is told how far the last look through all voxels is; see `create_volume`.

    Yields
    ------
    array
        The voxels, zero where nothing was done yet.
    """
    part = part_of(path)
    known = is_journalled(part)
    require_own(part, journal=journal_names(part), known=known)
    ours = False

    def told(share: float) -> None:
        checked(share)
        if share == 1:
            forget(part)  # not before, so that whoever is killed until then goes on from here

    try:
        with (
            room_explained(part),
            created(goes_on=goes_on, known=known, checked=told) as volume,
        ):
            ours = True
            if goes_on:
                journal.go_on(volume)
            else:
                forget(part)
                journal.write()
            yield volume
    except BaseException:
        if ours:
            forget(part)
        raise


__all__ = ["RestorationJob", "fingerprint", "journal_of", "kept_plan", "put_back", "restore", "resumable"]
