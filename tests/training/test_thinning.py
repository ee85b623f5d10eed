"""Tests of which snapshots are let go."""

from __future__ import annotations

from itertools import pairwise

import pytest

from napari_cryorestore.training.thinning import steps_to_remove


def test_enough_room_removes_nothing() -> None:
    assert steps_to_remove([], kept=3) == []
    assert steps_to_remove([1, 2, 3], kept=3) == []


def test_one_too_many_takes_the_most_crowded() -> None:
    assert steps_to_remove([1, 2, 3, 50, 100], kept=4) == [2]


@pytest.mark.parametrize("kept", [4, 10, 50])
def test_growing_step_by_step_keeps_the_first_the_last_and_an_even_spread(kept: int) -> None:
    left: list[int] = []
    for step in range(1, 201):
        left.append(step)
        gone = steps_to_remove(left, kept=kept)
        left = [old for old in left if old not in gone]
        assert left[0] == 1
        assert left[-1] == step
        assert len(left) <= kept
        gaps = [after - before for before, after in pairwise(left)]
        assert not gaps or max(gaps) <= 2.2 * max(1, step / kept)


def test_pinned_steps_stay_even_where_they_alone_are_too_many() -> None:
    assert steps_to_remove([1, 2, 3, 4, 5], kept=3, pinned={2, 3}) == [4]
    assert steps_to_remove([1, 2, 3, 4, 5], kept=3, pinned={2, 3, 4}) == []


def test_the_order_given_does_not_matter() -> None:
    assert steps_to_remove([100, 1, 3, 2], kept=2) == [2, 3]
