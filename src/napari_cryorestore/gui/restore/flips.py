"""Averaging over flips: how many there are and what that costs, in words; free of Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui.model_choice import averages_flips

if TYPE_CHECKING:
    from napari_cryorestore.gui.model_choice import ModelChoice

FLIPS = 4
"""As many as `napari_cryorestore.physics.rotation.averaging` lists for any tilt range."""

NAME = f"average over {FLIPS} flips"
SENTENCE = (
    f"Less noise, for {FLIPS} times the work: every tile is restored in {FLIPS} orientations "
    "that leave the missing wedge where it is."
)


def takes_flips(wish: bool | None, model: ModelChoice) -> bool | None:
    """Return whether a model averages over flips, where no wish means as it was trained.

    Returns
    -------
    bool or None
        ``None`` where its method has no such knob.
    """
    trained = averages_flips(model)
    return trained if trained is None or wish is None else wish


__all__ = ["FLIPS", "NAME", "SENTENCE", "takes_flips"]
