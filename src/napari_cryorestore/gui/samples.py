"""What File ▸ Open Sample offers: half tomograms to try everything with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QStandardPaths

from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.whole_file import whole_folder

if TYPE_CHECKING:
    from napari_cryorestore.gui.layers import LayerTuple

_SHAPE = (64, 96, 96)  # simulated in about two seconds


def real_pair() -> list[LayerTuple]:
    """Open the half tomograms of a Mycoplasma pneumoniae cell that come with the package.

    Returns
    -------
    list of tuple
        Two image layers, even and odd.
    """
    from napari_cryorestore.samples import real_pair as files

    even, odd = files()
    return read_tomograms([str(even), str(odd)])


def simulated_pair() -> list[LayerTuple]:
    """Open half tomograms of a simulated cell, made here when they are asked for first.

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
