from __future__ import annotations

import threading
import time

from napari_cryorestore.comparison.result_cache import Job, ResultCache


def until(happened, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def job(key, result=None, **more):
    return Job(key, lambda watch: result if result is not None else key, **more)


def test_results_are_kept_and_made_once() -> None:
    made = []
    store = ResultCache("test")
    jobs = [Job(key, lambda watch, key=key: made.append(key) or key * 2) for key in ("a", "b")]
    store.want(jobs)
    until(lambda: not store.alive)
    store.want(jobs)
    until(lambda: not store.alive)
    assert made == ["a", "b"]
    assert (store.get("a"), store.get("b"), store.get("c")) == ("aa", "bb", None)


def test_what_is_no_longer_wanted_is_given_up() -> None:
    begun, store = threading.Event(), ResultCache("test")

    def slow(watch):
        begun.set()
        while not watch.cancelled():
            time.sleep(0.001)
        raise RuntimeError("cancelled")

    store.want([Job("slow", slow)])
    assert begun.wait(300)
    store.want([job("next")])
    until(lambda: store.get("next") is not None)
    assert store.failure("slow") is None
    assert store.join(300)


def test_a_failure_is_told_and_not_repeated_until_forgiven() -> None:
    count, store = [], ResultCache("test")

    def fails(watch):
        count.append(1)
        raise ValueError("no voxel size")

    for _ in range(2):
        store.want([Job("bad", fails)])
        until(lambda: not store.alive)
    assert str(store.failure("bad").error) == "no voxel size"
    assert "Traceback" in store.failure("bad").details
    assert len(count) == 1
    store.forgive()
    store.want([Job("bad", fails)])
    until(lambda: not store.alive)
    assert len(count) == 2


def test_the_oldest_results_make_room() -> None:
    store = ResultCache("test", most_bytes=10)
    for keys in ("ab", "c"):
        store.want([job(key, size=lambda result: 4) for key in keys])
        until(lambda: not store.alive)
    assert store.get("a") is None
    assert (store.get("b"), store.get("c")) == ("b", "c")


def test_what_is_wanted_never_makes_room() -> None:
    store = ResultCache("test", most_bytes=10)
    store.want([job(key, size=lambda result: 4) for key in "abcd"])
    until(lambda: not store.alive)
    assert [store.get(key) for key in "abcd"] == list("abcd")


def test_progress_is_told_while_it_goes_on() -> None:
    go, told, store = threading.Event(), threading.Event(), ResultCache("test")

    def half(watch):
        watch.progress(0.5)
        told.set()
        go.wait(300)
        return "done"

    store.want([Job("half", half)])
    assert told.wait(300)
    assert store.share("half") == 0.5
    assert store.share("other") is None
    go.set()
    assert store.join(300)


def test_stopping_ends_it_and_it_can_begin_again() -> None:
    store = ResultCache("test")
    began = []
    store.began = began.append
    store.want([Job("endless", lambda watch: [time.sleep(0.001) for _ in iter(watch.cancelled, True)])])
    store.stop()
    assert store.join(300)
    store.want([job("more")])
    until(lambda: store.get("more") is not None)
    assert began == [store, store]
    assert store.join(300)
