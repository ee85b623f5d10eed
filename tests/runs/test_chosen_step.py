"""Tests of the step that stands for a run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.events import Checkpointed, Evaluated, Snapshotted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from pathlib import Path

OVER_FITTED = (0.1, 0.3, 0.5, 0.45, 0.3)


def run_with(folder: Path, n2n: tuple[float, ...], *, fill: tuple[float, ...] = ()) -> RunDir:
    """Return a run of 100 steps for each value of held-out agreement; 0 stands for none."""
    run = RunDir.create(folder, config="", environment={})
    run.record(Started(steps=1000, process=1, host="here"))
    for index, value in enumerate(n2n):
        step = 100 * (index + 1)
        file = run.write_checkpoint(step, lambda folder: None)
        metrics = {"n2n": value} | ({"fill": fill[index]} if fill else {})
        if value:
            run.record(Evaluated(step=step, metrics=metrics))
        run.record(Snapshotted(step=step, file="x"))
        run.record(Checkpointed(step=step, file=file))
    return run


def test_the_suggested_step_is_taken_and_both_numbers_are_said(tmp_path: Path) -> None:
    chosen = step_of_run(run_with(tmp_path / "run", OVER_FITTED))
    assert (chosen.step, chosen.kind, chosen.newest) == (300, "suggested", 500)
    assert chosen.sentence == ("Step 300 is taken, as the held-out numbers suggest; the newest is step 500.")
    assert chosen.findings == ()


def test_the_newest_step_is_taken_where_somebody_says_so_and_what_speaks_against_it_is_said(
    tmp_path: Path,
) -> None:
    chosen = step_of_run(run_with(tmp_path / "run", OVER_FITTED), "newest")
    assert (chosen.step, chosen.kind) == (500, "newest")
    assert chosen.sentence == "Step 500 is taken, the newest; the held-out numbers suggest step 300."
    (finding,) = chosen.findings
    assert (finding.severity, finding.topic) == ("warning", "step")
    assert finding.text == (
        "The run over-fitted before step 500: held-out agreement is 40 % below its best, at step 300. "
        "Use step 300."
    )


def test_a_step_that_is_named_is_taken(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", OVER_FITTED)
    chosen = step_of_run(run, 200)
    assert (chosen.step, chosen.kind, chosen.findings) == (200, "given", ())
    assert chosen.sentence == (
        "Step 200 is taken, as given; the held-out numbers suggest step 300 and the newest is step 500."
    )
    assert [finding.topic for finding in step_of_run(run, 500).findings] == ["step"]
    with pytest.raises(ValueError, match=r"no checkpoint of step 250 in .*/run; there are: 100, 200, 300"):
        step_of_run(run, 250)


def test_a_newest_step_that_is_suggested_is_said_to_be_both(tmp_path: Path) -> None:
    chosen = step_of_run(run_with(tmp_path / "run", (0.1, 0.2, 0.3)))
    assert chosen.sentence == "Step 300 is taken, as the held-out numbers suggest; it is the newest."


def test_without_a_suggestion_the_step_that_scores_best_is_taken(tmp_path: Path) -> None:
    chosen = step_of_run(run_with(tmp_path / "run", (0.5, 0.4)))
    assert (chosen.step, chosen.kind) == (100, "best")
    assert chosen.sentence == "Step 100 is taken, which scores best; the newest is step 200."
    (finding,) = chosen.findings
    assert "20 % below its best (step 100)" in finding.sentence


def test_without_scores_the_newest_is_taken(tmp_path: Path) -> None:
    chosen = step_of_run(run_with(tmp_path / "run", (0, 0, 0)))
    assert (chosen.step, chosen.kind, chosen.sentence) == (300, "newest", "Step 300 is taken, the newest.")
    assert chosen.findings == ()


def test_of_numbers_that_pull_apart_is_told(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", (0.8, 0.9, 0.95, 0.97), fill=(0.5, 0.2, -0.1, -0.3))
    chosen = step_of_run(run)
    assert (chosen.step, chosen.kind) == (400, "suggested")
    assert "agreement decides" in chosen.findings[0].sentence


def test_a_suggested_step_whose_filling_makes_up_for_lost_agreement_is_not_warned_of(tmp_path: Path) -> None:
    n2n, fill = (0.076, 0.080, 0.076, 0.074, 0.073, 0.06), (0.02, 0.03, 0.05, 0.066, 0.072, 0.078)
    run = run_with(tmp_path / "run", n2n, fill=fill)
    assert (step_of_run(run).step, step_of_run(run).findings) == (500, ())
    (finding,) = step_of_run(run, 600).findings
    assert "over-fitted before step 600" in finding.sentence


def test_a_step_that_was_not_scored_is_judged_by_the_one_before(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", (*OVER_FITTED, 0.0))
    (finding,) = step_of_run(run, "newest").findings
    assert "over-fitted before step 600: held-out agreement is 40 % below" in finding.sentence


def test_only_what_is_on_disk_is_taken(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", OVER_FITTED)
    run.remove_step(300)
    assert step_of_run(run).step in (200, 400)
    for step in run.checkpoint_steps():
        run.remove_step(step)
    with pytest.raises(FileNotFoundError, match="The run run has no checkpoint yet"):
        step_of_run(run)


def test_why_another_step_than_that_of_the_best_agreement_is_to_be_used_is_said(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", (0.3, 0.4, 0.5, 0.499, 0.498, 0.35))
    chosen = step_of_run(run, "newest")
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    assert (state.advice.step, state.advice.light) == (400, "bad")
    assert state.advice.why == "averaged over neighbouring previews, agreement is highest there"
    assert state.advice.sentence.endswith(f"use step {state.advice.step}: {state.advice.why}.")
    assert chosen.findings[0].remedy == f"Use step {state.advice.step}: {state.advice.why}."


def test_the_best_step_may_be_deleted_by_hand(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", OVER_FITTED)
    shutil.rmtree(run.checkpoint_path(300))
    state = RunState()
    state.apply(RunFollower(run.path).poll())
    state.notice_weights(run.checkpoint_steps())
    assert state.advice.step == step_of_run(run).step == 400
    assert "use step 400: the weights of step 300 are gone." in state.advice.sentence
    assert (state.has_weights(300), state.has_weights(400)) == (False, True)
    for step in run.checkpoint_steps():
        shutil.rmtree(run.checkpoint_path(step))
    state.notice_weights(run.checkpoint_steps())
    assert (state.advice.step, state.advice.kind) == (None, "none")
    assert state.advice.sentence == "No step can be taken: the weights of all were deleted."
