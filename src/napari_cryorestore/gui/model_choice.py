"""Which model restores: the methods loaded, and what runs say of theirs; free of Qt and PyTorch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.chosen_step import choose_step
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.runs.trained_on import TrainedOn
from napari_cryorestore.safe_reading import plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_cryorestore.methods import Method
    from napari_cryorestore.runs.chosen_step import ChosenStep, WhichStep


@dataclass(frozen=True)
class ModelChoice:
    """A step of a run, a file of weights, or a method that needs no training; nothing if all are ``None``.

    Attributes
    ----------
    run : Path or None
        A run folder.
    step : int or None
        One of its checkpoints; the newest if ``None``.
    weights : Path or None
        A checkpoint folder or weights file outside any run.
    method : str or None
        The name of a method that needs no training.
    """

    run: Path | None = None
    step: int | None = None
    weights: Path | None = None
    method: str | None = None

    @property
    def path(self) -> Path | None:
        """The weights or their run; ``None`` where there are none."""
        if self.run is None:
            return self.weights
        return self.run if self.step is None else RunDir(self.run).checkpoint_path(self.step)

    def to_plain(self) -> dict[str, Any]:
        """Return the values of a `ModelRef`, not validated yet."""
        return {"weights": self.path, "method": self.method}


class RunSteps:
    """The checkpoints of one run, kept up to date while it trains.

    Parameters
    ----------
    path : Path
        The run folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = RunDir(path)
        self._follower = RunFollower(path)
        self._state = RunState()

    def refresh(self) -> None:
        """Look at the folder again."""
        self._state.apply(self._follower.poll())

    @property
    def steps(self) -> list[int]:
        """The steps whose weights are on disk, ascending."""
        return self._run.checkpoint_steps()

    def chosen(self, which: WhichStep = "suggested") -> ChosenStep | None:
        """Return the step that is taken, as far as the folder was looked at; ``None`` without weights."""
        steps = self.steps
        if not steps or not (isinstance(which, str) or which in steps):
            return None
        return choose_step(self._state, steps, which, run=self.path)

    def words(self) -> dict[int, str]:
        """Return what to call each step in a list, e.g. ``600 · suggested, pinned``."""
        steps, pins, chosen = self.steps, self._run.pins(), self.chosen()
        words = {}
        for step in steps:
            kinds = (
                (chosen.kind if chosen else "", chosen is not None and step == chosen.step),
                ("pinned", step in pins),
                ("newest", step == steps[-1] and (chosen is None or chosen.kind != "newest")),
            )
            marks = ", ".join(mark for mark, holds in kinds if holds)
            words[step] = f"{step} · {marks}" if marks else str(step)
        return words


def method_name_of(run: Path) -> str:
    """Return the kind of method that a run trains; empty where it does not say."""
    return str(RunDir(run).recipe().table("method").get("kind", ""))


def loss_of(run: Path) -> str:
    """Return the loss that a run's method is set to use; empty where it has but one."""
    return str(RunDir(run).recipe().table("method").get("loss", ""))


def network_words_of(run: Path) -> str:
    """Return what a run's network adds to its name, ``, MS-D Net``; nothing where it is the usual one."""
    from napari_cryorestore.networks import NETWORKS
    from napari_cryorestore.presets import USUAL_NETWORK

    kind = str(RunDir(run).recipe().table("network").get("kind", USUAL_NETWORK))
    if kind == USUAL_NETWORK:
        return ""
    return f", {NETWORKS[kind].title if kind in NETWORKS else kind}"


def settings_of_method(choice: ModelChoice) -> dict[str, Any]:
    """Return the settings that a model's method was trained with, as its run or its weights say."""
    if choice.method is not None:
        return {"kind": choice.method}
    return RunDir(choice.run).recipe().table("method") if choice.run else _method_in(choice.weights)


def loaded_method(choice: ModelChoice) -> type[Method] | None:
    """Return the method of a model; ``None`` while the methods are not loaded, or if there is no such one."""
    return loaded_methods().get(str(settings_of_method(choice).get("kind", "")))


def trained_on(choice: ModelChoice) -> TrainedOn:
    """Return how the first of the tomograms that a model learned from was recorded, as far as it says."""
    if choice.run is not None:
        recipe = RunDir(choice.run).recipe()
        recording = next((item.recording for item in recipe.tomograms), Recording())
        size = None if recording.voxel_size is None else recording.voxel_size * recipe.binning
        return TrainedOn(recording.model_copy(update={"voxel_size": size}), binning=recipe.binning)
    return TrainedOn.from_json(_metadata(choice.weights).get("trained_on"))


def _method_in(weights: Path | None) -> dict[str, Any]:
    """Read the method's settings from a file of weights, without the classes that would import PyTorch."""
    try:
        settings = plain_json(_metadata(weights).get("method", "{}"))
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


def _metadata(weights: Path | None) -> dict[str, str]:
    file = weights / "weights.safetensors" if weights is not None and weights.is_dir() else weights
    if file is None:
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            return dict(opened.metadata() or {})
    except (OSError, SafetensorError):
        return {}  # whoever restores with it says what is wrong with the file


def loaded_methods() -> Mapping[str, type[Method]]:
    """Return the methods if they are loaded, else none."""
    found: Mapping[str, type[Method]] = getattr(sys.modules.get("napari_cryorestore.methods"), "METHODS", {})
    return found


def load_methods() -> Mapping[str, type[Method]]:
    """Load the methods, those of other packages too; for a thread that may take seconds."""
    from napari_cryorestore.methods import METHODS

    return dict(METHODS)


def loaded_untrained_methods() -> dict[str, type[Method]]:
    """Return those of the methods loaded that need no training."""
    return {name: method for name, method in loaded_methods().items() if not method.trainable}


__all__ = [
    "ModelChoice",
    "RunSteps",
    "load_methods",
    "loaded_method",
    "loaded_methods",
    "loaded_untrained_methods",
    "loss_of",
    "method_name_of",
    "network_words_of",
    "settings_of_method",
    "trained_on",
]
