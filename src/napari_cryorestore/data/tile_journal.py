"""How far the filling of a large file is, kept beside it, so that it goes on after a kill."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.safe_reading import open_regular, plain_array, plain_json, read_regular
from napari_cryorestore.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Blocks = Sequence[tuple[slice, ...]]

_FORMAT = 2


class Journal:
    """Counts what is done; remembers nothing beyond the life of the process.

    Attributes
    ----------
    done : int
        Units of work that are finished.
    notes : list of float
        What the work keeps along with them.
    """

    def __init__(self) -> None:
        self.done = 0
        self.notes: list[float] = []

    @contextmanager
    def step(self, volume: NDArray[np.float32], blocks: Blocks, *, count: int = 1) -> Iterator[None]:
        """Change blocks of a volume within the ``with``; when it ends well, `count` more units are done."""
        del volume, blocks
        yield
        self.done += count


class FileJournal(Journal):
    """Keeps the count in a file, and what blocks held before they were changed.

    A step writes first what the blocks hold, then changes them, then raises the count; each file appears
    whole. If the process is killed in between, the next one puts the blocks back as they were and takes the
    step again: nothing is added twice, and nothing is left out.

    That holds as long as the computer keeps running, as the system writes what a killed process has left to
    its files in its own time. So a journal of before the computer's last start is not gone on with.

    Parameters
    ----------
    path : Path
        The file being filled; the journal's files lie beside it.
    request : str
        What the work is; only the same request may go on with it.
    plan : dict
        How the work is divided, kept for whoever goes on.
    about : dict, optional
        What else to tell whoever finds it; see `begun_with`.
    """

    def __init__(
        self, path: Path, request: str, plan: dict[str, Any], *, about: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self._state, self._before = _names(path)
        self._fixed = {"format": _FORMAT, "request": request, "boot": boot_id(), "plan": plan}
        self._fixed |= {"about": about or {}}

    @contextmanager
    def step(self, volume: NDArray[np.float32], blocks: Blocks, *, count: int = 1) -> Iterator[None]:
        """Do as `Journal.step` does, so that a kill at any moment does no harm."""
        self._save(volume, blocks)
        yield
        self.done += count
        self.write()

    def write(self) -> None:
        """Write the count down."""
        state = {**self._fixed, "done": self.done, "notes": self.notes}
        with whole_file(self._state, aside=_aside(self._state)) as aside:
            aside.write_text(json.dumps({**state, "seal": _seal(state)}), encoding="utf-8")

    def go_on(self, volume: NDArray[np.float32]) -> None:
        """Take over an earlier process's count, and take back the step that it did not finish."""
        state = _read(self._state)
        self.done, self.notes = state["done"], state["notes"]
        done, blocks = _before(self._before)
        if done == self.done:  # else of a step that was finished
            for block, values in blocks:
                volume[block] = values

    def _save(self, volume: NDArray[np.float32], blocks: Blocks) -> None:
        edges = [edge for block in blocks for axis in block for edge in (axis.start, axis.stop)]
        with whole_file(self._before, aside=_aside(self._before)) as aside, aside.open("wb") as file:
            np.save(file, np.array([self.done, *edges], dtype=np.int64))
            for block in blocks:
                np.save(file, np.asarray(volume[block]))


def unfinished(path: Path, request: str) -> dict[str, Any] | None:
    """Return the plan of work on a file that a killed process left; ``None`` if one has to begin anew.

    Parameters
    ----------
    path : Path
        The file being filled.
    request : str
        What the work is; another one, and one of before the computer's last start, is not gone on with.
    """
    written, before = _names(path)
    state = _read(written)
    if not path.is_file() or state.get("format") != _FORMAT or state.get("request") != request:
        return None
    if not state["boot"] or state["boot"] != boot_id():
        return None
    try:
        _before(before)
    except ValueError:
        return None
    plan: dict[str, Any] = state["plan"]
    return plan


def is_journalled(path: Path) -> bool:
    """Tell whether a file is being filled by work of ours, or was when that was killed, whatever it was."""
    return _read(_names(path)[0]).get("format") == _FORMAT


def begun_with(path: Path) -> dict[str, Any]:
    """Return what is told about unfinished work on a file since the computer's last start, if any is."""
    state = _read(_names(path)[0])
    about = state.get("about")
    ours = isinstance(about, dict) and path.is_file() and state.get("boot") == boot_id() != ""
    return about if ours and isinstance(about, dict) else {}


def forget(path: Path) -> None:
    """Remove the journal of a file."""
    for name in journal_names(path):
        name.unlink(missing_ok=True)


def journal_names(path: Path) -> list[Path]:
    """Return all that the journal of a file may consist of; the one that shows whose it is comes last."""
    state, before = _names(path)
    return [_aside(before), before, _aside(state), state]


def boot_id() -> str:
    """Return what names the time since the computer's last start; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _names(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".json"), path.with_name(path.name + ".before")


def _aside(path: Path) -> Path:
    """Return a name that the next process knows too, so that a kill leaves no stray files."""
    return path.with_name(path.name + ".new")


def _read(path: Path) -> dict[str, Any]:
    """Return the state as it was written, or nothing."""
    try:
        state = plain_json(read_regular(path))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) and state.pop("seal", None) == _seal(state) else {}


def _seal(state: dict[str, Any]) -> str:
    """Return what tells a state that was written here from one that was damaged."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _before(path: Path) -> tuple[int, list[tuple[tuple[slice, ...], NDArray[Any]]]]:
    """Return the number of a step and what its blocks held before it; −1 where there is no such file.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        with open_regular(path) as file:
            done, *edges = plain_array(file).tolist()
            blocks = [(block, plain_array(file)) for block in _blocks(edges)]
    except FileNotFoundError:
        return -1, []
    if any(values.shape != tuple(axis.stop - axis.start for axis in block) for block, values in blocks):
        raise ValueError("blocks of another shape")
    return done, blocks


def _blocks(edges: list[int]) -> Iterator[tuple[slice, ...]]:
    for first in range(0, len(edges), 6):
        a, b, c, d, e, f = edges[first : first + 6]
        yield slice(a, b), slice(c, d), slice(e, f)


__all__ = [
    "FileJournal",
    "Journal",
    "begun_with",
    "boot_id",
    "forget",
    "is_journalled",
    "journal_names",
    "unfinished",
]
