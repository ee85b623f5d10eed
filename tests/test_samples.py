from __future__ import annotations

import mrcfile
import numpy as np
import pytest

from napari_cryorestore.io.pairing import find_other_half
from napari_cryorestore.io.tilts_beside import find_tilt_file, read_tilt_angles
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.samples import real_pair


def test_the_real_pair_is_a_pair_with_its_tilts() -> None:
    even, odd = real_pair()
    assert find_other_half(even) == odd
    assert find_other_half(odd) == even
    tilts = find_tilt_file(even)
    assert tilts is not None
    assert tilts == find_tilt_file(odd)
    assert read_tilt_angles(tilts) == tuple(range(-60, 61, 3))


def test_the_real_pair_is_as_its_readme_says() -> None:
    even, odd = (open_volume(path) for path in real_pair())
    for half in (even, odd):
        assert half.data.shape == (64, 76, 162)
        assert half.voxel_size == pytest.approx(40.0)
        assert mrcfile.validate(half.path)
    assert np.corrcoef(even.data.ravel(), odd.data.ravel())[0, 1] == pytest.approx(0.17, abs=0.01)


def test_the_sample_is_small_and_its_source_is_told() -> None:
    folder = real_pair()[0].parent
    assert sum(path.stat().st_size for path in folder.glob("mpn40*")) < 7e6
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "EMPIAR-10499" in readme
    assert "MIT" in readme
