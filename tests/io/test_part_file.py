"""Tests of what is said where the disk is full while a volume grows."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.io.part_file import room_explained

if TYPE_CHECKING:
    from pathlib import Path


def fail(part: Path, number: int) -> None:
    with room_explained(part):
        raise OSError(number, "as the system says it")


def test_a_full_disk_is_named_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="has no free space left: free some or choose") as caught:
        fail(tmp_path / "out.mrc.part", errno.ENOSPC)
    assert caught.value.errno == errno.ENOSPC
    assert str(tmp_path) in str(caught.value)


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="as the system says it"):
        fail(tmp_path / "out.mrc.part", errno.EIO)
