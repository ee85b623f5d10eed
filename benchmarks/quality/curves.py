"""Curves of quality over CPU time, drawn from the rows that `train` recorded.

Run, for example::

    python -m benchmarks.quality curves rows.jsonl --measure "fine wedge,particle AP" --output curves.png

Rows without a measure, from records older than it, are left out of its panels.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

Row = dict[str, Any]


def draw(rows: Sequence[Row], output: Path, *, measure: str = "overall") -> None:
    """Draw one panel per case and measure, one line per recipe and number of passes, seeds averaged.

    Parameters
    ----------
    rows : sequence of dict
        As recorded by `train`.
    output : Path
        The PNG file to make.
    measure : str
        One or more of the columns, separated by commas.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    cases = list(dict.fromkeys(row["case"] for row in rows))
    names = list(dict.fromkeys(row["name"] for row in rows if "step" in row))
    measures = measure.split(",")
    shape = (len(measures), len(cases))
    size = (5 * shape[1], 3 * shape[0] + 0.6)
    figure, axes = pyplot.subplots(
        *shape, figsize=size, squeeze=False, layout="constrained", sharex=True, sharey="row"
    )
    for down, name in enumerate(measures):
        for across, case in enumerate(cases):
            shown = [row for row in rows if row["case"] == case and name in row]
            _panel(axes[down, across], shown, name, names)
            axes[down, across].set_title(f"{case}: {name}", fontsize=10)
        axes[down, 0].set_ylabel(_unit(name))
        _show_the_upper_part(axes[down, 0], rows, name)
    for panel in axes[-1]:
        panel.set_xlabel("CPU seconds of training")
    lines = {line.get_label(): line for panel in axes.flat for line in panel.get_lines()}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(output, dpi=100)
    pyplot.close(figure)


def _unit(measure: str) -> str:
    if measure == "particle AP":
        return "average precision"
    return "mean FSC" if measure.startswith("fsc") else "correlation"


def _panel(axes: Axes, rows: Sequence[Row], measure: str, names: Sequence[str]) -> None:
    for name, style in (("Wiener", ":"), ("raw", "-.")):
        flat = [row[measure] for row in rows if row["name"] == name]
        if flat:
            axes.axhline(float(np.mean(flat)), color="grey", linestyle=style, label=name)
    for place, name in enumerate(names):
        for passes, style in ((1, "-"), (2, "--")):
            seconds, middle, spread = _line(rows, name, passes, measure)
            if not len(seconds):
                continue
            strength = 1.0 if passes == 1 else 0.45
            label = f"{name}, {passes} pass" + "es" * (passes > 1)
            axes.plot(seconds, middle, style, color=f"C{place}", marker=".", label=label, alpha=strength)
            if passes == 1:
                axes.fill_between(seconds, middle - spread, middle + spread, color=f"C{place}", alpha=0.12)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)


def _show_the_upper_part(axes: Axes, rows: Sequence[Row], measure: str) -> None:
    """Leave out how bad the first steps are, which would flatten everything else."""
    values = [row[measure] for row in rows if "step" in row and measure in row]
    low, high = float(np.quantile(values, 0.12)), max(values)
    axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))


def _line(
    rows: Sequence[Row], name: str, passes: int, measure: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return seconds, and mean and deviation over seeds, at the steps that every seed has."""
    by_step: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if row["name"] == name and row.get("passes") == passes:
            by_step[row["step"]].append(row)
    most = max(map(len, by_step.values()), default=0)
    steps = sorted(step for step, found in by_step.items() if len(found) == most)
    table = [
        [np.mean([row["seconds"] for row in by_step[step]]),
         np.mean([row[measure] for row in by_step[step]]),
         np.std([row[measure] for row in by_step[step]])]
        for step in steps
    ]  # fmt: skip
    seconds, middle, spread = np.array(table).T if table else np.zeros((3, 0))
    return seconds, middle, spread


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--measure", default="overall,wedge", help="comma-separated")
    parser.add_argument("--names", nargs="*", help="only these recipes")
    options = parser.parse_args()
    rows = [json.loads(line) for file in options.records for line in file.read_text().splitlines()]
    if options.names:
        rows = [row for row in rows if "step" not in row or row["name"] in options.names]
    draw(rows, options.output, measure=options.measure)
    print(json.dumps({"rows": len(rows), "output": str(options.output)}))
