"""Tests of several processes that begin and end together; shells stand for those that train."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.runs.events import Event, Failed, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import supervision
from napari_cryorestore.training.failure import is_lost_contact
from napari_cryorestore.training.rank import SUPERVISOR, is_supervised
from napari_cryorestore.training.supervision import HEARTBEAT, LOST, Heartbeat, beat, supervise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = '{"kind":"started","time":1,"step":0,"steps":9,"process":1,"host":"here"}'
FAIL = '{"kind":"failed","time":2,"step":3,"error":"The disk is full.","traceback":""}'


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "run", config="", environment={})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "GRACE", 0.3)
    monkeypatch.setattr(supervision, "PARTING", 0.3)
    monkeypatch.setattr(supervision, "_LOOK", 0.01)


@pytest.fixture
def go(run: RunDir) -> Callable[..., None]:
    """Supervise two shells in the run folder, the first and the second of which do this."""

    def supervised_shells(first: str, second: str, **more: Any) -> None:
        start = f'cd "{run.path}"; echo $$ > pid$LOCAL_RANK; '
        script = f"{start} if [ $LOCAL_RANK = 0 ]; then {first}; else {second}; fi"
        supervise(more.pop("run", run), ["sh", "-c", script], 2, **more)

    return supervised_shells


def recorded(run: RunDir) -> list[Event]:
    return RunFollower(run.path).poll()


def lives(run: RunDir, index: int) -> bool:
    try:
        os.kill(int((run.path / f"pid{index}").read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def test_they_know_their_place_and_their_events_are_heard(run: RunDir, go: Any) -> None:
    heard: list[Event] = []
    place = f"echo $MASTER_PORT ${SUPERVISOR} > place$LOCAL_RANK"
    go(f"{place}; echo '{START}' >> events.jsonl", place, on_event=heard.append)
    port, supervisor = (run.path / "place0").read_text().split()
    assert int(port) > 0
    assert supervisor == str(os.getpid())
    assert (run.path / "place1").read_text() == (run.path / "place0").read_text()
    assert [event.kind for event in heard] == ["started"]
    assert [event.kind for event in recorded(run)] == ["started"]


@pytest.mark.parametrize(
    ("first", "second", "number"), [("kill -9 $$", "exec sleep 600", 1), ("exec sleep 600", "kill -9 $$", 2)]
)
def test_where_one_is_killed_the_others_end_and_the_run_says_so(
    run: RunDir, go: Any, first: str, second: str, number: int
) -> None:
    with pytest.raises(RuntimeError, match=f"Process {number} of 2 .* was killed by signal 9: continue"):
        go(first, second)
    assert not lives(run, 0)
    assert not lives(run, 1)
    started, failed = recorded(run)
    assert isinstance(started, Started)
    assert isinstance(failed, Failed)
    assert failed.error.startswith(f"Process {number} of 2")


def test_the_words_of_the_one_that_failed_are_those_of_the_run(
    run: RunDir, go: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    words = "echo a traceback >&2; echo cryorestore train: Too little memory. >&2; exit 1"
    with pytest.raises(RuntimeError, match=r"^Process 2 of 2 of this training failed: Too little memory\.$"):
        go(f"echo lost it >&2; exit {LOST}", words)  # the first ends because of the second
    assert [event.kind for event in recorded(run)] == ["started", "failed"]
    printed = capfd.readouterr().err
    assert "a traceback" in printed
    assert "lost it" not in printed


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("exit 7", r"Process 1 of 2 of this training failed: it ended with exit code 7\."),
        (f"exit {LOST}", "Process 1 of 2 of this training lost another one, on another computer"),
    ],
)
def test_one_that_ends_without_a_word(go: Any, first: str, words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        go(first, f"exit {LOST}")


def test_bad_input_is_told_apart(go: Any) -> None:
    with pytest.raises(ValueError, match="there is no such tomogram"):
        go("echo there is no such tomogram; exit 2", f"exit {LOST}")


def test_what_the_first_has_recorded_is_not_recorded_again(run: RunDir, go: Any) -> None:
    with pytest.raises(RuntimeError, match=r"^The disk is full\.$"):
        go(f"echo '{START}' >> events.jsonl; echo '{FAIL}' >> events.jsonl; exit 1", "exec sleep 600")
    assert [event.kind for event in recorded(run)] == ["started", "failed"]


def test_one_that_lingers_when_all_is_done_is_ended(run: RunDir, go: Any) -> None:
    go("true", "exec sleep 600")
    assert not lives(run, 1)
    assert recorded(run) == []


def test_a_stop_that_only_the_supervisor_knows_of_is_passed_on(run: RunDir, go: Any) -> None:
    class Asked(RunDir):
        def request(self) -> Request:
            return Request.STOP

    go("until [ -e stop ]; do sleep 0.02; done", "true", run=Asked(run.path))
    assert RunDir(run.path).request() is Request.STOP


def test_where_one_is_frozen_the_others_end_and_the_run_says_which(
    run: RunDir, go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = f"while true; do touch ${HEARTBEAT}; sleep 0.05; done"

    def impatient(event: Event) -> None:  # both have given signs of life by then
        monkeypatch.setattr(supervision, "SILENT", 6)

    begin = f"touch begun; until [ -e frozen ]; do sleep 0.02; done; echo '{START}' >> events.jsonl"
    with pytest.raises(RuntimeError, match=r"^Process 2 of 2 .* gave no sign of life for 0\.1 minutes, so"):
        go(f"{begin}; {beats}", f"touch ${HEARTBEAT} frozen; kill -STOP $$", on_event=impatient)
    assert not lives(run, 0)
    assert not lives(run, 1)
    assert [event.kind for event in recorded(run)] == ["started", "failed"]
    assert "continue the run to go on from its newest checkpoint" in recorded(run)[-1].error  # type: ignore[attr-defined]


def test_an_interruption_ends_them_all(run: RunDir, go: Any) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    begin = f"until [ -s pid1 ]; do sleep 0.02; done; echo '{START}' >> events.jsonl"
    with pytest.raises(KeyboardInterrupt):
        go(f"{begin}; exec sleep 600", "exec sleep 600", on_event=interrupt)
    assert not lives(run, 0)
    assert not lives(run, 1)
    assert recorded(run)[-1].error.startswith("Interrupted before it could save a checkpoint")  # type: ignore[attr-defined]


# Under supervision ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "kinds"), [("0", ["started", "failed"]), ("1", ["started"])])
def test_a_process_ends_with_its_supervisor(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, rank: str, kinds: list[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(supervision, "_GLANCE", 0.01)
    monkeypatch.setattr(os, "getppid", iter([77, 77, 1]).__next__)
    assert not is_supervised()
    monkeypatch.setenv(SUPERVISOR, "77")
    monkeypatch.setenv("LOCAL_RANK", rank)
    monkeypatch.setenv(HEARTBEAT, str(run.path / "heartbeat"))
    assert is_supervised()
    run.record(Started(steps=9, process=1, host="here"))
    supervision._watch(run)
    assert codes == [1]
    assert (run.path / "heartbeat").exists()  # touched as long as the supervisor lived
    assert [event.kind for event in recorded(run)] == kinds


def test_lost_contact_is_told_from_other_errors() -> None:
    from torch.distributed import DistBackendError

    assert is_lost_contact(DistBackendError("NCCL communicator was aborted"))
    assert is_lost_contact(RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:2"))
    assert not is_lost_contact(RuntimeError("CUDA out of memory"))
    assert not is_lost_contact(ValueError("Connection closed by peer"))
    assert json.loads(FAIL)["error"]  # what the shells write is an event


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets time pass for the supervisor."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(supervision.time, "monotonic", lambda: clock.now)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    return sleep


def test_silence_grows_until_the_next_sign(tmp_path: Path, sleep: Callable[[float], None]) -> None:
    heart = Heartbeat(tmp_path / "0")
    for second in range(1, 401):
        sleep(1)
        assert heart.silence() == second
    os.utime(heart.path, ns=(0, 12345))
    sleep(0.5)
    assert heart.silence() == 0
    sleep(0.25)
    assert heart.silence() == 0.25


def test_time_in_which_the_supervisor_slept_too_does_not_count(
    tmp_path: Path, sleep: Callable[[float], None]
) -> None:
    heart = Heartbeat(tmp_path / "0")
    sleep(10_000)
    assert heart.silence() <= 1


def test_a_file_that_is_gone_is_made_again_and_no_sign_is_needed_without_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]
) -> None:
    monkeypatch.delenv(HEARTBEAT, raising=False)
    beat()
    heart = Heartbeat(tmp_path / "0")
    heart.path.unlink()
    sleep(1)
    heart.silence()
    monkeypatch.setenv(HEARTBEAT, str(heart.path))
    beat()
    sleep(1)
    assert heart.silence() == 0


def test_where_no_sign_can_be_given_nothing_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEARTBEAT, str(tmp_path / "gone" / "0"))
    beat()
