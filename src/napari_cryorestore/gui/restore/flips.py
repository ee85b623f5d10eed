"""Averaging over flips: how many there are for a tilt range, and what that costs, in words; free of Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui.model_choice import averages_flips

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_cryorestore.gui.model_choice import ModelChoice

MOST, FEWER = 8, 4
"""Flips that leave the missing wedge where it is, for a symmetric tilt range and for any other."""


def flip_count(tilt_range: tuple[float, float] | None) -> int | None:
    """Return how many flips map the wedge of a tilt range (degrees) to itself; ``None`` if it is unknown.

    As many as `napari_cryorestore.physics.rotation.preserving` lists.
    """
    if tilt_range is None:
        return None
    low, high = tilt_range
    return MOST if low == -high else FEWER


def takes_flips(wish: bool | None, model: ModelChoice) -> bool:
    """Return whether a model averages over flips, where ``None`` means as it was trained."""
    trained = averages_flips(model)
    return trained is not None and (trained if wish is None else wish)


def flip_words(counts: Collection[int | None]) -> tuple[str, str]:
    """Return what the choice is called, and one sentence about what it gives and costs.

    Parameters
    ----------
    counts : collection of int or None
        The flips of each tomogram to be restored.
    """
    known = sorted({count for count in counts if count is not None})
    number = " or ".join(map(str, known))
    if not known or None in counts:
        number = f"up to {MOST}"
    return (
        f"average over {number} flips",
        f"Less noise, for {number} times the work: every tile is restored in {number} mirrored versions, "
        "those that leave the missing wedge where it is.",
    )


__all__ = ["FEWER", "MOST", "flip_count", "flip_words", "takes_flips"]
