from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.named_volume import NamedVolume
from napari_cryorestore.gui.restore.queue import TomogramToRestore
from napari_cryorestore.gui.restore.restoration import explain, known_settings, output_name

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.gui.restore.model import RestoreModel


def test_a_tomogram_of_the_run_is_known(model: RestoreModel, run: Path) -> None:
    known = known_settings(model.request.tomogram, ModelChoice(run))
    assert (known.voxel_size, known.tilt_range, known.tilt_axis) == (7.5, (-57, 63), "x")


def test_another_tomogram_is_assumed_to_have_the_same_tilts(run: Path, tmp_path: Path) -> None:
    other = TomogramToRestore("b", NamedVolume("b", np.zeros((2, 3, 4)), tmp_path / "b.mrc"))
    known = known_settings(other, ModelChoice(run))
    assert (known.voxel_size, known.tilt_range, known.tilt_axis) == (None, (-57, 63), "x")
    in_memory = replace(other, even=replace(other.even, path=None))
    assert known_settings(in_memory, ModelChoice(run)).tilt_range == (-57, 63)


def test_a_tilt_file_beside_the_tomogram_takes_precedence(
    model: RestoreModel, run: Path, pair: tuple[Path, Path]
) -> None:
    tilts = pair[0].with_name("TS01.tlt")
    tilts.write_text("-48\n0\n51\n")
    assert known_settings(model.request.tomogram, ModelChoice(run)).tilt_range == (-48, 51)
    assert known_settings(model.request.tomogram, ModelChoice()).tilt_range == (-48, 51)
    tilts.write_text("not an angle\n")
    assert known_settings(model.request.tomogram, ModelChoice()).tilt_range is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("Half 2 is missing."), "Half 2 is missing."),
        (FileNotFoundError("There is no run."), "There is no run."),
        (
            PermissionError(13, "Permission denied", "/data"),
            "/data: Permission denied; choose another folder.",
        ),
        (
            MemoryError(),
            "There is not enough memory: choose smaller tiles under Advanced, or another device.",
        ),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), "There is not enough memory: choose smaller"),
        (RuntimeError("first line\nsecond"), "Restoring failed unexpectedly: first line"),
        (ZeroDivisionError(), "Restoring failed unexpectedly: ZeroDivisionError"),
    ],
)
def test_failures_are_explained_in_one_sentence(error: BaseException, sentence: str) -> None:
    assert explain(error).startswith(sentence)


def test_titles_become_file_names() -> None:
    assert output_name("TS01 · ICECREAM @ 600") == "TS01_ICECREAM_600.mrc"
    assert output_name("a/b · Wiener filter") == "a_b_Wiener_filter.mrc"
