"""Which methods and networks cannot run on the data chosen, and why; free of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.gui.examined_data import ExaminedData
    from napari_cryorestore.gui.train.recipes import Choice, Recipes


@dataclass(frozen=True)
class TomogramFacts:
    """What of a tomogram decides what can run on it.

    Attributes
    ----------
    name : str
        What it is called.
    shape : tuple of int
        Voxels (z, y, x).
    maps : int
        How many maps of it are chosen.
    tilts_known : bool
        Whether its tilt range is known, or nobody has looked yet.
    """

    name: str
    shape: tuple[int, ...]
    maps: int
    tilts_known: bool = True


def facts_of(seen: Iterable[tuple[str, DataChoice, ExaminedData | None]]) -> list[TomogramFacts]:
    """Return what decides, of tomograms given by name, as chosen, and as far as they were looked at."""
    return [
        TomogramFacts(
            name,
            choice.even.shape,
            maps=1 if choice.odd is None else 2,
            tilts_known=found is None or found.tilt_range is not None,
        )
        for name, choice, found in seen
        if choice.even is not None
    ]


@dataclass(frozen=True)
class Refusal:
    """Why something cannot be chosen.

    Attributes
    ----------
    why : str
        In a few words: ``the tilt range is unknown``.
    sentence : str
        In a sentence, with what to do about it.
    """

    why: str
    sentence: str


def refused_methods(
    recipes: Recipes,
    sections: Mapping[str, Config],
    tomograms: Sequence[TomogramFacts],
    *,
    fills_wedge: bool = False,
) -> dict[str, Refusal]:
    """Return why methods cannot run, by their names; those that can are left out.

    Parameters
    ----------
    recipes : Recipes
        What can be chosen.
    sections : dict of str to Config
        What is chosen; the network decides how large crops are at least.
    tomograms : sequence of TomogramFacts
        What is to be learned from.
    fills_wedge : bool
        Whether the missing wedge is to be filled.
    """
    found = {
        name: _not_installed(choice)
        or (_leaves_wedge(recipes, choice) if fills_wedge else None)
        or _lacks(recipes, choice, tomograms)
        or _thin(recipes, choice, sections, tomograms)
        for name, choice in recipes.methods.items()
    }
    return {name: refusal for name, refusal in found.items() if refusal is not None}


def refused_networks(
    recipes: Recipes, sections: Mapping[str, Config], tomograms: Sequence[TomogramFacts]
) -> dict[str, Refusal]:
    """Return why networks cannot be used, by their names, as `refused_methods` does."""
    method = str(getattr(sections["method"], "kind", ""))
    found = {}
    for name, choice in recipes.networks.items():
        config = recipes.network_as_chosen(sections["network"], name)
        found[name] = (
            _not_installed(choice)
            or _misfit(recipes, method, name)
            or _too_large(choice.title, recipes.least_crop(config), tomograms)
        )
    return {name: refusal for name, refusal in found.items() if refusal is not None}


def refusals_in_words(refused: Mapping[str, Refusal], choices: Mapping[str, Choice]) -> str:
    """Return one sentence that says what cannot be chosen, and why; empty if everything can.

    Those with the same reason are named together: ``Not possible here: ICECREAM (the tilt range is
    unknown).``
    """
    by_reason: dict[str, list[str]] = {}
    for name, refusal in refused.items():
        by_reason.setdefault(refusal.why, []).append(choices[name].title)
    parts = [f"{', '.join(titles)} ({why})" for why, titles in by_reason.items()]
    return f"Not possible here: {'; '.join(parts)}." if parts else ""


def _not_installed(choice: Choice) -> Refusal | None:
    return Refusal("not installed", f"{choice.title} {choice.missing}.") if choice.missing else None


def _leaves_wedge(recipes: Recipes, choice: Choice) -> Refusal | None:
    words = f"{choice.title} does not fill the missing wedge: choose a method that does."
    return None if recipes.fills_wedge(choice.name) else Refusal("leaves the wedge empty", words)


def _lacks(recipes: Recipes, choice: Choice, tomograms: Iterable[TomogramFacts]) -> Refusal | None:
    for tomogram in tomograms:
        lacks = recipes.maps_missing(choice.name, tomogram.maps)
        if lacks:
            return Refusal(
                "half 2 is missing", f"{choice.title} needs {lacks} of {tomogram.name}: choose half 2."
            )
        if recipes.needs_wedge(choice.name) and not tomogram.tilts_known:
            return Refusal(
                "the tilt range is unknown",
                f"{choice.title} needs the tilt range of {tomogram.name}: type its lowest and highest tilt "
                "angle.",
            )
    return None


def _thin(
    recipes: Recipes, choice: Choice, sections: Mapping[str, Config], tomograms: Sequence[TomogramFacts]
) -> Refusal | None:
    """Say that a method cuts more than a tomogram has, where it turns crops; others are the network's."""
    least = recipes.least_crop(sections["network"])
    cut = recipes.cut_size(recipes.method_like(sections["method"], choice.name), least)
    return _too_large(choice.title, cut, tomograms) if cut > least else None


def _misfit(recipes: Recipes, method: str, network: str) -> Refusal | None:
    words = recipes.misfit(method, network)
    return Refusal(f"not with {recipes.methods[method].title}", f"{words}.") if words else None


def _too_large(title: str, least: int, tomograms: Iterable[TomogramFacts]) -> Refusal | None:
    for tomogram in tomograms:
        thinnest = min(tomogram.shape)
        if thinnest < least:
            return Refusal(
                f"needs {least} voxels along every axis",
                f"{title} needs {least} voxels along every axis, but {tomogram.name} has {thinnest} along "
                f"{'zyx'[tomogram.shape.index(thinnest)]}: choose another one, or a larger tomogram.",
            )
    return None


__all__ = ["Refusal", "TomogramFacts", "facts_of", "refusals_in_words", "refused_methods", "refused_networks"]
