"""Tests of which weights restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.checkpoint import WEIGHTS
from napari_cryorestore.restoration.weights import chosen_weights
from napari_cryorestore.runs.events import Evaluated
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.chosen_step import WhichStep


@pytest.mark.parametrize(("which", "step"), [("suggested", 2), ("newest", 3), (1, 1)])
def test_the_weights_of_a_run_are_those_of_the_step_that_stands_for_it(
    tmp_path: Path, which: WhichStep, step: int
) -> None:
    run = RunDir.create(tmp_path / "run", config="", environment={})
    for number, n2n in ((1, 0.2), (2, 0.5), (3, 0.3)):
        run.write_checkpoint(number, lambda folder: (folder / WEIGHTS).touch())
        run.record(Evaluated(step=number, metrics={"n2n": n2n}))
    file, chosen = chosen_weights(run.path, which)
    assert file == run.checkpoint_path(step) / WEIGHTS
    assert chosen is not None
    assert chosen.step == step


def test_a_checkpoint_that_is_named_itself_is_known_as_a_step_of_its_run(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", config="", environment={})
    for number, n2n in ((1, 0.5), (2, 0.3)):
        run.write_checkpoint(number, lambda folder: (folder / WEIGHTS).touch())
        run.record(Evaluated(step=number, metrics={"n2n": n2n}))
    file, chosen = chosen_weights(run.checkpoint_path(2))
    assert file == run.checkpoint_path(2) / WEIGHTS
    assert chosen is not None
    assert [finding.topic for finding in chosen.findings] == ["step"]
    assert chosen_weights(run.checkpoint_path(2), 2)[0] == file
    with pytest.raises(ValueError, match="is a checkpoint, which is of one step"):
        chosen_weights(run.checkpoint_path(2), 1)
    alone = tmp_path / WEIGHTS
    alone.touch()
    assert chosen_weights(alone) == (alone, None)
    with pytest.raises(ValueError, match="is a checkpoint, which is of one step"):
        chosen_weights(alone, "newest")
    with pytest.raises(FileNotFoundError, match="There is no checkpoint at"):
        chosen_weights(tmp_path / "gone")
