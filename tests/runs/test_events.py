"""Tests of events as lines of JSON: what is written is read again, what is damaged is refused."""

from __future__ import annotations

import json
import math

import pytest

from napari_cryorestore.runs.events import (
    _READERS,
    EVENTS,
    Checkpointed,
    Evaluated,
    Failed,
    Finished,
    Noted,
    Paused,
    Resumed,
    Snapshotted,
    Started,
    Stepped,
    Thinned,
    from_json,
    to_json,
)

ALL = (
    Started(time=1.5, step=2, steps=9, process=77, host="here"),
    Noted(level="warning", message="Take care: 5 Å."),
    Stepped(step=3, loss=0.5, parts={"data": 0.25}, rate=2.5, memory=1.25),
    Snapshotted(step=3, file="snapshots/step_00000003.npy"),
    Evaluated(step=3, metrics={"n2n": -0.5}),
    Checkpointed(step=3, file="checkpoints/step_00000003"),
    Thinned(step=3, removed=[1, 2]),
    Paused(step=3),
    Resumed(step=3),
    Finished(step=9, reason="completed"),
    Failed(step=9, error="Too bad.", traceback="line\n\tline"),
)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.kind)
def test_what_is_written_is_read_again(event):
    assert from_json(to_json(event)) == event


def test_metrics_of_older_runs_are_read_by_their_names_of_today():
    line = '{"kind":"evaluated","step":3,"metrics":{"wedge_energy":0.3},"left_out":{"wedge_energy":[0.2]}}'
    assert from_json(line) == Evaluated(step=3, metrics={"wedge_share": 0.3}, left_out={"wedge_share": [0.2]})


def test_every_kind_is_tested():
    assert {type(event) for event in ALL} == set(EVENTS.values())


WRONG = {
    "time": ["x", None, [], -1, 1e20, math.nan, True],
    "step": ["x", None, [], -1, 10**20, 1e20, 1.5, math.nan, True],
    "steps": ["9", None, -1, 10**20],
    "process": ["x", -1, 10**400],
    "host": [7, None, ["here"]],
    "level": ["shout", None, ["info"]],
    "message": [5, None, {}],
    "loss": ["0.5", None, [0.5], {}],
    "parts": [None, [1], "x", {"data": "x"}, {"data": None}, {"": 1.0}, {"a\nb": 1.0}, {"a" * 129: 1.0},
              {str(name): 1.0 for name in range(300)}],
    "rate": ["x", -1, None, math.inf],
    "memory": ["x", -1, None, math.nan],
    "file": [5, None, "", "../other/step", "/etc/passwd", "C:\\x", "a\x00b", "x" * 999],
    "metrics": [None, [], "x", {"n2n": [1]}],
    "removed": [None, 5, "12", [-1], ["x"], [10**20], [True]],
    "reason": ["bored", None, []],
    "error": [5, None],
    "traceback": [5, None],
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        (event, name, value)
        for event in ALL
        for name in WRONG
        if hasattr(event, name)
        for value in WRONG[name]
    ],
    ids=str,
)
def test_a_value_of_another_type_is_refused(event, name, value):
    content = {**json.loads(to_json(event)), name: value}
    with pytest.raises(ValueError, match=f"damaged '{event.kind}'"):
        from_json(json.dumps(content))


@pytest.mark.parametrize(
    "line", ["[]", "7", "null", '"started"', "{}", '{"kind":[]}', '{"kind":null}', "[" * 500 + "]" * 500]
)
def test_what_is_no_event_is_refused(line):
    with pytest.raises(ValueError, match="no event"):
        from_json(line)


@pytest.mark.parametrize("line", ["[" * 99_999, '{"kind":' * 99_999, "1" * 9999, "", "{"])
def test_what_is_no_json_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        from_json(line)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_a_loss_that_was_not_finite_is_not_a_number(value):
    event = from_json(to_json(Stepped(step=1, loss=value, parts={"data": value})))
    assert math.isnan(event.loss)
    assert math.isnan(event.parts["data"])


def test_words_can_be_shown_whatever_stands_in_the_line():
    event = from_json(r'{"kind":"noted","level":"info","message":"a\ud800b\u001b[2Jc\u0000\nd"}')
    assert event.message == "a\ufffdb\ufffd[2Jc\ufffd\nd"
    event.message.encode()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("bool", [True, False], [0, "yes", None]),
        ("float | None", [None, 1.5, 2], ["x", [], True]),
        (
            "dict[str, list[float]]",
            [{}, {"a": []}, {"a": [1.0, 2]}],
            [None, [], {"a": 1}, {"a": ["x"]}, {"": []}],
        ),
    ],
)
def test_values_of_other_types_are_read_too(kind, good, bad):
    assert [_READERS[kind](value) for value in good] == good
    for value in bad:
        with pytest.raises(ValueError, match=r"."):
            _READERS[kind](value)


def test_a_rate_that_promises_no_end_is_unknown():
    assert from_json(to_json(Stepped(step=1, loss=1.0, rate=1e-300))).rate == 0
