"""Trains ICECREAM and Noise2Noise on the sample that comes with the package, and draws them side by side.

Run it with the number of steps, e.g. ``python examples/compare_methods.py 200``; the runs and the figure go
into the folder ``compared``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_cryorestore.comparison.config import RowConfig
from napari_cryorestore.comparison.figure import comparison_figure, save_figure
from napari_cryorestore.comparison.sources import Sources
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.samples import real_pair
from napari_cryorestore.training.launch import create_run, run_training


def trained(method: str, folder: Path, *, steps: int) -> Path:
    """Train a method on the sample and return its run folder."""
    even, odd = real_pair()
    ours = {
        "tomograms": [{"even": even, "odd": odd}],
        "schedule": {"steps": steps},
        "snapshots": {"every": max(1, steps // 4)},
    }
    run = create_run(RunConfig.model_validate(merged(preset("quick-look", method), ours)), folder)
    run_training(run)
    return run.path


def main(steps: int, folder: Path) -> Path:
    """Compare the input, the Wiener filter and two trained methods, and return the figure's file."""
    even, odd = real_pair()
    rows = [
        RowConfig(name="Input", kind="mean", even=even, odd=odd),
        RowConfig(name="Wiener filter", kind="method", method="wiener", even=even, odd=odd),
    ]
    folder.mkdir()
    for name in ("noise2noise", "icecream"):
        rows.append(RowConfig(name=name, kind="run", path=trained(name, folder / name, steps=steps)))
    sources = Sources()
    volumes = [sources.open_row(row, region=256) for row in rows]
    return save_figure(folder / "compared.png", comparison_figure(volumes))


if __name__ == "__main__":
    print(main(int(sys.argv[1]), Path("compared")))  # noqa: T201  this is a script
