"""The methods, by name.

Other packages add theirs through the entry-point group ``napari_cryorestore.methods``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.findings import Finding
from napari_cryorestore.methods.base import LearnedConfig, Method, MethodConfig, StepLoss
from napari_cryorestore.methods.cryosamba import Cryosamba
from napari_cryorestore.methods.deepdewedge import DeepDeWedge
from napari_cryorestore.methods.icecream import Icecream
from napari_cryorestore.methods.isonet import Isonet, IsonetHalves
from napari_cryorestore.methods.lowpass import Lowpass
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.methods.sirt import Sirt
from napari_cryorestore.methods.topaz import Topaz
from napari_cryorestore.methods.wiener import Wiener
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.plugin_table import PluginTable, of_other_packages

if TYPE_CHECKING:
    from napari_cryorestore.networks import NetworkConfig

_OURS: tuple[type[Method], ...] = (
    Noise2Noise,
    Icecream,
    Wiener,
    DeepDeWedge,
    Isonet,
    IsonetHalves,
    Lowpass,
    Sirt,
    Topaz,
    Cryosamba,
)

METHODS = PluginTable("method", _OURS, of_other_packages("napari_cryorestore.methods"))


def build_method(config: MethodConfig) -> Method:
    """Return the method that a configuration describes."""
    return METHODS[config.kind](config)


def untrained_methods() -> tuple[str, ...]:
    """Return the names of the methods that restore without being trained."""
    return tuple(name for name, method in METHODS.items() if not method.trainable)


def settings_kept(settings: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return what stays of a method's settings when another one takes its place.

    Parameters
    ----------
    settings : dict
        Of any method, plain values.
    kind : str
        The other method.

    Returns
    -------
    dict
        The input and whatever else all trained methods have: two methods can only be compared if they saw
        the same.
    """
    shared = LearnedConfig.model_fields.keys() & METHODS[kind].Config.model_fields.keys()
    return {name: value for name, value in settings.items() if name in shared and name != "kind"}


def misfit(method: str, network: str) -> str:
    """Return in a sentence that a network does not fit a method; empty if it does."""
    fitting, entry = METHODS[method].networks, NETWORKS.get(network)
    if fitting is None and (entry is None or not entry.only_if_named):
        return ""
    if fitting is not None and network in fitting:
        return ""
    others = "another one" if fitting is None else " or ".join(fitting)
    title = network if entry is None else entry.title
    return f"{METHODS[method].title} does not work with the network {title}: choose {others}"


def reservations(method: MethodConfig, network: NetworkConfig) -> tuple[Finding, ...]:
    """Return what should be known of a network with these knobs before it works for a method."""
    entry, user = NETWORKS.find(network.kind), METHODS.find(method.kind)
    traits, found = entry.traits(network), []
    if user.feeds_back and traits.scale_equivariant is False:
        sentence = (
            f"{user.title} gives the network what it made itself, which is fainter than the tomogram, but "
            f"this {entry.title} restores fainter input in another way (its biases or norms see to that)."
        )
        remedy = "Look twice at the amplitude, and compare with a network without them, such as the U-Net."
        found.append(Finding("warning", "scale", sentence, remedy))
    if traits.content_independent is False:
        sentence = (
            f"This {entry.title} normalises by all that lies in a crop or tile, so the same place is "
            "restored in another way when something else lies beside it; seams between tiles can be visible."
        )
        found.append(Finding("warning", "norm", sentence, "Look for them in the restored tomogram."))
    return tuple(found)


def packages_of(method: str, network: str) -> dict[str, str]:
    """Return which other packages bring a method and a network, by these two words."""
    named = {"method": METHODS.package_of(method), "network": NETWORKS.package_of(network)}
    return {what: package for what, package in named.items() if package}


__all__ = [
    "METHODS",
    "Method",
    "MethodConfig",
    "StepLoss",
    "build_method",
    "misfit",
    "packages_of",
    "reservations",
    "settings_kept",
    "untrained_methods",
]
