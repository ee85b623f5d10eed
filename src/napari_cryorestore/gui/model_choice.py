"""Which model restores, and what its run folder says about it; free of Qt and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_cryorestore.plain_values import plain_json
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.raw_config import raw_config, table, tables
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState


@dataclass(frozen=True)
class ModelChoice:
    """A step of a run, a file of weights, or the Wiener filter where neither is given.

    Attributes
    ----------
    run : Path or None
        A run folder.
    step : int or None
        One of its checkpoints; the newest if ``None``.
    weights : Path or None
        A checkpoint folder or weights file outside any run.
    """

    run: Path | None = None
    step: int | None = None
    weights: Path | None = None

    @property
    def source(self) -> Path | Literal["wiener"]:
        """What a `RestoreRequest` calls it."""
        if self.run is None:
            return self.weights or "wiener"
        return self.run if self.step is None else RunDir(self.run).checkpoint_path(self.step)


@dataclass(frozen=True)
class RecordedTomogram:
    """A tomogram of a run's configuration, as far as restoring needs it."""

    even: Path | None = None
    odd: Path | None = None
    voxel_size: float | None = None
    tilt_range: tuple[float, float] | None = None
    tilt_axis: Literal["y", "x"] = "y"


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

    @property
    def suggested(self) -> int | None:
        """The step with the best held-out score, if its weights are on disk."""
        step = self._state.suggested_step
        return step if step in self.steps else None

    @property
    def best(self) -> int | None:
        """The step to begin with: the suggested one, or the newest."""
        steps = self.steps
        return self.suggested or (steps[-1] if steps else None)

    def words(self) -> dict[int, str]:
        """Return what to call each step in a list, e.g. ``600 · suggested, pinned``."""
        steps, pins, suggested = self.steps, self._run.pins(), self.suggested
        words = {}
        for step in steps:
            kinds = (
                ("suggested", step == suggested),
                ("pinned", step in pins),
                ("newest", step == steps[-1]),
            )
            marks = ", ".join(mark for mark, holds in kinds if holds)
            words[step] = f"{step} · {marks}" if marks else str(step)
        return words


def method_of(run: Path) -> str:
    """Return the kind of method that a run trains; empty where it does not say."""
    return str(table(raw_config(RunDir(run)), "method").get("kind", ""))


def loss_of(run: Path) -> str:
    """Return the loss that a run's method was told to use; empty where it has but one."""
    return str(table(raw_config(RunDir(run)), "method").get("loss", ""))


def averages_flips(choice: ModelChoice) -> bool | None:
    """Return whether a model was trained to average over flips when it restores.

    Returns
    -------
    bool or None
        ``None`` where its method has no such knob, or does not say.
    """
    settings = table(raw_config(RunDir(choice.run)), "method") if choice.run else _method_in(choice.weights)
    value = settings.get("average_flips")
    return value if isinstance(value, bool) else None


def tomograms_of(run: Path) -> list[RecordedTomogram]:
    """Return the tomograms that a run learns from."""
    listed = tables(raw_config(RunDir(run)), "tomograms")
    return [_recorded(item) for item in listed if isinstance(item.get("even"), str)]


def _recorded(item: dict[str, Any]) -> RecordedTomogram:
    low, high, edge = (_number(item.get(name)) for name in ("tilt_min", "tilt_max", "voxel_size"))
    return RecordedTomogram(
        even=Path(item["even"]),
        odd=Path(item["odd"]) if isinstance(item.get("odd"), str) else None,
        voxel_size=edge,
        tilt_range=None if low is None or high is None else (low, high),
        tilt_axis="x" if item.get("tilt_axis") == "x" else "y",
    )


def _method_in(weights: Path | None) -> dict[str, Any]:
    """Read the method's settings from a file of weights, without the classes that would import PyTorch."""
    file = weights / "weights.safetensors" if weights is not None and weights.is_dir() else weights
    if file is None:
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            settings = plain_json((opened.metadata() or {}).get("method", "{}"))
    except (OSError, SafetensorError, ValueError):
        return {}  # whoever restores with it says what is wrong with the file
    return settings if isinstance(settings, dict) else {}


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


__all__ = [
    "ModelChoice",
    "RecordedTomogram",
    "RunSteps",
    "averages_flips",
    "loss_of",
    "method_of",
    "tomograms_of",
]
