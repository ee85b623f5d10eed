"""Saving a figure, a table or the comparison itself, and opening a comparison again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.comparison.spectra import found_tilts
from napari_cryorestore.gui import dialogs
from napari_cryorestore.whole_file import hidden_name, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.comparison.comparison_config import ComparisonConfig
    from napari_cryorestore.comparison.model import Comparison
    from napari_cryorestore.gui.compare.number_control import NumberControl
    from napari_cryorestore.gui.compare.viewer_link import ViewerLink
    from napari_cryorestore.gui.panel_layout import SentenceLabel

FIGURES = "Figure (*.pdf *.svg *.png)"
TABLES = "Table (*.csv *.json)"
COMPARISONS = "Comparison (*.toml)"
NOTHING = "There is nothing to save yet: add a row first."
NO_NUMBERS = "There are no numbers yet: click Show numbers and wait until they are computed."


class Saving:
    """Lets the user choose a file, saves, and says what came of it.

    Parameters
    ----------
    comparison : Comparison
        What is saved.
    numbers : NumberControl
        What goes into a table.
    link : ViewerLink
        Where points of the viewer's layers lie: a figure has arrows there.
    message : SentenceLabel
        What says what came of it.
    opened : callable
        Called after another comparison was opened.
    """

    def __init__(
        self,
        comparison: Comparison,
        numbers: NumberControl,
        link: ViewerLink,
        message: SentenceLabel,
        opened: Callable[[], object],
    ) -> None:
        self._comparison, self._model = comparison, comparison.model
        self._numbers, self._link, self._message, self._opened = numbers, link, message, opened

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
            self._message.warn(NOTHING)
            return
        if what == "csv" and not self._numbers.evaluation.numbers:
            self._message.warn(NO_NUMBERS)
            return
        path = dialogs.choose_target(self._message, f"comparison.{suffix}", kind=kind)
        if path is None:
            return
        write = {"figure": self.write_figure, "csv": self.write_table, "save": self._model.save}[what]
        try:
            replacing(path, write)
        except (ValueError, OSError, ImportError) as error:
            self._message.warn(str(error))
        else:
            self._message.say(f"Saved {path}.")

    def write_figure(self, path: Path) -> None:
        """Write what the grid shows as a figure, with an arrow at every point of a selected points layer."""
        from napari_cryorestore.comparison.figure import comparison_figure, save_figure

        entries = [entry for entry in self._model.shown if entry.volume is not None]
        volumes = [
            replace(entry.volume, name=entry.config.name) for entry in entries if entry.volume is not None
        ]
        figure = comparison_figure(
            volumes,
            self._config(),
            arrows=self._arrows(),
            detected=[found_tilts(self._comparison.spectra, volume) for volume in volumes],
            warn=self._message.warn,
        )
        save_figure(path, figure)

    def write_table(self, path: Path) -> None:
        """Write all numbers that are there, points of curves included."""
        from napari_cryorestore.comparison.number import write_numbers

        write_numbers(path, self._numbers.evaluation)

    def _config(self) -> ComparisonConfig:
        """Return the settings, with the cursor made explicit, and the rows that are shown."""
        config = self._model.config
        rows = tuple(entry.config for entry in self._model.shown)
        return config.model_copy(update={"cursor": self._model.cursor, "rows": rows})

    def _arrows(self) -> list[tuple[float, float, float]]:
        chosen = self._link.points_layers(selected=True)
        return [tuple(place) for layer in chosen for place in self._link.positions(layer).tolist()]

    def _open(self) -> None:
        path = dialogs.choose_file(self._message, "Comparison", COMPARISONS)
        if path is None:
            return
        self._message.warn("")
        try:
            self._model.open(path)
        except (ValueError, OSError) as error:
            self._message.warn(str(error))
            return
        self._opened()


def replacing(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that the user agreed to replace: whole, or the old one stays."""
    if not path.exists():
        write(path)
        return
    aside = hidden_name(path, path.suffix)
    with whole_file(path, aside=aside):
        write(aside)


__all__ = ["COMPARISONS", "FIGURES", "NOTHING", "NO_NUMBERS", "TABLES", "Saving", "replacing"]
