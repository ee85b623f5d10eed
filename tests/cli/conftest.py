"""What the tests of the command line share: options of a tiny training, and a run made with them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.runs.events import Evaluated
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

RANKS = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "NODE_RANK",
    "SLURM_PROCID",
    "SLURM_STEP_ID",
    "SLURM_STEP_NUM_TASKS",
)
STEPS = 4
TINY = (
    "--network.features 4 --network.levels 2 --schedule.crop 16 --schedule.batch 1 --snapshots.every 2 "
    f"--schedule.steps {STEPS} --hardware.device cpu --hardware.precision 32 --hardware.threads 1"
).split()


@pytest.fixture(scope="session")
def tiny(tiny_pair: tuple[Path, Path]) -> list[str]:
    """Return the options of a training that takes a moment."""
    even, odd = tiny_pair
    return ["--even", str(even), "--odd", str(odd), *TINY]


@pytest.fixture(scope="session")
def trained(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that completed; leave it alone."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", *tiny, "--run", str(run), "--quiet"]) == 0
    score(run, {2: 0.1, 4: 0.2})  # so that it is the same step that is taken, whatever computes here
    return run


def score(run: Path, n2n: dict[int, float]) -> None:
    """Let a run have scored so on its held-out block."""
    for step, value in n2n.items():
        RunDir(run).record(Evaluated(step=step, metrics={"n2n": value, "fill": 0.0}))


@pytest.fixture(scope="session")
def three_pairs(tiny_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three pairs, each with a tilt file of its own; leave it alone."""
    folder = tmp_path_factory.mktemp("pairs")
    for number, lowest in enumerate((-60, -50, -40), 1):
        for half, path in zip(("even", "odd"), tiny_pair, strict=True):
            shutil.copy(path, folder / f"TS{number}_{half}.mrc")
        (folder / f"TS{number}.tlt").write_text(f"{lowest}\n0\n54\n", encoding="utf-8")
    return folder


@pytest.fixture
def run_copy(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of the completed run that may be changed."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test begin in an empty folder, in a process that is nobody's follower."""
    monkeypatch.chdir(tmp_path)
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    assert os.getcwd() == str(tmp_path)
