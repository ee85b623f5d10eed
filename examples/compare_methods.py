"""Trains ICECREAM and Noise2Noise on the sample that comes with the package, and draws them side by side.

Run it with the number of steps, e.g. ``python examples/compare_methods.py 200``; the runs and the figure go
into the folder ``compared``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_cryorestore.comparison.figure import restoration_figure, save_figure
from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.restoration import RestoreRequest, restore
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
    half = read_volume(even)
    volumes = [("Input", (half.data + read_volume(odd).data) / 2)]
    folder.mkdir()
    for name in ("wiener", "noise2noise", "icecream"):
        source = "wiener" if name == "wiener" else trained(name, folder / name, steps=steps)
        output = restore(RestoreRequest(source, even, folder / f"{name}.mrc", odd=odd))
        volumes.append((name, read_volume(output).data))
    return save_figure(folder / "compared.png", restoration_figure(volumes, voxel_size=half.voxel_size))


if __name__ == "__main__":
    print(main(int(sys.argv[1]), Path("compared")))  # noqa: T201  this is a script
