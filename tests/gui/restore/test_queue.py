from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.gui.restore.queue import save_copy, saved_words, tomograms_from
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_paired_and_singles_kept(pair: tuple[Path, Path], save, tmp_path: Path) -> None:
    single = save(tmp_path / "whole.rec")
    paired, alone = tomograms_from([pair[1], single, pair[0]])
    assert (paired.name, paired.even.path, paired.odd.path) == ("TS01", *pair)
    assert (alone.name, alone.odd) == ("whole", None)
    assert paired.voxels == 2 * alone.voxels


def test_an_unreadable_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        tomograms_from([tmp_path / "gone.mrc"])


def test_a_copy_is_whole_or_not_there(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    target = save_copy(pair[0], tmp_path / "copy.mrc")
    assert target.read_bytes() == pair[0].read_bytes()
    with pytest.raises(FileNotFoundError):
        save_copy(tmp_path / "gone.mrc", tmp_path / "other.mrc")
    assert sorted(item.name for item in tmp_path.glob("*copy*")) == ["copy.mrc"]
    assert not list(tmp_path.glob(".*"))


def test_a_copy_has_the_format_of_its_name(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    target = save_copy(pair[0], tmp_path / "copy.npy")
    np.testing.assert_array_equal(np.load(target), open_volume(pair[0]).data)
    assert saved_words(target).startswith("Saved copy.npy. A NumPy array cannot hold voxel size")
    assert saved_words(tmp_path / "copy.mrc") == "Saved copy.mrc."
