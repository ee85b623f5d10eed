"""``cryorestore slurm``: prints a job script for training, or for restoring many tomograms, on a cluster."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.outcome import DONE
from napari_cryorestore.cli.parser import Parser, given
from napari_cryorestore.config import Config, setting, settings_of
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from napari_cryorestore.run_config import HardwareConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep

KINDS = ("train", "restore")
_TITLE = "job"
_WORD = r"^\S+$"


def add_slurm_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the job's options, and those of the command that it is to carry out."""
    parser.usage = "cryorestore slurm {train,restore} [OPTION of train or restore …] [OPTION …] > job.sh"
    parser.add_argument("kind", choices=KINDS, help="What the job does; the options of that command follow.")
    parser.add_settings(_TITLE, settings_of(SlurmConfig), under=_TITLE)
    words = _without_own(arguments)
    kind = words[0] if words else ""
    parser.set_defaults(words=words[1:])
    if kind == "train":
        from napari_cryorestore.cli.train import add_train_options

        add_train_options(parser, words[1:])
    elif kind == "restore":
        from napari_cryorestore.cli.restore import add_restore_options

        add_restore_options(parser, words[1:])
    if kind in KINDS:
        parser.usage = f"cryorestore slurm {kind} [OPTION of {kind} …] [OPTION …] > job.sh"


def run_slurm(options: Namespace) -> int:
    """Check what the job is to do, make the folder of a new run, and print the script."""
    typed = given(options, _TITLE)
    for name in typed:
        delattr(options, f"{_TITLE}.{name}")  # what is left is the other command's
    request = SlurmConfig.model_validate(typed)
    if options.kind == "train":
        print(job_script(*_training(options, request, typed)), end="")
    else:
        print(job_script(_restoring(options, request), request), end="")
    return DONE


class SlurmConfig(Config):
    """What is requested of the cluster."""

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
class SlurmJob:
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


def _training(
    options: Namespace, request: SlurmConfig, typed: dict[str, Any]
) -> tuple[SlurmJob, SlurmConfig]:
    """Return the job that trains in a run folder, a new one or one to go on with."""
    from napari_cryorestore.cli.recipe import recipe
    from napari_cryorestore.cli.train import create, refuse_options_beside_resume
    from napari_cryorestore.run_config import RunConfig

    if options.resume is not None:
        refuse_options_beside_resume(options)
        path = RunDir.open(options.resume).path
        hardware = RunConfig.from_toml(RunDir.open(path).config_text()).hardware
        request = _as_the_run_says(request, typed, hardware)
    else:
        config = recipe(options)
        hardware = _hardware(config.hardware, request, typed=given(options, "hardware"))
        config = config.model_copy(update={"hardware": hardware})
        path = create(config, options.run, restored_by=options.restored_by)
        print(f"run folder: {path}", file=sys.stderr)
    path = path.resolve()
    job = SlurmJob(
        name=path.name,
        purpose=f"Trains in {path.name}",
        words=["train", "--resume", str(path), "--quiet"],
        folder=Path.cwd(),
        log=path,
        processes=hardware.devices,
        together=hardware.devices * hardware.nodes > 1,
    )
    return job, request


def _restoring(options: Namespace, request: SlurmConfig) -> SlurmJob:
    """Return the job that restores many tomograms; which ones is looked up now and when it runs."""
    from napari_cryorestore.cli.restore_request import restorations_of

    typed = options.run
    work = restorations_of(options, begins=False)
    if not work.is_queue:
        raise ValueError("a job restores what lacks in a folder: give --output-folder")
    model = options.run.name if options.run is not None else options.method
    print(f"{len(work.configs)} tomograms to restore", file=sys.stderr)
    return SlurmJob(
        name=f"restore_{model}",
        purpose=f"Restores {len(work.configs)} tomograms with {model}",
        words=["restore", *_with_step(options.words, typed, options.run, work.chosen)],
        folder=Path.cwd(),
        log=Path.cwd(),
        processes=max(1, request.gpus),
        together=False,
    )


