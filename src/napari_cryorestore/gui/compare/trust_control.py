"""Makes what the Trust tab offers: parts as rows, and maps as layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryorestore.comparison.spectra import tilts_of
from napari_cryorestore.comparison.trust_maps import (
    agreement_job,
    bands_of,
    covered_shape,
    disagreement_job,
    has_moved_off,
    parts_job,
)
from napari_cryorestore.gui.compare.trust_tab import SUPPLIED
from napari_cryorestore.gui.layers import AXES, UNITS, contrast_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from napari import Viewer

    from napari_cryorestore.comparison.model import Comparison
    from napari_cryorestore.comparison.result_cache import Job
    from napari_cryorestore.comparison.trust_maps import Maps
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.trust_tab import TrustTab
    from napari_cryorestore.metrics.bands import Band

_LOOK_EVERY = 200  # milliseconds
_SETTLE = 500  # milliseconds that the crosshair rests before maps follow it
PARTS = ("measured", "supplied")
OVERLAY = (
    "A layer over the tomogram: the more orange, the larger the share that was supplied; full at one half."
)
LAYERS = {
    "share": "share supplied by the network",
    "agreement": "agreement with the other half",
    "disagreement": "disagreement of the halves",
}


@dataclass(frozen=True)
class MapRequest:
    """A map to make.

    Attributes
    ----------
    what : str
        One of `DOES`.
    number : int
        The row's.
    name : str
        The row's, when the map was requested.
    band : Band or None
        Of the agreement; all detail if ``None``.
    """

    what: str
    number: int
    name: str
    band: Band | None = None

    @property
    def title(self) -> str:
        """What its layer is called."""
        band = f", {self.band}" if self.band is not None else ""
        return f"{self.name} · {LAYERS.get(self.what, self.what)}{band}"


class TrustControl(QObject):
    """Computes maps in a thread, and shows them.

    Parameters
    ----------
    comparison : Comparison
        Whose rows.
    viewer : Viewer
        Where maps are layers.
    tab : TrustTab
        What offers them.
    add_row : callable
        Makes a layer a row.
    """

    _ready = Signal()

    def __init__(
        self, comparison: Comparison, viewer: Viewer, tab: TrustTab, add_row: Callable[[Any], object]
    ) -> None:
        super().__init__(tab)
        self._model, self._tab, self._add_row = comparison.model, tab, add_row
        self._cache, self._layers = comparison.maps, MapLayers(viewer)
        self._waiting: list[tuple[MapRequest, Job]] = []
        self._shown: dict[MapRequest, ComparedVolume] = {}  # with the block that each is of
        self._timer, self._settling = QTimer(self), QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.timeout.connect(self.follow)
        self._timer.timeout.connect(self._look)
        self._ready.connect(self._deliver)
        self._cache.ready = self._ready.emit
        tab.requested.connect(self.make)
        tab.band_chosen.connect(self._change_band)
        tab.follow_chosen.connect(self.follow)
        self._model.changed.connect(self._model_changed)
        self.show_row()

    def leave(self) -> None:
        """Stop looking at the model, and stop what is being computed."""
        self._model.changed.disconnect(self._model_changed)
        self._cache.ready = lambda: None
        self._cache.request([])
        self._ready.disconnect(self._deliver)
        self._timer.stop()
        self._settling.stop()

    @property
    def busy(self) -> bool:
        """Whether a map is still to come."""
        return bool(self._waiting) or self._settling.isActive()

    def show_row(self) -> None:
        """Name the chosen row, its bands, and how much of it maps cover."""
        entry = self._model.chosen
        volume = entry.volume if entry is not None else None
        self._tab.show_row(entry.config.name if entry is not None else "")
        self._tab.offer_bands([str(band) for band in bands_of(volume)] if volume is not None else ())
        self._tab.say_extent(_extent(volume) if volume is not None else "")

    def make(self, what: str) -> None:
        """Compute one of `DOES` for the chosen row, and show it as soon as it is there."""
        entry = self._model.chosen
        if entry is None or entry.volume is None:
            return
        self._tab.say()
        self._cache.forget_failures()
        chosen = self._tab.chosen_band() if what == "agreement" else None
        band = None if chosen is None else bands_of(entry.volume)[chosen]
        self._request(MapRequest(what, entry.number, entry.config.name, band), entry.volume)

    def follow(self) -> None:
        """Compute maps that are shown anew where the crosshair has left the middle of their block."""
        model = self._model
        for request, block in list(self._shown.items()):
            if not any(self._layers.get(key) is not None for key in _keys(request)):
                del self._shown[request]  # the user has removed its layers
                continue
            volume = model.entry(request.number).volume if model.has(request.number) else None
            if volume is None or not self._tab.follow.isChecked() or self._is_coming(request):
                continue
            if has_moved_off(volume, block, model.cursor):
                self._request(request, volume)

    def _model_changed(self, what: str) -> None:
        if what in ("rows", "row", "chosen"):
            self.show_row()
        if what in ("cursor", "row") and self._shown:
            self._settling.start(_SETTLE)

    def _change_band(self) -> None:
        """Map the agreement in another band, where it is mapped already."""
        entry = self._model.chosen
        if entry is not None and any(
            (request.what, request.number) == ("agreement", entry.number) for request in self._shown
        ):
            self.make("agreement")

    def _request(self, request: MapRequest, volume: ComparedVolume) -> None:
        try:
            job = self._job(request, volume)
        except ValueError as error:
            self._tab.say(problem=str(error))
            return
        self._waiting = [*(item for item in self._waiting if item[0] != request), (request, job)]
        self._cache.request([job for _, job in self._waiting])
        self._timer.start(_LOOK_EVERY)
        self._deliver()

    def _is_coming(self, request: MapRequest) -> bool:
        return any(waiting == request for waiting, _ in self._waiting)

    def _job(self, request: MapRequest, volume: ComparedVolume) -> Job:
        model = self._model
        tilts, cursor = tilts_of(volume, model.config), model.cursor
        if request.what == "agreement":
            rows = (entry.volume for entry in model.shown if entry.config.kind == "mean")
            return agreement_job(volume, next(rows, None), tilts, cursor, band=request.band)
        if request.what == "disagreement":
            return disagreement_job(volume, cursor)
        return parts_job(volume, tilts, cursor)

    def _deliver(self) -> None:
        """Show what has become ready, and say what has failed."""
        left = []
        for request, job in self._waiting:
            maps, failure = self._cache.get(job.key), self._cache.failure(job.key)
            if maps is not None:
                self._show(request, maps)
            elif failure is not None:
                self._tab.say(problem=str(failure.error))
            else:
                left.append((request, job))
        self._waiting = left
        if not left:
            self._timer.stop()
        self._look()

    def _look(self) -> None:
        keys: list[Hashable] = [job.key for _, job in self._waiting]
        shares = [share for key in keys if (share := self._cache.share(key)) is not None]
        self._tab.show_progress(max(shares, default=0.0) if keys else None)

    def _show(self, request: MapRequest, maps: Maps) -> None:
        self._shown[request] = maps.block
        if request.what == "parts":
            for key, part in zip(_keys(request), PARTS, strict=True):
                named = replace(request, what=part).title
                layer, is_new = self._layers.show(
                    key, maps.by_name[part], maps.block, name=named, visible=False
                )
                if is_new:
                    self._add_row(layer)
            self._tab.say([f"Both parts of {request.name} are rows now, and hidden layers."])
            return
        (key,) = _keys(request)
        layer, is_new = self._layers.show(key, maps.by_name[request.what], maps.block, name=request.title)
        if is_new and request.what == "share":
            colour_as_share(layer)
        elif is_new:
            layer.colormap = "viridis"
        self._tab.say([OVERLAY if request.what == "share" else f"“{layer.name}” is a layer now."])


def _keys(request: MapRequest) -> list[tuple[str, int, Band | None]]:
    """Return what each layer of a request is known by."""
    return [
        (what, request.number, request.band)
        for what in (PARTS if request.what == "parts" else (request.what,))
    ]


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _extent(volume: ComparedVolume) -> str:
    """Say how much of a row maps cover, where it is not all."""
    covered = covered_shape(volume)
    if covered == volume.shape:
        return ""
    return (
        f"This row has {_size(volume.shape)} voxels: parts and maps cover a block of {_size(covered)} "
        "around the crosshair, and nothing else."
    )


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


__all__ = ["LAYERS", "PARTS", "MapLayers", "TrustControl", "colour_as_share"]
