"""Which of several processes this is, by what launchers leave in the environment; needs no PyTorch."""

from __future__ import annotations

import os
from dataclasses import dataclass

SUPERVISOR = "CRYORESTORE_SUPERVISOR"
"""In the environment of a process that `supervise` started: the number of the supervisor's."""
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


def is_supervised() -> bool:
    """Tell whether `supervise` started this process as one of several on this computer."""
    return SUPERVISOR in os.environ


def own_place() -> Place:
    """Return the place that torchrun or Slurm's ``srun`` gave this process.

    A program that a Slurm script starts without ``srun`` is alone, however many tasks the script was given.
    Processes that a training started by itself have their place on the computer only.

    Raises
    ------
    ValueError
        If the place lies beyond the number of processes.
    """
    local = _number("LOCAL_RANK") or 0
    count = _number("WORLD_SIZE")
    if count is not None:
        index = _number("RANK")
        place = Place(local if index is None else index, count, local)
    elif by_srun():
        tasks = _number("SLURM_STEP_NUM_TASKS") or _number("SLURM_NTASKS") or 1
        place = Place(_number("SLURM_PROCID") or 0, tasks, _number("SLURM_LOCALID") or 0)
    else:
        place = Place()
    if place.index >= place.count:
        raise ValueError(
            f"the environment says that this is process {place.index} of {place.count}, counted from 0: "
            "start it with srun or torchrun, or take RANK and WORLD_SIZE out of the environment"
        )
    return place


def by_srun() -> bool:
    """Tell whether Slurm's ``srun`` started this process as one of several."""
    if "SLURM_STEP_ID" not in os.environ and "SLURM_STEP_NUM_TASKS" not in os.environ:
        return False  # the script itself, which has the variables of the job too
    return (_number("SLURM_STEP_NUM_TASKS") or _number("SLURM_NTASKS") or 1) > 1


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None


__all__ = ["SUPERVISOR", "Place", "by_srun", "is_supervised", "own_place", "ranks_first"]
