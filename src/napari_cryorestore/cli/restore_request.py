"""What the options of ``cryorestore restore`` ask for: tomograms, a model, and the files to make."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator

from napari_cryorestore.cli.named_run import STEP_WORDS, named_step, require_model, run_and_step
from napari_cryorestore.cli.parser import given
from napari_cryorestore.cli.queue_step import record_step, step_of_queue
from napari_cryorestore.cli.tomograms import laid_over, names_maps, typed_tomograms
from napari_cryorestore.config import Config, setting
from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir
from napari_cryorestore.training.rank import own_place
from napari_cryorestore.whole_file import fitting_name, unique_path

if TYPE_CHECKING:
    from argparse import Namespace

    from napari_cryorestore.restoration import RestoreRequest
    from napari_cryorestore.run_config import TomogramConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep, WhichStep

WIENER: Literal["wiener"] = "wiener"


class RestoreOptions(Config):
    """What is asked for beside the tomogram and the device."""

    output: Path | None = setting(
        None,
        "The file to make; in the run's folder 'restored' or here if not given.",
    )
    output_folder: Path | None = setting(
        None, "Where the results of several tomograms go; made where it is not there. What is there is kept."
    )
    step: int | Literal["suggested", "newest"] = setting(
        "suggested", "Which step of the run: suggested (by its held-out numbers), newest, or a number."
    )
    tile: int | None = setting(
        None, "Edge of a tile; chosen to suit the device if not given.", unit="voxels", ge=1
    )
    batch: int | None = setting(None, "Tiles at once; chosen to suit the device if not given.", ge=1)
    passes: Literal[1, 2] | None = setting(
        None, "Network passes, for methods that have such a knob; as trained if not given."
    )
    average_flips: bool | None = setting(
        None,
        "Restore four flips that keep the wedge and average, for ICECREAM: less noise, four times the work; "
        "as trained if not given.",
    )
    mask: Path | None = setting(
        None, "A volume, above 0 where the tomogram is restored; elsewhere the mean stands, which saves time."
    )

    @field_validator("step", mode="before")
    @classmethod
    def _is_a_step(cls, value: Any) -> WhichStep:
        step = named_step(str(value))
        if step is None:
            raise ValueError(f"{str(value)!r} names no step: {STEP_WORDS}")
        return step


def requests_of(options: Namespace, *, begins: bool = True) -> tuple[list[RestoreRequest], bool]:
    """Return what the options ask for, and whether it is a queue, whose results are made where they lack.

    The step of a run is chosen here, once for all, and noted beside a queue's results if the work `begins`.

    Raises
    ------
    ValueError, FileNotFoundError
        If the options contradict each other, or what they name is not there.
    """
    from napari_cryorestore.run_config import HardwareConfig

    if (options.run is None) == (options.method is None):
        raise ValueError("give either a run to restore with, or --method wiener")
    _split_run(options)
    if options.run is not None:
        require_model(options.run)
    wishes = RestoreOptions.model_validate(given(options, "restoration"))
    hardware = HardwareConfig.model_validate(given(options, "hardware"))
    tomograms = _tomograms(options)
    several = len(tomograms) > 1 or options.pairs is not None or wishes.output_folder is not None
    if several and wishes.mask is not None:
        raise ValueError("--mask is for one tomogram: restore those that have masks one by one")
    if several and wishes.output is not None:
        raise ValueError("--output names one file: for several tomograms give --output-folder")
    queue = several or own_place().count > 1
    outputs = _Outputs(options, wishes, tomograms[0], queue=queue)
    if begins and queue and outputs.chosen is not None:
        record_step(outputs.folder, options.run, outputs.chosen.step)
    common = {name: getattr(hardware, name) for name in ("device", "precision", "threads")}
    common |= {name: getattr(wishes, name) for name in ("tile", "batch", "passes", "average_flips", "mask")}
    return [_request(item, outputs, common) for item in tomograms], queue


def _split_run(options: Namespace) -> None:
    """Take the step off ``RUN@600``, and put it where ``--step`` would have."""
    if options.run is None:
        return
    run, step = run_and_step(str(options.run))
    if step is None:
        return
    if "step" in given(options, "restoration"):
        raise ValueError(f"the step is given twice: by {options.run} and by --step")
    options.run = run
    setattr(options, "restoration.step", str(step))


class _Outputs:
    """The weights that all tomograms are restored with, and the names of the results."""

    def __init__(
        self, options: Namespace, wishes: RestoreOptions, first: TomogramConfig, *, queue: bool
    ) -> None:
        self._wishes, self._queue = wishes, queue
        self.source: Path | Literal["wiener"] = WIENER
        self.chosen: ChosenStep | None = None
        self.folder, self._model = wishes.output_folder or Path(), str(WIENER)
        if options.run is None:
            return
        restored = RunDir(options.run).restored_dir
        if wishes.output_folder is None and restored.is_dir():
            self.folder = restored
        typed = "step" in given(options, "restoration")
        self._choose(options.run, None if typed else self._begun(options.run, first))

    def _choose(self, run: Path, begun: int | None) -> None:
        from napari_cryorestore.checkpoint import load_label
        from napari_cryorestore.restoration.weights import chosen_weights

        which, why = self._wishes.step, "as given"
        if begun is not None:
            which, why = begun, f"as when this {'queue' if self._queue else 'restoration'} began"
        self.source, self.chosen = chosen_weights(run, which, why=why)
        label = load_label(self.source)
        self._model = f"{label.method.kind}_{label.step}"

    def _begun(self, run: Path, first: TomogramConfig) -> int | None:
        """Return the step with which the same work began before, if it is not done."""
        from napari_cryorestore.data.journal import begun_with
        from napari_cryorestore.io.part_file import part_of
        from napari_cryorestore.io.volumes import result_suffix

        if self._queue:
            return step_of_queue(self.folder, run)
        output = self._wishes.output
        mine = f"{glob.escape(_name(first))}_*{result_suffix()}"
        parts = [part_of(output)] if output else sorted(self.folder.glob(part_of(Path(mine)).name))
        steps = [begun_with(part).get("step") for part in parts]
        return next((step for step in steps if step in RunDir(run).checkpoint_steps()), None)

    def path(self, tomogram: TomogramConfig) -> Path:
        from napari_cryorestore.io.volumes import result_suffix

        if self._wishes.output is not None:
            return self._wishes.output
        ending = f"_{self._model}{result_suffix()}"
        plain = _name(tomogram).replace("/", "_").replace("\\", "_")  # it leads to no other folder
        name = fitting_name(plain, room=len(ending) + 8)  # 8 bytes for a number
        path = self.folder / f"{name}{ending}"
        return path if self._queue else unique_path(path)


def _name(tomogram: TomogramConfig) -> str:
    from napari_cryorestore.io.pairing import tomogram_name

    return tomogram.name or tomogram_name(tomogram.even)


def _told_apart(tomograms: list[TomogramConfig]) -> list[TomogramConfig]:
    """Return tomograms of which those that nobody named have different names."""
    from napari_cryorestore.io.pair_search import told_apart

    if any(item.name for item in tomograms):
        return tomograms
    names = told_apart([_name(item) for item in tomograms], [item.even for item in tomograms])
    return [item.model_copy(update={"name": name}) for item, name in zip(tomograms, names, strict=True)]


def _request(tomogram: TomogramConfig, outputs: _Outputs, common: dict[str, Any]) -> RestoreRequest:
    from napari_cryorestore.restoration import RestoreRequest

    given = tomogram.recording
    return RestoreRequest(
        source=outputs.source,
        chosen=outputs.chosen,
        even=tomogram.even,
        odd=tomogram.odd,
        output=outputs.path(tomogram),
        voxel_size=given.voxel_size,
        tilt_range=given.tilt_range,
        tilt_axis=given.tilt_axis,
        **common,
    )


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
    learned = [item.model_dump() for item in RunConfig.from_toml(RunDir(own.parent).config_text()).tomograms]
    laid = (laid_over(item, *typed) if typed else item for item in learned)
    return [TomogramConfig.model_validate(item) for item in laid]


__all__ = ["WIENER", "RestoreOptions", "requests_of"]
