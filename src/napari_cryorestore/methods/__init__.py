"""The methods, by name.

Other packages add theirs through the entry-point group ``napari_cryorestore.methods``.
"""

from __future__ import annotations

import warnings
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from napari_cryorestore.methods.base import LearnedConfig, Method, MethodConfig, StepLoss
from napari_cryorestore.methods.icecream import Icecream
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.methods.wiener import Wiener

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

_OURS: tuple[type[Method], ...] = (Noise2Noise, Icecream, Wiener)


def table_of(ours: Iterable[type[Method]], others: Iterable[EntryPoint]) -> dict[str, type[Method]]:
    """Return methods by name: ours first, then those of other packages; one that is broken is left out.

    A broken one, or one that takes a name twice, is warned of.
    """
    table = {_name(method): method for method in ours}
    for point in others:
        try:
            method = point.load()
            name = _name(method)
        except Exception as error:  # noqa: BLE001  another package must not keep ours from working
            warnings.warn(
                f"The restoration method {point.name!r} ({point.value}) cannot be used ({error}): "
                "update or remove the package it comes from.",
                stacklevel=2,
            )
            continue
        if name in table:
            warnings.warn(
                f"The restoration method {point.name!r} ({point.value}) is left out: "
                f"there is one called {name!r} already.",
                stacklevel=2,
            )
            continue
        table[name] = method
    return table


def _name(method: type[Method]) -> str:
    name: str = method.Config.model_fields["kind"].default
    return name


METHODS: dict[str, type[Method]] = table_of(_OURS, entry_points(group="napari_cryorestore.methods"))


def build_method(config: MethodConfig) -> Method:
    """Return the method that a configuration describes."""
    return METHODS[config.kind](config)


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


__all__ = ["METHODS", "Method", "MethodConfig", "StepLoss", "build_method", "settings_kept", "table_of"]
