"""Quality against the truth of simulated tomograms, as a function of steps and of CPU time.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.quality train --recipe standard paper --snr 0.1 0.3 --steps 400 \
        --curves docs/images/time-to-quality.png

A recipe is a preset, with changes after a colon: ``standard:schedule.batch=2,method.flips=true``. Beside each
case stand the raw mean of halves, the Wiener filter and the noise-free back-projection. Every volume gets its
correlation with the truth and its mean FSC, overall, in the measured region and in the missing wedge
(`against_truth`), and ``particle AP``, the average precision of template matching (`particles`).
Training is timed without previews and without the judging itself; seconds are CPU seconds. With
``--reference PATH``, a checkout of swing-research/icecream, its own trainer runs too. ``--record FILE`` keeps
every row at once, as a line of JSON, and ``curves FILE`` draws them again. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.quality.against_truth import judged
from benchmarks.quality.curves import draw
from benchmarks.quality.published import published_moments
from benchmarks.quality.timed_training import case_at, moments, recipe_of, run_at, timed
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.simulation import SimulationConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.quality.timed_training import Case, Moment

REFERENCE = "published"


@dataclass
class Rows:
    """All rows so far, on the screen and in a file as they come."""

    case: Case
    record: Path | None
    rows: list[dict[str, Any]]

    def add(self, name: str, volume: np.ndarray, **where: Any) -> None:
        """Judge one volume and keep what was found."""
        case = self.case
        found = judged(
            volume,
            case.truth,
            case.wedge,
            particles=case.particles,
            voxel_size=case.voxel_size,
            restored=bool(where),
        )
        row = {"case": case.name, "seed": case.seed, "name": name, **where, **found}
        self.rows.append(row)
        place = f"step {where['step']:4d} {where['seconds']:6.1f} s, {where['passes']} pass" if where else ""
        words = "  ".join(f"{key} {value:.3f}" for key, value in found.items())
        print(f"{self.case.name} seed {self.case.seed}  {name} {place}  {words}", flush=True)
        if self.record:
            with self.record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def follow(self, name: str, training: Iterable[Moment]) -> None:
        """Judge a training at every moment that it shows."""
        for moment in training:
            where = {"step": moment.step, "seconds": round(moment.seconds, 2)}
            for passes, volume in moment.volumes.items():
                self.add(name, volume, **where, passes=passes)
            if moment.averaged is not None:
                self.add(f"{name}, flips averaged", moment.averaged, **where, passes=1)


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        for snr in options.snr:
            for seed in options.seeds:
                config = SimulationConfig(size=options.size, snr=snr, split=options.split, seed=seed)
                _one_case(Rows(case_at(folder, config), options.record, rows), options, folder)
    if options.curves:
        draw(rows, options.curves, measure=options.measure)
    known = {key: value for key, value in vars(options).items() if not isinstance(value, Path)}
    print(json.dumps({"benchmark": "quality", "options": known, "torch": torch.__version__, "rows": rows}))


def _one_case(rows: Rows, options: argparse.Namespace, folder: Path) -> None:
    case, steps = rows.case, options.steps
    if not options.no_lines:
        even, odd = (np.asarray(open_volume(path).data) for path in (case.even, case.odd))
        rows.add("raw", (even + odd) / 2)
        rows.add("Wiener", _wiener(case, folder))
        rows.add("noise-free", case.clean)
    for recipe in options.recipe:
        hardware = {"device": "cpu", "precision": options.precision, "threads": options.threads}
        config = recipe_of(recipe, case, steps=steps, hardware=hardware, method=options.method)
        run = run_at(folder / _run_name(recipe, rows.case), config) if options.keep else None
        at = options.at or moments(config.schedule.steps)
        rows.follow(recipe, timed(config, at, run=run, average_flips=options.average_flips))
    if options.reference:
        small = {"features": 8, "crop": 32, "batch": 4, "learning_rate": 1e-3, "steps": steps}
        rows.follow(
            REFERENCE, published_moments(options.reference, case, small, at=options.at or moments(steps))
        )


def _run_name(recipe: str, case: Case) -> str:
    words = f"run_{recipe}_{case.seed}_{case.name}_{time.time_ns()}"
    return re.sub(r"[^\w.]+", "-", words)


def _wiener(case: Case, folder: Path) -> np.ndarray:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tomogram = {"maps": [case.even, case.odd]}
        filtering = RestoreConfig.model_validate(
            {"model": {"method": "wiener"}, "tomogram": tomogram, "output": Path(scratch) / "wiener.mrc"}
        )
        return np.array(open_volume(restore(filtering)).data)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recipe", nargs="*", default=["standard", "paper"])
    parser.add_argument("--method", default="icecream", help="whose recipes they are")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300, help="unless a recipe says schedule.steps=…")
    parser.add_argument("--at", nargs="*", type=int, help="steps at which to look, besides the last")
    parser.add_argument("--snr", nargs="+", type=float, default=[0.1, 0.3])
    parser.add_argument("--split", default="dose", choices=["dose", "tilt"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--precision", default="auto", choices=["auto", "32", "bf16"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--reference", help="a checkout of swing-research/icecream")
    parser.add_argument("--average-flips", action="store_true", help="judge that kind of restoration too")
    parser.add_argument("--no-lines", action="store_true", help="leave out raw, Wiener and noise-free")
    parser.add_argument("--keep", type=Path, help="keep simulated pairs and runs here")
    parser.add_argument("--record", type=Path, help="append every row to this file")
    parser.add_argument("--curves", type=Path, help="draw the curves into this PNG")
    parser.add_argument("--measure", default="overall", help="what the curves show")
    return parser
