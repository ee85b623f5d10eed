"""Peak memory of one program's steps, taken in a process that does nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from step_programs import build

if TYPE_CHECKING:
    from step_programs import Setting

_STEPS = 3


def peak_of(program: str, setting: Setting) -> float:
    """Return by how many MB a process grows, at its peak, from the program loaded to a few steps done.

    On a CUDA device: the most that its tensors took.
    """
    step = build(program, setting)
    before = resident("VmRSS")
    for _ in range(_STEPS):
        step()
    if setting.device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(setting.device) / 1e6, 1)
    return round(resident("VmHWM") - before, 1)


def resident(which: str) -> float:
    """Return the memory of this process in MB, at present (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(which))) * 1024 / 1e6
