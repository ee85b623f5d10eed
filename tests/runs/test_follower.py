"""Tests of reading a history that grows."""

from __future__ import annotations

import os
import sys

import pytest

from napari_cryorestore.runs.events import Noted, Stepped, to_json
from napari_cryorestore.runs.follower import LONGEST, RunFollower


@pytest.fixture
def history(tmp_path):
    return tmp_path / "events.jsonl"


def line(step):
    return to_json(Stepped(step=step, loss=1.0, time=1.0)).encode() + b"\n"


def append(history, data):
    with history.open("ab") as file:
        file.write(data)


def steps(events):
    return [event.step for event in events if not isinstance(event, Noted)]


def warnings(events):
    return [event.message for event in events if isinstance(event, Noted)]


def test_waits_for_a_file_and_a_folder(tmp_path):
    assert RunFollower(tmp_path).poll() == []
    assert RunFollower(tmp_path / "nothing").poll() == []


def test_hands_out_every_event_once(history):
    follower = RunFollower(history.parent)
    append(history, line(1) + line(2))
    assert steps(follower.poll()) == [1, 2]
    assert follower.poll() == []
    append(history, line(3))
    assert steps(follower.poll()) == [3]


@pytest.mark.parametrize("cut", range(1, len(line(12345))))
def test_a_line_cut_anywhere_waits_for_its_end(history, cut):
    follower = RunFollower(history.parent)
    whole = line(12345)
    append(history, line(1) + whole[:cut])
    assert steps(follower.poll()) == [1]
    append(history, whole[cut:])
    assert steps(follower.poll()) == [12345]
    assert follower.skipped == 0


def test_damaged_lines_are_counted_and_skipped(history):
    append(history, b'{"kind":"step\n' + b"[]\n7\n" + b'{"kind":"stepped","step":1}\n\xff\xfe\n\n' + line(2))
    follower = RunFollower(history.parent)
    events = follower.poll()
    assert steps(events) == [2]
    assert follower.skipped == 5
    assert warnings(events) == [
        "Damaged lines of events.jsonl were left out: what they told is missing here."
    ]
    append(history, b"[]\n")
    assert follower.poll() == []  # said once
    assert follower.skipped == 6


def test_a_line_without_end_is_passed_over(history):
    append(history, line(1) + b"x" * (2 * LONGEST + 5))
    follower = RunFollower(history.parent)
    assert steps(follower.poll()) == [1]
    assert follower.skipped == 0
    append(history, b"x" * 5 + b"\n" + line(2))
    assert steps(follower.poll()) == [2]
    assert follower.skipped == 1
    assert steps(RunFollower(history.parent).poll(limit=500)) == [1]
    again, found = RunFollower(history.parent), []
    for _ in range(5):
        found += steps(again.poll(limit=500))
    assert found == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_pipe_in_the_place_of_the_history_is_not_waited_for(history):
    os.mkfifo(history)
    follower = RunFollower(history.parent)
    (message,) = warnings(follower.poll())
    assert "but a regular file is expected" in message
    assert follower.poll() == []


def test_kinds_of_a_newer_version_are_left_out(history):
    append(history, b'{"kind":"dreamt","step":1}\n' + line(2))
    follower = RunFollower(history.parent)
    assert steps(follower.poll()) == [2]
    assert (follower.unknown, follower.skipped) == (1, 0)


def test_a_shortened_file_is_read_anew(history):
    follower = RunFollower(history.parent)
    append(history, line(1) + line(2))
    follower.poll()
    history.write_bytes(line(5))
    assert steps(follower.poll()) == [5]
    assert follower.replaced == 1


def test_an_exchanged_file_is_read_anew(history):
    follower = RunFollower(history.parent)
    append(history, line(1))
    follower.poll()
    other = history.with_suffix(".other")
    other.write_bytes(line(5) + line(6) + line(7))
    other.replace(history)
    assert steps(follower.poll()) == [5, 6, 7]
    assert follower.replaced == 1


def test_a_limit_splits_a_long_history(history):
    append(history, b"".join(line(step) for step in range(100)))
    follower = RunFollower(history.parent)
    pieces = []
    while events := follower.poll(limit=500):
        pieces.append(steps(events))
    assert [step for piece in pieces for step in piece] == list(range(100))
    assert len(pieces) > 5
