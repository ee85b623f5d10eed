"""The methods by name, as far as they are loaded: that takes PyTorch, for which no window waits."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_cryorestore.methods import Method


def known_methods() -> Mapping[str, type[Method]]:
    """Return the methods if they are loaded, else none."""
    found: Mapping[str, type[Method]] = getattr(sys.modules.get("napari_cryorestore.methods"), "METHODS", {})
    return found


def load_methods() -> Mapping[str, type[Method]]:
    """Load the methods, those of other packages too; for a thread that may take seconds."""
    from napari_cryorestore.methods import METHODS

    return dict(METHODS)


def untrained_methods() -> dict[str, type[Method]]:
    """Return those of the methods loaded that need no training."""
    return {name: method for name, method in known_methods().items() if not method.trainable}


__all__ = ["known_methods", "load_methods", "untrained_methods"]
