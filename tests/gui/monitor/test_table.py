"""Tests of the table of numbers."""

from __future__ import annotations

import csv

import pytest

from napari_cryorestore.gui.monitor.table import write_csv
from napari_cryorestore.runs.events import Evaluated, Stepped
from napari_cryorestore.runs.state import RunState


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_one_row_a_step_and_empty_cells_where_nothing_is_known(tmp_path):
    state = RunState()
    state.apply(
        [
            Stepped(step=10, loss=0.5, parts={"data": 0.25}),
            Evaluated(step=15, metrics={"n2n": 0.125}),
            Stepped(step=20, loss=0.5, parts={"data": 0.25}),
        ]
    )
    write_csv(state, tmp_path / "run.csv")
    assert rows(tmp_path / "run.csv") == [
        ["step", "loss", "data", "n2n"],
        ["10", "0.5", "0.25", ""],
        ["15", "", "", "0.125"],
        ["20", "0.5", "0.25", ""],
    ]


def test_a_run_without_numbers_gives_a_heading(tmp_path):
    write_csv(RunState(), tmp_path / "run.csv")
    assert rows(tmp_path / "run.csv") == [["step"]]


def test_what_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_csv(RunState(), tmp_path / "file" / "run.csv")
