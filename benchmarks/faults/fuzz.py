"""Thousands of damaged files, by seed: each must end in a result or in one sentence, and never be executed.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.faults fuzz --count 1000 --seed 1

For each kind of file it prints how many were read all the same and how many were refused, the longest time
and the most memory that one took. Exit code 1: one ended in an error of another kind, took too long
or too much memory, or was executed; those are printed, and kept in --keep, if that is given.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.faults.targets import KINDS, Target
from benchmarks.process_memory import memory
from napari_cryorestore.host_memory import give_back_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 60.0
"""Seconds that one file may take, on a busy computer."""
MOST_MEMORY = 256e6
"""Bytes that the process may grow by for one file of less than 100 kB."""
_RESET = Path("/proc/self/clear_refs")


@dataclass
class Tally:
    """What became of the files of one kind."""

    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    memory: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        problems = len(self.problems)
        return (
            f"{self.read + self.refused + problems} files: {self.read} read, {self.refused} refused, "
            f"{problems} problems; at most {self.seconds:.2f} s and {self.memory / 1e6:.0f} MB"
        )


class TooLong(BaseException):
    """Nothing may catch it."""


def fuzz(kind: str, folder: Path, *, count: int, seed: int, keep: Path | None = None) -> Tally:
    """Damage a file of a kind so many times, let the program read it, and return what became of it.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    folder : Path
        Empty; for the files.
    count, seed : int
        How many, and which: number n of a seed is always the same.
    keep : Path, optional
        Where to keep what makes problems.
    """
    target, tally = KINDS[kind](folder), Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target.read()  # the whole file must do; and what is imported at first counts for no damaged one
        for number in range(count):
            problem = _one(target, random.Random(f"{kind}-{seed}-{number}"), tally)
            if not problem:
                continue
            tally.problems.append(f"{kind} {number} of seed {seed}: {problem}")
            if keep is not None and target.path.exists():
                keep.mkdir(exist_ok=True)
                shutil.copy(target.path, keep / f"{kind}-{seed}-{number}{target.path.suffix}")
    return tally


def _one(target: Target, chance: random.Random, tally: Tally) -> str:
    """Damage and read once; return what was wrong with how that ended."""
    target.damage(chance)
    give_back_memory()  # what a training left in this process would hide what a reading takes
    before, began, refusal, problem = _resident(), time.perf_counter(), "", ""
    _reset_peak()
    try:
        with _limited():
            target.read()
    except (ValueError, OSError) as error:
        refusal = " ".join(str(error).split())
        problem = "" if refusal else f"an empty {type(error).__name__}"
    except TooLong:
        problem = f"it took more than {LONGEST:g} s"
    except BaseException:  # noqa: BLE001  whatever else it is, it is found
        problem = traceback.format_exc()
    seconds, grown = time.perf_counter() - began, _peak() - before
    tally.seconds, tally.memory = max(tally.seconds, seconds), max(tally.memory, grown)
    if not problem and grown > MOST_MEMORY:
        problem = f"it took {grown / 1e6:.0f} MB ({refusal})"
    if target.canary.exists():
        _remove(target.canary)
        problem = f"it was executed ({refusal or problem})"
    tally.read += not problem and not refusal
    tally.refused += not problem and bool(refusal)
    return problem


@contextmanager
def _limited() -> Iterator[None]:
    def end(number: int, frame: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _resident() -> float:
    return _from_status("VmRSS")


def _peak() -> float:
    return _from_status("VmHWM")


def _reset_peak() -> None:
    with suppress(OSError):
        _RESET.write_text("5")


def _from_status(name: str) -> float:
    """Return a number of bytes that Linux tells; elsewhere the peak since the program's start."""
    with suppress(OSError):
        return memory(name)
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _remove(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems = 0
    for kind in options.only:
        with tempfile.TemporaryDirectory(prefix="fuzz_") as name:
            tally = fuzz(kind, Path(name), count=options.count, seed=options.seed, keep=options.keep)
        print(f"{kind}: {tally}", flush=True)
        print("".join(f"  {problem}\n" for problem in tally.problems[:10]), end="", flush=True)
        problems += len(tally.problems)
    sys.exit(bool(problems))
