"""A run folder that tests let grow."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_cryorestore.gui.monitor import model, panel
from napari_cryorestore.runs.events import Checkpointed, Evaluated, Snapshotted, Started, Stepped
from napari_cryorestore.runs.run_dir import RunDir

SHAPE = (4, 6, 8)
CONFIG = """
[[tomograms]]
even = "TS01_EVN.mrc"
voxel_size = 8.0
[snapshots]
position = [10, 20, 30]
size = [4, 6, 8]
"""


class FakeRun(RunDir):
    """Records what a trainer would."""

    def start(self, step=0, **more):
        self.write_input(np.random.default_rng(0).normal(size=SHAPE))
        self.record(Started(step=step, steps=5000, process=1, host="gpu01", **more))

    def step(self, *steps, **more):
        for step in steps:
            parts = {"data": 0.5, "equivariance": 0.1}
            event = Stepped(step=step, loss=1 / (1 + step), parts=parts, rate=11.0, memory=7.1, **more)
            self.record(event)

    def save(self, *steps, n2n=None, spread=0.3, **metrics):
        for step in steps:
            numbers = {"n2n": step / 1000 if n2n is None else n2n, "fill": 0.1, **metrics}
            self.record(Evaluated(step=step, metrics=numbers))
            file = self.write_snapshot(step, np.random.default_rng(step).normal(0, spread, SHAPE))
            self.record(Snapshotted(step=step, file=file))
            folder = self.write_checkpoint(step, lambda folder: (folder / "weights").touch())
            self.record(Checkpointed(step=step, file=folder))


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Let the panel read, load and draw all at once, however long a busy computer takes for it."""
    monkeypatch.setattr(model, "READ_SECONDS", 300)
    monkeypatch.setattr(model.MonitorModel.poll, "__kwdefaults__", {"seconds": 300.0})
    monkeypatch.setattr(panel, "REST", 0)


@pytest.fixture
def run(tmp_path):
    made = FakeRun.create(tmp_path / "TS01_icecream", config=CONFIG, environment={})
    made.start()
    return made


@pytest.fixture
def trained(run):
    """A run in the middle: previews at 100, 200 and 300."""
    now = time.time()
    for step in (100, 200, 300):
        run.step(step, time=now - 30 + step / 100)
        run.save(step)
    return run
