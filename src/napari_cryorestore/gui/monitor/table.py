"""A run's numbers as a table for spreadsheets."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from napari_cryorestore.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.curve import Curve
    from napari_cryorestore.runs.state import RunState


def write_csv(state: RunState, path: Path) -> None:
    """Write losses and quality numbers, one row a step; a cell stays empty where there is no number.

    Raises
    ------
    OSError
        If the file cannot be written; an older one is kept.
    """
    curves: dict[str, Curve] = {**state.curves, **state.metrics}
    columns = [
        dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True)) for curve in curves.values()
    ]
    steps = sorted(set().union(*columns)) if columns else []
    with whole_file(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *curves])
        writer.writerows([step, *(column.get(step, "") for column in columns)] for step in steps)


__all__ = ["write_csv"]
