"""The recipes on offer: quick look, standard and what each paper used, and those that plug-ins bring.

What every method and network shares stands here; what is a method's or a network's own stands beside it.
"""

from __future__ import annotations

from typing import Any

from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS

USUAL_NETWORK = "unet"
"""The network of a method that names none."""
_SCHEDULE = {"optimiser": "muon", "learning_rate": 0.02, "decay": "cosine", "ema": 0.99}
_ADAM = {"optimiser": "adam", "decay": "constant", "ema": 0.0, "gradient_clip": 0.0}
_SHARED: dict[str, dict[str, Any]] = {
    "quick-look": {
        "schedule": {"steps": 300, "batch": 4, "crop": 32, **_SCHEDULE},
        "snapshots": {"every": 20},
    },
    "standard": {
        "schedule": {"steps": 3000, "batch": 4, **_SCHEDULE},
        "snapshots": {"every": 50},
    },
    "paper": {
        "schedule": {"crop": 72, "end": "steps", **_ADAM},
        "snapshots": {"every": 500},
    },
}

PRESETS: tuple[str, ...] = tuple(_SHARED)
"""Those that every method has with every network."""


def preset(name: str, method: str, network: str = "") -> dict[str, Any]:
    """Return the settings that a preset changes, as nested plain values.

    Parameters
    ----------
    name : str
        One of `presets_of` the two. One that a method or a network brings begins with the defaults.
    method : str
        Its own settings lie over those of the network.
    network : str
        That which the method would choose unless it is given.

    Raises
    ------
    ValueError
        If there is no such preset, method or network.
    """
    network = network or network_for(method)
    known = presets_of(method, network)
    if name not in known:
        raise ValueError(f"there is no preset {name!r}; known: {', '.join(known)}")
    kinds = {"method": {"kind": method}, "network": {"kind": network}}
    own = (NETWORKS[network].presets, METHODS[method].presets)
    return _with_room(merged(kinds, _SHARED.get(name, {}), *(presets.get(name, {}) for presets in own)))


def presets_of(method: str, network: str) -> tuple[str, ...]:
    """Return the names of the presets of a method with a network, the shared ones first.

    Raises
    ------
    ValueError
        If there is no such method or network.
    """
    own = (NETWORKS.find(network).presets, METHODS.find(method).presets)
    return tuple(dict.fromkeys((*PRESETS, *own[1], *own[0])))


def network_for(method: str) -> str:
    """Return the network that is taken for a method where none is chosen."""
    fitting = METHODS.find(method).networks
    return fitting[0] if fitting else USUAL_NETWORK


def merged(*settings: dict[str, Any]) -> dict[str, Any]:
    """Return nested settings laid over one another, later ones on top."""
    result: dict[str, Any] = {}
    for layer in settings:
        for key, value in layer.items():
            under = result.get(key)
            if isinstance(under, dict) and isinstance(value, dict):
                result[key] = merged(under, value)
            else:
                result[key] = value
    return result


def _with_room(content: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe whose crop, if it has one, is as large as the network needs."""
    crop = content.get("schedule", {}).get("crop")
    entry = NETWORKS[content["network"]["kind"]]
    sizes = entry.sizes(entry.Config.model_validate(content["network"]))
    if crop is None or crop >= sizes.minimum:
        return content
    return merged(content, {"schedule": {"crop": -(-sizes.minimum // sizes.multiple) * sizes.multiple}})
