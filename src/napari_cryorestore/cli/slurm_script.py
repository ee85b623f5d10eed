"""The text of a job script for Slurm."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from napari_cryorestore.config import Config, setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_WORD = r"^\S+$"


class SlurmConfig(Config):
    """What is asked of the cluster."""

    nodes: int = setting(1, "Computers.", ge=1)
    gpus: int = setting(1, "GPUs per computer, each with a process of its own; 0 for none.", ge=0)
    cpus: int = setting(4, "Cores per process.", ge=1)
    memory: str | None = setting(None, "Memory per computer, e.g. 64G.", pattern=_WORD)
    time: str = setting(
        "24:00:00", "Longest time of the job; training goes on in the next one.",
        pattern=r"^(\d+-)?\d+(:\d\d){0,2}$",
    )  # fmt: skip
    partition: str | None = setting(None, "Partition (queue).", pattern=_WORD)
    account: str | None = setting(None, "Account that pays.", pattern=_WORD)
    notice: int = setting(
        180, "How long before the end of its time a job goes back into the queue.", unit="s", ge=30
    )


@dataclass(frozen=True)
class Job:
    """What a job does.

    Attributes
    ----------
    name : str
        In the queue.
    purpose : str
        Half a sentence about it.
    words : sequence of str
        What stands after ``cryorestore``.
    folder : Path
        Where it runs, and where relative paths count from.
    log : Path
        The folder of what it prints.
    processes : int
        Per computer.
    together : bool
        Whether no process can go on without the others.
    """

    name: str
    purpose: str
    words: Sequence[str]
    folder: Path
    log: Path
    processes: int
    together: bool


def job_script(job: Job, wishes: SlurmConfig) -> str:
    """Return a script for ``sbatch`` that goes back into the queue when its time is up or others go first.

    Parameters
    ----------
    job : Job
        What to do; doing it again must go on where it ended.
    wishes : SlurmConfig
        What to ask of the cluster.
    """
    options = "\n".join(f"#SBATCH --{option}" for option in _options(job, wishes))
    return _SCRIPT.format(
        purpose=job.purpose,
        version=version("napari-cryorestore"),
        options=options,
        environment=shlex.quote(sys.prefix),
        srun="srun --kill-on-bad-exit=1" if job.together else "srun --kill-on-bad-exit=0",
        words=shlex.join(job.words),
    )


def _options(job: Job, wishes: SlurmConfig) -> Iterator[str]:
    yield f"job-name={shlex.quote(job.name)}"
    yield f"nodes={wishes.nodes}"
    yield f"ntasks-per-node={job.processes}"
    yield f"cpus-per-task={wishes.cpus}"
    if wishes.gpus:
        yield f"gres=gpu:{wishes.gpus}"
    if wishes.memory:
        yield f"mem={wishes.memory}"
    yield f"time={wishes.time}"
    if wishes.partition:
        yield f"partition={wishes.partition}"
    if wishes.account:
        yield f"account={wishes.account}"
    yield f"chdir={shlex.quote(str(job.folder))}"
    yield f"output={shlex.quote(str(job.log / 'slurm-%j.out'))}"
    yield "open-mode=append"
    yield "requeue"
    yield f"signal=B:USR1@{wishes.notice}"


_SCRIPT = """\
#!/bin/bash
# {purpose}. Made by cryorestore {version}; hand it in with sbatch.
{options}

# What your cluster wants before programs run, for example:
# module load cuda
ENVIRONMENT={environment}

# Slurm sends USR1 shortly before the time is up: the job asks for another turn. What runs is then told to
# end, saves what it has, and goes on in the next turn, as after a job that had to make way for others.
again() {{ scontrol requeue "$SLURM_JOB_ID"; }}
trap again USR1

{srun} "$ENVIRONMENT/bin/python" -m napari_cryorestore {words} &
step=$!
wait "$step"
code=$?
while kill -0 "$step" 2>/dev/null; do  # a signal interrupted the wait
    wait "$step"
    code=$?
done
exit "$code"
"""

__all__ = ["Job", "SlurmConfig", "job_script"]
