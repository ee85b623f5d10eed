"""The rows of the panel: the menu from which they are added, their headings, and what is done with them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QMenu

from napari_cryorestore.background import ThreadWork
from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.compare import row_offers
from napari_cryorestore.gui.compare.layer_rows import UNKNOWN_SIZE, LayerRows, size_is_known
from napari_cryorestore.gui.compare.popup import add_entry
from napari_cryorestore.gui.compare.row_head import HeadState
from napari_cryorestore.gui.compare.row_sources import RowSources
from napari_cryorestore.gui.layers import path_of
from napari_cryorestore.gui.model_choice import load_methods
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Image

    from napari_cryorestore.comparison.comparison_config import RowConfig
    from napari_cryorestore.comparison.model import Comparison, RowEntry
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.grid import PictureGrid
    from napari_cryorestore.gui.panel_layout import SentenceLabel
    from napari_cryorestore.gui.viewer_session import ViewerSession

FEW = 4
"""Rows that are made of what is open, when all of it is to be compared."""


class RowControl:
    """Connects headings and the Rows menu with the model.

    Parameters
    ----------
    comparison : Comparison
        Whose rows.
    viewer : Viewer
        Whose layers can be rows.
    runs : ViewerSession
        Whose steps and previews can be rows.
    grid : PictureGrid
        What has the headings.
    menu : QMenu
        The Rows menu.
    message : SentenceLabel
        What says why something cannot be a row.
    """

    def __init__(
        self,
        comparison: Comparison,
        viewer: Viewer,
        runs: ViewerSession,
        grid: PictureGrid,
        menu: QMenu,
        message: SentenceLabel,
    ) -> None:
        self._model, self._viewer, self._runs = comparison.model, viewer, runs
        self._grid, self._message = grid, message
        self.layers = LayerRows(viewer, self._model, self._layer_gone)
        self.sources = RowSources(comparison, grid)
        self._menu, self._told_of = menu, set[int]()
        menu.aboutToShow.connect(self._fill_menu)

    def begin(self) -> None:
        """Look at the model from now on, and load the methods, which takes seconds, for the menu."""
        self._model.changed.connect(self._model_changed)
        self._grid.action_requested.connect(self.do)
        self._grid.renamed.connect(self._model.rename)
        self._grid.row_dropped.connect(self._model.move)
        self._grid.step_chosen.connect(self.choose_step)
        self.sources.looked.connect(self.show)
        self.sources.region_arrived.connect(self._look_at)
        ThreadWork("methods", load_methods)
        self.layers.attach()
        self.show()

    def attach(self) -> None:
        """Give rows that were opened again their layers and volumes."""
        self.layers.attach()
        self.sources.update()

    def leave(self) -> None:
        """Stop looking at model and viewer."""
        self._model.changed.disconnect(self._model_changed)
        self.layers.disconnect()
        self.sources.leave()

    # Adding ------------------------------------------------------------------------------------------

    def add(self, row: RowConfig) -> None:
        """Add a row, or say why it cannot be added; a layer by its name."""
        layer = (
            self._viewer.layers[row.layer]
            if row.kind == "layer" and row.layer in self._viewer.layers
            else None
        )
        if layer is not None:
            self._try(lambda: self.layers.add(layer))
        else:
            self._try(lambda: self._model.add(row))

    def add_layer(self, layer: Any) -> None:
        """Add a layer as a row, or say why it cannot be one."""
        self._try(lambda: self.layers.add(layer))

    def add_step(self, run: Path, step: int | None = None) -> None:
        """Add a run at a step: the one that `step_of_run` returns if none is given."""
        self._try(lambda: self._add_step(run, step))

    def add_file(self, path: Path) -> None:
        """Add the layer that shows a file, or else the file; nothing if it is a row already."""
        rows = [entry.config.path for entry in self._model.entries]
        layer = next((item for item in self.layers.offered() if path_of(item) == path), None)
        if layer is not None:
            self.add_layer(layer)
        elif path not in rows:
            self._try(lambda: self._model.add(row_offers.file_row(path)))

    def add_family(self, run: Path) -> None:
        """Add raw data, Wiener filter, and all runs that can be compared fairly with a run."""
        self._try(lambda: self._add_family(run))

    def add_run(self) -> None:
        """Let the user choose a run's folder, and add it."""
        path = dialogs.choose_run(self._grid)
        if path is not None:
            self._try(lambda: self._add_step(RunDir.open(path).path))

    def add_files(self) -> None:
        """Let the user choose files, and add them."""
        for path in dialogs.choose_tomograms(self._grid):
            self.add_file(path)

    def add_results(self) -> None:
        """Let the user choose what other programs made, and add it beside the halves compared or open."""
        paths = dialogs.choose_tomograms(self._grid, "Results of other programs")
        rows = [entry.config for entry in self._model.entries]
        made = [*rows, *row_offers.rows_without_training(self._viewer.layers)]
        raw = next((row for row in made if row.even is not None), None)
        for path in paths:
            self._try(lambda path=path: self._model.add(row_offers.result_row(path, raw)))  # type: ignore[misc]

    def add_what_is_open(self) -> None:
        """Add the mean of every open pair of halves, and the other open tomograms."""
        layers = list(self._viewer.layers)
        means = [row for row in row_offers.rows_without_training(layers) if row.kind == "mean"]
        halves = {path for row in means for path in (row.even, row.odd)}
        for row in means[:FEW]:
            self.add(row)
        others = [layer for layer in self.layers.offered() if path_of(layer) not in halves]
        for layer in others[: FEW - len(means)]:
            self.add_layer(layer)

    # Doing -------------------------------------------------------------------------------------------

    def do(self, number: int, what: str) -> None:
        """Do with a row what its heading's menu says."""
        place = [entry.number for entry in self._model.entries].index(number)
        if what == "choose":
            self._model.choose(number)
        elif what == "rename":
            self._grid.heads[number].begin_renaming()
        elif what in ("up", "down"):
            self._model.move(number, max(0, place + (1 if what == "down" else -1)))
        elif what == "hide":
            self._model.hide(number)
        elif what == "remove":
            self._model.remove(number)
        elif what == "cancel":
            self.sources.cancel(number)
        elif what == "opinion":
            self._runs.second_opinion.emit(self._model.entry(number).config.path)
        elif what == "fill":
            row = self._model.entry(number).config
            self._runs.fill_wedge.emit(row.path, row.step)

    def choose_step(self, number: int, step: int) -> None:
        """Show another step of a run in a row, under its name unless the user gave it another."""
        row = self._model.entry(number).config
        if row.path is None or step == row.step:
            return
        is_named = row.step is not None and row.name.startswith(row_offers.step_name(row.path, row.step))
        name = row_offers.step_name(row.path, step) if is_named else row.name
        changed = row.model_copy(update={"step": step, "name": name})
        self._model.replace(number, changed, self._model.entry(number).volume)

    def show(self) -> None:
        """Show every row's state in its heading."""
        for entry in self._model.entries:
            head = self._grid.heads.get(entry.number)
            if head is not None:
                layer = self.layers.layer_of(entry.number)
                share = self.sources.share(entry.number) if entry.busy else None
                chosen = self._model.is_chosen(entry.number)
                head.show_state(head_state(entry, layer, share=share, chosen=chosen))

    # How it works ------------------------------------------------------------------------------------

    def _add_step(self, run: Path, step: int | None = None) -> None:
        chosen = step_of_run(RunDir(run), "suggested" if step is None else step)
        self._model.add(row_offers.step_row(run, chosen.step))
        if chosen.findings:
            self._message.warn(" ".join(finding.text for finding in chosen.findings))
        elif step is None:
            self._message.say(chosen.sentence)

    def _add_family(self, run: Path) -> None:
        rows, left_out = row_offers.family_rows(run, self._runs.paths)
        there = {_volume_named(entry.config) for entry in self._model.entries}
        for row in rows:
            if _volume_named(row) not in there:
                self._model.add(row)
        names = ", ".join(path.name for path in left_out)
        self._message.say(f"Not shown, for want of weights or of rows: {names}." if left_out else "")

    def _try(self, action: Callable[[], object]) -> None:
        self._message.warn("")
        try:
            action()
        except (ValueError, OSError) as error:
            self._message.warn(str(error))
        self.show()

    def _model_changed(self, what: str) -> None:
        if what in ("rows", "row"):
            self.layers.forget_gone_rows()
        if what in ("rows", "row", "chosen"):
            self.show()
        if what == "row":
            self._tell()

    def _tell(self) -> None:
        """Say once what there is to know of a result of another program, when it has come."""
        come = {entry.number: _told(entry.volume) for entry in self._model.entries}
        said = [text for number, texts in come.items() if number not in self._told_of for text in texts]
        self._told_of |= {number for number, texts in come.items() if texts}
        if said:
            self._message.say("\n".join(said))

    def _look_at(self, number: int) -> None:
        """Show a region large, with the crosshair in it: beside a whole tomogram it would be a stamp."""
        volume = self._model.entry(number).volume
        if volume is None:
            return
        cursor = self._model.cursor
        if cursor is None or volume.index_of(cursor) is None:
            self._model.set_cursor(volume.position_of([size // 2 for size in volume.shape]))
        self._grid.look_at(volume.extent)

    def _layer_gone(self, name: str) -> None:
        self._message.say(f"The row “{name}” was removed with its layer.")

    def _fill_menu(self) -> None:
        menu, runs = self._menu, list(reversed(self._runs.paths))
        menu.clear()
        for entry in self._model.entries:
            action = add_entry(menu, entry.config.name)
            action.setCheckable(True)
            action.setChecked(not entry.config.hidden)
            action.toggled.connect(lambda shown, number=entry.number: self._model.hide(number, not shown))
        menu.addSeparator()
        layers = [(layer.name, partial(self.add_layer, layer)) for layer in self.layers.offered()]
        _add_menu(menu, "Add a layer", layers)
        for row in row_offers.rows_without_training(self._viewer.layers):
            add_entry(menu, f"Add {row.name}", partial(self.add, row))
        menu.addSeparator()
        steps = [(run.name, partial(self.add_step, run)) for run in runs]
        previews = [(run.name, partial(self.add, row_offers.live_row(run))) for run in runs]
        _add_menu(menu, "Add a step of a run", [*steps, ("Another run…", self.add_run)])
        _add_menu(menu, "Add the live preview of a run", previews)
        add_entry(menu, "Add files…", self.add_files)
        add_entry(menu, "Add results of other programs…", self.add_results)


def _volume_named(row: RowConfig) -> tuple[object, ...]:
    """Return what a row is of, whatever it is called and whichever step it shows."""
    return row.kind, row.method, row.path, row.even, row.odd


def _add_menu(menu: QMenu, words: str, items: Sequence[tuple[str, Callable[[], object]]]) -> None:
    part = QMenu(words, menu)
    menu.addMenu(part)
    part.setEnabled(bool(items))
    for name, do in items:
        add_entry(part, name, do)


def head_state(entry: RowEntry, layer: Image | None, *, share: float | None, chosen: bool) -> HeadState:
    """Return what a row's heading says.

    Parameters
    ----------
    entry : RowEntry
        The row.
    layer : Image or None
        The layer that it shows.
    share : float or None
        How much of what it waits for is done.
    chosen : bool
        Whether it is the chosen row.
    """
    row, size = entry.config, _size_words(entry.volume)
    if layer is not None and not size_is_known(layer):
        size = f"⚠ {UNKNOWN_SIZE}"
    caption = entry.busy or ("⚠ cannot be shown" if entry.problem else size)
    if entry.busy and share:
        caption = f"{entry.busy} {share:.0%}"
    where = row.path or row.even
    return HeadState(
        name=row.name,
        caption=caption,
        tip="\n".join(filter(None, (row.name, size, entry.problem, str(where or ""), *_told(entry.volume)))),
        steps=_steps(row.path) if row.kind == "run" and row.path is not None else (),
        step=row.step,
        busy=bool(entry.busy),
        share=share,
        chosen=chosen,
        refused=row_offers.refusals(row),
    )


def _told(volume: ComparedVolume | None) -> list[str]:
    return [] if volume is None else [finding.text for finding in volume.findings]


def _size_words(volume: ComparedVolume | None) -> str:
    if volume is None:
        return ""
    return f"{'×'.join(map(str, volume.shape))} · {volume.voxel_size[2]:.4g} Å"


def _steps(run: Path) -> tuple[int, ...]:
    try:
        return tuple(RunDir(run).checkpoint_steps())
    except OSError:
        return ()


__all__ = ["FEW", "RowControl", "head_state"]
