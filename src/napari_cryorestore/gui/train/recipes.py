"""The methods, networks and presets on offer, and what of the data does not suit them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_cryorestore.config import sentence
from napari_cryorestore.gui.typed_values import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.data_choice import DataChoice
    from napari_cryorestore.run_config import RunConfig

SECTIONS = ("method", "network", "schedule", "snapshots", "hardware")
"""The fields of a `RunConfig` that are edited by a form of their own."""

_LABELS = {"voxel_size": "Voxel size", "tilt_range": "Tilt range"}


@dataclass(frozen=True)
class Choice:
    """One line of a combo box.

    Attributes
    ----------
    name : str
        The ``kind`` in a configuration.
    title, sentence : str
        What the user reads.
    config : type
        What a form is made from.
    missing : str
        What must be installed first, in words; empty if nothing.
    """

    name: str
    title: str
    sentence: str
    config: type[Config]
    missing: str = ""


class Recipes:
    """What can be chosen; making it imports PyTorch, which takes seconds.

    Attributes
    ----------
    methods, networks : dict of str to Choice
        By ``kind``; methods that are not trained are left out.
    """

    def __init__(self) -> None:
        from napari_cryorestore.methods import METHODS
        from napari_cryorestore.networks import NETWORKS

        self.methods = {
            name: Choice(name, item.title, f"{item.summary} {_needs(item)}", item.Config, item.missing())
            for name, item in METHODS.items()
            if item.trainable
        }
        self.networks = {
            name: Choice(name, entry.title, entry.summary, entry.Config, entry.missing())
            for name, entry in NETWORKS.items()
        }

    def section(self, name: str, kind: str = "") -> type[Config]:
        """Return the configuration class of a section; method and network have one of each kind."""
        from napari_cryorestore.run_config import RunConfig

        if name == "method":
            return self.methods[kind].config
        if name == "network":
            return self.networks[kind].config
        annotation: Any = RunConfig.model_fields[name].annotation
        return annotation

    def method_like(self, method: Config, kind: str) -> Config:
        """Return another method with what every method has, such as its input, as this one has it."""
        return self.section("method", kind).model_validate(self.shared_settings(method, kind))

    def shared_settings(self, method: Config, kind: str) -> dict[str, Any]:
        """Return the settings of a method that another one has too, such as its input."""
        from napari_cryorestore.methods import settings_kept

        return settings_kept(method.model_dump(), kind)

    def presets(self, method: str, network: str) -> dict[str, str]:
        """Return the titles of the presets of a method with a network, by name."""
        from napari_cryorestore.presets import presets_of

        names = presets_of(method, network)
        return {name: name.replace("-", " ").capitalize() for name in names}

    def network_for(self, method: str, network: str) -> str:
        """Return the network that is in use if it fits a method, else the one that the method chooses."""
        from napari_cryorestore.methods import misfit
        from napari_cryorestore.presets import network_for

        return network if network and not misfit(method, network) else network_for(method)

    def misfit(self, method: str, network: str) -> str:
        """Return in a sentence, its full stop left out, that a network does not fit; empty if it does."""
        from napari_cryorestore.methods import misfit

        return misfit(method, network)

    def network_as_chosen(self, chosen: Config, kind: str) -> Config:
        """Return the network of a kind: the one chosen if it is that, else with its defaults."""
        return chosen if getattr(chosen, "kind", "") == kind else self.section("network", kind)()

    def cut_size(self, method: Config, crop: int) -> int:
        """Return the edge of what a method cuts for a crop, both in voxels."""
        from napari_cryorestore.methods import build_method

        chosen: Any = method
        return build_method(chosen).cut_size(crop)

    def least_crop(self, network: Config) -> int:
        """Return the edge of the smallest crop that a network learns from."""
        from napari_cryorestore.networks import sizes_of
        from napari_cryorestore.training.preview import least_crop

        chosen: Any = network
        return least_crop(sizes_of(chosen))

    def crop_rule(self, network: Config) -> str:
        """Return in a sentence which crops a network takes."""
        from napari_cryorestore.networks import sizes_of

        chosen: Any = network
        multiple = sizes_of(chosen).multiple
        best = f"; multiples of {multiple} suit it best" if multiple > 1 else ""
        return f"Takes crops of {self.least_crop(network)} voxels or more along every edge{best}."

    def problems(self, sections: dict[str, Config]) -> dict[str, str]:
        """Return in a sentence for each section what does not go together with the others."""
        from napari_cryorestore.methods import misfit
        from napari_cryorestore.networks import too_small

        chosen: dict[str, Any] = dict(sections)
        network, size = chosen["network"], chosen["snapshots"].size
        found = {
            "network": misfit(chosen["method"].kind, network.kind),
            "schedule": too_small(chosen["schedule"].crop, network),
            "snapshots": too_small(None if size is None else min(size), network, what="preview block"),
        }
        return {name: f"{words[:1].upper()}{words[1:]}." for name, words in found.items() if words}

    def warnings(self, sections: dict[str, Config]) -> list[str]:
        """Return what should be known of the network chosen before it works for the method chosen."""
        from napari_cryorestore.methods import reservations

        chosen: dict[str, Any] = dict(sections)
        return [found.text for found in reservations(chosen["method"], chosen["network"])]

    def preset(self, name: str, method: str, network: str = "") -> dict[str, Config]:
        """Return every section as a preset sets it, hardware left out."""
        from napari_cryorestore.presets import preset

        content = preset(name, method, network)
        kinds = {part: content.get(part, {}).get("kind", "") for part in ("method", "network")}
        return {
            part: self.section(part, kinds.get(part, "")).model_validate(content.get(part, {}))
            for part in SECTIONS
            if part != "hardware"
        }

    def hardware(self, device: str) -> Config:
        """Return the hardware section with a device."""
        return self.section("hardware").model_validate({"device": device})

    def needs_wedge(self, method: str) -> bool:
        """Tell whether a method uses the tilt range."""
        from napari_cryorestore.methods import METHODS

        return METHODS[method].needs_wedge

    def fills_wedge(self, method: str) -> bool:
        """Tell whether a method fills the missing wedge."""
        from napari_cryorestore.methods import METHODS

        return METHODS[method].fills_wedge

    def needs_halves(self, method: str) -> bool:
        """Tell whether a method cannot do with one map."""
        from napari_cryorestore.methods import METHODS

        return METHODS[method].maps != 1

    def maps_missing(self, method: str, maps: int) -> str:
        """Return which maps a method needs that are not there, in words; empty if it has them."""
        from napari_cryorestore.methods import METHODS

        needed = METHODS[method]
        return needed.needs()[0] if needed.maps != 1 and maps < 2 else ""

    def tomogram_problems(self, content: dict[str, Any]) -> dict[str, str]:
        """Return a sentence for each field of a `TomogramConfig` that is wrong; see `located`."""
        from napari_cryorestore.recording import TomogramConfig

        try:
            TomogramConfig.model_validate(content)
        except ValidationError as error:
            return located(error)
        return {}

    def run_config(self, content: dict[str, Any]) -> RunConfig:
        """Return a whole recipe.

        Raises
        ------
        pydantic.ValidationError
            If something is wrong with it.
        """
        from napari_cryorestore.run_config import RunConfig

        return RunConfig.model_validate(content)

    def read(self, text: str) -> RunConfig:
        """Return the recipe that TOML text says.

        Raises
        ------
        ValueError
            With one sentence, if it is none.
        """
        from napari_cryorestore.run_config import RunConfig

        try:
            return RunConfig.from_toml(text)
        except ValueError as error:
            why = sentence(error) if isinstance(error, ValidationError) else error
            raise ValueError(f"This is not a valid recipe: {why}.") from error

    def checkpoint(self, path: Path) -> tuple[Config, Config]:
        """Return the method and the network of a checkpoint, its file, or the newest of a run.

        Raises
        ------
        ValueError, OSError
            If there is none.
        """
        from napari_cryorestore.checkpoint import load_checkpoint

        label = load_checkpoint(path).label
        return label.method, label.network


def located(error: ValidationError) -> dict[str, str]:
    """Return pydantic's sentences by the innermost field of where they belong; "" for those of our own."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        names = [piece for piece in item["loc"] if isinstance(piece, str)]
        own = item["type"] == "value_error" or not names
        found.setdefault("" if own else names[-1], in_words(item))
    return found


