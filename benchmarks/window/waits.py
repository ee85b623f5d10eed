"""What a user waits for, in a real napari window: opening, first preview, smoothness, stopping, closing.

Run, for example (without a display, and with one leave out the first part)::

    xvfb-run -a -s "-screen 0 1600x1000x24" python -m benchmarks.window waits

Makes its own files in a temporary folder: a pair of 64³ voxels and, with ``--large``, a tomogram of
928×928×464. With ``--process`` training is a program of its own that takes every core; with ``--tomograms 3``
three pairs are open and trained on.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process_memory import memory
from scripts.scripted_window import until

LARGE = (464, 928, 928)
PLUGIN = "napari-cryorestore"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to train while looking")
    parser.add_argument("--large", action="store_true", help="open a file of 1.6 GB as well")
    parser.add_argument("--process", action="store_true", help="train in a process that takes every core")
    parser.add_argument("--tomograms", type=int, default=1, help="how many pairs to open and train on")
    options = parser.parse_args()
    figures: dict[str, Any] = {"plugin adds to the start (s)": start_up_cost()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")
        session = Session(folder)
        if options.process:
            session.train_outside()
        figures |= session.measured(options)
    for name, value in figures.items():
        print(f"{name:<52} {value:8.3f}")
    where = "process" if options.process else "thread"
    print(
        json.dumps(
            {
                "benchmark": "window",
                "cores": os.cpu_count(),
                "training": where,
                "tomograms": options.tomograms,
                **figures,
            }
        ),
        flush=True,
    )


def start_up_cost() -> float:
    """Return the seconds that reading this plugin's manifest adds to napari's start."""
    code = (
        "import time; from npe2 import PluginManifest; import importlib.util as u;"
        "PluginManifest.from_distribution('napari');"
        "t=time.perf_counter(); PluginManifest.from_distribution('napari-cryorestore');"
        "print(time.perf_counter()-t); import sys; assert 'torch' not in sys.modules"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(3)]
    return min(float(run.stdout) for run in runs)


class Session:
    """One napari window, and what is done in it."""

    def __init__(self, folder: Path) -> None:
        import napari
        from qtpy.QtCore import Qt, QTimer

        self.folder = folder
        self.outside = False
        self.viewer = napari.Viewer(show=True)
        self.ticks: list[tuple[float, float]] = []
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(10)
        self.timer.timeout.connect(lambda: self.ticks.append((time.perf_counter(), time.thread_time())))

    def train_outside(self) -> None:
        """Let runs be started as processes, as those on several devices are."""
        from napari_cryorestore.gui.viewer_session import Launcher, session_of
        from napari_cryorestore.runs.run_dir import RunDir
        from napari_cryorestore.training.launch import launch

        self.outside = True
        launcher = Launcher(launch=lambda path: launch(RunDir.open(path), "process"))
        session_of(self.viewer).launcher = launcher

    def measured(self, options: argparse.Namespace) -> dict[str, float]:
        """Go through everything once."""
        figures = self._open_large() if options.large else {}
        figures |= self._smoothness(5, "nothing happens")
        train, monitor, first = self._first_preview(options.tomograms)
        figures["Start pressed to first preview (s)"] = first
        figures |= self._smoothness(options.seconds, "training")
        figures |= self._stop(train, monitor)
        figures |= self._close(train)
        return figures

    def _open_large(self) -> dict[str, float]:
        from napari_cryorestore.io.volume_format import Grid
        from napari_cryorestore.io.volume_output import create_volume

        path = self.folder / "large.mrc"
        with create_volume(path, Grid(LARGE, 8.0), label="random numbers") as out:
            plane = np.random.default_rng(0).normal(size=LARGE[1:]).astype(np.float32)
            for target in out:
                target[:] = plane
        before, start = memory("RssAnon"), time.perf_counter()
        self.viewer.open(str(path), plugin=PLUGIN)
        self._settle()
        seconds = time.perf_counter() - start
        used = memory("RssAnon") - before
        self.viewer.layers.clear()
        return {"1.6 GB file opened and drawn (s)": seconds, "anonymous memory for it (MB)": used / 1e6}

    def _open_pairs(self, count: int) -> None:
        """Open simulated pairs as layers."""
        from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair

        for seed in range(count):
            pair = simulate(SimulationConfig(size=64, voxel_size=10.0, seed=seed))
            even, odd, *_ = write_pair(self.folder, pair, name=f"sim{seed + 1}")
            self.viewer.open([str(even), str(odd)], plugin=PLUGIN)

    def _first_preview(self, tomograms: int) -> tuple[Any, Any, float]:
        from napari_cryorestore.gui.dock_place import open_panel

        self._open_pairs(tomograms)
        train, monitor = (open_panel(self.viewer, name) for name in ("Train", "Monitor"))
        until(lambda: train.recipe is not None and not train.background.busy())
        if tomograms > 1:
            train.more.add["layers"].click()
            until(lambda: all(item.look is not None for item in train.model.more_tomograms))
            assert len(train.model.config().tomograms) == tomograms
        train.recipe.preset_chosen.emit("quick-look")
        schedule = train.model.sections["schedule"].model_copy(update={"steps": 100_000})
        train.model.put("schedule", schedule)
        if self.outside:
            hardware = train.model.sections["hardware"]
            train.model.put("hardware", hardware.model_copy(update={"threads": os.cpu_count()}))
        until(train.bar.start.isEnabled)
        start = time.perf_counter()
        train.bar.start.click()
        until(lambda: len(monitor.model.frames.steps) > 1)
        return train, monitor, time.perf_counter() - start

    def _smoothness(self, seconds: float, during: str) -> dict[str, float]:
        self.ticks.clear()
        self.timer.start()
        end = time.perf_counter() + seconds
        until(lambda: time.perf_counter() > end)
        self.timer.stop()
        gaps, own = 1000 * np.diff(np.array(self.ticks), axis=0).T
        return {
            f"gap between timer ticks while {during}, p99 (ms)": float(np.percentile(gaps, 99)),
            f"the longest while {during} (ms)": float(gaps.max()),
            f"the window's own CPU time in a gap, {during}, p99 (ms)": float(np.percentile(own, 99)),
        }

    def _stop(self, train: Any, monitor: Any) -> dict[str, float]:
        state = monitor.model.state
        step = 1 / state.rate if getattr(state, "rate", 0) else float("nan")
        start = time.perf_counter()
        train.bar.stop.click()
        until(lambda: monitor.model.status() == "stopped")
        return {"Stop pressed to stopped (s)": time.perf_counter() - start, "one step (s)": step}

    def _close(self, train: Any) -> dict[str, float]:
        from napari_cryorestore.gui.viewer_session import session_of

        until(train.bar.start.isEnabled)
        train.bar.start.click()
        runs, known = session_of(self.viewer), len(session_of(self.viewer).paths)
        until(lambda: len(runs.paths) > known and runs.is_training(runs.current))
        end = time.perf_counter() + 5
        until(lambda: time.perf_counter() > end)
        start = time.perf_counter()
        self.viewer.close()
        seconds = time.perf_counter() - start
        alive = [t.name for t in threading.enumerate() if t.name.startswith("cryorestore")]
        assert not alive, f"left running: {alive}"
        until(lambda: not runs.is_training(runs.current))  # a process that is just beginning ends later
        return {"window closed while training (s)": seconds}

    def _settle(self) -> None:
        from qtpy.QtWidgets import QApplication

        for _ in range(5):
            QApplication.processEvents()
