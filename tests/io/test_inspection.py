"""Inspection reports the header, a sample of the voxels and what lies beside the file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.io.inspection import inspect_volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Maker = Callable[..., Path]


def test_report(make_mrc: Maker) -> None:
    data = np.arange(8 * 5 * 6, dtype=np.int16).reshape(8, 5, 6)
    fields = {"mode": 1, "origin": (1.0, 2.0, 3.0), "start": (4, 5, 6), "labels": ("made by hand",)}
    path = make_mrc("TS_odd.mrc", data, **fields)
    other = make_mrc("TS_even.mrc", data, mode=1)
    report = inspect_volume(str(path))
    assert (report.path, report.other_half) == (path, other)
    assert (report.shape, report.dtype, report.stored_as) == ((8, 5, 6), "int16", "mode 1")
    assert (report.voxel_sizes, report.origin, report.start) == ((8.0,) * 3, (1.0, 2.0, 3.0), (4, 5, 6))
    assert (report.labels, report.findings) == (("made by hand",), ())
    assert (report.minimum, report.maximum, report.mean) == (0.0, 239.0, pytest.approx(119.5))


def test_file_alone(make_mrc: Maker) -> None:
    report = inspect_volume(make_mrc("TS.mrc", np.ones((2, 3, 4), np.float32)))
    assert report.other_half is None


def test_voxels_that_are_not_finite_are_left_out(make_mrc: Maker) -> None:
    data = np.full((2, 3, 4), np.nan, np.float32)
    report = inspect_volume(make_mrc("TS.mrc", data))
    assert all(map(math.isnan, (report.minimum, report.maximum, report.mean)))
    data[0, 0, :2] = 1, 3
    report = inspect_volume(make_mrc("TS2.mrc", data))
    assert (report.minimum, report.maximum, report.mean) == (1, 3, 2)


def test_real_integers(real_data: Path) -> None:
    report = inspect_volume(real_data / "mt13pf_10A.mrc")
    assert (report.stored_as, report.shape) == ("mode 1", (36, 206, 94))
    assert report.voxel_sizes == (10.52, 10.52, 10.52)
    assert (report.minimum, report.maximum) == (0.0, 255.0)
