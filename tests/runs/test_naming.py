"""Names of new run folders."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from napari_cryorestore.runs.naming import new_run_path

if TYPE_CHECKING:
    from pathlib import Path


def test_date_tomogram_and_method(tmp_path: Path) -> None:
    noon = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    path = new_run_path(tmp_path, tomogram="TS 01/a", method="icecream", now=noon)
    assert path == tmp_path / "2026-11-21_TS-01-a_icecream"


def test_a_number_makes_it_unique(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        path = new_run_path(tmp_path, tomogram="a.b", method="m")
        path.mkdir()
        names.append(path.name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_a\.b_m", names[0])
    assert names[1:] == [f"{names[0]}_2", f"{names[0]}_3"]


def test_the_longest_names_of_files_make_names_of_folders_too(tmp_path: Path) -> None:
    for letter in ("T", "é"):
        names = []
        for ending in ("1", "2"):
            for _ in range(2):
                path = new_run_path(tmp_path, tomogram=letter * 120 + "x" * 130 + ending, method="icecream")
                path.mkdir()
                names.append(path.name)
        assert len(set(names)) == 4
        assert all("_icecream" in name for name in names)
