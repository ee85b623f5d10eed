"""What napari calls to open tomograms, to save them, and to open the samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from qtpy.QtCore import QStandardPaths, QThread
from qtpy.QtWidgets import QApplication

from napari_cryorestore.gui.dock_place import open_panel, place_messages_soon
from napari_cryorestore.gui.layers import (
    LayerOrigin,
    LayerTuple,
    cubic_edge,
    origin_in,
    paired_layers,
    path_of,
    tomogram_layer,
)
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.whole_file import whole_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from napari.layers import Image

NO_LAYER: Any = [(None,)]
"""What napari understands as: read, and there is nothing to show."""

_SHAPE = (64, 96, 96)  # simulated in about two seconds


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerTuple]] | None:
    """Offer to read files that look like volumes.

    Parameters
    ----------
    path : str or list of str
        What napari is to open; several paths become several layers.

    Returns
    -------
    callable or None
        `read_tomograms`, or None if a name is not that of a volume.
    """
    from napari_cryorestore.io.volumes import is_volume_path

    return read_tomograms if all(is_volume_path(item) for item in _as_list(path)) else None


def read_tomograms(path: str | list[str]) -> list[LayerTuple]:
    """Open files of volumes memory-mapped.

    Parameters
    ----------
    path : str or list of str
        The files.

    Returns
    -------
    list of tuple
        One image layer a file; halves that are both open are paired, and training is offered.

    Raises
    ------
    ValueError
        If a file cannot be read; the message is one sentence that says why. After a drop or a dialog it is
        shown as it is instead, as napari would wrap it in several.
    """
    from napari import current_viewer
    from napari.utils.notifications import Notification, notification_manager

    viewer = current_viewer()
    if viewer is not None:
        watch_for_pairs(viewer)
    try:
        return [_read(Path(item)) for item in _as_list(path)]
    except ValueError as error:
        if not _answers_an_event():
            raise
        notification_manager.dispatch(Notification.from_exception(error))
        return NO_LAYER


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save one image layer as a volume of 32-bit floats, in the format that its suffix says.

    Parameters
    ----------
    path : str
        The file; napari has asked before an existing one is replaced.
    data : array-like
        Of two to any number of axes; of more than three, the volume that the viewer shows is saved.
    attributes : dict
        The layer's name, scale, units and metadata.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    ValueError
        If the layer holds colours, has voxels that are no cubes, or NaN.
    """
    from napari_cryorestore.io.volume_output import losses

    name, target = str(attributes.get("name", "volume")), Path(path)
    volume = _as_volume(data, attributes)
    origin = origin_in(attributes.get("metadata", {})) or LayerOrigin()
    voxel_size = origin.voxel_size or cubic_edge(_scale(attributes), _units(attributes))
    known = replace(origin, voxel_size=voxel_size or 1.0, label=origin.label or name)
    _replace_file(target, volume, known)
    lost = losses(target)
    for finding in lost:
        _warn(finding.text)
    if voxel_size is None and not lost:
        _warn(f"{name} does not say its voxel size: {target.name} says 1 Å.")
    return [path]


def watch_for_pairs(viewer: Viewer) -> None:
    """Offer training, once a pair and viewer, when the second half of a tomogram is added."""
    session_of(viewer).own(_PairWatch, lambda: _PairWatch(viewer))


class _PairWatch:
    """Remembers which pairs of a viewer were offered."""

    def __init__(self, viewer: Viewer) -> None:
        viewer = getattr(viewer, "__wrapped__", viewer)
        self._viewer = ref(viewer)
        self._offered: set[tuple[Path | None, Path | None]] = set()
        viewer.layers.events.inserted.connect(self._offer_new)

    def _offer_new(self) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        from napari_cryorestore.io.pair_search import distinct_names
        from napari_cryorestore.io.pairing import tomogram_name

        pairs = list(paired_layers(viewer.layers))
        files = [path_of(even) for even, _ in pairs]
        names = [tomogram_name(file or even.name) for file, (even, _) in zip(files, pairs, strict=True)]
        for name, (even, odd) in zip(distinct_names(names, files), pairs, strict=True):
            pair = (path_of(even), path_of(odd))
            if pair not in self._offered:
                self._offered.add(pair)
                self._offer(name, (even, odd))

    def _offer(self, tomogram: str, pair: tuple[Image, Image]) -> None:
        from napari.utils.notifications import Notification, notification_manager

        class Offer(Notification):
            source = "CryoRestore"

        layers = tuple(map(ref, pair))  # the message may outlive them
        actions = (("Open Train", lambda _dialog=None: self._open_train(layers)),)
        notification_manager.dispatch(Offer(f"{tomogram} paired as half maps; open Train?", "info", actions))
        place_messages_soon()

    def _open_train(self, layers: tuple[ref[Image], ...]) -> None:
        viewer = self._viewer()
        if viewer is not None:
            panel: Any = open_panel(viewer, "Train")
            panel.choose_pair(*(layer() for layer in layers))


