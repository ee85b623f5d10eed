"""Work that is killed at any moment goes on as if nothing had happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.data import tile_journal as journal_module
from napari_cryorestore.data.tile_journal import FileJournal, Journal, forget, unfinished

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = [(slice(0, 2), slice(0, 3), slice(1, 4)), (slice(1, 4), slice(1, 4), slice(0, 2))]
PLAN = {"tile": [3, 3, 3]}


class Killed(BaseException):
    """Stands for the end of the process."""


def file_of(folder: Path) -> Path:
    path = folder / "out.mrc.part"
    path.touch()
    return path


def add(volume: np.ndarray, journal: Journal, amount: float, *, die_after: int = 9) -> None:
    """Add to overlapping blocks, maybe not to all."""
    with journal.step(volume, BLOCKS, count=2):
        for number, block in enumerate(BLOCKS):
            if number == die_after:
                raise Killed
            volume[block] += amount


def test_a_step_that_was_not_finished_is_taken_back_and_taken_again(tmp_path: Path) -> None:
    path, volume = file_of(tmp_path), np.zeros((4, 4, 4), np.float32)
    first = FileJournal(path, "this", PLAN)
    first.write()
    add(volume, first, 1)
    expected = volume.copy()
    with pytest.raises(Killed):
        add(volume, first, 5, die_after=1)
    assert not np.array_equal(volume, expected)
    assert unfinished(path, "this") == PLAN
    second = FileJournal(path, "this", PLAN)
    second.go_on(volume)
    np.testing.assert_array_equal(volume, expected)
    assert second.done == 2


def test_a_step_that_was_finished_stays(tmp_path: Path) -> None:
    path, volume = file_of(tmp_path), np.zeros((4, 4, 4), np.float32)
    first = FileJournal(path, "this", PLAN)
    first.write()
    add(volume, first, 1)
    first.notes = [0.1, 2.5]
    add(volume, first, 1)
    second = FileJournal(path, "this", PLAN)
    second.go_on(volume)
    assert volume[1, 1, 1] == 4
    assert (second.done, second.notes) == (4, [0.1, 2.5])


def test_before_the_first_step_there_is_nothing_to_take_back(tmp_path: Path) -> None:
    path, volume = file_of(tmp_path), np.ones((4, 4, 4), np.float32)
    FileJournal(path, "this", PLAN).write()
    second = FileJournal(path, "this", PLAN)
    second.go_on(volume)
    assert second.done == 0
    assert (volume == 1).all()


@pytest.mark.parametrize("change", ["request", "boot", "format", "file", "state", "gone", "no boot"])
def test_anything_else_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    path = file_of(tmp_path)
    FileJournal(path, "this", PLAN).write()
    assert unfinished(path, "this") == PLAN
    state = tmp_path / "out.mrc.part.json"
    if change == "boot":
        monkeypatch.setattr(journal_module, "boot_id", lambda: "another")
    elif change == "no boot":
        monkeypatch.setattr(journal_module, "boot_id", lambda: "")
        FileJournal(path, "this", PLAN).write()
    elif change == "format":
        state.write_text(json.dumps({**json.loads(state.read_text()), "format": 99}))
    elif change == "file":
        path.unlink()
    elif change == "state":
        state.write_text("{")
    elif change == "gone":
        forget(path)
    assert unfinished(path, "that" if change == "request" else "this") is None


@pytest.mark.parametrize("change", [{"done": 7}, {"done": "x"}, {"notes": None}, {"plan": []}, {"boot": 5}])
def test_a_damaged_count_begins_anew(tmp_path: Path, change: dict[str, object]) -> None:
    path = file_of(tmp_path)
    FileJournal(path, "this", PLAN).write()
    state = tmp_path / "out.mrc.part.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), **change}))
    assert unfinished(path, "this") is None


@pytest.mark.parametrize("content", [b"", b"nonsense", "cut off", "other blocks"])
def test_a_damaged_record_of_what_was_before_begins_anew(tmp_path: Path, content: bytes | str) -> None:
    path = file_of(tmp_path)
    work = FileJournal(path, "this", PLAN)
    work.write()
    add(np.zeros((4, 4, 4), np.float32), work, 1)
    before = tmp_path / "out.mrc.part.before"
    assert unfinished(path, "this") == PLAN
    if content == "cut off":
        content = before.read_bytes()[:-1]
    elif content == "other blocks":
        content = before.read_bytes().replace(b"(2, 3, 3)", b"(3, 3, 2)")
    assert isinstance(content, bytes)
    before.write_bytes(content)
    assert unfinished(path, "this") is None


def test_what_is_forgotten_leaves_no_file(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    work = FileJournal(path, "this", PLAN)
    add(np.zeros((4, 4, 4), np.float32), work, 1)
    assert len(list(tmp_path.iterdir())) == 3
    forget(path)
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_it_only_counts() -> None:
    work = Journal()
    add(np.zeros((4, 4, 4), np.float32), work, 1)
    assert work.done == 2
