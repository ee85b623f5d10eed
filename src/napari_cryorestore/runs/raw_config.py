"""A run's configuration as plain values, where its model would import PyTorch; damaged ones are left out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari_cryorestore.plain_values import plain_toml
from napari_cryorestore.recording import TomogramConfig

if TYPE_CHECKING:
    from napari_cryorestore.runs.run_dir import RunDir


def raw_config(run: RunDir) -> dict[str, Any]:
    """Return what the configuration says, unchecked; nothing where it is not there or cannot be read."""
    with suppress(OSError, ValueError):
        return plain_toml(run.config_text())
    return {}


def table(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a table within another one; an empty one where it is none."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def tables(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the tables of a list; none where it is no list of tables."""
    value = content.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def tomograms_of(run: RunDir) -> list[TomogramConfig]:
    """Return the tomograms that a run learns from, in either format; those that name no map are left out."""
    known = map(TomogramConfig.known, tables(raw_config(run), "tomograms"))
    return [tomogram for tomogram in known if tomogram is not None]


def device_counts(run: RunDir) -> tuple[int, int]:
    """Return how many devices of each computer a run is trained on, and how many computers; 1 if not said."""
    hardware = table(raw_config(run), "hardware")
    devices, nodes = (hardware.get(name) for name in ("devices", "nodes"))
    return _one_or_more(devices), _one_or_more(nodes)


def _one_or_more(value: Any) -> int:
    return value if type(value) is int and value >= 1 else 1


__all__ = ["device_counts", "raw_config", "table", "tables", "tomograms_of"]
