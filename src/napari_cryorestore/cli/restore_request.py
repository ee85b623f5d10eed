"""What the options of ``cryorestore restore`` stand for: tomograms, a model, and the files to make."""

from __future__ import annotations

import glob
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.named_run import require_model, run_and_step
from napari_cryorestore.cli.parser import given
from napari_cryorestore.cli.tomograms import laid_over, names_maps, typed_tomograms
from napari_cryorestore.config import Config, setting
from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir
from napari_cryorestore.safe_reading import json_in
from napari_cryorestore.training.rank import own_place
from napari_cryorestore.whole_file import fitting_name, unique_path, write_text

if TYPE_CHECKING:
    from argparse import Namespace

    from napari_cryorestore.restore_config import ModelRef, RestoreConfig
    from napari_cryorestore.run_config import TomogramConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep


class OutputOptions(Config):
    """Where results go."""

    output: Path | None = setting(
        None,
        "The file to make; in the run's folder 'restored' or here if not given.",
    )
    output_folder: Path | None = setting(
        None, "Where the results of several tomograms go; made where it is not there. What is there is kept."
    )


@dataclass(frozen=True)
class Restorations:
    """What is to be restored, all with one model.

    Attributes
    ----------
    configs : list of RestoreConfig
        One for each tomogram; their weights are a file.
    chosen : ChosenStep or None
        Which step of a run that is; chosen once, for all.
    is_queue : bool
        Whether results are made where they lack.
    """

    configs: list[RestoreConfig]
    chosen: ChosenStep | None
    is_queue: bool


def restorations_of(options: Namespace, *, begins: bool = True) -> Restorations:
    """Return what is to be restored.

    The step of a run is chosen here, and noted beside a queue's results if the work `begins`.

    Raises
    ------
    ValueError, FileNotFoundError
        If the options contradict each other, or what they name is not there.
    """
    from napari_cryorestore.restore_config import RestoreConfig

    model = _model(options)
    where = OutputOptions.model_validate(given(options, "output"))
    tomograms = _tomograms(options)
    several = len(tomograms) > 1 or options.pairs is not None or where.output_folder is not None
    if several and where.output is not None:
        raise ValueError("--output names one file: for several tomograms give --output-folder")
    queue = several or own_place().count > 1
    outputs = _Outputs(model, where, tomograms[0], queue=queue, step_typed=_step_typed(options))
    if begins and queue and outputs.chosen is not None:
        record_step(outputs.folder, options.run, outputs.chosen.step)
    common = {name: given(options, name) for name in ("method", "tiling", "hardware")}
    common |= given(options, "result")
    configs = [
        RestoreConfig.model_validate(
            {"model": outputs.model, "tomogram": item, "output": outputs.path(item), **common}
        )
        for item in tomograms
    ]
    return Restorations(configs, outputs.chosen, queue)


def _model(options: Namespace) -> ModelRef:
    """Return the model as it was typed; the step of ``RUN@600`` goes where ``--step`` would have put it."""
    from napari_cryorestore.methods import untrained_methods
    from napari_cryorestore.restore_config import ModelRef

    if (options.run is None) == (options.method is None):
        names = " or ".join(untrained_methods())
        raise ValueError(f"give either a run to restore with, or --method {names}")
    if options.run is None:
        if _step_typed(options):
            raise ValueError(
                f"--step is a step of a run, and {options.method} needs no training: leave it out"
            )
        return ModelRef(method=options.method)
    run, step = run_and_step(str(options.run))
    if step is not None:
        if _step_typed(options):
            raise ValueError(f"the step is given twice: by {options.run} and by --step")
        options.run = run
        setattr(options, "model.step", str(step))
    require_model(options.run)
    return ModelRef.model_validate({"weights": options.run, **given(options, "model")})


def _step_typed(options: Namespace) -> bool:
    return "step" in given(options, "model")


