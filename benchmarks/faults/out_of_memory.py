"""Memory that runs out at each place where a training or a restoration allocates some."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from benchmarks.faults.tiny_run import Child, latest_error, pair, problems_of, tiny_run
from napari_cryorestore.data.crops import CropSampler
from napari_cryorestore.methods.icecream import Icecream
from napari_cryorestore.networks.unet_module import UNet
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.restoration.model import Model
from napari_cryorestore.runs.events import Finished, Noted
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.training import learner, preview, progress, trainer
from napari_cryorestore.training.launch import run_training
from napari_cryorestore.training.optimiser import Muon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_cryorestore.runs.run_dir import RunDir

_WORDS = "CUDA out of memory. Tried to allocate 2.00 GiB. (injected)"
_LOOP = {
    "drawing crops": (CropSampler, "draw"),
    "crops to the device": (trainer.Trainer, "_to_device"),
    "first network pass": (UNet, "forward"),
    "loss": (Icecream, "_distance"),
    "backward": (Fabric, "backward"),
    "clipping": (learner, "limit_gradients"),
    "optimiser": (Muon, "step"),
    "moving average": (learner, "follow"),
    "adding up losses": (progress.RunningMean, "add"),
    "reading losses": (progress.RunningMean, "take"),
    "preview": (preview.Preview, "restore"),
    "held-out numbers": (preview.Preview, "evaluate"),
    "preview to the host": (preview.Preview, "mean_of"),
    "writing weights": (trainer, "save_weights"),
    "state to go on from": (learner.Learner, "state"),
}
_START = {
    "preparation": (trainer, "prepare"),
    "network": (learner, "build_network"),
    "preview's crops": (preview, "cut_crops"),
}


@contextmanager
def starved(place: tuple[Any, str], *, at: range) -> Iterator[None]:
    """Let memory run out at these calls of a function, counted from 0."""
    owner, name = place
    original, calls = getattr(owner, name), [0]

    def starving(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] - 1 in at:
            raise torch.OutOfMemoryError(_WORDS)
        return original(*args, **kwargs)

    setattr(owner, name, starving)
    try:
        yield
    finally:
        setattr(owner, name, original)


def out_of_memory_training(folder: Path) -> dict[str, Any]:
    """Let memory run out once, and then for good, at every place; tell what became of the run."""
    problems: list[str] = []
    said: dict[str, dict[str, str]] = {}
    for place, where in (_LOOP | _START).items():
        said[place] = {}
        for how, at in (("once", range(3, 4) if place in _LOOP else range(1)), ("for good", range(3, 10**9))):
            if place in _START and how == "for good":
                continue
            run = tiny_run(folder, f"{place} {how}".replace(" ", "_"), schedule={"steps": 12, "batch": 4})
            child = Child(lambda: _starved_training(run, where, at), folder / "starved.txt")  # noqa: B023
            code = child.join()
            said[place][how] = _outcome(run)
            problems += [f"{place} {how}: {problem}" for problem in problems_of(run)]
            if code < 0 or (how == "once" and place in _LOOP and code):
                problems.append(f"{place} {how}: the run did not go on: {said[place][how]}")
    return {"problems": problems, "said": said}


def _starved_training(run: RunDir, where: tuple[Any, str], at: range) -> None:
    with starved(where, at=at):
        run_training(run)


def _outcome(run: RunDir) -> str:
    events = RunFollower(run.path).poll()
    warnings = [event.message for event in events if isinstance(event, Noted) and event.level == "warning"]
    if isinstance(events[-1], Finished):
        return "finished: " + (warnings[-1] if warnings else "no word about it")
    return f"failed: {latest_error(run)}"


def out_of_memory_restoration(folder: Path, model: Path) -> dict[str, Any]:
    """Let memory run out once, so that smaller tiles must do, and for good, which ends in a sentence."""
    even, odd = pair(folder / "large", (48, 96, 96))
    said: dict[str, str] = {}
    problems: list[str] = []
    for times in (1, 10**9):
        request = RestoreConfig.model_validate({
            "model": {"weights": model},
            "tomogram": {"maps": [even, odd], "recording": {"tilt_range": [-60, 60]}},
            "hardware": {"device": "cpu", "precision": "32", "threads": 1},
            "output": folder / f"starved_{times}.mrc",
        })  # fmt: skip
        log = folder / "starved.txt"
        log.unlink(missing_ok=True)
        child = Child(lambda: _starved_restoration(request, range(times)), log)  # noqa: B023
        code = child.join()
        words = log.read_text(encoding="utf-8").strip().splitlines()[-1] if log.exists() else "restored"
        said["once" if times == 1 else "for good"] = words
        if code < 0 or (code and times < 10):
            problems.append(f"{times} times: {words}")
        if code and request.output.exists():
            problems.append(f"{times} times: a file that is not whole")
    return {"problems": problems, "said": said}


def _starved_restoration(request: RestoreConfig, at: range) -> None:
    with starved((Model, "restore"), at=at):
        restore(request)
