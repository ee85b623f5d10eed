"""Every method with every network after equal time, on simulated cases with a truth and on real pairs.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.quality table raw wiener noise2noise/unet icecream/msdnet \
        noise2noise+isonet/unet --cases dose:0.1 tilt:0.3 --seconds 60 --record table.jsonl

A row is a method without training; a trained one with its network, ``METHOD/NETWORK``, with changes after a
colon, ``noise2noise:method.loss=fsc/unet``; or a chain of two, ``FIRST+SECOND/NETWORK``, in which the
second fills the wedge of what the first restored, half of the time each. Every row is a run of its own in a
process of its own (``--together``: in this one), as ``cryorestore train`` makes it: as many steps as fit
into the time (trial steps tell), previews and held-out block, and then ``cryorestore restore`` at the
suggested step. Seconds are CPU seconds of the process on a CPU, seconds on a GPU. A case is ``dose:SNR``,
``tilt:SNR``, or ``EVEN.mrc,ODD.mrc`` of real halves: their part with lower x is trained on, and the
correlation of f(even) with the raw odd half is measured on the other, in the measured region. Rows of the
record are not run again. ``--show`` prints the record as tables.
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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.process_memory import memory
from benchmarks.quality.against_truth import judged
from benchmarks.quality.real import halves_along_x, measured_correlation
from benchmarks.quality.timed_training import case_at
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.simulation import SimulationConfig
from napari_cryorestore.training.launch import create_run, run_training

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir

TRIAL = 4
"""Steps that tell how long one takes, after the first."""
PREVIEWS = 6
LONGEST = 3 if torch.cuda.is_available() else 30
"""How many times the given seconds a training may take by the clock."""
TILTS = [-60, 60]
SHOWN = ("overall", "measured", "wedge", "fsc overall", "fsc measured", "fsc wedge", "particle AP")


def main() -> None:
    options = _parser().parse_args()
    if options.one:
        print(json.dumps(_one(json.loads(options.one), options)))
        return
    known = _read(options.record)
    for case in options.cases:
        for seed in options.seeds:
            for row in options.rows:
                what = {"case": case, "seed": seed, "row": row, "seconds": options.seconds}
                if any(what.items() <= found.items() for found in known):
                    continue
                found = _here(what, options) if options.together else _in_a_process(what, options)
                known.append(found)
                print(json.dumps(found), flush=True)
                if options.record:
                    with options.record.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(found) + "\n")
    if options.show:
        _show(known)


def _in_a_process(what: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Run one row by itself, so that its memory and its CPU time are its own."""
    words = [sys.executable, "-m", "benchmarks.quality", "table", "--one", json.dumps(what)]
    words += ["--preset", options.preset, "--device", options.device, "--precision", options.precision]
    words += ["--keep", str(options.keep)] * bool(options.keep) + ["--set", *options.set]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        return {**what, "failed": (done.stderr.strip().splitlines() or ["killed"])[-1]}
    return {**what, **json.loads(done.stdout.strip().splitlines()[-1])}


