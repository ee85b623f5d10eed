"""Tomograms as napari layers: in Å, memory-mapped, each knowing where it comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari import Viewer
    from napari.layers import Image, Layer

    from napari_cryorestore.io.volume_format import Volume

KEY = "cryorestore"
AXES = ("z", "y", "x")
UNITS = ("angstrom", "angstrom", "angstrom")  # "A" would be ampere
PERCENTILES = (0.5, 99.5)
_PLANES = 5
_PLANE_EDGE = 512  # samples along an edge that suffice for percentiles

LayerTuple = tuple[Any, dict[str, Any], Literal["image"]]


@dataclass(frozen=True)
class LayerOrigin:
    """Where the volume of a layer comes from; plain values, kept in ``layer.metadata["cryorestore"]``.

    Attributes
    ----------
    path : str
        The file that holds the volume; empty if there is none.
    voxel_size : float
        Å; 0 if the file does not say.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z, as in the file's header.
    half : str
        "even", "odd", or empty.
    pair : str
        The file of the other half; empty if there is none.
    run, step : str, int
        The run folder and step that made the volume; empty and -1 for a recorded one.
    label : str
        What made the volume, e.g. "icecream @ step 600".
    """

    path: str = ""
    voxel_size: float = 0.0
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)
    half: str = ""
    pair: str = ""
    run: str = ""
    step: int = -1
    label: str = ""


def tomogram_layer(volume: Volume, *, name: str | None = None) -> LayerTuple:
    """Describe the layer of a file.

    Parameters
    ----------
    volume : Volume
        Its voxels stay on disk.
    name : str, optional
        The layer's name; from the file name if not given.

    Returns
    -------
    tuple
        Data, arguments of ``viewer.add_image``, and "image".
    """
    from napari_cryorestore.io.pairing import find_other_half, half_of
    from napari_cryorestore.io.volumes import volume_stem

    other = find_other_half(volume.path)
    origin = LayerOrigin(
        path=str(volume.path),
        voxel_size=_isotropic(volume),
        origin=volume.origin,
        start=volume.start,
        half=half_of(volume.path) or "",
        pair=str(other) if other is not None else "",
    )
    data, arguments, kind = volume_layer(volume.data, name=name or volume_stem(volume.path), origin=origin)
    arguments["scale"] = tuple(size or 1.0 for size in volume.voxel_sizes)
    return data, arguments, kind


def volume_layer(data: Any, *, name: str, origin: LayerOrigin) -> LayerTuple:
    """Describe the layer of any volume.

    Parameters
    ----------
    data : array-like
        Voxels (z, y, x), not copied.
    name : str
        The layer's name.
    origin : LayerOrigin
        Where it comes from; an unknown voxel size is shown as 1 Å.

    Returns
    -------
    tuple
        Data, arguments of ``viewer.add_image``, and "image".
    """
    arguments = {
        "name": name,
        "scale": (origin.voxel_size or 1.0,) * 3,
        "units": UNITS,
        "axis_labels": AXES,
        "contrast_limits": contrast_limits(data),
        "metadata": {KEY: asdict(origin)},
        "rgb": False,
        "multiscale": False,
    }
    return data, arguments, "image"


def add_volume(viewer: Viewer, data: Any, *, name: str, origin: LayerOrigin) -> Image:
    """Add a volume (z, y, x) to a viewer and return its layer (see `volume_layer`)."""
    data, arguments, _ = volume_layer(data, name=name, origin=origin)
    return viewer.add_image(data, **arguments)


def contrast_limits(data: Any) -> tuple[float, float]:
    """Return contrast limits from a few planes, however big the volume.

    Parameters
    ----------
    data : array-like
        Voxels (z, y, x); at most five strided planes are read.

    Returns
    -------
    tuple of float
        The 0.5 and 99.5 percentiles of the finite voxels, apart by more than nothing.
    """
    depth, height, width = data.shape
    strides = (max(1, height // _PLANE_EDGE), max(1, width // _PLANE_EDGE))
    indices = np.unique(np.linspace(0.1, 0.9, _PLANES) * (depth - 1)).round().astype(int)
    samples = [np.asarray(data[index][:: strides[0], :: strides[1]], np.float32).ravel() for index in indices]
    values = np.concatenate(samples)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(values, PERCENTILES))
    return (low, high) if high > low else (low, low + max(1.0, abs(low)))


def origin_of(layer: Layer) -> LayerOrigin | None:
    """Return where a layer's volume comes from, or None if it is not one of ours."""
    return origin_in(layer.metadata)


def origin_in(metadata: dict[str, Any]) -> LayerOrigin | None:
    """Read back what `volume_layer` left in a layer's metadata, or None if there is nothing of it."""
    kept = metadata.get(KEY)
    if not isinstance(kept, dict):
        return None
    known = {field.name for field in fields(LayerOrigin)}
    return LayerOrigin(**{name: value for name, value in kept.items() if name in known})


def path_of(layer: Layer) -> Path | None:
    """Return the file that holds a layer's volume, or None if it exists only in memory."""
    origin = origin_of(layer)
    if origin is not None:
        return Path(origin.path) if origin.path else None
    return Path(layer.source.path) if layer.source.path else None


def voxel_size_of(layer: Layer) -> float | None:
    """Return a layer's voxel size in Å, or None if neither its file nor its scale and units say."""
    origin = origin_of(layer)
    if origin is not None and origin.voxel_size > 0:
        return origin.voxel_size
    return None if origin is not None else cubic_edge(layer.scale, layer.units)


def cubic_edge(scale: Any, units: Any) -> float | None:
    """Turn napari's scale and units of the last three axes into the edge of a voxel.

    Returns
    -------
    float or None
        Å, or None if the units are no lengths or the edges differ by more than 1 %.
    """
    from pint import Unit

    lengths = [Unit(unit) for unit in units[-3:]]
    if not all(unit.is_compatible_with("angstrom") for unit in lengths):
        return None
    pairs = zip(scale[-3:], lengths, strict=True)
    edges = [float((float(size) * unit).to("angstrom").magnitude) for size, unit in pairs]
    return edges[-1] if np.allclose(edges, edges[-1], rtol=0.01) else None


def volumes_in(layers: Iterable[Layer]) -> list[Image]:
    """Return the image layers that hold one volume (z, y, x)."""
    from napari.layers import Image

    return [
        layer
        for layer in layers
        if isinstance(layer, Image) and layer.ndim == 3 and not layer.rgb and not layer.multiscale
    ]


def paired_layers(layers: Iterable[Layer]) -> list[tuple[Image, Image]]:
    """Find the layers that are halves of one tomogram, told from the names of their files.

    Returns
    -------
    list of tuple
        (even, odd) layers; the halves know each other's file afterwards.
    """
    from napari_cryorestore.io.pairing import pair_halves

    by_path = {path: layer for layer in volumes_in(layers) if (path := path_of(layer)) is not None}
    pairs = [(by_path[pair.even], by_path[pair.odd]) for pair in pair_halves(by_path)]
    for even, odd in pairs:
        _remember_pair(even, half="even", other=odd)
        _remember_pair(odd, half="odd", other=even)
    return pairs


def _remember_pair(layer: Image, *, half: str, other: Image) -> None:
    if KEY in layer.metadata:
        layer.metadata[KEY].update(half=half, pair=str(path_of(other)))


def _isotropic(volume: Volume) -> float:
    try:
        return volume.voxel_size
    except ValueError:  # it can be looked at; whoever computes with it says what is wrong
        return 0.0
