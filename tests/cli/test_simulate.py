"""Simulating from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.cli.main import main
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TINY = ["--tilt-step", "20", "--voxel-size", "30", "--particles", "1"]


def test_the_files_are_made_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "sim", "--shape", "32", "33", "34", "--seed", "1", *TINY]) == 0
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(f"sim/{path.name}" for path in (tmp_path / "sim").iterdir())
    volume = open_volume(tmp_path / "sim" / "sim_even.mrc")
    assert volume.data.shape == (32, 33, 34)
    assert volume.voxel_size == 30


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "sim", "--size", "32", *TINY]) == 0
    assert main(["simulate", "sim", "--size", "32", *TINY]) == 2
    assert "exists and is never overwritten" in capsys.readouterr().err


def test_what_cannot_be_simulated_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "sim", "--size", "8"]) == 2
    assert "size: Input should be greater than or equal to 32 (given: '8')" in capsys.readouterr().err
