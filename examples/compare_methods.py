"""Trains ICECREAM and Noise2Noise on the sample that comes with the package, and draws them side by side.

Run it with the number of steps, e.g. ``python examples/compare_methods.py 200``; the runs and the figure go
into the folder ``compared``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import napari_cryorestore as cr
from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.samples import real_pair


def trained(method: str, folder: Path, *, steps: int) -> Path:
    """Train a method on the sample and return its run folder."""
    recipe = cr.RunConfig.from_preset(
        "quick-look",
        method,
        tomograms=[{"maps": real_pair()}],
        schedule={"steps": steps},
        snapshots={"every": max(1, steps // 4)},
    )
    return cr.train(recipe, folder).path


def main(steps: int, folder: Path) -> Path:
    """Compare the input, the Wiener filter and two trained methods, and return the figure's file."""
    even, odd = real_pair()
    rows: dict[str, Path | RowConfig] = {
        "Input": RowConfig(name="Input", kind="mean", even=even, odd=odd),
        "Wiener filter": RowConfig(name="Wiener filter", kind="method", method="wiener", even=even, odd=odd),
    }
    folder.mkdir()
    for name in ("noise2noise", "icecream"):
        rows[cr.METHODS[name].title] = trained(name, folder / name, steps=steps)
    return cr.compare(rows, folder / "compared.png", region=256)


if __name__ == "__main__":
    print(main(int(sys.argv[1]), Path("compared")))  # noqa: T201  this is a script
