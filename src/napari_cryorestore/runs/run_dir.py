"""The run folder on disk: one place that knows how its files are named and written."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore import whole_file as files
from napari_cryorestore.runs.events import to_json
from napari_cryorestore.runs.plain_recipe import PlainRecipe
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.safe_reading import json_in, open_regular, plain_array, read_regular
from napari_cryorestore.whole_file import fitting_name, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_cryorestore.runs.events import Event

EVENTS_FILE = "events.jsonl"
CONFIG_FILE = "config.toml"
INPUTS_FOLDER = "inputs"
"""Tomograms that were in memory only, written here before the run is made."""
_MOST_TEXT = 1 << 20  # bytes of a configuration
_FOLDERS = ("snapshots", "checkpoints", "restored")
_CHECKPOINT = re.compile(r"step_([0-9]{8,12})")
_ROOM_FOR_NUMBERS = 8  # bytes
_UNFIT = re.compile(r"[^\w.+-]+")


def new_run_path(parent: Path | str, *, tomogram: str, method: str, now: float | None = None) -> Path:
    """Return a folder that is not there yet, ``<date>_<tomogram>_<method>``, with a number if need be.

    Parameters
    ----------
    parent : Path or str
        Where it shall lie.
    tomogram, method : str
        What is restored and how.
    now : float, optional
        Seconds since 1970; the present time by default.
    """
    date = time.strftime("%Y-%m-%d", time.localtime(now))
    room = len(f"{date}__{method}") + _ROOM_FOR_NUMBERS
    name = fitting_name(_UNFIT.sub("-", tomogram), room=room)
    first = Path(parent) / f"{date}_{name}_{method}"
    path, number = first, 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}_{number}")
    return path


class RunDir:
    """A run folder: the recorder of a training run, and the desk where others leave requests.

    Every file appears whole or not at all: it is written aside, then renamed. Methods that write raise
    ``OSError`` with a sentence where the disk is full or the folder cannot be written.

    Parameters
    ----------
    path
        The folder. Use `create` for a new run and `open` for an existing one; both check it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: Path | str, *, config: str, environment: dict[str, Any]) -> RunDir:
        """Make the folder of a new run.

        Parameters
        ----------
        path
            A folder that is not there yet, or holds nothing but ``inputs``.
        config : str
            What runs, as TOML.
        environment : dict
            Versions, devices, host: plain values.

        Raises
        ------
        FileExistsError
            If the folder holds something.
        OSError
            If it cannot be written.
        """
        run = cls(path)
        with writing_explained(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            if not _make_folders(run.path):
                raise FileExistsError(
                    f"The folder {run.path} is not empty: choose a new folder, "
                    "or continue the run in it (--resume)."
                )
            files.write_text(run.path / "environment.json", json.dumps(environment, indent=1, default=str))
            files.write_text(run.path / CONFIG_FILE, config)
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunDir:
        """Return the run that lies in a folder.

        Raises
        ------
        FileNotFoundError
            If there is no such folder, or it holds no run.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise FileNotFoundError(f"There is no folder {run.path}: choose the folder of a run.")
        if not any((run.path / name).is_file() for name in (CONFIG_FILE, EVENTS_FILE)):
            raise FileNotFoundError(
                f"The folder {run.path} holds no run (neither {CONFIG_FILE} nor {EVENTS_FILE}): "
                "choose the folder that was made when training started."
            )
        return run

    @property
    def events_path(self) -> Path:
        """Where the history is."""
        return self.path / EVENTS_FILE

    @property
    def restored_dir(self) -> Path:
        """Where restored tomograms go."""
        return self.path / "restored"

    def config_text(self) -> str:
        """Return the configuration as TOML.

        Raises
        ------
        FileNotFoundError
            Where the run has none.
        ValueError
            If it is no regular file, no text, or too large.
        """
        return read_regular(self.path / CONFIG_FILE, most=_MOST_TEXT).decode()

    def recipe(self) -> PlainRecipe:
        """Return the configuration as plain values, unchecked: its model would import PyTorch."""
        return PlainRecipe.read(self.config_text)

    def environment(self) -> dict[str, Any]:
        """Return versions, devices and host as recorded; empty where unknown."""
        content = json_in(self.path / "environment.json")
        return content if isinstance(content, dict) else {}

    # Recording ---------------------------------------------------------------------------------------

    def record(self, event: Event) -> None:
        """Append one whole line, with the present time unless the event already has one.

        A line that a crash cut off before is closed first, so it spoils no other.
        """
        line = to_json(event if event.time else replace(event, time=time.time()))
        with writing_explained(self.path):
            files.append_line(self.events_path, line.encode() + b"\n")

    def write_input(self, array: np.ndarray) -> str:
        """Save the untouched preview crop (z, y, x) as float16."""
        return self._write_array("snapshots/input.npy", array)

    def write_snapshot(self, step: int, array: np.ndarray) -> str:
        """Save the restored preview crop (z, y, x) as float16."""
        return self._write_array(_snapshot_name(step), array)

    def write_checkpoint(self, step: int, write: Callable[[Path], None]) -> str:
        """Let ``write`` fill a folder, then make it visible under its name, replacing an older one."""
        with writing_explained(self.path), files.whole_folder(self.checkpoint_path(step)) as aside:
            write(aside)
        return _checkpoint_name(step)

    def remove_step(self, step: int) -> None:
        """Delete the snapshot and the checkpoint of a step; nothing if there are none."""
        with writing_explained(self.path):
            files.remove(self.snapshot_path(step))
            files.remove_folder(self.checkpoint_path(step))

    def clear_leftovers(self) -> None:
        """Clear away what a killed training left half written; only for who is going to train."""
        with writing_explained(self.path):
            for name in ("snapshots", "checkpoints"):
                files.clear_leftovers(self.path / name)

    # Reading -----------------------------------------------------------------------------------------

    def snapshot_path(self, step: int) -> Path:
        """Return where the preview of a step is or would be."""
        return self.path / _snapshot_name(step)

    def checkpoint_path(self, step: int) -> Path:
        """Return the folder where the weights of a step are or would be."""
        return self.path / _checkpoint_name(step)

    def checkpoint_steps(self) -> list[int]:
        """Return the steps whose weights are on disk, ascending."""
        folder = self.path / "checkpoints"
        names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
        return sorted(int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name)))

    def snapshot_steps(self) -> list[int]:
        """Return the steps whose previews are on disk, ascending."""
        names = (path.stem.removeprefix("step_") for path in (self.path / "snapshots").glob("step_*.npy"))
        return sorted(int(name) for name in names if name.isdigit())

    def checkpoints_changed(self) -> int:
        """Return when weights last came or went, in nanoseconds since 1970; 0 where there is no folder."""
        try:
            return (self.path / "checkpoints").stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def read_input(self) -> np.ndarray:
        """Return the untouched preview crop (z, y, x), float16; errors as for `read_snapshot`."""
        return read_preview(self.path / "snapshots/input.npy")

    def read_snapshot(self, step: int) -> np.ndarray:
        """Return the preview crop (z, y, x) of a step, float16.

        Raises
        ------
        FileNotFoundError
            If it was never written, or was thinned out.
        ValueError
            If the file is damaged.
        """
        return read_preview(self.snapshot_path(step))

    # Requests ----------------------------------------------------------------------------------------

    def request(self) -> Request:
        """Return what is requested of the loop; stopping comes before pausing."""
        with suppress(
            FileNotFoundError, IsADirectoryError, ValueError
        ):  # what is no regular file requests nothing
            words = read_regular(self.path / "stop")
            return Request.DISCARD if b"discard" in words else Request.STOP
        return Request.PAUSE if (self.path / "pause").is_file() else Request.CONTINUE

    def request_stop(self) -> None:
        """Request a checkpoint and the end."""
        self._leave("stop", "stop\n")

    def request_discard(self) -> None:
        """Request the end without another checkpoint."""
        self._leave("stop", "discard\n")

    def request_pause(self) -> None:
        """Request a pause at the next step."""
        self._leave("pause", "pause\n")

    def request_resume(self) -> None:
        """Take the request to pause back."""
        with writing_explained(self.path):
            (self.path / "pause").unlink(missing_ok=True)

    def request_snapshot(self) -> None:
        """Request a preview at the next step."""
        self._leave("preview", "preview\n")

    def snapshot_requested(self) -> bool:
        """Tell whether a preview was requested since the last call."""
        if not (self.path / "preview").is_file():
            return False
        with suppress(FileNotFoundError):  # somebody took it back just now
            (self.path / "preview").unlink()
        return True

    def clear_requests(self) -> None:
        """Take every request back, as before a run is continued."""
        with writing_explained(self.path):
            for name in ("stop", "pause", "preview"):
                files.remove(self.path / name)

    # Pins --------------------------------------------------------------------------------------------

    def pins(self) -> set[int]:
        """Return the steps that the user keeps."""
        content = json_in(self.path / "pins.json")
        return {step for step in content if type(step) is int} if isinstance(content, list) else set()

    def pin(self, step: int) -> None:
        """Keep a step when previews are thinned."""
        self._leave("pins.json", json.dumps(sorted(self.pins() | {step})))

    def unpin(self, step: int) -> None:
        """Let a step be thinned again."""
        self._leave("pins.json", json.dumps(sorted(self.pins() - {step})))

    def _leave(self, name: str, text: str) -> None:
        with writing_explained(self.path):
            files.write_text(self.path / name, text)

    def _write_array(self, name: str, array: np.ndarray) -> str:
        with writing_explained(self.path):
            write_preview(self.path / name, array)
        return name


def _make_folders(path: Path) -> bool:
    """Make what is in every run folder, and tell whether nobody else did so, before or just now."""
    if any(item.name != INPUTS_FOLDER for item in path.iterdir()):
        return False
    try:
        for name in _FOLDERS:
            (path / name).mkdir()
    except FileExistsError:
        return False
    return True


def _snapshot_name(step: int) -> str:
    return f"snapshots/step_{step:08d}.npy"


def _checkpoint_name(step: int) -> str:
    return f"checkpoints/step_{step:08d}"


def step_of_checkpoint(folder: Path) -> int:
    """Return the step of a checkpoint folder, by its name."""
    return int(folder.name.removeprefix("step_"))


def write_preview(path: Path, array: np.ndarray) -> None:
    """Write a block (z, y, x), clipped to what float16 can hold; the file appears whole or not at all."""
    limit = np.finfo(np.float16).max
    stored = np.clip(np.asarray(array), -limit, limit).astype(np.float16)
    with whole_file(path) as aside, aside.open("wb") as file:
        np.save(file, stored)


def read_preview(path: Path) -> np.ndarray:
    """Return the block (z, y, x).

    Raises
    ------
    FileNotFoundError
        If it was never written, or was thinned out.
    ValueError
        If the file is damaged.
    """
    try:
        with open_regular(path) as file:
            array: np.ndarray = plain_array(file)
        if array.ndim != 3 or array.dtype.kind != "f" or not array.size:
            raise ValueError(f"it holds {array.dtype} of shape {array.shape}")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The preview {path.name} is not there: it was thinned out or not made yet."
        ) from None
    except (ValueError, IsADirectoryError) as error:
        raise ValueError(f"The preview {path.name} is damaged and cannot be shown ({error}).") from error
    return array


@contextmanager
def writing_explained(folder: Path) -> Iterator[None]:
    """Turn an operating-system error into the same kind of error with a sentence for the user."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        told = type(error)(
            f"The run folder {folder} cannot be written ({error.strerror}): "
            "free some space or choose a folder that you may write, then start or continue the run."
        )
        told.errno = error.errno
        raise told from error


__all__ = [
    "CONFIG_FILE",
    "EVENTS_FILE",
    "INPUTS_FOLDER",
    "RunDir",
    "new_run_path",
    "read_preview",
    "step_of_checkpoint",
    "write_preview",
    "writing_explained",
]
