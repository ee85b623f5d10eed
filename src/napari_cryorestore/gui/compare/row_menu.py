"""The Rows menu: which rows are shown, and everything that can be added."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QMenu

from napari_cryorestore.gui.compare.popup import add_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from napari_cryorestore.comparison.config import RowConfig
    from napari_cryorestore.comparison.model import Entry


class RowMenu:
    """Fills the menu each time it opens.

    Parameters
    ----------
    menu : QMenu
        The menu.
    """

    def __init__(self, menu: QMenu) -> None:
        self._menu = menu

    def begin(self) -> None:
        """Empty the menu."""
        self._menu.clear()

    def rows(self, entries: Iterable[Entry], show: Callable[[int, bool], object]) -> None:
        """List the rows, ticked where they are shown."""
        for entry in entries:
            action = add_entry(self._menu, entry.config.name)
            action.setCheckable(True)
            action.setChecked(not entry.config.hidden)
            action.toggled.connect(lambda shown, number=entry.number: show(number, shown))
        self._menu.addSeparator()

    def layers(self, layers: list[Any], add: Callable[[Any], object]) -> None:
        """Offer layers."""
        self._part("Add a layer", [(layer.name, partial(add, layer)) for layer in layers])

    def made(self, rows: list[RowConfig], add: Callable[[RowConfig], object]) -> None:
        """Offer what is made of halves, at one click."""
        for row in rows:
            add_entry(self._menu, f"Add {row.name}", partial(add, row))

    def runs(self, words: str, runs: Iterable[Path], add: Callable[[Path], object], *more: Any) -> None:
        """Offer runs; ``more`` are pairs of words and what they do."""
        items = [(run.name, partial(add, run)) for run in reversed(list(runs))]
        self._part(words, [*items, *more])

    def act(self, words: str, do: Callable[[], object]) -> None:
        """Offer something else."""
        add_entry(self._menu, words, do)

    def separate(self) -> None:
        """Draw a line."""
        self._menu.addSeparator()

    def _part(self, words: str, items: list[tuple[str, Callable[[], object]]]) -> None:
        part = QMenu(words, self._menu)
        self._menu.addMenu(part)
        part.setEnabled(bool(items))
        for name, do in items:
            add_entry(part, name, do)


__all__ = ["RowMenu"]
