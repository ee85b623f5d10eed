"""A hundred damaged files of each kind; ``python -m benchmarks.faults fuzz`` makes thousands."""

from __future__ import annotations

import sys
import time  # noqa: F401  used by what is executed below
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.host_memory import keep_freed_memory

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("has no alarm for what takes too long", allow_module_level=True)

from benchmarks.faults import fuzz  # measures as Unix does

KINDS = ("history", "volume", "tilts", "weights", "resume", "preview", "recipe", "comparison", "notes")


def test_every_kind_is_tested() -> None:
    assert set(fuzz.KINDS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_a_result_or_a_sentence(tmp_path: Path, kind: str) -> None:
    tally = fuzz.fuzz(kind, tmp_path, count=100, seed=0)
    assert tally.problems == []
    assert tally.read + tally.refused == 100
    assert kind == "resume" or tally.read > 0


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ("raise KeyError('x')", "KeyError"),
        ("raise ValueError", "an empty ValueError"),
        ("time.sleep(5)", "it took more than"),
        ("b'x' * 300_000_000", "MB"),
        ("self.canary.touch()", "it was executed"),
    ],
)
def test_what_is_wrong_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str, words: str
) -> None:
    monkeypatch.setattr(fuzz, "LONGEST", 0.2 if "sleep" in read else 60.0)
    looks = []
    if words == "MB":  # as after a training in this process
        keep_freed_memory()
        blocks = [b"y" * 200_000_000 for _ in range(2)]
        del blocks

    class Broken(fuzz.Target):
        def make(self) -> Path:
            (tmp_path / "file").write_bytes(b"whole")
            return tmp_path / "file"

        def read(self) -> None:
            looks.append(1)
            if len(looks) > 1:
                exec(read)

    monkeypatch.setitem(fuzz.KINDS, "broken", Broken)
    tally = fuzz.fuzz("broken", tmp_path, count=2, seed=0, keep=tmp_path / "kept")
    assert [words in problem for problem in tally.problems] == [True, True]
    assert len(list((tmp_path / "kept").iterdir())) == 2
