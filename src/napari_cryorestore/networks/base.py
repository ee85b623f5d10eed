"""What a network says of itself in the table, which needs no PyTorch: its knobs and its sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_cryorestore.config import Config, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_cryorestore.plugin_table import Extra

    OfConfig = Callable[[Any], int]


class NetworkConfig(Config):
    """The knobs that every network has.

    A network's own configuration derives from this one and narrows ``kind`` to its name.
    """

    kind: str = setting(help="The network.")


@dataclass(frozen=True)
class Sizes:
    """What a network says of the sizes of crops and tiles.

    Attributes
    ----------
    multiple : int
        Sizes that are multiples of this number, in voxels, use the network best.
    minimum : int
        The smallest size per axis, in voxels, that the network takes.
    reach : int or None
        How far away, in voxels, an input voxel can lie that a restored one depends on; ``None`` if unknown.
    floats_per_voxel : float or None
        32-bit numbers that restoring a crop holds in memory at once, at most, for every voxel of it.
    """

    multiple: int = 1
    minimum: int = 1
    reach: int | None = None
    floats_per_voxel: float | None = None


@dataclass(frozen=True)
class Traits:
    """What a network says of what it computes; ``None`` where it says nothing.

    Attributes
    ----------
    scale_equivariant : bool or None
        Whether f(a v) = a f(v) for every a > 0, which biases and norms give up.
    content_independent : bool or None
        Whether a restored voxel depends on nothing beyond the reach, such as statistics of the whole crop.
    """

    scale_equivariant: bool | None = None
    content_independent: bool | None = None


@dataclass(frozen=True)
class NetworkEntry:
    """One line of the table of networks.

    Numbers that depend on the knobs are functions of the configuration, so that they are known before the
    network is made.

    Attributes
    ----------
    title : str
        The name as users know it.
    summary : str
        One sentence for the user who chooses.
    Config : type
        Its knobs; its ``kind`` is the name in the table.
    build : callable or str
        Makes the network from its knobs and the number of input channels, with torch's current random state.
        As text, "package.module:name", it is imported when the first network is made: what only reads the
        knobs, such as a form or the help of a command, then need not wait for PyTorch.
    size_multiple, minimum_size, reach, floats_per_voxel
        See `Sizes`.
    scale_equivariant, content_independent
        See `Traits`.
    presets : dict of str to dict
        What the network sets in a preset, as nested settings; a name of its own is a preset of its own.
    extra : Extra or None
        What must be installed besides; who lacks it is told so before anything is made.
    only_if_named : bool
        Whether it serves only methods that name it in their `networks`.
    """

    title: str
    summary: str
    Config: type[NetworkConfig]
    build: str | Callable[[Any, int], Any]
    size_multiple: int | OfConfig = 1
    minimum_size: int | OfConfig = 1
    reach: int | OfConfig | None = None
    floats_per_voxel: float | Callable[[Any], float] | None = None
    scale_equivariant: bool | Callable[[Any], bool] | None = None
    content_independent: bool | Callable[[Any], bool] | None = None
    presets: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    extra: Extra | None = None
    only_if_named: bool = False

    def sizes(self, config: NetworkConfig) -> Sizes:
        """Return what the network with these knobs says of sizes."""
        return Sizes(
            multiple=_of(self.size_multiple, config),
            minimum=_of(self.minimum_size, config),
            reach=_of(self.reach, config),
            floats_per_voxel=_of(self.floats_per_voxel, config),
        )

    def traits(self, config: NetworkConfig) -> Traits:
        """Return what the network with these knobs says of what it computes."""
        return Traits(
            scale_equivariant=_of(self.scale_equivariant, config),
            content_independent=_of(self.content_independent, config),
        )

    def missing(self) -> str:
        """Return in words what must be installed first; empty if nothing."""
        return self.extra.missing() if self.extra is not None else ""


def _of(value: Any, config: NetworkConfig) -> Any:
    return value(config) if callable(value) else value


__all__ = ["NetworkConfig", "NetworkEntry", "Sizes", "Traits"]
