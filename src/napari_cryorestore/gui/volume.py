"""What the Train panel needs to know of a layer: its voxels, their size and the file that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class Volume:
    """One volume, equal only to itself.

    Attributes
    ----------
    name : str
        What the user calls it.
    data : array-like
        Voxels (z, y, x), in memory or mapped.
    path : Path or None
        The file that holds the same voxels; ``None`` if they only live in memory.
    voxel_size : float or None
        Å, ``None`` if unknown.
    other_half : Path or None
        The file of the other half, if one lies beside it.
    """

    name: str
    data: Any
    path: Path | None = None
    voxel_size: float | None = None
    other_half: Path | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Size (z, y, x) in voxels."""
        return tuple(int(size) for size in self.data.shape)


def volume_of(layer: Layer) -> Volume:
    """Return what is known of an image or labels layer."""
    from napari_cryorestore.gui.layers import origin_of, voxel_size_of

    origin = origin_of(layer)
    return Volume(
        name=layer.name,
        data=layer.data,
        path=_file_of(layer),
        voxel_size=voxel_size_of(layer),
        other_half=Path(origin.pair) if origin is not None and origin.pair else None,
    )


def tomogram_name_of(volume: Volume) -> str:
    """Return the name of the tomogram that a volume is a half of."""
    from napari_cryorestore.io.pairing import tomogram_name

    return tomogram_name(_path_of(volume, volume.name.replace("/", "_")))


def pair_of(volumes: Sequence[Volume], chosen: Volume | None = None) -> tuple[Volume, Volume] | None:
    """Find two volumes that are halves of one tomogram, told from the names of files or layers.

    Parameters
    ----------
    volumes
        In the order in which they were opened.
    chosen
        A volume that must be one of the two; otherwise the pair opened last is taken.

    Returns
    -------
    tuple of Volume or None
        Half 1 (even) and half 2 (odd).
    """
    from napari_cryorestore.io.pairing import pair_halves

    by_path = {_path_of(volume, volume.name): volume for volume in volumes}
    pairs = [(by_path[pair.even], by_path[pair.odd]) for pair in pair_halves(by_path)]
    if chosen is not None:
        pairs = [pair for pair in pairs if chosen in pair]
    return pairs[-1] if pairs else None


def _path_of(volume: Volume, name: str) -> Path:
    """Return the file of a volume, or what it would be called if it had one."""
    from napari_cryorestore.io.volumes import result_suffix

    return volume.path or Path(f"{name}{result_suffix()}")


def _file_of(layer: Layer) -> Path | None:
    """Return the file that training can read in the layer's stead."""
    from napari_cryorestore.gui.layers import origin_of, path_of
    from napari_cryorestore.io.volumes import is_volume_path, open_volume, opens_at_once

    path = path_of(layer)
    if path is None or not is_volume_path(path) or not path.is_file():
        return None
    if not opens_at_once(path):  # too slow to look into here
        return path if origin_of(layer) is not None else None
    try:
        # a layer may show a part of its file, or what another reader made of it
        same = open_volume(path).data.shape == tuple(layer.data.shape)
    except (OSError, ValueError):
        return None
    return path if same else None


__all__ = ["Volume", "pair_of", "tomogram_name_of", "volume_of"]