def _answers_an_event() -> bool:
    """Tell whether the user did something in a window, rather than a script."""
    thread = QThread.currentThread() if QApplication.instance() is not None else None
    return thread is not None and thread.loopLevel() > 0


def _read(path: Path) -> LayerTuple:
    from napari_cryorestore.io.volumes import open_volume

    try:
        volume = open_volume(path)
    except OSError as error:
        raise ValueError(str(error)) from error
    for finding in volume.findings:
        (_inform if finding.severity == "note" else _warn)(finding.text)
    if not any(volume.voxel_sizes):
        _warn(f"{path.name} does not say its voxel size: it is shown as 1 Å; give the right one to train.")
    return tomogram_layer(volume)


def _replace_file(target: Path, volume: Any, origin: LayerOrigin) -> None:
    """Write aside first: the layer may map the very file that is replaced."""
    from napari_cryorestore.io.volume_output import replaced_volume, write_volume

    with replaced_volume(target) as aside:
        write_volume(
            aside,
            volume,
            voxel_size=origin.voxel_size,
            origin=origin.origin,
            start=origin.start,
            label=origin.label,
        )


def _as_volume(data: Any, attributes: dict[str, Any]) -> Any:
    """Return the one volume (z, y, x) to be saved."""
    if attributes.get("rgb"):
        raise ValueError(f"{attributes['name']} holds colours, but a volume holds one number a voxel.")
    if attributes.get("multiscale"):
        data = data[0]
    if data.dtype.kind == "c":
        raise ValueError(f"{attributes['name']} is complex: save its real part or its amplitude.")
    shown = _shown_indices(data.ndim - 3)
    for index in shown:
        data = data[index]
    return data[np.newaxis] if data.ndim == 2 else data


def _shown_indices(axes: int) -> tuple[int, ...]:
    """Return the positions of the viewer's leading sliders, e.g. which training step is shown."""
    from napari import current_viewer

    viewer = current_viewer()
    if axes <= 0:
        return ()
    return tuple(viewer.dims.current_step[-3 - axes : -3]) if viewer is not None else (-1,) * axes


def _scale(attributes: dict[str, Any]) -> Any:
    return attributes.get("scale", (1.0, 1.0, 1.0))


def _units(attributes: dict[str, Any]) -> Any:
    return attributes.get("units", ("pixel", "pixel", "pixel"))


def _inform(message: str) -> None:
    from napari.utils.notifications import show_info

    show_info(message)


def _warn(message: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(message)


def _as_list(path: str | list[str]) -> list[str]:
    return [path] if isinstance(path, str) else list(path)


def open_real_pair() -> list[LayerTuple]:
    """Open the half tomograms of a Mycoplasma pneumoniae cell that come with the package.

    Returns
    -------
    list of tuple
        Two image layers, even and odd.
    """
    from napari_cryorestore.samples import real_pair

    even, odd = real_pair()
    return read_tomograms([str(even), str(odd)])


def open_simulated_pair() -> list[LayerTuple]:
    """Open half tomograms of a simulated cell, made here the first time.

    Returns
    -------
    list of tuple
        Two image layers, even and odd.
    """
    from napari_cryorestore.io.volumes import result_suffix

    folder = data_folder() / "simulated"
    even, odd = (folder / f"simulated_{half}{result_suffix()}" for half in ("even", "odd"))
    if not (even.is_file() and odd.is_file()):
        _simulate_into(folder)
    return read_tomograms([str(even), str(odd)])


def data_folder() -> Path:
    """Return the folder that the system keeps for this plugin's data; it may not exist yet."""
    place = QStandardPaths.StandardLocation.GenericDataLocation
    return Path(QStandardPaths.writableLocation(place)) / "napari-cryorestore"


def _simulate_into(folder: Path) -> None:
    """Make the folder whole or not at all."""
    from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair

    with whole_folder(folder) as aside:
        write_pair(aside, simulate(SimulationConfig(shape=_SHAPE)), name="simulated")
