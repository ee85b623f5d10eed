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
    cache = ResultCache("test")
    jobs = [Job(key, lambda watch, key=key: made.append(key) or key * 2) for key in ("a", "b")]
    cache.request(jobs)
    until(lambda: not cache.alive)
    cache.request(jobs)
    until(lambda: not cache.alive)
    assert made == ["a", "b"]
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("aa", "bb", None)


def test_what_is_no_longer_wanted_is_given_up() -> None:
    begun, cache = threading.Event(), ResultCache("test")

    def slow(watch):
        begun.set()
        while not watch.cancelled():
            time.sleep(0.001)
        raise RuntimeError("cancelled")

    cache.request([Job("slow", slow)])
    assert begun.wait(300)
    cache.request([job("next")])
    until(lambda: cache.get("next") is not None)
    assert cache.failure("slow") is None
    assert cache.join(300)


def test_a_failure_is_told_and_not_repeated_until_forgiven() -> None:
    count, cache = [], ResultCache("test")

    def fails(watch):
        count.append(1)
        raise ValueError("no voxel size")

    for _ in range(2):
        cache.request([Job("bad", fails)])
        until(lambda: not cache.alive)
    assert str(cache.failure("bad").error) == "no voxel size"
    assert "Traceback" in cache.failure("bad").details
    assert len(count) == 1
    cache.forget_failures()
    cache.request([Job("bad", fails)])
    until(lambda: not cache.alive)
    assert len(count) == 2


def test_the_oldest_results_make_room() -> None:
    cache = ResultCache("test", most_bytes=10)
    for keys in ("ab", "c"):
        cache.request([job(key, size=lambda result: 4) for key in keys])
        until(lambda: not cache.alive)
    assert cache.get("a") is None
    assert (cache.get("b"), cache.get("c")) == ("b", "c")


def test_what_is_wanted_never_makes_room() -> None:
    cache = ResultCache("test", most_bytes=10)
    cache.request([job(key, size=lambda result: 4) for key in "abcd"])
    until(lambda: not cache.alive)
    assert [cache.get(key) for key in "abcd"] == list("abcd")


def test_progress_is_told_while_it_goes_on() -> None:
    go, told, cache = threading.Event(), threading.Event(), ResultCache("test")

    def half(watch):
        watch.progress(0.5)
        told.set()
        go.wait(300)
        return "done"

    cache.request([Job("half", half)])
    assert told.wait(300)
    assert cache.share("half") == 0.5
    assert cache.share("other") is None
    go.set()
    assert cache.join(300)


def test_stopping_ends_it_and_it_can_begin_again() -> None:
    cache = ResultCache("test")
    began = []
    cache.began = began.append
    cache.request([Job("endless", lambda watch: [time.sleep(0.001) for _ in iter(watch.cancelled, True)])])
    cache.stop()
    assert cache.join(300)
    cache.request([job("more")])
    until(lambda: cache.get("more") is not None)
    assert began == [cache, cache]
    assert cache.join(300)
