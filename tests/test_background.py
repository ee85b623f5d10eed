from __future__ import annotations

import threading
import time

import pytest

from napari_cryorestore.background import Background


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
