"""Seconds, memory, kinds of work and arithmetic speed of an ICECREAM step, beside a published program's.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.step timing --crop 32 --batch 4 --features 8 --reference PATH

where PATH is a checkout of swing-research/icecream, or of MLI-lab/DeepDeWedge, whose step is another one. All
programs run the same setting on the same random halves, each in a process of its own, and take turns step by
step: A B A B. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from dataclasses import asdict
from typing import Any

import torch

from benchmarks.step.programs import RECIPES, Setting
from benchmarks.step.published import kind_of
from benchmarks.step.work import full_speed
from benchmarks.step.worker import Worker, serve
from napari_cryorestore.hardware import DTYPES, choose_device

Times = dict[str, list[tuple[float, float]]]


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    sizes = (options.crop, options.batch, options.features)
    setting = Setting(*sizes, options.precision, device, options.reference, search=not options.no_search)
    if options.serve:
        serve(options.serve, setting)
        return
    chosen = options.programs or [*setting.programs, *(setting.compiled if options.compile else ())]
    workers = {program: Worker(program) for program in chosen}
    figures = _measured(workers, options.rounds)
    if not options.brief:
        _add_work(figures, workers, full_speed(setting))
    for worker in workers.values():
        worker.end()
    about = asdict(setting) | {
        "device": _name(device),
        "reference": options.reference and kind_of(options.reference),
    }
    print(json.dumps({
        "benchmark": "step", **about, "threads": options.threads, "rounds": options.rounds,
        "torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability(),
        "programs": figures,
    }))  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--crop", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--precision", choices=list(DTYPES), default="32")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--reference", help="a checkout of icecream or DeepDeWedge")
    parser.add_argument("--compile", action="store_true", help="our programs by torch.compile, too")
    parser.add_argument("--programs", nargs="+", help="only these, such as paper 'paper compiled'")
    parser.add_argument("--no-search", action="store_true", help="without cuDNN's search, our programs")
    parser.add_argument("--brief", action="store_true", help="seconds and memory only")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(workers: dict[str, Worker], rounds: int) -> dict[str, dict[str, Any]]:
    """Let every program take a step in turn, round after round."""
    first = {program: worker.answer("start") for program, worker in workers.items()}
    times: Times = {program: [] for program in workers}
    for _ in range(rounds):
        for program, worker in workers.items():
            times[program].append(worker.answer("step"))
    figures = {program: _figures(program, times) for program in workers}
    for program, worker in workers.items():
        more = {"first step, wall seconds": first[program]["first"], "peak memory MB": worker.answer("peak")}
        figures[program] |= more
        print(f"{program}: {json.dumps(figures[program])}", flush=True)
    return figures


def _figures(program: str, times: Times) -> dict[str, Any]:
    """Return seconds a step, and how many times those of the published program they are, with the spread."""
    own, wall = zip(*times[program], strict=True)
    figures: dict[str, Any] = {"seconds": _spread(own), "wall seconds": _spread(wall)}
    for reference in times:
        if program.startswith(RECIPES) and not reference.startswith(RECIPES):
            ratios = [slow / fast for (slow, _), fast in zip(times[reference], own, strict=True)]
            figures[f"{reference} / this"] = _spread(ratios)
    return figures


def _spread(values: Any) -> list[float]:
    """Return median, lowest and highest."""
    return [round(value, 5) for value in (statistics.median(values), min(values), max(values))]


def _add_work(figures: dict[str, dict[str, Any]], workers: dict[str, Worker], ceiling: float) -> None:
    print(f"wide 3D convolutions: {ceiling / 1e9:.0f} GFLOP/s")
    for program, own in figures.items():
        own["shares"] = workers[program].answer("shares")
        operations, alone = workers[program].answer("alone")
        seconds = own["seconds"][0]
        own["GFLOP"] = round(operations / 1e9, 1)
        own["GFLOP/s"] = round(operations / seconds / 1e9, 1)
        own["of wide ceiling"] = round(operations / seconds / ceiling, 3)
        own["of own convolutions' ceiling"] = round(alone / seconds, 3)
        print(f"{program}: {json.dumps(own)}")


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