def _needs(method: Any) -> str:
    return f"Needs {' and '.join(method.needs())}." if method.needs() else "Needs one map."


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
    return f"{title} needs {lacks}: choose half 2, or a method that takes one map." if lacks else ""


def too_thin(choice: DataChoice, recipes: Recipes, sections: Mapping[str, Config]) -> str:
    """Return in one sentence that the tomogram is thinner than a crop; empty if it is not."""
    if choice.even is None:
        return ""
    thinnest, least = min(choice.even.shape), recipes.least_crop(sections["network"])
    crop = getattr(sections.get("schedule"), "crop", None) or least
    if thinnest >= crop:
        return _no_room_to_turn(choice.even.shape, crop, recipes, sections.get("method"))
    smaller = f"choose a crop of at most {thinnest}"
    advice = smaller if thinnest >= least else "choose another tomogram"
    axis = "zyx"[choice.even.shape.index(thinnest)]
    return f"The tomogram has {thinnest} voxels along {axis}, fewer than the crop's {crop}: {advice}."


def _no_room_to_turn(shape: tuple[int, ...], crop: int, recipes: Recipes, method: Any) -> str:
    from napari_cryorestore.data.corners import no_room_to_turn

    if method is None:
        return ""
    title = recipes.methods[method.kind].title
    return no_room_to_turn(shape, crop, partial(recipes.cut_size, method), title=title)


__all__ = [
    "SECTIONS",
    "Choice",
    "Problem",
    "Recipes",
    "located",
    "missing",
    "recording_problems",
    "too_thin",
]
