"""The methods, by name.

Other packages add theirs through the entry-point group ``napari_cryorestore.methods``.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from napari_cryorestore.methods.base import Method, MethodConfig, StepLoss
from napari_cryorestore.methods.icecream import Icecream
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.methods.wiener import Wiener

_OURS: tuple[type[Method], ...] = (Noise2Noise, Icecream, Wiener)
_THEIRS = tuple(point.load() for point in entry_points(group="napari_cryorestore.methods"))

METHODS: dict[str, type[Method]] = {
    method.Config.model_fields["kind"].default: method for method in (*_OURS, *_THEIRS)
}


def build_method(config: MethodConfig) -> Method:
    """Return the method that a configuration describes."""
    return METHODS[config.kind](config)


__all__ = ["METHODS", "Method", "MethodConfig", "StepLoss", "build_method"]
