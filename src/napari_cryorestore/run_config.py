"""The whole recipe of a run: what is restored, by which method and network, on what schedule, where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SerializeAsAny, computed_field, field_validator, model_validator

from napari_cryorestore import presets
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.config import Config, setting
from napari_cryorestore.methods import METHODS, MethodConfig, misfit, packages_of
from napari_cryorestore.networks import NETWORKS, NetworkConfig, too_small
from napari_cryorestore.recording import TomogramConfig
from napari_cryorestore.runs.restored_by import RestoredBy

if TYPE_CHECKING:
    from napari_cryorestore.plugin_table import PluginTable

FORMAT: Literal[2] = 2
"""Of what is written; format 1, in which a tomogram had other keys, is read for ever."""
_TABLES: dict[str, PluginTable[Any]] = {"method": METHODS, "network": NETWORKS}


class ScheduleConfig(Config):
    """How training goes on."""

    steps: int = setting(3000, "Optimiser steps.", ge=1)
    end: Literal["held-out", "steps"] = setting(
        "held-out",
        "When training ends: as soon as held-out agreement has clearly fallen below its best, at least 200 "
        "steps ago, or only after the last step.",
    )
    batch: int = setting(4, "Crops per step.", ge=1)
    crop: int | None = setting(
        None, "Edge of a training crop; chosen to fit the tomogram if not given.", unit="voxels", ge=16
    )
    learning_rate: float = setting(0.02, "Learning rate at its highest.", gt=0)
    optimiser: Literal["muon", "adam"] = setting("muon", "Orthogonalised (Muon) or Adam updates.")
    decay: Literal["cosine", "constant"] = setting("cosine", "Learning-rate schedule after warm-up.")
    warmup: int = setting(0, "Steps over which the learning rate rises.", unit="steps", ge=0, advanced=True)
    ema: float = setting(
        0.99, "Memory of the moving average of the weights that is shown and saved; 0 for none.", ge=0, lt=1,
        advanced=True,
    )  # fmt: skip
    gradient_clip: float = setting(1.0, "Largest norm of the gradient; 0 for no limit.", ge=0, advanced=True)
    binning: int = setting(
        1,
        "Learn from maps binned by this factor, as voxels of the file become one along each axis; what is "
        "restored has such voxels too.",
        ge=1,
        le=16,
    )
    mask: Literal["automatic", "slab", "none"] = setting(
        "automatic",
        "Draw crops where density and its variation are high, within the slab of ice, or anywhere, unless a "
        "mask is given.",
        advanced=True,
    )
    seed: int = setting(0, "Seed of weights, crops and orientations.", ge=0)


class SnapshotsConfig(Config):
    """What is kept for looking while training goes on."""

    every: int = setting(
        50,
        "A preview, its quality and a checkpoint every so many steps (and three early ones); 0 for none.",
        ge=0,
    )
    held_out: Literal["automatic", "manual", "none"] = setting(
        "automatic",
        "Keep a block out of training, for previews and honest quality numbers: the most structured place, "
        "the place given below, or none (then no quality number is shown).",
    )
    position: tuple[int, int, int] | None = setting(
        None,
        "Centre of the preview block: z, y, x; needed where it is placed by hand. Binned voxels count, where "
        "training bins.",
        unit="voxels",
    )
    size: tuple[int, int, int] | None = setting(
        None, "Size of the preview block: z, y, x; chosen to suit the tomogram if not given.", unit="voxels"
    )
    kept: int = setting(
        100, "Snapshots and checkpoints kept; older ones are thinned evenly, pinned ones never.", ge=2,
        advanced=True,
    )  # fmt: skip

    @model_validator(mode="after")
    def _placed(self) -> SnapshotsConfig:
        if self.held_out == "manual" and self.position is None:
            raise ValueError("a held-out block placed by hand needs its position (z, y, x in voxels)")
        if self.size is not None and min(self.size) < 8:
            raise ValueError(f"the preview block must be at least 8 voxels along every axis, not {self.size}")
        return self


class HardwareConfig(DeviceConfig):
    """Where training runs."""

    devices: int = setting(
        1, "Devices per node; more than one runs as a process of its own.", ge=1, advanced=True
    )
    nodes: int = setting(1, "Computers.", ge=1, advanced=True)
    recompute: bool = setting(
        False,
        "Compute what the network did again on the way back instead of keeping it: the same result with the "
        "memory of two crops, however large the batch, in about a third more time.",
        advanced=True,
    )
    hold: Literal["auto", "memory", "disk"] = setting(
        "auto",
        "Where tomograms lie while training: in memory (the device's if they fit there), on disk, from where "
        "crops are read as they are needed, or on disk only what does not fit.",
        advanced=True,
    )


class RunConfig(Config):
    """Everything that decides what a run computes; written to ``config.toml``, defaults included."""

    format: Literal[2] = FORMAT
    tomograms: tuple[TomogramConfig, ...] = setting(help="The tomograms to learn from.", min_length=1)
    method: SerializeAsAny[MethodConfig]
    network: SerializeAsAny[NetworkConfig]
    schedule: ScheduleConfig = ScheduleConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    hardware: HardwareConfig = HardwareConfig()
    from_checkpoint: Path | None = setting(None, "Start from these weights instead of random ones.")
    restored_by: RestoredBy | None = None

    @classmethod
    def from_preset(
        cls, name: str, method: str | dict[str, Any], network: str | dict[str, Any] = "", **settings: Any
    ) -> RunConfig:
        """Return the recipe that a preset makes of a method.

        Parameters
        ----------
        name : str
            ``"quick-look"``, ``"standard"``, ``"paper"``, or one that the method or the network brings.
        method, network : str or dict
            By name, or a table of what differs from the preset, with the name as ``kind``; the network
            that is usual for the method if none is named.
        **settings
            What lies over the preset: ``tomograms``, which must be given, and any other field; of a section
            such as ``schedule`` only what differs.

        Raises
        ------
        ValueError
            If there is no such preset, method or network, or a setting is wrong.
        """
        kinds = []
        for section, chosen in (("method", method), ("network", network)):
            kinds.append(chosen.get("kind", "") if isinstance(chosen, dict) else chosen)
            if isinstance(chosen, dict):
                settings[section] = {key: value for key, value in chosen.items() if key != "kind"}
        return cls.model_validate(presets.merged(presets.preset(name, *kinds), settings))

    @model_validator(mode="before")
    @classmethod
    def _end_of_older_runs(cls, values: Any) -> Any:
        return with_older_end(values)

    @field_validator("format", mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        if isinstance(value, int) and value > FORMAT:
            raise ValueError(
                f"this configuration has format {value}, written by a newer version; "
                f"this version reads up to {FORMAT}: update napari-cryorestore"
            )
        return FORMAT if type(value) is int and value == 1 else value

    @model_validator(mode="before")
    @classmethod
    def _of_other_packages(cls, values: Any) -> Any:
        """Take out what `packages` said where this was written, and name the one that is missing here."""
        if not isinstance(values, dict) or not isinstance(values.get("packages", 0), dict | None):
            return values
        for what, package in (values["packages"] or {}).items():
            section = values.get(what)
            if what in _TABLES and isinstance(section, dict):
                _TABLES[what].find(section.get("kind"), package=str(package))
        return {name: value for name, value in values.items() if name != "packages"}

    @field_validator("method", mode="before")
    @classmethod
    def _method_of_kind(cls, value: Any) -> Any:
        return _of_kind(value, METHODS)

    @field_validator("network", mode="before")
    @classmethod
    def _network_of_kind(cls, value: Any) -> Any:
        return _of_kind(value, NETWORKS)

    @model_validator(mode="after")
    def _network_fits(self) -> RunConfig:
        block = None if self.snapshots.size is None else min(self.snapshots.size)
        problem = (
            misfit(self.method.kind, self.network.kind)
            or too_small(self.schedule.crop, self.network)
            or too_small(block, self.network, what="preview block")
        )
        if problem:
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> RunConfig:
        method = METHODS[self.method.kind]
        if not method.trainable:
            raise ValueError(f"{method.title} is not trained: use it with 'restore'")
        for tomogram in self.tomograms:
            if method.maps != 1 and tomogram.odd is None:
                missing = "give the other half (--odd)" if method.maps == 2 else "give them all (--maps)"
                raise ValueError(f"{method.title} needs {method.needs()[0]} of {tomogram.even}: {missing}")
            made = method(self.method)
            if made.learns_with_filter and tomogram.odd is None:
                needed, instead = "the input 'wiener+raw'", "the input 'raw'"
                if not made.needs_filter:
                    needed = f"shells = {getattr(self.method, 'shells', '')!r}"
                    instead = "shells = 'equal'"
                raise ValueError(
                    f"{needed} needs two maps of {tomogram.even}, to know where they agree: choose {instead}"
                )
        return self

    @computed_field  # type: ignore[prop-decorator]
    @property
    def packages(self) -> dict[str, str] | None:
        """The packages that bring the method and the network where these are not our own."""
        return packages_of(self.method.kind, self.network.kind) or None


def with_older_end(values: Any) -> Any:
    """Return nested settings, with ``schedule.end`` given where they were written before there was one.

    A configuration that says its format was written whole. Before, runs ended after their last step.
    """
    if not isinstance(values, dict) or "format" not in values:
        return values
    schedule = values.get("schedule", {})
    if not isinstance(schedule, dict) or "end" in schedule:
        return values
    return {**values, "schedule": {**schedule, "end": "steps"}}


def _of_kind(value: Any, known: PluginTable[Any]) -> Any:
    return known.find(value.get("kind")).Config.model_validate(value) if isinstance(value, dict) else value


__all__ = [
    "FORMAT",
    "HardwareConfig",
    "RunConfig",
    "ScheduleConfig",
    "SnapshotsConfig",
    "TomogramConfig",
    "with_older_end",
]
