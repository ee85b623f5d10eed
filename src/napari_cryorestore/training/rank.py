"""Which of several processes this is, by what launchers leave in the environment; needs no PyTorch."""

from __future__ import annotations

import os
from dataclasses import dataclass

_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


@dataclass(frozen=True)
class Place:
    """The place of this process among those that were started together.

    Attributes
    ----------
    index : int
        Counted from 0 over all computers.
    count : int
        How many processes there are.
    local : int
        Counted from 0 on this computer.
    """

    index: int = 0
    count: int = 1
    local: int = 0


def ranks_first() -> bool:
    """Tell whether this is the first process, or the only one."""
    return all(int(os.environ.get(name, "0")) == 0 for name in _RANKS)


def own_place() -> Place:
    """Return the place that torchrun or Slurm's ``srun`` gave this process.

    A program that a Slurm script starts without ``srun`` is alone, however many tasks the script asked for.

    Raises
    ------
    ValueError
        If the place lies beyond the number of processes.
    """
    count = _number("WORLD_SIZE")
    if count is not None:
        place = Place(_number("RANK") or 0, count, _number("LOCAL_RANK") or 0)
    else:
        tasks = "SLURM_NTASKS" if "SLURM_STEP_ID" in os.environ else ""
        count = _number("SLURM_STEP_NUM_TASKS") or _number(tasks) or 1
        alone = count == 1
        place = (
            Place() if alone else Place(_number("SLURM_PROCID") or 0, count, _number("SLURM_LOCALID") or 0)
        )
    if place.index >= place.count:
        raise ValueError(
            f"the environment says that this is process {place.index} of {place.count}, counted from 0: "
            "start it with srun or torchrun, or take RANK and WORLD_SIZE out of the environment"
        )
    return place


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None


__all__ = ["Place", "own_place", "ranks_first"]
