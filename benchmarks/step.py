"""Seconds, memory, kinds of work and arithmetic speed of an ICECREAM step, beside the published program's.

Run, for example::

    OMP_NUM_THREADS=1 python benchmarks/step.py --crop 32 --batch 4 --features 8 --reference PATH

where PATH is a checkout of swing-research/icecream. All programs run the same setting on the same random
halves, alternating A B A B in one process; the peak memory of each is taken in a process of its own. The last
line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from step_memory import peak_of
from step_programs import Setting, build
from step_work import convolutions_alone, full_speed, seconds_of, shares

from napari_cryorestore.hardware import DTYPES, choose_device

if TYPE_CHECKING:
    from step_programs import Step

Times = dict[str, list[tuple[float, float]]]


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    sizes = (options.crop, options.batch, options.features)
    setting = Setting(*sizes, options.precision, device, options.reference)
    if options.peak_of:
        print(peak_of(options.peak_of, setting))
        return
    steps = {program: build(program, setting) for program in setting.programs}
    times = _alternate(steps, setting, options.rounds)
    figures = {program: _figures(program, times) for program in steps}
    for program, own in figures.items():
        own["peak memory MB"] = None if options.no_memory else _measured_peak(program)
        own["shares"] = shares(steps[program], device)
    _add_speed(figures, steps, setting)
    for program, own in figures.items():
        print(f"{program}: {json.dumps(own)}")
    about = asdict(setting) | {"device": _name(device), "reference": options.reference is not None}
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
    parser.add_argument("--reference", help="a checkout of swing-research/icecream")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    return parser.parse_args()


def _alternate(steps: dict[str, Step], setting: Setting, rounds: int) -> Times:
    """Time every step in turn, round after round, the first round left out."""
    times: Times = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            seconds = seconds_of(step, setting.device)
            if round_:
                times[name].append(seconds)
    return times


def _figures(program: str, times: Times) -> dict[str, Any]:
    """Return seconds a step, and how many times those of the published program they are, with the spread."""
    own, wall = zip(*times[program], strict=True)
    figures: dict[str, Any] = {"seconds": _spread(own), "wall seconds": _spread(wall)}
    for reference in ("published", "published bf16"):
        if reference in times and not program.startswith("published"):
            ratios = [slow / fast for (slow, _), fast in zip(times[reference], own, strict=True)]
            figures[f"{reference} / this"] = _spread(ratios)
    return figures


def _spread(values: Any) -> list[float]:
    """Return median, lowest and highest."""
    return [round(value, 3) for value in (statistics.median(values), min(values), max(values))]


def _add_speed(figures: dict[str, Any], steps: dict[str, Step], setting: Setting) -> None:
    ceiling = full_speed(setting)
    print(f"wide 3D convolutions: {ceiling / 1e9:.0f} GFLOP/s")
    for program, own in figures.items():
        operations, alone = convolutions_alone(steps[program], setting.device)
        seconds = own["seconds"][0]
        own["GFLOP"] = round(operations / 1e9, 1)
        own["GFLOP/s"] = round(operations / seconds / 1e9, 1)
        own["of wide ceiling"] = round(operations / seconds / ceiling, 3)
        own["of own convolutions' ceiling"] = round(alone / seconds, 3)


def _measured_peak(program: str) -> float:
    command = [sys.executable, *sys.argv, "--peak-of", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(printed.strip().splitlines()[-1])


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


if __name__ == "__main__":
    main()
