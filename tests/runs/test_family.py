"""Which runs can be compared fairly is told by their recipes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.runs.family import family_of
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

SAME = {
    "maps": '["/data/a_even.mrc", "/data/a_odd.mrc"]',
    "position": [8, 9, 10],
    "seed": 3,
    "held": "automatic",
}


def made(folder: Path, number: int, **changed: object) -> Path:
    """Make a run that is so many seconds old."""
    values = {**SAME, "kind": "noise2noise", "size": [8, 8, 8], **changed}
    config = (
        f'[[tomograms]]\nmaps = {values["maps"]}\n[method]\nkind = "{values["kind"]}"\n'
        f'[schedule]\nseed = {values["seed"]}\n[snapshots]\nheld_out = "{values["held"]}"\n'
        f"position = {values['position']}\nsize = {values['size']}\n"
    )
    path = RunDir.create(folder, config=config, environment={}).path
    os.utime(path / "config.toml", (number, number))
    return path


def test_the_same_maps_block_and_seed_make_a_family_the_oldest_first(tmp_path: Path) -> None:
    second = made(tmp_path / "a", 2)
    third = made(tmp_path / "b", 3, kind="icecream", held="manual")
    first = made(tmp_path / "elsewhere" / "c", 1)
    assert family_of(second) == [second, third]
    assert family_of(second, [first, third, second]) == [first, second, third]


@pytest.mark.parametrize(
    "changed",
    [
        {"maps": '["/data/b_even.mrc", "/data/b_odd.mrc"]'},
        {"maps": '["/data/a_even.mrc"]'},
        {"position": [8, 9, 11]},
        {"size": [8, 8, 16]},
        {"seed": 4},
        {"held": "none"},
    ],
)
def test_what_differs_in_one_of_them_does_not_belong_to_it(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    run = made(tmp_path / "a", 1)
    made(tmp_path / "b", 2, **changed)
    assert family_of(run) == [run]


def test_damaged_folders_and_runs_that_are_gone_are_left_out(tmp_path: Path) -> None:
    run = made(tmp_path / "a", 1)
    broken = made(tmp_path / "b", 2)
    (broken / "config.toml").write_text("nonsense")
    assert family_of(run, [tmp_path / "gone"]) == [run]
    assert family_of(broken) == [broken]
    assert family_of(tmp_path / "gone") == [tmp_path / "gone"]
