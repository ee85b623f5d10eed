"""Tiny halves, tiny recipes and run folders that answer requests by plan."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.presets import merged
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.launch import create_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_cryorestore.runs.events import Event

SHAPE = (24, 40, 36)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use one thread, and look at little around the preview block."""
    monkeypatch.setattr("napari_cryorestore.training.preview.CONTEXT", 4)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def out_of_memory_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Let memory run out at some calls of a function, counted from 0; a list returned grows by each."""

    def starve(owner: Any, name: str, *, at: range) -> list[int]:
        original, calls = getattr(owner, name), []

        def starving(*args: Any, **kwargs: Any) -> Any:
            calls.append(len(calls))
            if calls[-1] in at:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, starving)
        return calls

    return starve


@pytest.fixture(scope="session")
def make_pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Write two halves with a common signal."""

    def make(
        shape: tuple[int, int, int] = SHAPE, *, seed: int = 0, voxel_size: float = 10.0
    ) -> tuple[Path, Path]:
        random = np.random.default_rng(seed)
        signal = gaussian_filter(random.standard_normal(shape), 1.5) * 8
        folder = tmp_path_factory.mktemp("pair")
        paths = []
        for name in ("even", "odd"):
            half = 5 + 3 * (signal + random.standard_normal(shape))
            write_volume(folder / f"ts_{name}.mrc", half, voxel_size=voxel_size, label="test")
            paths.append(folder / f"ts_{name}.mrc")
        return paths[0], paths[1]

    return make


@pytest.fixture(scope="session")
def pair(make_pair: Callable[..., tuple[Path, Path]]) -> tuple[Path, Path]:
    return make_pair()


@pytest.fixture
def recipe(pair: tuple[Path, Path]) -> Callable[..., RunConfig]:
    """Make a recipe that takes well under a second."""
    least = {
        "tomograms": [{"even": pair[0], "odd": pair[1], "tilt_min": -60, "tilt_max": 60}],
        "method": {"kind": "noise2noise"},
        "network": {"kind": "unet", "features": 2, "levels": 2},
        "schedule": {"steps": 4, "batch": 2, "crop": 16, "mask": "none"},
        "snapshots": {"every": 2, "size": [16, 8, 8]},
        "hardware": {"device": "cpu", "precision": "32", "threads": 1},
    }

    def make(**changes: Any) -> RunConfig:
        return RunConfig.model_validate(merged(least, changes))

    return make


@pytest.fixture
def begin_pair(begin: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Begin a script twice, as the two processes of one run: as torchrun starts them, or as we do."""

    def begin_both(text: str, argument: Path, *, torchrun: bool = True) -> list[Any]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        places = [
            {"LOCAL_RANK": rank} | ({"RANK": rank, "WORLD_SIZE": "2"} if torchrun else {"NODE_RANK": "0"})
            for rank in "01"
        ]
        return [begin(text, argument, **common, **place) for place in places]

    return begin_both


class PlannedRun(RunDir):
    """A run folder that answers the loop's questions by plan.

    Attributes
    ----------
    plan : dict of int to Request
        What is requested at the n-th look, counted from 1; otherwise to go on.
    previews : set of int
        At which question a preview is requested.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self.plan: dict[int, Request] = {}
        self.previews: set[int] = set()
        self.looks = self.questions = 0
        self.listening = False

    def record(self, event: Event) -> None:
        self.listening |= getattr(event, "message", "") == "Training"
        super().record(event)

    def request(self) -> Request:
        if not self.listening:
            return Request.CONTINUE
        self.looks += 1
        return self.plan.get(self.looks, Request.CONTINUE)

    def snapshot_requested(self) -> bool:
        self.questions += 1
        return self.questions in self.previews


@pytest.fixture
def planned(tmp_path: Path, recipe: Callable[..., RunConfig]) -> Callable[..., PlannedRun]:
    """Make the run folder of a tiny recipe, with answers by plan."""

    def make(name: str = "run", **changes: Any) -> PlannedRun:
        return PlannedRun(create_run(recipe(**changes), tmp_path / name).path)

    return make


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop look at requests after every step."""
    monkeypatch.setattr("napari_cryorestore.training.progress.RECORD_EVERY", 0.0)
    monkeypatch.setattr("napari_cryorestore.training.progress.SHARE", float("inf"))


@pytest.fixture
def history() -> Callable[[RunDir], list[Event]]:
    """Return all that a run has recorded."""
    return lambda run: RunFollower(run.path).poll()
