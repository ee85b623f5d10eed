"""Chains: a run that learns from what another model made of its tomograms."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from napari_cryorestore.checkpoint import load_label
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.data.binning import binned
from napari_cryorestore.data.imaging import StandardisedView, grouped_maps, halves_of
from napari_cryorestore.findings import Finding
from napari_cryorestore.io.tomogram import open_configured
from napari_cryorestore.methods import METHODS, build_method
from napari_cryorestore.restoration.model import Model
from napari_cryorestore.restoration.provenance import require_same
from napari_cryorestore.restoration.restore_tomogram import restore
from napari_cryorestore.restoration.tiling import margin_of
from napari_cryorestore.restoration.weights import chosen_weights
from napari_cryorestore.restore_config import ModelRef, RestoreConfig
from napari_cryorestore.runs.restored_by import FIRST_WEIGHTS, RestoredBy
from napari_cryorestore.runs.run_dir import CONFIG_FILE, INPUTS_FOLDER, RunDir
from napari_cryorestore.runs.trained_on import TrainedOn
from napari_cryorestore.training.complete_config import complete_config
from napari_cryorestore.training.launch import create_run
from napari_cryorestore.training.restored_maps import learned_from, scales_in_training
from napari_cryorestore.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.run_config import RunConfig, SnapshotsConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep

    Place = tuple[slice, ...]

_HALVES = ("even", "odd")


class Talk(NamedTuple):
    """Who is told how restoring goes on, and may end it; see `restoration.restore`."""

    progress: Callable[[float], None] = lambda share: None
    cancelled: Callable[[], bool] = lambda: False
    say: Callable[[str], None] = lambda sentence: None
    found: Callable[[Finding], None] = lambda finding: None


def create_chained_run(
    config: RunConfig, path: Path | str, *, by: ModelRef, talk: Talk | None = None
) -> RunDir:
    """Restore every half of the tomograms, and make the folder of a run that learns from the result.

    To fill the wedge of what a run has restored ("fill the wedge of this")::

        first = RunDir(path_of_the_first_run)
        recipe = RunConfig.from_preset("standard", "isonet", tomograms=first.recipe().tomograms)
        run = create_chained_run(recipe, new_path, by=ModelRef(weights=first.path, step="suggested"))
        launch(run)

    The restored halves lie in the new run's folder, ``inputs``, with a copy of the weights that made them:
    the first run may be moved or deleted. Its held-out block is taken over, so that neither training saw it,
    and numbers are measured on the raw halves. Whoever restores with the new run begins with raw halves:
    each goes through both networks.

    Call it in a thread: it takes as long as restoring twice. If it was ended, or killed, the same call goes
    on where it was; halves that are there and were made of the same are taken as they are.

    Parameters
    ----------
    config : RunConfig
        The recipe, with the raw tomograms.
    path : Path or str
        The folder to make.
    by : ModelRef
        What restores the halves: a run at a step, a checkpoint, or a method that needs no training.
    talk : Talk, optional
        Is told how far restoring is, and what was found.

    Returns
    -------
    RunDir
        To be given to `training.launch.launch` or `run_training`.

    Raises
    ------
    Cancelled
        If ``talk.cancelled`` says so.
    FileExistsError
        If the folder holds something else.
    ValueError, OSError, MemoryError
        If the tomograms, the model or the device cannot be used, with what to do about it.
    """
    talk, path = talk or Talk(), Path(path)
    _require_free(path)
    file, chosen = (None, None) if by.weights is None else chosen_weights(by.weights, by.step)
    _require_first_link(file)
    _require_same_voxels(config, file)
    complete = complete_config(_with_block(config, file, talk))
    (path / INPUTS_FOLDER).mkdir(parents=True, exist_ok=True)
    first = by if file is None else ModelRef(weights=_copied(file, path / FIRST_WEIGHTS))
    chain = RestoredBy(
        maps=_Halves(complete, first, chosen, path / INPUTS_FOLDER, talk).restored(),
        model=_words(first),
        run=None if by.weights is None else Path(by.weights).absolute(),
        weights=None if file is None else Path(FIRST_WEIGHTS),
        method=by.method,
    )
    gain, offset = _line(complete, chain.within(path), first)
    chain = chain.model_copy(update={"gain": gain, "offset": offset})
    return create_run(complete.model_copy(update={"restored_by": chain}), path)


def _require_free(path: Path) -> None:
    if path.exists() and any(item.name != INPUTS_FOLDER for item in path.iterdir()):
        raise FileExistsError(f"The folder {path} is not empty: choose a new folder.")


def _require_first_link(file: Path | None) -> None:
    """Refuse weights that learned from restored maps themselves: a chain has two links."""
    chain = None if file is None else load_label(file).restored_by
    if chain is not None:
        raise ValueError(
            f"{file} learned from what {chain.model} had restored already, and a chain has two links: choose "
            "a run that learned from raw halves."
        )


def _require_same_voxels(config: RunConfig, file: Path | None) -> None:
    """Refuse a run whose voxels are not those that the first one restores: both networks work on one grid."""
    learned, ours = TrainedOn() if file is None else load_label(file).trained_on, config.schedule.binning
    for item in config.tomograms:
        theirs = learned.binning_of(open_configured(item).voxel_size)
        if theirs != ours:
            raise ValueError(
                f"What restores the halves bins them by {theirs}, but the run that learns from them bins by "
                f"{ours}: both networks work on the same voxels, so choose a binning of {theirs} "
                f"(--schedule.binning {theirs}, or in the panel)."
            )


def _words(model: ModelRef) -> str:
    """Return what a model is called: its method and step."""
    if model.weights is None:
        return METHODS[str(model.method)].title
    label = load_label(model.weights)
    return f"{METHODS[label.method.kind].title} @ step {label.step}"


def _copied(file: Path, to: Path) -> Path:
    """Copy weights; those that are there must be the same."""
    if to.exists():
        if to.read_bytes() != file.read_bytes():
            raise FileExistsError(f"{to} holds other weights than {file}: choose a new folder for the run.")
        return to
    with whole_file(to) as aside:
        shutil.copyfile(file, aside)
    return to


def _with_block(config: RunConfig, file: Path | None, talk: Talk) -> RunConfig:
    """Return the recipe with the held-out block of the run that weights are of, if that saw the same data."""
    run = _run_of(file)
    theirs = [] if run is None else run.recipe().tomograms[:1]
    same = bool(theirs) and _resolved(theirs[0].maps) == _resolved(config.tomograms[0].maps)
    if run is None or not same or config.snapshots.held_out == "none":
        return config
    told = run.recipe().table("snapshots")
    if told.get("held_out") != "none" and told.get("position") and told.get("size"):
        return config.model_copy(update={"snapshots": _placed(config.snapshots, told, run)})
    sentence = (
        f"The run {run.path.name} held no block out, so it has seen the block that is held out now: held-out "
        "numbers read too high."
    )
    talk.found(Finding("warning", "held-out block", sentence, "Train the first run with a held-out block."))
    return config


def _resolved(paths: tuple[Path, ...]) -> list[Path]:
    return [path.expanduser().resolve() for path in paths]


def _placed(snapshots: SnapshotsConfig, told: dict[str, Any], run: RunDir) -> SnapshotsConfig:
    """Return how snapshots are taken, of the block of another run.

    Raises
    ------
    ValueError
        If another block was placed by hand.
    """
    place = {name: tuple(told[name]) for name in ("position", "size")}
    by_hand = snapshots.held_out == "manual"
    if any(by_hand and getattr(snapshots, name) not in (None, place[name]) for name in place):
        raise ValueError(
            f"The held-out block must be that of the run {run.path.name}, which has not seen it: leave out "
            "its position and size."
        )
    return snapshots.model_copy(update={**place, "held_out": "manual"})


def _run_of(file: Path | None) -> RunDir | None:
    """Return the run in whose folder a file of weights lies, if it does."""
    folders = [] if file is None else list(file.absolute().parents[:3])
    return next((RunDir(folder) for folder in folders if (folder / CONFIG_FILE).is_file()), None)


class _Halves(NamedTuple):
    """All halves that are to be restored, by what, and where to."""

    config: RunConfig
    model: ModelRef
    chosen: ChosenStep | None
    folder: Path
    talk: Talk

    def restored(self) -> tuple[tuple[Path, ...], ...]:
        """Restore them, and return where they are within the run folder."""
        counts = [len(halves_of(len(item.maps))) for item in self.config.tomograms]
        done, found = 0, []
        for index, halves in enumerate(counts):
            names = []
            for half in range(halves):
                output = self.folder / f"restored_{index + 1}_{_HALVES[half]}.mrc"
                self._restore(index, half, output, (done / sum(counts), 1 / sum(counts)))
                names.append(Path(INPUTS_FOLDER) / output.name)
                done += 1
            found.append(tuple(names))
        self.talk.progress(1.0)
        return tuple(found)

    def _restore(self, index: int, half: int, output: Path, share: tuple[float, float]) -> None:
        begin, length = share
        hardware = self.config.hardware
        config = RestoreConfig(
            model=self.model,
            tomogram=self.config.tomograms[index],
            half=half + 1,
            hardware=DeviceConfig(**{name: getattr(hardware, name) for name in DeviceConfig.model_fields}),
            output=output,
        )
        if output.exists():
            require_same(config)
            return
        restore(
            config,
            chosen=self.chosen,
            progress=lambda part: self.talk.progress(begin + length * part),
            cancelled=self.talk.cancelled,
            say=self.talk.say,
            found=self.talk.found if half == 0 else lambda finding: None,
        )


def _line(config: RunConfig, chain: RestoredBy, first: ModelRef) -> tuple[float, float]:
    """Return gain and offset from what a model returns to what is learned from, both in standard deviations.

    Measured in the preview block: the first half there, restored once more, and as it lies in its file.
    """
    raw = binned(open_configured(config.tomograms[0]), config.schedule.binning)
    ours = config.model_copy(
        update={
            "tomograms": config.tomograms[:1],
            "restored_by": chain.model_copy(update={"maps": chain.maps[:1]}),
        }
    )
    restored = learned_from([raw], ours)[0]
    model = Model.of(first, raw, hardware=config.hardware)
    halves = halves_of(len(raw.maps))
    half = grouped_maps(raw.maps, raw.no_data(), learned=halves, taken=halves[:1])[0]
    outer, inner = _block(config.snapshots, raw.shape, margin_of(model))
    tile = torch.from_numpy(StandardisedView(half.filled, half.scale)[outer])[None, None]
    with torch.inference_mode():
        returned = model.restored(tile.to(model.device)).float().cpu().numpy()[0, 0]
    scale = scales_in_training(restored, build_method(config.method))[0]
    seen = scale.apply(np.asarray(restored.maps[0][outer], dtype=np.float32))
    gain, offset = np.polyfit(returned[inner].ravel(), seen[inner].ravel(), 1)
    return float(gain), float(offset)


def _block(snapshots: SnapshotsConfig, shape: Sequence[int], margin: int) -> tuple[Place, Place]:
    """Return the preview block with a margin, within a tomogram, and the block within that."""
    assert snapshots.position is not None
    assert snapshots.size is not None
    outer, inner = [], []
    for middle, edge, length in zip(snapshots.position, snapshots.size, shape, strict=True):
        start = max(0, middle - edge // 2)
        stop, low = min(length, start + edge), max(0, start - margin)
        outer.append(slice(low, min(length, stop + margin)))
        inner.append(slice(start - low, stop - low))
    return tuple(outer), tuple(inner)


__all__ = ["Talk", "create_chained_run"]
