"""Rows that show layers: made from them, following them, and removed with them."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.recorded import is_raw, tilts_recorded
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.gui.layers import origin_of, path_of, volumes_in
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from napari.layers import Image, Layer

    from napari_cryorestore.comparison.model import CompareModel
    from napari_cryorestore.io.volume_format import Volume

UNKNOWN_SIZE = "voxel size unknown: a voxel counts as 1 Å"

_VERSIONS = count()
"""No two volumes of layers share one, so that results of a layer or of data that are gone never return."""


class LayerRows:
    """Keeps the rows of kind ``layer`` at what the viewer's layers are.

    Parameters
    ----------
    viewer : Viewer
        Whose layers.
    model : CompareModel
        Whose rows.
    removed : callable
        Told the name of a row that went with its layer.
    """

    def __init__(self, viewer: Viewer, model: CompareModel, removed: Callable[[str], None]) -> None:
        self._viewer, self._model, self._removed = viewer, model, removed
        self._layers: dict[int, Image] = {}
        self._versions: dict[int, int] = {}
        viewer.layers.events.removed.connect(self._layer_removed)
        viewer.layers.events.inserted.connect(self.attach)

    def offered(self) -> list[Image]:
        """Return the layers that can be rows and are none yet: volumes, neither colours nor labels."""
        shown = list(self._layers.values())
        return [layer for layer in volumes_in(self._viewer.layers) if layer not in shown]

    def add(self, layer: Image) -> int:
        """Add a layer as a row and return the row's number.

        Raises
        ------
        ValueError
            If it is no volume, or there are eight rows already.
        """
        volume = compared(layer, version=next(_VERSIONS))
        number = self._model.add(row_of(layer), volume)
        self._follow(number, layer)
        return number

    def attach(self, event: Any = None) -> None:
        """Give rows without a volume, as after opening a saved comparison, the layer of their name."""
        by_name = {layer.name: layer for layer in volumes_in(self._viewer.layers)}
        for entry in self._model.entries:
            row = entry.config
            if row.kind != "layer" or entry.number in self._layers:
                continue
            layer = by_name.get(row.layer or "")
            if layer is None:
                self._model.set_problem(
                    entry.number, f"There is no layer “{row.layer}”: open it, or remove the row."
                )
            else:
                self._follow(entry.number, layer)
                self._show(entry.number)

    def disconnect(self) -> None:
        """Leave the viewer alone from now on."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self._viewer.layers.events.inserted.disconnect(self.attach)
        for number in list(self._layers):
            self._forget(number)

    def layer_of(self, number: int) -> Image | None:
        """Return the layer that a row shows."""
        return self._layers.get(number)

    def _follow(self, number: int, layer: Image) -> None:
        self._layers[number] = layer
        known = self._model.entry(number).volume
        self._versions[number] = (
            known.version if known is not None and known.data is layer.data else next(_VERSIONS)
        )
        layer.events.name.connect(self._renamed)
        layer.events.data.connect(self._data_changed)
        layer.events.scale.connect(self._data_changed)
        layer.events.translate.connect(self._data_changed)

    def _forget(self, number: int) -> None:
        layer = self._layers.pop(number, None)
        self._versions.pop(number, None)
        if layer is None or layer in self._layers.values():
            return
        with suppress(ValueError, KeyError, RuntimeError):
            layer.events.name.disconnect(self._renamed)
            layer.events.data.disconnect(self._data_changed)
            layer.events.scale.disconnect(self._data_changed)
            layer.events.translate.disconnect(self._data_changed)

    def _show(self, number: int) -> None:
        try:
            volume = compared(self._layers[number], version=self._versions[number])
        except ValueError as error:
            self._model.set_problem(number, str(error))
        else:
            self._model.set_volume(number, volume)

    def _numbers(self, layer: Layer) -> list[int]:
        self.forget_gone_rows()
        return [number for number, shown in self._layers.items() if shown == layer]

    def forget_gone_rows(self) -> None:
        """Let go of the layers whose rows were removed."""
        for number in [number for number in self._layers if not self._model.has(number)]:
            self._forget(number)

    def _data_changed(self, event: Any) -> None:
        for number in self._numbers(event.source):
            self._versions[number] = next(_VERSIONS)
            self._show(number)

    def _renamed(self, event: Any) -> None:
        for number in self._numbers(event.source):
            row = self._model.entry(number).config
            name = event.source.name if row.name == row.layer else row.name
            changed = row.model_copy(update={"layer": event.source.name, "name": name})
            self._model.replace(number, changed, self._model.entry(number).volume)

    def _layer_removed(self, event: Any) -> None:
        for number in self._numbers(event.value):
            name = self._model.entry(number).config.name
            self._forget(number)
            self._model.remove(number)
            self._removed(name)


def row_of(layer: Image) -> RowConfig:
    """Return the row that shows a layer."""
    return RowConfig(name=layer.name, kind="layer", layer=layer.name, path=path_of(layer))


def compared(layer: Image, *, version: int = 0) -> ComparedVolume:
    """Return a layer's volume in the frame that all rows share.

    Raises
    ------
    ValueError
        If it cannot be compared.
    """
    scale = tuple(float(size) * unit for size, unit in zip(layer.scale[-3:], _angstrom(layer), strict=True))
    place = tuple(float(at) * unit for at, unit in zip(layer.translate[-3:], _angstrom(layer), strict=True))
    voxel_size = (abs(scale[0]), abs(scale[1]), abs(scale[2]))
    file = _file_of(layer)
    return ComparedVolume(
        name=layer.name,
        data=layer.data,
        voxel_size=voxel_size,
        corner=corner_of(voxel_size, place),
        version=version,
        recording=Recording() if file is None else tilts_recorded(file),
        raw=file is not None and is_raw(file),
        key=f"layer {id(layer)}",
    )


def size_is_known(layer: Image) -> bool:
    """Tell whether the size of a layer's voxels is known in Å."""
    origin = origin_of(layer)
    if origin is not None:
        return origin.voxel_size > 0
    return all(str(unit) not in ("pixel", "dimensionless", "") for unit in layer.units)


def _angstrom(layer: Image) -> list[float]:
    """Return what a unit of each axis is in Å; 1 where it is no length."""
    from pint import Unit

    units = [Unit(unit) for unit in layer.units[-3:]]
    known = [unit.is_compatible_with("angstrom") for unit in units]
    return [
        float((1 * unit).to("angstrom").magnitude) if is_length else 1.0
        for unit, is_length in zip(units, known, strict=True)
    ]


def _file_of(layer: Image) -> Volume | None:
    """Open the file that a layer shows, for what its header says; None if there is no such file."""
    from napari_cryorestore.io.volumes import open_volume, opens_at_once

    path = path_of(layer)
    if path is None or not opens_at_once(path):
        return None  # what is compressed would be read whole
    try:
        return open_volume(path)
    except (OSError, ValueError):
        return None


__all__ = ["UNKNOWN_SIZE", "LayerRows", "compared", "row_of", "size_is_known"]
