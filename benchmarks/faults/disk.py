"""A full disk at any moment of a training and of a restoration, on a small file system made for it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.faults.tiny_run import Child, latest_error, left_over, pair, problems_of, tiny_run
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.training.launch import run_training

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FREE_KB = (0, 4, 8, 16, 24, 40, 60, 90, 130, 200, 300, 400)


@contextmanager
def small_disk(folder: Path, *, megabytes: int = 16) -> Iterator[Path]:
    """Mount a file system of a few megabytes in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, *, free_kb: int) -> Path:
    """Fill a file system with one file until so much is free; deleting it gives the room back."""
    filler = folder / "filler"
    block = b"\0" * 4096
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(block):
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - free_kb * 1024))
    return filler


def full_disk_training(folder: Path) -> dict[str, Any]:
    """Let the disk be full at different moments of a run, then make room and go on."""
    problems: list[str] = []
    said: dict[str, str] = {}
    for free in _FREE_KB:
        with small_disk(folder / "small") as disk:
            run = tiny_run(disk, f"run_{free}", network={"features": 4}, schedule={"steps": 12})
            filler = fill(disk, free_kb=free)
            log = folder / "full.txt"
            log.unlink(missing_ok=True)
            code = Child(lambda: run_training(run), log).join()  # noqa: B023
            problems += [f"{free} KB: {problem}" for problem in problems_of(run, cut_off=1)]
            said[f"{free} KB free"] = latest_error(run) or _last_line(log) or f"exit code {code}"
            filler.unlink()
            again = Child(lambda: run_training(run), log).join()  # noqa: B023
            if again:
                problems.append(f"{free} KB: does not go on: {_last_line(log)}")
            problems += [
                f"{free} KB, afterwards: {problem}"
                for problem in problems_of(run, cut_off=1) + left_over(run)
            ]
    return {"problems": problems, "said": said}


def full_disk_restoration(folder: Path, model: Path) -> dict[str, Any]:
    """Let the disk be full at different moments of a restoration, then make room and restore."""
    problems: list[str] = []
    said: dict[str, str] = {}
    even, odd = pair(folder / "large", (48, 96, 96))
    for free in (0, 4, 100, 900, 1600, 1732):
        with small_disk(folder / "small") as disk:
            filler = fill(disk, free_kb=free)
            request = RestoreConfig.model_validate({
                "model": {"weights": model},
                "tomogram": {"maps": [even, odd], "recording": {"tilt_range": [-60, 60]}},
                "tiling": {"tile": 32},
                "hardware": {"device": "cpu", "precision": "32", "threads": 1},
                "output": disk / "out.mrc",
            })  # fmt: skip
            log = folder / "full.txt"
            log.unlink(missing_ok=True)
            code = Child(lambda: restore(request), log).join()  # noqa: B023
            said[f"{free} KB free"] = _last_line(log) or f"exit code {code}"
            there = sorted(path.name for path in disk.iterdir() if path != filler)
            if code < 0 or (code and there):
                problems.append(f"{free} KB: exit code {code}, left {there}")
            filler.unlink()
            if Child(lambda: restore(request), log).join():  # noqa: B023
                problems.append(f"{free} KB: does not restore with room: {_last_line(log)}")
    return {"problems": problems, "said": said}


def _last_line(log: Path) -> str:
    return log.read_text(encoding="utf-8").strip().splitlines()[-1] if log.exists() else ""
