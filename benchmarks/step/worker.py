"""A process of its own for every program of the step benchmark, so that they take turns and share nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any

from benchmarks.process_memory import memory
from benchmarks.step.programs import Setting, build
from benchmarks.step.work import convolutions_alone, seconds_of, shares
from napari_cryorestore.hardware import peak_memory

_MARK = "answer: "
_LINES_SHOWN = 25
_FIRST_STEPS = 2
"""Steps that a process takes before it is measured."""


class Worker:
    """Another process that takes a program's steps on request.

    Parameters
    ----------
    program : str
        One of `Setting.programs`.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        command = [sys.executable, "-m", "benchmarks.step", "timing", *sys.argv[1:], "--serve", program]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )

    def answer(self, question: str) -> Any:
        """Return what it answers: to "step" its seconds, to "start", "peak", "shares" and "alone" figures.

        Raises
        ------
        RuntimeError
            If it ended instead, with the last lines that it wrote.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended: its answer is missing too
            self._process.stdin.write(question + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        raise RuntimeError(
            f"{self._program!r} ended instead of answering {question!r}:\n{self._last_words()}"
        )

    def _last_words(self) -> str:
        self._process.wait()
        self._complaints.seek(0)
        return "".join(self._complaints.readlines()[-_LINES_SHOWN:]) or "(it wrote nothing)"

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()
        self._complaints.close()


def serve(program: str, setting: Setting) -> None:
    """Take steps of a program at every line of the standard input that requests one."""
    served = _Served(program, setting)
    for line in sys.stdin:
        print(_MARK + json.dumps(getattr(served, line.strip())()), flush=True)


class _Served:
    """The answers to all questions."""

    def __init__(self, program: str, setting: Setting) -> None:
        self._device = setting.device
        self._step = build(program, setting)
        self._before = memory("VmRSS")

    def start(self) -> dict[str, float]:
        """Take the first steps, which are slower, and tell their seconds."""
        walls = [seconds_of(self._step, self._device)[1] for _ in range(_FIRST_STEPS)]
        return {"first": round(walls[0], 2), "second": round(walls[1], 2)}

    def step(self) -> tuple[float, float]:
        return seconds_of(self._step, self._device)

    def peak(self) -> float:
        """Return by how many MB the process grew, at its peak, since the program was loaded.

        On a CUDA device: the most that its tensors took.
        """
        if self._device.type == "cuda":
            return round(1000 * peak_memory(self._device), 1)
        return round((memory("VmHWM") - self._before) / 1e6, 1)

    def shares(self) -> dict[str, float]:
        return shares(self._step, self._device)

    def alone(self) -> tuple[float, float]:
        return convolutions_alone(self._step, self._device)


__all__ = ["Worker", "serve"]