class _Outputs:
    """The weights that all tomograms are restored with, and the names of the results."""

    def __init__(
        self, model: ModelRef, where: OutputOptions, first: TomogramConfig, *, queue: bool, step_typed: bool
    ) -> None:
        self.model, self._where, self._queue = model, where, queue
        self.chosen: ChosenStep | None = None
        self.folder, self._ending = where.output_folder or Path(), str(model.method)
        if model.weights is None:
            return
        restored = RunDir(model.weights).restored_dir
        if where.output_folder is None and restored.is_dir():
            self.folder = restored
        self._choose(model.weights, None if step_typed else self._begun(model.weights, first))

    def _choose(self, run: Path, begun: int | None) -> None:
        from napari_cryorestore.checkpoint import load_label
        from napari_cryorestore.restoration.weights import at_file, chosen_weights

        which, why = self.model.step, "as given"
        if begun is not None:
            which, why = begun, f"as when this {'queue' if self._queue else 'restoration'} began"
        file, self.chosen = chosen_weights(run, which, why=why)
        self.model, label = at_file(self.model, file), load_label(file)
        self._ending = f"{label.method.kind}_{label.step}"

    def _begun(self, run: Path, first: TomogramConfig) -> int | None:
        """Return the step with which the same work began before, if it is not done."""
        from napari_cryorestore.data.tile_journal import begun_with
        from napari_cryorestore.io.part_file import part_of
        from napari_cryorestore.io.volumes import result_suffix

        if self._queue:
            return step_of_queue(self.folder, run)
        output = self._where.output
        mine = f"{glob.escape(_name(first))}_*{result_suffix()}"
        parts = [part_of(output)] if output else sorted(self.folder.glob(part_of(Path(mine)).name))
        steps = [begun_with(part).get("step") for part in parts]
        return next((step for step in steps if step in RunDir(run).checkpoint_steps()), None)

    def path(self, tomogram: TomogramConfig) -> Path:
        from napari_cryorestore.io.volumes import result_suffix

        if self._where.output is not None:
            return self._where.output
        ending = f"_{self._ending}{result_suffix()}"
        plain = _name(tomogram).replace("/", "_").replace("\\", "_")  # it leads to no other folder
        name = fitting_name(plain, room=len(ending) + 8)  # 8 bytes for a number
        path = self.folder / f"{name}{ending}"
        return path if self._queue else unique_path(path)


def _name(tomogram: TomogramConfig) -> str:
    from napari_cryorestore.io.pairing import tomogram_name

    return tomogram.name or tomogram_name(tomogram.even)


def _told_apart(tomograms: list[TomogramConfig]) -> list[TomogramConfig]:
    """Return tomograms of which those that nobody named have different names."""
    from napari_cryorestore.io.pair_search import distinct_names

    if any(item.name for item in tomograms):
        return tomograms
    names = distinct_names([_name(item) for item in tomograms], [item.even for item in tomograms])
    return [item.model_copy(update={"name": name}) for item, name in zip(tomograms, names, strict=True)]


def _tomograms(options: Namespace) -> list[TomogramConfig]:
    """Return the tomograms typed, or else those that the run learned from."""
    from napari_cryorestore.recording import TomogramConfig
    from napari_cryorestore.run_config import RunConfig

    typed = typed_tomograms(options)
    own = None if options.run is None else options.run / CONFIG_FILE
    if names_maps(typed) or own is None or not own.is_file():
        if not names_maps(typed):
            raise ValueError(
                "no tomogram is given: name it with --even, and its other half with --odd, or give --pairs"
            )
        return _told_apart([TomogramConfig.model_validate(item) for item in typed])
    learned = [
        item.model_copy(update={"mask": None})  # which says where to train
        for item in RunConfig.from_toml(RunDir(own.parent).config_text()).tomograms
    ]
    if len(learned) > 1 and any("mask" in item for item in typed):
        raise ValueError("--mask is for one tomogram: name every tomogram, and its mask")
    laid = (laid_over(item.model_dump(), *typed) if typed else item for item in learned)
    return [TomogramConfig.model_validate(item) for item in laid]


def step_of_queue(folder: Path, run: Path) -> int | None:
    """Return the step of a run that a queue into a folder began with, as long as its weights are there.

    The run may train on meanwhile and suggest another step: the results of a queue come from one.
    """
    content = json_in(_file(folder, run))
    if not isinstance(content, dict) or content.get("run") != str(run.resolve()):
        return None
    step = content.get("step")
    return step if isinstance(step, int) and step in RunDir(run).checkpoint_steps() else None


def record_step(folder: Path, run: Path, step: int) -> None:
    """Write down the step of a run that a queue is restored with; raises ``OSError`` if it cannot."""
    if step in RunDir(run).checkpoint_steps() and step_of_queue(folder, run) != step:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(_file(folder, run), json.dumps({"run": str(run.resolve()), "step": step}) + "\n")


def _file(folder: Path, run: Path) -> Path:
    return folder / f"{run.resolve().name}.step.json"


__all__ = ["OutputOptions", "Restorations", "record_step", "restorations_of", "step_of_queue"]
