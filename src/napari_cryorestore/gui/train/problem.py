"""Why training cannot start, in sentences that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.gui.train.recipes import Recipes


@dataclass(frozen=True)
class Problem:
    """Why training cannot start.

    Attributes
    ----------
    section : str
        Where in the panel it belongs: data, further, method, network, schedule, snapshots, hardware or run.
    sentence : str
        What is wrong, and what to do.
    """

    section: str
    sentence: str


def recording_problems(choice: DataChoice, recipes: Recipes, *, name: str) -> list[str]:
    """Return what is wrong with the voxel size and the tilt range as typed."""
    paths = {volume: Path(volume.name) for volume in choice.volumes}
    found = recipes.tomogram_problems(choice.to_plain(paths, name=name))
    return [f"{_LABELS[field]}: {words}" if field in _LABELS else words for field, words in found.items()]


def missing(choice: DataChoice, recipes: Recipes, method: str) -> str:
    """Return what a method needs and the data lack, in one sentence; empty if nothing."""
    title = recipes.methods[method].title
    lacks = recipes.maps_missing(method, 1 if choice.odd is None else 2)
    return f"{title} needs {lacks}: choose half 2." if lacks else ""


def too_thin(choice: DataChoice, recipes: Recipes, sections: Mapping[str, Config]) -> str:
    """Return in one sentence that the tomogram is thinner than a crop; empty if it is not."""
    if choice.even is None:
        return ""
    thinnest, least = min(choice.even.shape), recipes.least_crop(sections["network"])
    crop = getattr(sections.get("schedule"), "crop", None) or least
    if thinnest >= crop:
        return ""
    smaller = f"choose a crop of at most {thinnest}"
    advice = smaller if thinnest >= least else "choose another tomogram"
    axis = "zyx"[choice.even.shape.index(thinnest)]
    return f"The tomogram has {thinnest} voxels along {axis}, fewer than the crop's {crop}: {advice}."


_LABELS = {"voxel_size": "Voxel size", "tilt_range": "Tilt range"}

__all__ = ["Problem", "missing", "recording_problems", "too_thin"]