def _with_step(words: Sequence[str], typed: Path | None, run: Path, chosen: ChosenStep | None) -> list[str]:
    """Return the words of a restoration with the step that was chosen, for every turn of the job."""
    if chosen is None:
        return list(words)
    print(chosen.sentence, file=sys.stderr)
    kept = [str(run) if Path(word) == typed else word for word in words if not word.startswith("--step=")]
    if "--step" in kept:
        place = kept.index("--step")
        del kept[place : place + 2]
    return [*kept, "--step", str(chosen.step)]


def _hardware(hardware: HardwareConfig, request: SlurmConfig, *, typed: dict[str, Any]) -> HardwareConfig:
    """Return the hardware of a new run: a process per GPU, or as many as were typed where there is none."""
    device = "cuda" if request.gpus else "cpu"
    found: dict[str, Any] = {"devices": request.gpus or hardware.devices, "nodes": request.nodes}
    if "device" not in typed:
        found["device"] = device
    return type(hardware).model_validate({**hardware.model_dump(), **found})


def _as_the_run_says(request: SlurmConfig, typed: dict[str, Any], hardware: HardwareConfig) -> SlurmConfig:
    gpus = 0 if hardware.device == "cpu" else hardware.devices
    typed_now = {name: int(typed[name]) for name in ("gpus", "nodes") if name in typed}
    own = {"gpus": gpus, "nodes": hardware.nodes}
    if typed_now.items() - own.items():
        raise ValueError(
            f"the run was made for {hardware.devices} device(s) on {hardware.nodes} computer(s): "
            "leave out --gpus and --nodes, or make a new run"
        )
    return request.model_copy(update=own)


def _without_own(arguments: Sequence[str]) -> list[str]:
    """Return the words that are not about the job: the command that it carries out."""
    own = Parser("cryorestore slurm", add_help=False)
    own.add_settings(_TITLE, settings_of(SlurmConfig), under=_TITLE)
    own.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    return own.parse_known_args(list(arguments))[1]


def job_script(job: SlurmJob, request: SlurmConfig) -> str:
    """Return a script for ``sbatch`` that goes back into the queue when its time is up or others go first.

    Parameters
    ----------
    job : SlurmJob
        What to do; doing it again must go on where it ended.
    request : SlurmConfig
        What to request of the cluster.
    """
    options = "\n".join(f"#SBATCH --{option}" for option in _options(job, request))
    return _SCRIPT.format(
        purpose=job.purpose,
        version=version("napari-cryorestore"),
        options=options,
        environment=shlex.quote(sys.prefix),
        srun="srun --kill-on-bad-exit=1" if job.together else "srun --kill-on-bad-exit=0",
        words=shlex.join(job.words),
    )


def _options(job: SlurmJob, request: SlurmConfig) -> Iterator[str]:
    yield f"job-name={shlex.quote(job.name)}"
    yield f"nodes={request.nodes}"
    yield f"ntasks-per-node={job.processes}"
    yield f"cpus-per-task={request.cpus}"
    if request.gpus:
        yield f"gres=gpu:{request.gpus}"
    if request.memory:
        yield f"mem={request.memory}"
    yield f"time={request.time}"
    if request.partition:
        yield f"partition={request.partition}"
    if request.account:
        yield f"account={request.account}"
    yield f"chdir={shlex.quote(str(job.folder))}"
    yield f"output={shlex.quote(str(job.log / 'slurm-%j.out'))}"
    yield "open-mode=append"
    yield "requeue"
    yield f"signal=B:USR1@{request.notice}"


_SCRIPT = """\
#!/bin/bash
# {purpose}. Made by cryorestore {version}; hand it in with sbatch.
{options}

# What your cluster needs before programs run, for example:
# module load cuda
ENVIRONMENT={environment}

# Slurm sends USR1 shortly before the time is up: the job requests another turn. What runs is then told to
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


__all__ = ["KINDS", "SlurmConfig", "SlurmJob", "add_slurm_options", "job_script", "run_slurm"]
