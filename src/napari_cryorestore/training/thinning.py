"""Which snapshots to let go when there are too many, so that those kept stay evenly spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def steps_to_remove(steps: Sequence[int], *, kept: int, pinned: Collection[int] = ()) -> list[int]:
    """Return the steps to delete so that no more than `kept` remain.

    The first, the last and pinned steps stay; of the others goes, one after another, the one whose
    neighbours are closest together.
    """
    left = sorted(steps)
    removed: list[int] = []
    while len(left) > kept:
        gaps = [
            (left[i + 1] - left[i - 1], left[i]) for i in range(1, len(left) - 1) if left[i] not in pinned
        ]
        if not gaps:
            break
        step = min(gaps)[1]
        left.remove(step)
        removed.append(step)
    return sorted(removed)
