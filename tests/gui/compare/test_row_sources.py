"""Rows that are restored on demand, by a fake restorer: steps of runs and live previews."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.comparison.volume_jobs import VolumeJobs
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.gui.compare import row_offers
from napari_cryorestore.runs.run_dir import RunDir

from ..conftest import add_step
from .conftest import noise

EDGE = 8


@dataclass
class FakeSources:
    """Restores a cube of noise around the crosshair, as soon as it may."""

    may_end: threading.Event = field(default_factory=threading.Event)
    opened: list[tuple[int | None, tuple[float, ...] | None]] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self):
        self.may_end.set()

    def open_row(self, row, *, cursor, region, progress, cancelled):
        self.opened.append((row.step, cursor))
        progress(0.5)
        while not self.may_end.wait(0.005):
            if cancelled():
                raise Cancelled("cancelled")
        if self.error is not None:
            raise self.error
        low = [0.0, 0.0, 0.0] if cursor is None else [place - EDGE * 5 for place in cursor]
        sizes = (10.0, 10.0, 10.0)
        data = noise((EDGE,) * 3, row.step or 0)
        return ComparedVolume(row.name, data, sizes, corner_of(sizes, low), key=f"{row.step}{cursor}")


@pytest.fixture
def sources(panel) -> FakeSources:
    made = FakeSources()
    panel.model.update(region=16)
    panel.comparison.jobs.__dict__.update(VolumeJobs(made).__dict__)
    yield made
    made.may_end.set()


def rows_of(panel):
    return panel.model.entries


def test_a_step_is_restored_around_the_crosshair(panel, run, sources, add, settled):
    panel.rows.add_layer(add(noise((40, 40, 40)), "input"))
    panel.model.set_cursor((200.0, 200.0, 200.0))
    panel.rows.add_step(run, 400)
    settled(panel)
    row = rows_of(panel)[1]
    assert row.config.name == "ICECREAM @ 400"
    assert row.volume.extent == ((160, 240),) * 3
    assert sources.opened == [(400, (200.0, 200.0, 200.0))]
    assert panel.grid.framing.factor("XY") > 2  # the region is shown large
    assert panel.grid.heads[row.number].state.steps == (200, 300, 400, 500, 600)


def test_leafing_through_steps_restores_each_once(panel, run, sources, settled):
    panel.rows.add_step(run, 200)
    settled(panel)
    head = panel.grid.heads[rows_of(panel)[0].number]
    for place in (1, 2, 1, 0):
        head.slider.setValue(place)
        settled(panel)
    assert [step for step, _ in sources.opened] == [200, 300, 400]
    assert rows_of(panel)[0].config.name == "ICECREAM @ 200"
    assert np.array_equal(rows_of(panel)[0].volume.data, noise((EDGE,) * 3, 200))


def test_the_picture_stays_while_another_step_is_restored_and_can_be_cancelled(
    panel, run, sources, settled, qtbot
):
    panel.rows.add_step(run, 200)
    settled(panel)
    number = rows_of(panel)[0].number
    sources.may_end.clear()
    head = panel.grid.heads[number]
    head.slider.setValue(3)
    qtbot.waitUntil(lambda: rows_of(panel)[0].busy == "restoring…")
    qtbot.waitUntil(lambda: "50%" in head.state.caption)
    assert rows_of(panel)[0].volume is not None
    head.cancel.click()
    settled(panel)
    assert rows_of(panel)[0].busy == ""
    assert len(sources.opened) == 2
    sources.may_end.set()
    head.slider.setValue(4)
    settled(panel)
    assert np.array_equal(rows_of(panel)[0].volume.data, noise((EDGE,) * 3, 600))


def test_what_cannot_be_restored_is_told(panel, run, sources, settled):
    sources.error = MemoryError("The device cpu has too little memory: choose another one.")
    panel.rows.add_step(run, 200)
    settled(panel)
    (entry,) = rows_of(panel)
    assert "too little memory" in entry.problem
    assert "too little memory" in panel.grid.cells[entry.number, "XY"].marks.words


def test_of_a_run_the_suggested_step_is_added_and_an_over_fitted_one_is_warned_of(panel, run, settled):
    panel.rows.add_step(run)
    settled(panel)
    assert rows_of(panel)[0].config.step == 400
    assert panel.message.text() == (
        "Step 400 is taken, as the held-out numbers suggest; the newest is step 600."
    )
    panel.rows.add_step(run, 600)
    settled(panel)
    assert rows_of(panel)[1].config.step == 600
    assert panel.message.text().startswith("⚠ The run over-fitted before step 600")


def test_a_run_without_weights_is_told(panel, tmp_path, settled):
    from napari_cryorestore.runs.run_dir import RunDir

    made = RunDir.create(tmp_path / "young", config="", environment={})
    panel.rows.add_step(made.path)
    assert "has no checkpoint yet" in panel.message.text()
    assert rows_of(panel) == ()


def test_a_live_preview_follows_the_newest_snapshot(panel, run, sources, settled, qtbot):
    panel.rows.add(row_offers.live_row(run))
    settled(panel)
    assert rows_of(panel)[0].volume is None  # no file yet, though the history tells of one
    folder = run / "snapshots"
    folder.mkdir(exist_ok=True)
    for step in (100, 200):
        (folder / f"step_{step:08d}.npy").touch()
        panel.rows.sources.update()
        settled(panel)
        assert sources.opened[-1][0] == step
        assert np.array_equal(rows_of(panel)[0].volume.data, noise((EDGE,) * 3, step))


def test_leaving_gives_up_restoring(panel, run, sources, qtbot):
    sources.may_end.clear()
    panel.rows.add_step(run, 200)
    qtbot.waitUntil(lambda: len(sources.opened) == 1)
    panel.leave()
    assert panel.comparison.volumes.join(300)


def test_moving_out_of_the_region_restores_another_one_at_rest(panel, run, sources, add, settled):
    panel.rows.add_layer(add(noise((40, 40, 40)), "input"))
    panel.model.set_cursor((200.0, 200.0, 200.0))
    panel.model.update(region=EDGE if EDGE >= 16 else 16)
    panel.rows.add_step(run, 400)
    settled(panel)
    for place in (210.0, 260.0, 320.0):
        panel.model.set_cursor((200.0, 200.0, place))
    settled(panel)
    assert len(sources.opened) == 1  # cubes of 8 are all that this fake tomogram gives


def test_all_that_can_be_compared_with_a_run_is_shown_once(panel, run, sources, settled):
    other = RunDir.create(run.with_name("run_b"), config=RunDir(run).config_text(), environment={})
    add_step(other, 100, 0.2)
    RunDir.create(run.with_name("run_c"), config=RunDir(run).config_text(), environment={})
    panel.rows.add_step(run, 600)
    panel.rows.add_family(other.path)
    settled(panel)
    rows = [row.config for row in rows_of(panel)]
    assert [(row.kind, row.method or row.path, row.step) for row in rows] == [
        ("run", run, 600),
        ("mean", None, None),
        ("method", "wiener", None),
        ("run", other.path, 100),
    ]
    assert (rows[1].recording.tilt_range, rows[1].recording.tilt_axis) == ((-57.0, 63.0), "x")
    assert panel.message.text() == "Not shown, for want of weights or of rows: run_c."
    panel.rows.add_family(run)
    assert len(rows_of(panel)) == 4


def test_of_too_many_runs_the_newest_are_shown_and_the_run_itself(run):
    others = []
    for number in range(8):
        made = RunDir.create(run.with_name(f"run_{number}"), config=RunDir(run).config_text(), environment={})
        add_step(made, 100, 0.2)
        os.utime(made.path / "config.toml", (number + 10**9, number + 10**9))
        others.append(made.path)
    rows, left_out = row_offers.family_rows(others[0], [])
    assert [row.path for row in rows[2:]] == [others[0], *others[4:], run]
    assert left_out == others[1:4]


def test_of_a_run_on_one_map_the_map_itself_is_shown(run, pair):
    config = RunDir(run).config_text().replace(f'odd = "{pair[1]}"\n', "")
    made = RunDir.create(run.with_name("alone"), config=config, environment={})
    add_step(made, 100, 0.2)
    rows, _ = row_offers.family_rows(made.path, [])
    assert [(row.kind, row.path) for row in rows] == [("file", pair[0]), ("run", made.path)]


def test_a_row_of_a_run_leads_to_a_second_opinion_and_others_say_why_not(panel, run, sources, add, settled):
    asked = []
    panel.session.second_opinion.connect(asked.append)
    panel.rows.add_layer(add(noise((40, 40, 40)), "input"))
    panel.rows.add_step(run, 200)
    settled(panel)
    layer, step = (panel.grid.heads[entry.number].actions_by_name["opinion"] for entry in rows_of(panel))
    assert not layer.isEnabled()
    assert layer.toolTip() == "Only a run can have a second opinion: this row was not trained here."
    assert (step.isEnabled(), step.toolTip()) == (True, "Second opinion")
    step.trigger()
    assert asked == [run]


def test_what_a_run_restored_leads_to_filling_its_wedge_unless_that_makes_no_sense(
    panel, run, sources, settled
):
    asked = []
    panel.session.fill_wedge.connect(lambda path, step: asked.append((path, step)))
    config = RunDir(run).config_text()
    denoised = config.replace('kind = "icecream"', 'kind = "noise2noise"')
    chained = f'{denoised}[restored_by]\nmodel = "ICECREAM @ step 600"\n'
    no_tilts = denoised.replace("tilt_min = -57.0\ntilt_max = 63.0\n", "")
    panel.rows.add_step(run, 200)
    for name, text in (("a", denoised), ("b", chained), ("c", no_tilts)):
        made = RunDir.create(run.with_name(name), config=text, environment={})
        add_step(made, 100, 0.2)
        panel.rows.add_step(made.path, 100)
    panel.rows.add(row_offers.live_row(run))
    panel.rows.add(row_offers.file_row(run / "config.toml"))
    settled(panel)
    filled, good, *others = (
        panel.grid.heads[entry.number].actions_by_name["fill"] for entry in rows_of(panel)
    )
    assert filled.toolTip() == "ICECREAM has filled the wedge already."
    assert [action.toolTip().partition(":")[0] for action in others] == [
        "This run learned from restored maps already",
        "The tilt range is unknown",
        "Add a step of this run first",
        "Only what a run restores can be filled",
    ]
    assert not any(action.isEnabled() for action in (filled, *others))
    assert rows_of(panel)[2].config.name.startswith("ICECREAM @ step 600 → Noise2Noise @ 100")
    good.trigger()
    assert asked == [(run.with_name("a"), 100)]
