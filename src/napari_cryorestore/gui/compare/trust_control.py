"""Makes what the Trust tab asks for: parts as rows, and maps as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_cryorestore.gui.compare.spectrum_jobs import tilts_of
from napari_cryorestore.gui.compare.trust_jobs import agreement_job, disagreement_job, parts_job
from napari_cryorestore.gui.compare.trust_tab import SUPPLIED
from napari_cryorestore.gui.layers import AXES, UNITS, contrast_limits

if TYPE_CHECKING:
    from collections.abc import Hashable

    from napari_cryorestore.comparison.model import Entry
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.panel import ComparePanel
    from napari_cryorestore.gui.compare.store import Job
    from napari_cryorestore.gui.compare.trust_jobs import Maps
    from napari_cryorestore.gui.compare.trust_tab import TrustTab

_SHARES = (0.0, 0.5)  # from transparent to full orange: half is far more than most places have
_LOOK_EVERY = 200  # milliseconds
PARTS = ("seen", "supplied")
OVERLAY = (
    "A layer over the tomogram: the more orange, the larger the share that was supplied; full at one half."
)
LAYERS = {
    "share": "share supplied by the network",
    "agreement": "agreement with the other half",
    "disagreement": "disagreement of the halves",
}


class TrustControl(QObject):
    """Computes maps in a thread, and shows them.

    Parameters
    ----------
    panel : ComparePanel
        Whose rows.
    tab : TrustTab
        What asks.
    """

    _ready = Signal()

    def __init__(self, panel: ComparePanel, tab: TrustTab) -> None:
        super().__init__(panel)
        self._panel, self._tab = panel, tab
        self._store = panel.comparison.maps
        self._waiting: list[tuple[str, str, Job]] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._ready.connect(self._deliver)
        self._store.ready = self._ready.emit
        tab.asked.connect(self.make)

    def leave(self) -> None:
        """Give up what is being computed."""
        self._store.ready = lambda: None
        self._store.want([])
        self._ready.disconnect(self._deliver)
        self._timer.stop()

    @property
    def busy(self) -> bool:
        """Whether a map is still to come."""
        return bool(self._waiting)

    def show_row(self) -> None:
        """Name the chosen row."""
        entry = self._chosen()
        self._tab.show_row(entry.config.name if entry is not None else "")

    def make(self, what: str) -> None:
        """Compute one of `DOES` for the chosen row, and show it as soon as it is there."""
        entry = self._chosen()
        if entry is None or entry.volume is None:
            return
        self._tab.say()
        try:
            job = self._job(what, entry.volume)
        except ValueError as error:
            self._tab.say(problem=str(error))
            return
        self._store.forgive()
        self._waiting.append((what, entry.config.name, job))
        self._store.want([job for _, _, job in self._waiting])
        self._timer.start(_LOOK_EVERY)
        self._deliver()

    def _job(self, what: str, volume: ComparedVolume) -> Job:
        model = self._panel.model
        tilts, cursor = tilts_of(volume, model.config), model.cursor
        if what == "agreement":
            rows = (entry.volume for entry in model.shown if entry.config.kind == "mean")
            return agreement_job(volume, next(rows, None), tilts, cursor)
        if what == "disagreement":
            return disagreement_job(volume, cursor)
        return parts_job(volume, tilts, cursor)

    def _deliver(self) -> None:
        """Show what has become ready, and say what has failed."""
        left = []
        for what, name, job in self._waiting:
            maps, failure = self._store.get(job.key), self._store.failure(job.key)
            if maps is not None:
                self._show(what, name, maps)
            elif failure is not None:
                self._tab.say(problem=str(failure.error))
            else:
                left.append((what, name, job))
        self._waiting = left
        if not left:
            self._timer.stop()
        self._look()

    def _look(self) -> None:
        keys: list[Hashable] = [job.key for _, _, job in self._waiting]
        shares = [share for key in keys if (share := self._store.share(key)) is not None]
        self._tab.show_progress(max(shares, default=0.0) if keys else None)

    def _show(self, what: str, name: str, maps: Maps) -> None:
        if what == "parts":
            for part in PARTS:
                layer = self._add(maps.by_name[part], f"{name} · {part}", maps.block, visible=False)
                self._panel.rows.add_layer(layer)
            self._tab.say([f"Both parts of {name} are rows now, and hidden layers."])
            return
        layer = self._add(maps.by_name[what], f"{name} · {LAYERS[what]}", maps.block)
        if what == "share":
            layer.colormap, layer.blending, layer.contrast_limits = _overlay_colours(), "translucent", _SHARES
            self._tab.say([OVERLAY])
        else:
            layer.colormap = "viridis"
            self._tab.say([f"“{layer.name}” is a layer now."])

    def _add(self, data: Any, name: str, block: ComparedVolume, *, visible: bool = True) -> Any:
        corner = [place - size / 2 for place, size in zip(block.corner, block.voxel_size, strict=True)]
        return self._panel.viewer.add_image(
            data,
            name=name,
            scale=block.voxel_size,
            translate=corner,
            units=UNITS,
            axis_labels=AXES,
            contrast_limits=contrast_limits(data),
            visible=visible,
        )

    def _chosen(self) -> Entry | None:
        entries = self._panel.model.shown
        chosen = [entry for entry in entries if entry.number == self._panel.rows.chosen]
        return next(iter(chosen or entries), None)


def _overlay_colours() -> Any:
    from napari.utils.colormaps import Colormap

    red, green, blue, _ = SUPPLIED.getRgbF()
    stops = [[red, green, blue, 0.0], [red, green, blue, 0.0], [red, green, blue, 0.85]]
    return Colormap(stops, controls=[0.0, 0.1, 1.0], name="supplied by the network")


__all__ = ["LAYERS", "PARTS", "TrustControl"]
