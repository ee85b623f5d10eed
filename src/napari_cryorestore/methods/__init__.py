"""The methods, by name.

Other packages add theirs through the entry-point group ``napari_cryorestore.methods``.
"""

from __future__ import annotations

from typing import Any

from napari_cryorestore.methods.base import LearnedConfig, Method, MethodConfig, StepLoss
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
    fitting = METHODS[method].networks
    if fitting is None or network in fitting:
        return ""
    title = NETWORKS[network].title
    return f"{METHODS[method].title} does not work with the network {title}: choose {' or '.join(fitting)}"


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
    "settings_kept",
    "untrained_methods",
]
