"""Interactive, self-supervised restoration of cryo-electron tomograms.

What a script needs is here by name. Each name is imported when it is first used, so that ``import
napari_cryorestore`` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_cryorestore.comparison.figure import compare
    from napari_cryorestore.io.tomogram import Tomogram, open_tomogram
    from napari_cryorestore.methods import METHODS
    from napari_cryorestore.networks import NETWORKS
    from napari_cryorestore.restoration import restore
    from napari_cryorestore.restore_config import RestoreConfig
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.training.launch import train

    __version__: str
else:
    _MODULES = {
        "METHODS": "methods",
        "NETWORKS": "networks",
        "RestoreConfig": "restore_config",
        "RunConfig": "run_config",
        "Tomogram": "io.tomogram",
        "compare": "comparison.figure",
        "open_tomogram": "io.tomogram",
        "restore": "restoration",
        "train": "training.launch",
    }

    def __getattr__(name):
        """Import what has this name."""
        from importlib import import_module, metadata

        if name == "__version__":
            found = metadata.version("napari-cryorestore")
        elif name in _MODULES:
            found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__():
        """List the names, those too that were not used yet."""
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


__all__ = [
    "METHODS",
    "NETWORKS",
    "RestoreConfig",
    "RunConfig",
    "Tomogram",
    "__version__",
    "compare",
    "open_tomogram",
    "restore",
    "train",
]
