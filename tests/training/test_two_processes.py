"""Two processes learn what one learns from as many crops: the gradient of a mean is the mean of gradients.

The crops that processes draw by themselves differ, as those of two runs with different seeds do. Here they
draw from one list: one process takes four crops a step, each of two takes two of them. What is left is the
order of sums of 32-bit numbers: 1e-7 of the loss and 6e-7 of the weights after these steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.checkpoint import load_checkpoint
from napari_cryorestore.runs.events import Stepped
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.runs.events import Event

STEPS = 12
TOLERANCE = 1e-4
TRAIN = """
import os, sys
import torch
from napari_cryorestore.data.crops import CropSampler, Places
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import preview, progress
from napari_cryorestore.training.launch import run_training

index, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
preview.CONTEXT, progress.LOOK_EVERY = 4, 0
progress.RECORD_EVERY = progress.LONGEST = 0

def draw(self):
    self.drawn = getattr(self, "drawn", -1) + 1
    volume = self.volumes[self.drawn % len(self.volumes)]
    choice = torch.Generator().manual_seed(self.drawn)
    corners = volume.corners[torch.randint(len(volume.corners), (4,), generator=choice)]
    return Places(self.drawn % len(self.volumes), corners[index::count], volume.imaging, 2)

CropSampler.draw = draw
run_training(RunDir.open(sys.argv[1]))
"""


def test_two_processes_learn_what_one_does_from_as_many_crops(
    planned: Callable[..., Any],
    make_pair: Callable[..., tuple[Path, Path]],
    history: Callable[[RunDir], list[Event]],
    begin: Callable[..., Any],
    begin_pair: Callable[..., list[Any]],
) -> None:
    pairs = [dict(zip(("even", "odd"), make_pair(seed=seed), strict=True)) for seed in (0, 1)]
    runs = []
    for processes, batch in ((1, 4), (2, 2)):
        changes: dict[str, Any] = {
            "hardware": {"devices": processes}, "method": {"rotate": False, "swap": False},
            "schedule": {"steps": STEPS, "batch": batch}, "snapshots": {"every": 6},
        }  # fmt: skip
        runs.append(RunDir(planned(f"run{processes}", tomograms=pairs, **changes).path))
    started = [begin(TRAIN, runs[0].path), *begin_pair(TRAIN, runs[1].path)]
    ends = [script.end() for script in started]
    assert [code for code, _ in ends] == [0, 0, 0], ends
    alone, together = ([event.loss for event in history(run) if isinstance(event, Stepped)] for run in runs)
    assert len(alone) == STEPS
    assert together == pytest.approx(alone, rel=TOLERANCE)
    first, second = (load_checkpoint(run.path).weights for run in runs)
    for name, value in first.items():
        assert float((second[name] - value).norm()) <= TOLERANCE * float(value.norm()), name
