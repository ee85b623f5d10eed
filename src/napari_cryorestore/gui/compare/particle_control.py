"""Reads lists of particles, and holds them against the reference list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui import dialogs
from napari_cryorestore.io.particle_list import read_picks

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.comparison.model import CompareModel
    from napari_cryorestore.gui.compare.particles_tab import ParticlesTab
    from napari_cryorestore.io.particle_list import Picks
    from napari_cryorestore.metrics.pick_agreement import Detection

_NO_ROWS = "Add a row first: its voxel size is needed to turn coordinates into Å."


class ParticleControl:
    """What the Particles tab shows.

    Parameters
    ----------
    model : CompareModel
        Whose first row tells the size of a voxel and of the tomogram.
    tab : ParticlesTab
        What shows it.
    """

    def __init__(self, model: CompareModel, tab: ParticlesTab) -> None:
        self._model, self._tab = model, tab
        self._reference: tuple[str, Picks] | None = None
        self._lists: dict[str, Picks] = {}
        self.found: dict[str, Detection] = {}
        tab.asked.connect(self._asked)
        tab.tolerance_chosen.connect(self.show)

    def load_reference(self, path: Path) -> None:
        """Hold lists against this one from now on, or say why it cannot be read."""
        picks = self._read(path)
        if picks is not None:
            self._reference = path.name, picks
            self.show()

    def load_picks(self, path: Path) -> None:
        """Add a list of picks, or say why it cannot be read; the others stay."""
        picks = self._read(path)
        if picks is not None:
            self._lists[path.name] = picks
            self.show()

    def clear(self) -> None:
        """Forget all lists."""
        self._reference = None
        self._lists.clear()
        self.show()

    def show(self) -> None:
        """Match and show."""
        from napari_cryorestore.metrics.pick_agreement import match_picks

        self.found, problem = {}, ""
        if self._reference is None:
            self._tab.show_found("", {}, "")
            return
        name, reference = self._reference
        for title, picks in self._lists.items():
            try:
                self.found[title] = match_picks(
                    picks.positions, picks.scores, reference.positions, self._tab.tolerance.value()
                )
            except ValueError as error:
                problem = f"{title}: {error}"
        self._tab.show_found(f"{name} ({len(reference.positions)})", self.found, problem)

    def _read(self, path: Path) -> Picks | None:
        volume = next((entry.volume for entry in self._model.entries if entry.volume is not None), None)
        try:
            if volume is None:
                raise ValueError(_NO_ROWS)
            extent = [high - low for low, high in volume.extent]
            return read_picks(path, voxel_size=volume.voxel_size[2], extent=extent)
        except (ValueError, OSError) as error:
            self._tab.problem.warn(str(error))
            return None

    def _asked(self, what: str) -> None:
        if what == "clear":
            self.clear()
            return
        for path in dialogs.choose_picks(self._tab):
            (self.load_reference if what == "reference" else self.load_picks)(path)


__all__ = ["ParticleControl"]
