"""``make demo``: napari with a real pair of half tomograms open and a Quick-look training running."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from qtpy.QtCore import QTimer

from napari_cryorestore.gui.dock_place import open_panel

if TYPE_CHECKING:
    from napari import Viewer

    from napari_cryorestore.gui.train.panel import TrainPanel

FOLDER = Path("demo-output")
POLL = 100
"""Milliseconds between two looks at what is being loaded."""


def show_demo(viewer: Viewer, *, folder: Path = FOLDER) -> TrainPanel:
    """Open the real pair, dock the Train and Monitor panels, and start training.

    Parameters
    ----------
    viewer : Viewer
        Where to.
    folder : Path
        In which the run is made.

    Returns
    -------
    TrainPanel
        The panel in which Start was pressed; training begins as soon as PyTorch is loaded.
    """
    from napari_cryorestore.samples import real_pair

    viewer.open([str(path) for path in real_pair()], plugin="napari-cryorestore")
    panel = cast("TrainPanel", open_panel(viewer, "Train"))
    open_panel(viewer, "Monitor")
    _start_when_loaded(panel, folder)
    return panel


def _start_when_loaded(panel: TrainPanel, folder: Path) -> None:
    """Press Start once PyTorch is loaded and the halves are checked."""
    if panel.recipe is None or panel.background.busy("examination"):
        QTimer.singleShot(POLL, partial(_start_when_loaded, panel, folder))
        return
    panel.model.runs_folder = str(folder)
    panel.recipe.preset_chosen.emit("quick-look")
    panel.start()


def main() -> None:
    """Show the demonstration until the window is closed."""
    import napari

    viewer = napari.Viewer(title="CryoRestore")
    show_demo(viewer)
    napari.run()


if __name__ == "__main__":
    main()