def _here(what: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        return {**what, **_one(what, options)}
    except Exception as error:  # noqa: BLE001  the other rows go on
        return {**what, "failed": f"{type(error).__name__}: {error}"}


def _one(what: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Train and restore one row, and judge it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, keep = Path(scratch), options.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        if "," in what["case"]:
            return _real(what, options, folder)
        split, snr = what["case"].split(":")
        case = case_at(keep, SimulationConfig(split=split, snr=float(snr), seed=what["seed"]))
        pair = [case.even, case.odd]
        told: dict[str, Any] = {}
        if what["row"] in ("raw", "noise-free"):
            volume = _mean(pair) if what["row"] == "raw" else case.clean
        else:
            model, told = _trained(what, options, pair, folder)
            volume = _restored(model, pair, folder / "restored.mrc", options)
        found = judged(
            volume,
            case.truth,
            case.wedge,
            particles=case.particles,
            voxel_size=case.voxel_size,
            restored=_is_trained(what["row"]),
        )
        return {**told, **found}


def _real(what: dict[str, Any], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train on one side of real halves, and measure agreement with the raw other half on the other side."""
    sides = [halves_along_x(Path(name), folder, half)
             for name, half in zip(what["case"].split(","), ("even", "odd"), strict=True)]  # fmt: skip
    learned, seen = zip(*sides, strict=True)
    told: dict[str, Any] = {}
    if what["row"] == "raw":
        volume = np.asarray(open_volume(seen[0]).data)
    else:
        model, told = _trained(what, options, list(learned), folder)
        one = list(seen) if "method" in model[0] else list(seen[:1])
        if len(one) == 2:
            raise SystemExit("on real pairs only trained methods and raw can be measured")
        volume = _restored(model, one, folder / "restored.mrc", options)
    return {**told, "n2n": measured_correlation(volume, np.asarray(open_volume(seen[1]).data))}


def _is_trained(row: str) -> bool:
    return row.rpartition("/")[2] in NETWORKS


Model = list[dict[str, Any]]


def _trained(
    what: dict[str, Any], options: argparse.Namespace, pair: list[Path], folder: Path
) -> tuple[Model, dict[str, Any]]:
    """Train a row, each method of a chain on what the one before restored; return the models in order."""
    methods, _, network = what["row"].rpartition("/")
    if not _is_trained(what["row"]):
        methods = what["row"]
        name, _, changes = methods.partition(":")
        return [{"method": name, "settings": _settings(changes.split(","))["method"]}], {}
    models: Model = []
    told: dict[str, Any] = {}
    names = methods.split("+")
    for index, name in enumerate(names):
        maps = [_halves(models, path, folder / f"{index}_{path.name}", options) for path in pair]
        config = _config(f"{name}/{network}", what["seed"], maps, options)
        seconds = what["seconds"] / len(names)
        each = _seconds_a_step(config)
        steps = max(2 * PREVIEWS, round(seconds / each))
        changes = {"schedule": {"steps": steps}, "snapshots": {"every": max(1, steps // PREVIEWS)}}
        run, spent = _run(config, changes, folder / f"run{index}", longest=LONGEST * seconds + 60)
        models.append({"weights": run.path})
        told |= {"a step": round(each, 3), "steps": steps, "spent": round(spent, 1), **_told(run)}
    return models, told


def _run(
    config: dict[str, Any], changes: dict[str, Any], path: Path, *, longest: float = 1e6
) -> tuple[RunDir, float]:
    """Train; stop after the longest time that it may take in seconds, should the trial have misled."""
    run = create_run(RunConfig.model_validate(merged(config, changes)), path)
    before, watch = _clock(), threading.Timer(longest, run.request_stop)
    watch.start()
    run_training(run)
    watch.cancel()
    return run, _clock() - before


def _told(run: RunDir) -> dict[str, Any]:
    """Return what a run says of itself: memory in GB, its suggested step, its held-out numbers there."""
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    step = step_of_run(run).step
    numbers = {name: curve for name, curve in state.metrics.items() if name in ("n2n", "fill")}
    at = {
        f"held-out {name}": round(float(curve.values[list(curve.steps).index(step)]), 4)
        for name, curve in numbers.items()
        if step in list(curve.steps)
    }
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else memory("VmHWM")
    return {"suggested": step, "GB": round(peak / 1e9, 2), **at}


def _config(words: str, seed: int, maps: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    """Return the recipe of a row as nested settings."""
    method, _, network = words.partition("/")
    method, _, changes = method.partition(":")
    hardware = {"device": options.device, "precision": options.precision, "threads": torch.get_num_threads()}
    tomogram = {"maps": [str(path) for path in maps], "recording": {"tilt_range": TILTS}}
    settings = merged(
        preset(options.preset, method, network),
        {"schedule": {"seed": seed, "end": "steps"}, "hardware": hardware, "tomograms": [tomogram]},
    )
    return merged(settings, _settings([*changes.split(","), *options.set]))


def _settings(changes: list[str]) -> dict[str, Any]:
    """Return nested settings of words such as ``method.loss=fsc``."""
    settings: dict[str, Any] = {"method": {}}
    for change in filter(None, changes):
        path, value = change.split("=", 1)
        section, key = path.split(".")
        settings = merged(settings, {section: {key: value}})
    return settings


def _seconds_a_step(config: dict[str, Any]) -> float:
    """Return how long a step takes: by a short and a longer run, after one that does not count."""
    spent = []
    more = TRIAL * (10 if torch.cuda.is_available() else 1)
    with tempfile.TemporaryDirectory() as scratch:
        for name, steps in (("first", 2), ("short", 2), ("longer", 2 + more)):
            changes = {"schedule": {"steps": steps}, "snapshots": {"every": 0}}
            spent.append(_run(config, changes, Path(scratch) / name)[1])
    seconds = (spent[2] - spent[1]) / more
    if seconds <= 0:
        raise RuntimeError(f"{more} steps took {spent[2] - spent[1]:.3f} s more than none: try again")
    return seconds


def _halves(models: Model, path: Path, output: Path, options: argparse.Namespace) -> Path:
    """Return one half as it was restored so far."""
    if not models:
        return path
    volume = _restored(models, [path], output, options)
    return write_volume(
        output.with_suffix(".part.mrc"), volume, voxel_size=open_volume(path).voxel_size, label="half"
    )


def _restored(models: Model, maps: list[Path], output: Path, options: argparse.Namespace) -> np.ndarray:
    """Restore by one model after the other."""
    for index, model in enumerate(models):
        request = RestoreConfig.model_validate({
            "model": {key: value for key, value in model.items() if key != "settings"},
            "method": model.get("settings", {}),
            "tomogram": {"maps": maps, "recording": {"tilt_range": TILTS}},
            "hardware": {"device": options.device, "precision": options.precision},
            "output": output.with_name(f"{output.stem}_{index}.mrc"),
        })  # fmt: skip
        result = restore(request)
        maps = [result]
    return np.array(open_volume(result).data)


def _mean(pair: list[Path]) -> np.ndarray:
    even, odd = (np.asarray(open_volume(path).data, np.float32) for path in pair)
    return (even + odd) / 2


def _clock() -> float:
    """Return seconds that count: of this process alone where it computes on a CPU."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def _read(record: Path | None) -> list[dict[str, Any]]:
    if record is None or not record.exists():
        return []
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]


def _show(found: list[dict[str, Any]]) -> None:
    """Print a table for every case, means over seeds."""
    for case in dict.fromkeys(one["case"] for one in found):
        rows = [one for one in found if one["case"] == case]
        names = [name for name in ("a step", "GB", "steps", "suggested", "held-out n2n", "n2n", *SHOWN)
                 if any(name in row for row in rows)]  # fmt: skip
        print(f"\n{case}\n\n| | seeds | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 2))
        for label in dict.fromkeys(row["row"] for row in rows):
            same = [row for row in rows if row["row"] == label]
            cells = [_cell([row[name] for row in same if name in row]) for name in names]
            print(f"| {label} | {len(same)} | " + " | ".join(cells) + " |")


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.3g}" if values else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rows", nargs="*", help="raw, wiener, METHOD/NETWORK, FIRST+SECOND/NETWORK …")
    parser.add_argument("--cases", nargs="+", default=["dose:0.1", "tilt:0.3"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of training, by the trial steps")
    parser.add_argument("--preset", default="quick-look")
    parser.add_argument("--set", nargs="*", default=[], help="settings for all rows, e.g. schedule.batch=2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="32")
    parser.add_argument("--keep", type=Path, help="keep simulated pairs here")
    parser.add_argument("--record", type=Path, help="append every row to this file")
    parser.add_argument("--show", action="store_true", help="print the record as tables")
    parser.add_argument("--together", action="store_true", help="all rows in this process, as on a GPU")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser
