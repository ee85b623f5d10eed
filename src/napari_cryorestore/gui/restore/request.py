"""What is chosen and typed in the Restore panel, and what is wrong with it; free of Qt and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_cryorestore.compute_config import DeviceConfig, TilingConfig
from napari_cryorestore.gui.data_choice import DataChoice, to_plain_number
from napari_cryorestore.gui.model_choice import ModelChoice, loaded_method, loaded_methods, trained_on
from napari_cryorestore.gui.named_volume import NamedVolume, tomogram_name_of
from napari_cryorestore.gui.preferences import folder_beside
from napari_cryorestore.gui.restore.queue import TomogramToRestore
from napari_cryorestore.gui.restore.restoration import known_settings, tilts_of_run
from napari_cryorestore.gui.typed_values import read_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_cryorestore.methods import Method


@dataclass(frozen=True)
class RestoreRequest:
    """What is chosen and typed; numbers are text, because they are being typed, and empty means automatic.

    Attributes
    ----------
    even, odd : NamedVolume or None
        The halves chosen among the layers.
    model : ModelChoice
        What restores.
    method : dict
        Settings of the model's method that differ from those that it was trained with.
    tiling : TilingConfig
        In which blocks.
    hardware : DeviceConfig
        Where.
    invalid : str
        What is wrong in a form, in a sentence; its values are the last valid ones.
    voxel_size, tilt_min, tilt_max : str
        Å and degrees.
    tilt_axis : "y", "x" or ""
        Empty takes that of the run.
    saves, shows : bool
        Whether the result is kept as a file, and whether it is added as a layer.
    output : str
        A file or folder; empty means the ``restored`` folder of the run, or beside the tomogram.
    add_back : bool
        Whether what was restored is put back under the raw fine detail, of a model that learned from binned
        maps.
    """

    even: NamedVolume | None = None
    odd: NamedVolume | None = None
    model: ModelChoice = field(default_factory=ModelChoice)
    method: dict[str, Any] = field(default_factory=dict)
    tiling: TilingConfig = field(default_factory=TilingConfig)
    hardware: DeviceConfig = field(default_factory=DeviceConfig)
    invalid: str = ""
    voxel_size: str = ""
    tilt_min: str = ""
    tilt_max: str = ""
    tilt_axis: Literal["y", "x", ""] = ""
    saves: bool = True
    shows: bool = True
    output: str = ""
    add_back: bool = False

    @property
    def learned_binned(self) -> bool:
        """Whether the model learned from binned maps, so that there is fine detail to add back to."""
        return trained_on(self.model).binning > 1

    @property
    def tomogram(self) -> TomogramToRestore | None:
        """The tomogram chosen among the layers."""
        if self.even is None:
            return None
        return TomogramToRestore(tomogram_name_of(self.even), self.even, self.odd)

    @property
    def data(self) -> DataChoice:
        """The halves with what is typed for them, or else what the run of the model says."""
        choice = DataChoice(
            self.even, self.odd, voxel_size=self.voxel_size, tilt_axis=self.tilt_axis or "auto"
        )
        low, high = self.tilt_min, self.tilt_max
        if self.tomogram is not None and self.model.run is not None:
            known, tilts = known_settings(self.tomogram, self.model), tilts_of_run(self.tomogram, self.model)
            choice = replace(choice, tilt_axis=self.tilt_axis or known.axis)
            if tilts is not None and not (low.strip() or high.strip()):
                low, high = (to_plain_number(angle) for angle in tilts)
        return replace(choice, tilt_min=low, tilt_max=high)

    @property
    def output_file(self) -> Path | None:
        """The file typed as output; ``None`` if a folder or nothing is."""
        from napari_cryorestore.io.volumes import written_suffixes

        typed = Path(self.output.strip()).expanduser()
        return typed if typed.name.lower().endswith(written_suffixes()) else None

    @property
    def tilt_range(self) -> tuple[float, float] | None:
        """The tilt range typed, in degrees."""
        low, high = read_number(self.tilt_min), read_number(self.tilt_max)
        return (low, high) if low is not None and high is not None else None

    def problem(self, tomograms: Sequence[TomogramToRestore]) -> str:
        """Return what keeps these tomograms from being restored, in one sentence; empty if nothing does."""
        if not tomograms:
            return "Choose half 1 among the layers, or add files to the queue."
        return (
            next((problem for tomogram in tomograms if (problem := self._tomogram_problem(tomogram))), "")
            or self._model_problem()
            or self.invalid
            or self._numbers_problem()
            or self._output_problem(tomograms)
        )

    def folder_for(self, tomograms: Sequence[TomogramToRestore]) -> Path:
        """Return the folder for results: the one typed, ``restored`` in the run, or beside the tomogram."""
        file, typed = self.output_file, self.output.strip()
        if file is not None:
            return file.parent
        if typed:
            return Path(typed).expanduser()
        if self.model.run is not None:
            return self.model.run / "restored"
        path = tomograms[0].even.path if tomograms else None
        return folder_beside(path) if path is not None else Path.home()

    def _tomogram_problem(self, tomogram: TomogramToRestore) -> str:
        method = loaded_method(self.model)
        if method is not None and (refused := cannot_restore(method, [tomogram])):
            return refused
        known = known_settings(tomogram, self.model).voxel_size
        voxel_size = self.voxel_size or (f"{known}" if known else "")
        return DataChoice(even=tomogram.even, odd=tomogram.odd, voxel_size=voxel_size).problem()

    def _model_problem(self) -> str:
        path, run = self.model.path, self.model.run
        if path is not None and not path.exists():
            return f"{path} no longer exists: choose another step."
        if run is not None and self.model.step is None:
            return f"{run.name} has no checkpoint yet: wait for the first one."
        if self.model == ModelChoice():
            loaded = bool(loaded_methods())
            return "Choose a model." if loaded else "PyTorch is still being loaded: try again in a moment."
        return ""

    def _numbers_problem(self) -> str:
        if self.voxel_size.strip() and not (read_number(self.voxel_size) or 0) > 0:
            return f"The voxel size is “{self.voxel_size}”, but a positive number of Å is needed."
        texts = (self.tilt_min.strip(), self.tilt_max.strip())
        if not any(texts):
            return ""
        low, high = (read_number(text) for text in texts)
        if low is None or high is None:
            return "Give the lowest and the highest tilt angle in degrees, e.g. −60 and 60, or neither."
        if low >= high:
            return f"The tilt range {low:g}…{high:g}° is reversed: give the lower angle first."
        return ""

    def _output_problem(self, tomograms: Sequence[TomogramToRestore]) -> str:
        if not (self.saves or self.shows):
            return "Choose where the result goes: a file, a layer, or both."
        if self.saves and self.output_file is not None and len(tomograms) > 1:
            return f"One file cannot hold {len(tomograms)} tomograms: choose a folder for them."
        return ""


def cannot_restore(method: type[Method], tomograms: Iterable[TomogramToRestore]) -> str:
    """Return why a method cannot restore tomograms, in one sentence; empty if it can."""
    if missing := method.missing():
        return f"{method.title} {missing}."
    for tomogram in tomograms:
        if len(tomogram.volumes) < method.maps_to_restore:
            return (
                f"The method “{method.title}” needs both halves, but “{tomogram.name}” has one: "
                "choose another model, or another tomogram."
            )
    return ""


__all__ = ["RestoreRequest", "cannot_restore"]
