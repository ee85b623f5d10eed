"""How quickly the Compare panel follows the crosshair, and how smooth a real napari window stays.

Run, for example (without a display, and with one leave out the first part)::

    xvfb-run -a -s "-screen 0 1600x1000x24" python -m benchmarks.window compare --large

Makes four volumes of 256³ voxels in memory and, with ``--large``, four files of 928×928×464 that are
memory-mapped (6.4 GB in a temporary folder). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from scripts.scripted_window import until, wait

SMALL, LARGE, HEAVY = (256, 256, 256), (464, 928, 928), (512, 512, 512)
ROWS = 4
SIZE = (1400, 950)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--moves", type=int, default=60, help="how often the crosshair is moved")
    parser.add_argument("--large", action="store_true", help="measure with four files of 1.6 GB as well")
    parser.add_argument("--folder", type=Path, help="where those files are kept; a temporary one otherwise")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_CONFIG"] = f"{scratch}/settings.yaml"
        session = Session()
        figures |= session.moves(small_volumes(), options.moves, name="256³")
        figures |= session.spectra()
        if options.large:
            folder = options.folder or Path(scratch)
            figures |= session.moves(large_volumes(folder), options.moves, name="928×928×464 mapped")
        session.close()
    for name, value in figures.items():
        print(f"{name:<66} {value:9.1f}")
    print(json.dumps({"benchmark": "compare", "cores": os.cpu_count(), **figures}), flush=True)


def small_volumes() -> list[np.ndarray]:
    """Return four volumes of noise."""
    random = np.random.default_rng(0)
    return [random.standard_normal(SMALL, dtype=np.float32) for _ in range(ROWS)]


def large_volumes(folder: Path) -> list[np.ndarray]:
    """Return four memory-mapped files, made where they are not there yet."""
    random = np.random.default_rng(0)
    volumes = []
    for index in range(ROWS):
        path = folder / f"large_{index}.npy"
        if not path.exists():
            volume = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=LARGE)
            for plane in volume:
                plane[:] = random.standard_normal(LARGE[1:], dtype=np.float32)
            volume.flush()
            del volume
        volumes.append(np.load(path, mmap_mode="r"))
    return volumes


class Session:
    """One napari window with the Compare panel in it."""

    def __init__(self) -> None:
        import napari

        from napari_cryorestore.gui.dock_place import open_panel

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        self.panel = open_panel(self.viewer, "Compare")
        wait(0.5)

    def moves(self, volumes: list[np.ndarray], count: int, *, name: str) -> dict[str, float]:
        """Move the crosshair here and there; milliseconds until everything is painted."""
        from qtpy.QtWidgets import QApplication

        self.show(volumes)
        random = np.random.default_rng(1)
        (z, y, x) = self.panel.model.bounds()
        walls: list[float] = []
        thread: list[float] = []
        every: list[float] = []
        whole: list[float] = []
        for _ in range(count):
            place = [random.uniform(low, high) for low, high in (z, y, x)]
            wall, cpu, all_cpu = time.perf_counter(), time.thread_time(), time.process_time()
            self.panel.model.set_cursor(place)
            self.painted()
            QApplication.processEvents()  # which is when cells paint
            walls.append(time.perf_counter() - wall)
            thread.append(time.thread_time() - cpu)
            every.append(time.process_time() - all_cpu)
            wait(0.12)  # the viewer follows
            whole.append(time.thread_time() - cpu)
        return {
            f"{name}: crosshair moved to painted, median (ms)": 1e3 * float(np.median(walls)),
            f"{name}: crosshair moved to painted, p95 (ms)": 1e3 * float(np.percentile(walls, 95)),
            f"{name}: CPU of the window's thread, median (ms)": 1e3 * float(np.median(thread)),
            f"{name}: CPU of all threads, median (ms)": 1e3 * float(np.median(every)),
            f"{name}: the window's thread, the viewer following (ms)": 1e3 * float(np.median(whole)),
        }

    def spectra(self) -> dict[str, float]:
        """Compute the Fourier slices of a large volume while the window lives."""
        ticks: list[float] = []
        timer = _timer(lambda: ticks.append(time.perf_counter()))
        volume = np.random.default_rng(2).standard_normal(HEAVY, dtype=np.float32)
        self.show([volume], settled=False)
        begin = time.perf_counter()
        until(lambda: not self.panel.pictures.busy, pause=0.001)
        timer.stop()
        gaps = np.diff(ticks)
        return {
            "512³: Fourier slices shown after (s)": time.perf_counter() - begin,
            "512³: gaps of a 10 ms timer meanwhile, p99 (ms)": 1e3 * float(np.percentile(gaps, 99)),
            "512³: gaps of a 10 ms timer meanwhile, longest (ms)": 1e3 * float(gaps.max()),
        }

    def show(self, volumes: list[np.ndarray], *, settled: bool = True) -> None:
        """Compare these volumes instead of what was there."""
        self.viewer.layers.clear()
        self.panel.model.load(type(self.panel.model.config)())
        for index, volume in enumerate(volumes):
            layer = self.viewer.add_image(
                volume,
                name=f"volume {index}",
                scale=(10,) * 3,
                units=("angstrom",) * 3,
                contrast_limits=(-3, 3),
            )
            self.panel.rows.add_layer(layer)
        if settled:
            until(lambda: not self.panel.pictures.busy, pause=0.001)
            wait(1)

    def close(self) -> None:
        """Close the window, and tell of threads that do not end."""
        self.viewer.close()
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("cryorestore")]
        if left:
            print("still working:", left)

    def painted(self) -> None:
        """Sleep until the requested sections have reached their cells."""
        from qtpy.QtCore import QEventLoop

        loop = QEventLoop()
        self.panel.pictures.painted.connect(loop.quit)
        while self.panel.pictures.painting:
            loop.exec()
        self.panel.pictures.painted.disconnect(loop.quit)


def _timer(tick: Any) -> Any:
    from qtpy.QtCore import Qt, QTimer

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(10)
    return timer
