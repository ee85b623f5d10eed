"""Files that changed since a run began are noticed, and files that did not are left in peace."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.io.input_stamps import changed_inputs, stamps_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.mrc"
    path.write_bytes(np.random.default_rng(0).bytes(500_000))
    return path


def told(stamps: object, path: Path) -> list[tuple[str, str]]:
    return [(finding.severity, finding.about) for finding in changed_inputs(stamps, [path])]


def test_the_same_file_is_known_again(file: Path) -> None:
    assert changed_inputs(stamps_of([file]), [file]) == ()


@pytest.mark.parametrize("place", [0, 250_000 // 4096 * 4096, 499_999])
def test_other_content_is_noticed_whatever_the_time_says(file: Path, place: int) -> None:
    stamps, facts = stamps_of([file]), file.stat()
    content = bytearray(file.read_bytes())
    content[place : place + 20_000] = bytes(len(content[place : place + 20_000]))
    file.write_bytes(content)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert told(stamps, file) == [("warning", "a.mrc")]


def test_other_files_of_the_same_names_are_noticed(file: Path) -> None:
    other = file.with_name("b.mrc")
    other.write_bytes(np.random.default_rng(1).bytes(500_000))
    stamps = stamps_of([file, other])
    file.rename(file.with_name("c.mrc"))
    other.rename(file)
    file.with_name("c.mrc").rename(other)
    assert told(stamps, file) == [("warning", "a.mrc")]
    assert told(stamps, other) == [("warning", "b.mrc")]


def test_a_longer_file_is_noticed(file: Path) -> None:
    stamps = stamps_of([file])
    with file.open("ab") as opened:
        opened.write(b"x")
    assert told(stamps, file) == [("warning", "a.mrc")]


def test_a_copy_put_in_its_place_is_noted(file: Path) -> None:
    stamps = stamps_of([file])
    shutil.copyfile(file, file.with_name("copy"))
    os.utime(file.with_name("copy"), ns=(5, 5))
    file.with_name("copy").replace(file)
    assert told(stamps, file) == [("note", "a.mrc")]


@pytest.mark.parametrize("recorded", [None, [], {}, "x", {"/a.mrc": 5}])
def test_what_was_not_recorded_is_not_judged(file: Path, recorded: object) -> None:
    assert changed_inputs(recorded, [file]) == ()
    assert changed_inputs({str(file): 7}, [file]) == ()


def test_what_cannot_be_read_is_left_to_those_who_read_it(file: Path) -> None:
    stamps = stamps_of([file, file.with_name("gone")])
    assert list(stamps) == [str(file)]
    file.unlink()
    assert changed_inputs(stamps, [file]) == ()
