"""What a run's numbers may depend on besides its recipe."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGES = ("napari-cryorestore", "torch", "numpy", "napari", "lightning-fabric")


def environment(plugins: Iterable[str] = ()) -> dict[str, Any]:
    """Return versions, those of plug-in packages too, computer and operating system as plain values."""
    return {
        "versions": {name: _version(name) for name in (*_PACKAGES, *plugins)},
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor_cores": os.cpu_count(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
