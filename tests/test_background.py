from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from napari_cryorestore import background
from napari_cryorestore.background import Background, ThreadWork


def settle(background: Background) -> None:
    deadline = time.monotonic() + 300
    while background.busy() and time.monotonic() < deadline:
        background.poll()
        time.sleep(0.002)


@pytest.fixture
def told() -> list[object]:
    return []


def test_an_answer_arrives_in_the_polling_thread(told):
    """Trap 15: what a thread found out is shown by the GUI thread."""
    background = Background()
    threads = []

    def work() -> str:
        threads.append(threading.current_thread())
        return "done"

    def hear(answer: str) -> None:
        told.append(answer)
        threads.append(threading.current_thread())

    background.start("a", work, answer=hear, failure=told.append)
    assert background.busy("a")
    settle(background)
    assert told == ["done"]
    assert threads[0] is not threads[1] is threading.current_thread()
    assert not background.busy()


def test_an_error_is_handed_over_even_if_it_is_no_exception(told):
    background = Background()

    def work() -> None:
        raise KeyboardInterrupt("no memory")

    background.start("a", work, answer=lambda answer: told.append("answered"), failure=told.append)
    settle(background)
    assert isinstance(told[0], KeyboardInterrupt)


def test_only_the_latest_of_one_name_is_answered(told):
    background, gate, ran = Background(), threading.Event(), []

    def work(number: int) -> int:
        ran.append(number)
        gate.wait(300)
        return number

    for number in range(4):
        background.start("a", lambda number=number: work(number), answer=told.append, failure=told.append)
    background.start("b", lambda: "other", answer=told.append, failure=told.append)
    gate.set()
    settle(background)
    assert sorted(told, key=str) == [3, "other"]
    assert ran == [0, 3]


def test_nothing_is_delivered_after_forgetting(told):
    background, gate = Background(), threading.Event()
    background.start("a", lambda: gate.wait(300), answer=told.append, failure=told.append)
    background.forget()
    gate.set()
    settle(background)
    assert told == []


@pytest.mark.parametrize("folder", ["gui", "comparison"])
def test_nobody_else_in_the_window_starts_threads(folder):
    package = Path(background.__file__).parent / folder
    texts = {path.name: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    assert len(texts) > 10
    assert [name for name, text in texts.items() if re.search(r"\bThread\(|\.start_new_thread\(", text)] == []


def test_work_in_a_thread_ends_when_it_is_told_to():
    began = threading.Event()

    def wait() -> None:
        began.set()
        while not work.is_stopping:
            time.sleep(0.002)

    gate = threading.Event()
    work = ThreadWork("test", lambda: (gate.wait(300), wait()))
    gate.set()
    assert began.wait(300)
    assert work.alive
    assert not work.join(0.01)
    work.stop()
    assert work.join(300)
    assert not work.alive
