"""The recipe of a run as plain values, where its model would import PyTorch; what is damaged is left out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_cryorestore.recording import TomogramConfig
from napari_cryorestore.safe_reading import plain_toml

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class PlainRecipe:
    """What a recipe says, unchecked.

    Attributes
    ----------
    values : dict
        As in the TOML file; nothing where it is not there or cannot be read.
    """

    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: Callable[[], str]) -> PlainRecipe:
        """Return the recipe in a text that may be missing or damaged, which is no error here."""
        with suppress(OSError, ValueError):
            return cls(plain_toml(text()))
        return cls()

    @property
    def binning(self) -> int:
        """How many voxels of the files became one, along each axis, before anything was learned."""
        return _one_or_more(self.table("schedule").get("binning"))

    def table(self, name: str) -> dict[str, Any]:
        """Return one table, such as ``"method"``; an empty one where it is none."""
        value = self.values.get(name)
        return value if isinstance(value, dict) else {}

    def tables(self, name: str) -> list[dict[str, Any]]:
        """Return the tables of a list; none where it is no list of tables."""
        value = self.values.get(name)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    @property
    def tomograms(self) -> list[TomogramConfig]:
        """The tomograms that the run learns from, in either format; those that name no map are left out."""
        known = map(TomogramConfig.known, self.tables("tomograms"))
        return [tomogram for tomogram in known if tomogram is not None]

    @property
    def device_counts(self) -> tuple[int, int]:
        """How many devices of each computer the run is trained on, and how many computers; 1 if not said."""
        hardware = self.table("hardware")
        devices, nodes = (hardware.get(name) for name in ("devices", "nodes"))
        return _one_or_more(devices), _one_or_more(nodes)


def _one_or_more(value: Any) -> int:
    return value if type(value) is int and value >= 1 else 1


__all__ = ["PlainRecipe"]
