"""How soon recipes reach what another one has after some steps, from the rows that `train` recorded.

Run, for example::

    python -m benchmarks.quality sooner rows.jsonl --yardstick paper --step 200 --seconds 1.45

which tells when each recipe, restored in one pass, is as good as `paper` after 200 steps, in whichever of one
or two passes it is better, measure by measure, all of them means over seeds. A step of the yardstick is
counted as `--seconds`, such as the published program's, or as it was measured. Particle AP is a measure like
the others; rows without it, of older records, are left out there. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
KEYS = ("case", "seed", "name", "step", "seconds", "passes")


def averaged(rows: list[Row], measure: str) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Return mean seconds and quality over seeds, by recipe, passes and step; a seed's last row counts."""
    found: dict[tuple[str, int, int], dict[int, Row]] = {}
    for row in (row for row in rows if measure in row):
        found.setdefault((row["name"], row["passes"], row["step"]), {})[row["seed"]] = row
    seeds = {
        name: max(len(by_seed) for key, by_seed in found.items() if key[0] == name) for name, *_ in found
    }
    return {
        key: (
            float(np.mean([row["seconds"] for row in by_seed.values()])),
            float(np.mean([row[measure] for row in by_seed.values()])),
        )
        for key, by_seed in found.items()
        if len(by_seed) == seeds[key[0]]
    }


def first_reached(
    means: dict[tuple[str, int, int], tuple[float, float]], name: str, aim: float
) -> float | None:
    """Return the CPU seconds after which a recipe, in one pass, is at least as good; None if it never is."""
    seconds = [
        spent for (other, passes, _), (spent, value) in means.items()
        if other == name and passes == 1 and value >= aim
    ]  # fmt: skip
    return min(seconds, default=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--yardstick", default="paper")
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--seconds", type=float, help="CPU seconds of a step of the yardstick")
    options = parser.parse_args()
    rows = [json.loads(line) for file in options.records for line in file.read_text().splitlines()]
    trained = [row for row in rows if "step" in row]
    found = [
        _compared([row for row in trained if row["case"] == case], case, measure, options)
        for case in dict.fromkeys(row["case"] for row in trained)
        for measure in dict.fromkeys(key for row in trained if row["case"] == case for key in row)
        if measure not in KEYS
    ]  # fmt: skip
    print(json.dumps({"benchmark": "sooner", "yardstick": options.yardstick, "rows": found}))


def _compared(rows: list[Row], case: str, measure: str, options: argparse.Namespace) -> Row:
    means = averaged(rows, measure)
    passes = [means[key] for p in (1, 2) if (key := (options.yardstick, p, options.step)) in means]
    if not passes:
        raise SystemExit(
            f"{case} has no rows of {options.yardstick} after {options.step} steps with {measure}."
        )
    aim = max(value for _, value in passes)
    spent = options.seconds * options.step if options.seconds else passes[0][0]
    result: Row = {"case": case, "measure": measure, "aim": round(aim, 3), "seconds": round(spent, 1)}
    words = [f"{case}  {measure:14s} {options.yardstick} {aim:.3f} in {spent:.0f} s"]
    for name in dict.fromkeys(row["name"] for row in rows if row["name"] != options.yardstick):
        reached = first_reached(means, name, aim)
        result[name] = reached and round(reached, 1)
        words.append(f"{name} {reached:.0f} s ({spent / reached:.0f} x)" if reached else f"{name} never")
    print("  ".join(words))
    return result
