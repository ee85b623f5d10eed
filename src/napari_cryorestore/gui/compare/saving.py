"""Saving what is compared: figure, table and the comparison itself; and opening one again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.compare.spectrum_jobs import found_wedge
from napari_cryorestore.whole_file import beside, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.comparison.config import ComparisonConfig
    from napari_cryorestore.gui.compare.panel import ComparePanel

FIGURES = "Figure (*.pdf *.svg *.png)"
TABLES = "Table (*.csv *.json)"
COMPARISONS = "Comparison (*.toml)"
NOTHING = "There is nothing to save yet: add a row first."
NO_NUMBERS = "There are no numbers yet: open Numbers and wait until they are there."


class Saving:
    """Asks where to, saves, and says what came of it.

    Parameters
    ----------
    panel : ComparePanel
        What is saved.
    """

    def __init__(self, panel: ComparePanel) -> None:
        self._panel, self._model = panel, panel.model

    def do(self, what: str) -> None:
        """Save the figure, the table (csv) or the comparison, or open one."""
        if what == "open":
            self._open()
        elif what in ("figure", "csv", "save"):
            self._save(what)

    def _save(self, what: str) -> None:
        kinds = {"figure": (FIGURES, "pdf"), "csv": (TABLES, "csv"), "save": (COMPARISONS, "toml")}
        kind, suffix = kinds[what]
        if not self._model.shown:
            self._panel.complain(NOTHING)
            return
        if what == "csv" and not self._panel.tray.numbers.shown:
            self._panel.complain(NO_NUMBERS)
            return
        path = dialogs.choose_target(self._panel, f"comparison.{suffix}", kind=kind)
        if path is None:
            return
        write = {"figure": self.write_figure, "csv": self.write_table, "save": self._model.save}[what]
        try:
            replacing(path, write)
        except (ValueError, OSError, ImportError) as error:
            self._panel.complain(str(error))
        else:
            self._panel.message.say(f"Saved {path}.")

    def write_figure(self, path: Path) -> None:
        """Write what the grid shows as a figure, with an arrow at every point of a selected points layer."""
        from napari_cryorestore.comparison.figure import comparison_figure, save_figure

        entries = [entry for entry in self._model.shown if entry.volume is not None]
        volumes = [
            replace(entry.volume, name=entry.config.name) for entry in entries if entry.volume is not None
        ]
        found = [found_wedge(self._panel.comparison.spectra, volume) for volume in volumes]
        figure = comparison_figure(
            volumes,
            self._config(),
            arrows=self._arrows(),
            detected=[item.wedge if item is not None and item.reliable else None for item in found],
            warn=self._panel.complain,
        )
        save_figure(path, figure)

    def write_table(self, path: Path) -> None:
        """Write all numbers that are there, points of curves included."""
        from napari_cryorestore.comparison.number import write_numbers

        write_numbers(path, self._panel.tray.numbers.evaluation())

    def _config(self) -> ComparisonConfig:
        """Return the settings, with the cursor made explicit, and the rows that are shown."""
        config = self._model.config
        rows = tuple(entry.config for entry in self._model.shown)
        return config.model_copy(update={"cursor": self._model.cursor, "rows": rows})

    def _arrows(self) -> list[tuple[float, float, float]]:
        from napari.layers import Points

        chosen = [layer for layer in self._panel.viewer.layers.selection if isinstance(layer, Points)]
        return [tuple(place) for layer in chosen for place in self._panel.link.positions(layer).tolist()]

    def _open(self) -> None:
        path = dialogs.choose_file(self._panel, "Comparison", COMPARISONS)
        if path is None:
            return
        self._panel.complain("")
        try:
            self._model.open(path)
        except (ValueError, OSError) as error:
            self._panel.complain(str(error))
            return
        self._panel.rows.attach()


def replacing(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that the user agreed to replace: whole, or the old one stays."""
    if not path.exists():
        write(path)
        return
    aside = beside(path, path.suffix)
    with whole_file(path, aside=aside):
        write(aside)


__all__ = ["COMPARISONS", "FIGURES", "NOTHING", "NO_NUMBERS", "TABLES", "Saving", "replacing"]
