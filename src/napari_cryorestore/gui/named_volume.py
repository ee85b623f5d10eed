"""Volumes with the user's names: layers and files, paired by name, and written where there is no file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.layers import volumes_in
from napari_cryorestore.runs.run_dir import INPUTS_FOLDER
from napari_cryorestore.whole_file import fitting_name, unique_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari import Viewer
    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class NamedVolume:
    """One volume with the name that the user knows it by, equal only to itself.

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


def volume_of(layer: Layer) -> NamedVolume:
    """Return what is known of an image or labels layer."""
    from napari_cryorestore.gui.layers import origin_of, voxel_size_of

    origin = origin_of(layer)
    return NamedVolume(
        name=layer.name,
        data=layer.data,
        path=_file_of(layer),
        voxel_size=voxel_size_of(layer),
        other_half=Path(origin.pair) if origin is not None and origin.pair else None,
    )


def tomogram_name_of(volume: NamedVolume) -> str:
    """Return the name of the tomogram that a volume is a half of."""
    from napari_cryorestore.io.pairing import tomogram_name

    return tomogram_name(_path_of(volume, volume.name.replace("/", "_")))


def pair_of(
    volumes: Sequence[NamedVolume], chosen: NamedVolume | None = None
) -> tuple[NamedVolume, NamedVolume] | None:
    """Find two volumes that are halves of one tomogram, told from the names of files or layers.

    Parameters
    ----------
    volumes
        In the order in which they were opened.
    chosen
        A volume that must be one of the two; otherwise the pair opened last is taken.

    Returns
    -------
    tuple of NamedVolume or None
        Half 1 (even) and half 2 (odd).
    """
    from napari_cryorestore.io.pairing import pair_halves

    by_path = {_path_of(volume, volume.name): volume for volume in volumes}
    pairs = [(by_path[pair.even], by_path[pair.odd]) for pair in pair_halves(by_path)]
    if chosen is not None:
        pairs = [pair for pair in pairs if chosen in pair]
    return pairs[-1] if pairs else None


def _path_of(volume: NamedVolume, name: str) -> Path:
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


def volume_from(path: Path) -> NamedVolume:
    """Open a file as a volume, memory-mapped.

    Raises
    ------
    ValueError, OSError
        If it cannot be read, with one sentence.
    """
    from napari_cryorestore.io.volumes import open_volume

    opened = open_volume(path)
    return NamedVolume(path.name, opened.data, path, opened.voxel_size or None)


def paired_volumes(paths: Iterable[Path]) -> list[tuple[NamedVolume, NamedVolume | None]]:
    """Open files and pair those that are halves of one tomogram.

    Returns
    -------
    list of (NamedVolume, NamedVolume or None)
        Half 1 and half 2, or a volume without a partner, in the order of the files.

    Raises
    ------
    ValueError, OSError
        If one cannot be read, with one sentence.
    """
    left = [volume_from(path) for path in paths]
    found: list[tuple[NamedVolume, NamedVolume | None]] = []
    while left:
        pair: tuple[NamedVolume, NamedVolume | None] = pair_of(left, left[0]) or (left[0], None)
        found.append(pair)
        left = [volume for volume in left if volume not in pair]
    return found


class LayerVolumes:
    """Turns layers into volumes: a layer that does not change stays the same volume.

    Parameters
    ----------
    viewer
        Whose layers.
    changed : callable
        Called after layers came, went or were renamed.
    """

    def __init__(self, viewer: Viewer, changed: Callable[[], None]) -> None:
        self._layers = viewer.layers
        self._changed = changed
        self._known: dict[int, tuple[Layer, NamedVolume]] = {}
        self._events = (
            self._layers.events.inserted,
            self._layers.events.removed,
            self._layers.events.reordered,
            self._layers.events.renamed,
        )
        for event in self._events:
            event.connect(self._tell)
        self._refresh()

    def halves(self) -> list[NamedVolume]:
        """Return the image layers of three axes, in order of the layer list."""
        return [self._known[id(layer)][1] for layer in volumes_in(self._layers)]

    def masks(self) -> list[NamedVolume]:
        """Return everything that can be a mask: image and labels layers of three axes."""
        return [volume for _, volume in self._known.values()]

    def layer_of(self, volume: NamedVolume) -> Layer | None:
        """Return the layer that a volume is."""
        return next((layer for layer, known in self._known.values() if known is volume), None)

    def disconnect(self) -> None:
        """Stop listening to the viewer."""
        for event in self._events:
            event.disconnect(self._tell)

    def _tell(self, event: Any = None) -> None:
        self._refresh()
        self._changed()

    def _refresh(self) -> None:
        from napari.layers import Labels

        labels = [layer for layer in self._layers if isinstance(layer, Labels) and layer.ndim == 3]
        known: dict[int, tuple[Layer, NamedVolume]] = {}
        for layer in (*volumes_in(self._layers), *labels):
            before = self._known.get(id(layer))
            same = before is not None and before[1].name == layer.name and before[1].data is layer.data
            known[id(layer)] = before if before is not None and same else (layer, volume_of(layer))
        self._known = known


def written_inputs(
    volumes: Iterable[NamedVolume], run: Path, *, voxel_size: float
) -> dict[NamedVolume, Path]:
    """Return a file for every volume; those without one are written to ``<run>/inputs``.

    Parameters
    ----------
    volumes
        What was chosen.
    run : Path
        The run folder, which need not exist yet.
    voxel_size : float
        Å.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    from napari_cryorestore.io.volume_output import write_volume
    from napari_cryorestore.io.volumes import result_suffix

    paths: dict[NamedVolume, Path] = {}
    for volume in volumes:
        if volume.path is not None:
            paths[volume] = volume.path
            continue
        folder = run / INPUTS_FOLDER
        _make(folder)
        target = unique_path(folder / f"{file_name(volume.name)}{result_suffix()}")
        paths[volume] = write_volume(
            target, volume.data, voxel_size=voxel_size, label=f"{volume.name}, as it was in napari"
        )
    return paths


def own_paths(volumes: Iterable[NamedVolume]) -> dict[NamedVolume, Path]:
    """Return the file of every volume.

    Raises
    ------
    ValueError
        If one has none.
    """
    volumes = list(volumes)
    homeless = [volume.name for volume in volumes if volume.path is None]
    if homeless:
        raise ValueError(f"“{homeless[0]}” exists only in memory: save it as a file first.")
    return {volume: volume.path for volume in volumes if volume.path is not None}


def file_name(words: str) -> str:
    """Return words as they can stand in a file name on any system, with room for a suffix and a number."""
    name = re.sub(r"[^\w.+-]+", "_", words).strip("_.") or "tomogram"
    return fitting_name(name, room=16)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            f"The folder {folder.parent} cannot be written ({error.strerror}): choose another run folder."
        ) from error


__all__ = [
    "LayerVolumes",
    "NamedVolume",
    "file_name",
    "own_paths",
    "pair_of",
    "paired_volumes",
    "tomogram_name_of",
    "volume_from",
    "volume_of",
    "written_inputs",
]
