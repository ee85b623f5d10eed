"""The volumes among a viewer's layers, kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.layers import volumes_in
from napari_cryorestore.gui.volume import Volume, volume_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from napari.layers import Layer


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
        self._known: dict[int, tuple[Layer, Volume]] = {}
        self._events = (
            self._layers.events.inserted,
            self._layers.events.removed,
            self._layers.events.reordered,
            self._layers.events.renamed,
        )
        for event in self._events:
            event.connect(self._tell)
        self._refresh()

    def halves(self) -> list[Volume]:
        """Return the image layers of three axes, in order of the layer list."""
        return [self._known[id(layer)][1] for layer in volumes_in(self._layers)]

    def masks(self) -> list[Volume]:
        """Return everything that can be a mask: image and labels layers of three axes."""
        return [volume for _, volume in self._known.values()]

    def layer_of(self, volume: Volume) -> Layer | None:
        """Return the layer that a volume is."""
        return next((layer for layer, known in self._known.values() if known is volume), None)

    def disconnect(self) -> None:
        """Listen to the viewer no longer."""
        for event in self._events:
            event.disconnect(self._tell)

    def _tell(self, event: Any = None) -> None:
        self._refresh()
        self._changed()

    def _refresh(self) -> None:
        from napari.layers import Labels

        labels = [layer for layer in self._layers if isinstance(layer, Labels) and layer.ndim == 3]
        known: dict[int, tuple[Layer, Volume]] = {}
        for layer in (*volumes_in(self._layers), *labels):
            before = self._known.get(id(layer))
            same = before is not None and before[1].name == layer.name and before[1].data is layer.data
            known[id(layer)] = before if before is not None and same else (layer, volume_of(layer))
        self._known = known


__all__ = ["LayerVolumes"]
