"""The layers that show maps of rows: added once, and given the voxels of another block afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.compare.trust_tab import SUPPLIED
from napari_cryorestore.gui.layers import AXES, UNITS, contrast_limits

if TYPE_CHECKING:
    from napari import Viewer

    from napari_cryorestore.comparison.volume import ComparedVolume

_SHARES = (0.0, 0.5)  # from transparent to full orange: half is far more than most places have


class MapLayers:
    """Keeps one layer for each map, under whatever name the user gives it.

    Parameters
    ----------
    viewer : Viewer
        Where layers are added.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: dict[tuple[Any, ...], Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        """Return the layer of a map; ``None`` if there is none, or the user has removed it."""
        layer = self._layers.get(key)
        return layer if layer is not None and layer in self._viewer.layers else None

    def show(
        self, key: tuple[Any, ...], data: Any, block: ComparedVolume, *, name: str, visible: bool = True
    ) -> tuple[Any, bool]:
        """Show a map of a block, in its layer if there is one; return the layer, and whether it is new.

        Parameters
        ----------
        key : tuple
            What the map is, whatever block it is of.
        data : array, shape (z, y, x)
            Its voxels.
        block : ComparedVolume
            Where they lie.
        name : str
            Of a new layer.
        visible : bool
            Whether a new layer is.
        """
        corner = [place - size / 2 for place, size in zip(block.corner, block.voxel_size, strict=True)]
        layer = self.get(key)
        if layer is not None:
            layer.data, layer.translate, layer.scale = data, corner, block.voxel_size
            return layer, False
        layer = self._viewer.add_image(
            data,
            name=name,
            scale=block.voxel_size,
            translate=corner,
            units=UNITS,
            axis_labels=AXES,
            contrast_limits=contrast_limits(data),
            visible=visible,
        )
        self._layers[key] = layer
        return layer, True


def colour_as_share(layer: Any) -> None:
    """Let a layer of shares lie over the tomogram, the more orange the larger the share."""
    from napari.utils.colormaps import Colormap

    red, green, blue, _ = SUPPLIED.getRgbF()
    stops = [[red, green, blue, 0.0], [red, green, blue, 0.0], [red, green, blue, 0.85]]
    layer.colormap = Colormap(stops, controls=[0.0, 0.1, 1.0], name="supplied by the network")
    layer.blending, layer.contrast_limits = "translucent", _SHARES


__all__ = ["MapLayers", "colour_as_share"]
