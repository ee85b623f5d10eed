"""The Restore panel: sections above, buttons below, and the connections between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_cryorestore.background import Background
from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.io_hooks import watch_for_pairs
from napari_cryorestore.gui.panel_layout import Fold, FoldedPanel
from napari_cryorestore.gui.restore.model import RestoreModel
from napari_cryorestore.gui.restore.model_section import ModelControl, ModelSection
from napari_cryorestore.gui.restore.option_sections import ComputeSection, OutputSection
from napari_cryorestore.gui.restore.queue import EntryState, QueueEntry, add_result, save_copy, saved_words
from napari_cryorestore.gui.restore.restoration import known_settings
from napari_cryorestore.gui.restore.source_section import SourceControl, SourceSection
from napari_cryorestore.gui.restore.work_bar import WorkBar
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from napari import Viewer

TICK = 100
"""Milliseconds between two looks at the work."""
_TICKS_PER_REFRESH = 10


class RestorePanel(FoldedPanel):
    """Chooses tomograms and a model, restores in the background, and shows results as layers.

    Queue and work belong to the viewer: closing the panel keeps both, opening it again shows both.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer, or the proxy that napari hands to plugins.
    """

    display_name, first_area = "Restore", "right"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.model = self.session.own(RestoreModel)
        self.background = Background()
        self.source, self.choice, self.output = SourceSection(), ModelSection(), OutputSection()
        self.compute, self.bar = ComputeSection(), WorkBar()
        self._folds = {
            "Tomogram": Fold("Tomogram", self.source),
            "Model": Fold("Model", self.choice),
            "Result": Fold("Result", self.output),
            "Advanced": Fold("Advanced", self.compute),
        }
        self.lay_out(self._folds, self.bar)
        for title in ("Model", "Result"):
            self._folds[title].unfold()
        self._sources = SourceControl(
            self.viewer, self.source, self.model, self.background,
            changed=self._show, complain=self.bar.complain,
        )  # fmt: skip
        self._models = ModelControl(
            self.session,
            self.choice,
            self.model,
            self.background,
            changed=self._model_chosen,
            complain=self.bar.complain,
        )
        self._ticks = 0
        self._timer = QTimer(self)
        self._connect()
        watch_for_pairs(self.viewer)
        self._sources.refresh()
        self._models.begin()
        self._tick()
        self._timer.start(TICK)

    def leave(self) -> None:
        """Stop looking at the viewer, its runs and the work."""
        if not self._timer.isActive():
            return
        self._timer.stop()
        self.background.forget()
        self._sources.leave()
        self._models.leave()
        self.session.closed.disconnect(self.leave)

    def restore(self) -> None:
        """Start restoring, or say what forbids it."""
        self.bar.complain("")
        self.bar.say("")
        try:
            self.session.hold(self.model.start())
        except ValueError as error:
            self.bar.complain(str(error))
        self._show()

    def cancel(self) -> None:
        """Stop restoring; the window does not wait for the tile in progress."""
        self.model.cancel()
        self._show()

    def save(self) -> None:
        """Copy the result last done, or of the entry selected, to a file of the user's choice."""
        entry = self._result()
        if entry is None or entry.output is None:
            return
        result, target = entry.output, dialogs.choose_target(self, entry.output.name)
        if target is not None:
            self.bar.complain("")
            self.background.start(
                "save",
                lambda: save_copy(result, target),
                answer=lambda path: self.bar.say(saved_words(path), path),
                failure=lambda error: self.bar.complain(str(error)),
            )

    def compare(self) -> None:
        """Put the result last done, or of the entry selected, into the Compare panel."""
        entry = self._result()
        if entry is not None and entry.output is not None:
            self.session.compare_file.emit(entry.output)

    def _connect(self) -> None:
        self._timer.timeout.connect(self._tick)
        self.session.closed.connect(self.leave)
        self.source.selected.connect(self._show_failure)
        self.choice.settings_changed.connect(self._take_settings)
        self.output.value_changed.connect(self._edited)
        self.output.browse_requested.connect(self._browse)
        self.compute.value_changed.connect(self._edited)
        self.bar.chosen.connect(lambda name: getattr(self, name)())

    def _edited(self) -> None:
        self.model.request = replace(self.model.request, **self.compute.value(), **self.output.value())
        self._note_invalid()
        self._sources.show_findings()
        self._show()

    def _model_chosen(self) -> None:
        self._sources.show_findings()  # another run may lend other tilts
        self._show()

    def _take_settings(self) -> None:
        form = self.choice.settings
        if form is not None and not form.problem:
            self.model.take_settings(form.value())
        self._note_invalid()
        self._show()

    def _note_invalid(self) -> None:
        form = self.choice.settings
        wrong = (self.compute.problem, "" if form is None else form.problem)
        self.model.request = replace(self.model.request, invalid="; ".join(filter(None, wrong)))

    def _browse(self) -> None:
        folder = dialogs.choose_folder(self, self.model.request.folder_for(self.model.next_tomograms()))
        if folder is not None:
            self.model.request = replace(self.model.request, output=str(folder))
            self._show()

    def _show(self) -> None:
        """Show what is requested, and what is taken where nothing is."""
        request, tomograms = self.model.request, self.model.next_tomograms()
        known = known_settings(tomograms[0], request.model) if tomograms else Recording()
        self.output.show_request(request, str(request.folder_for(tomograms)))
        self.compute.show_request(request, known)
        self._folds["Advanced"].set_summary(self.compute.summary())
        model = self.model
        self.choice.offer_settings(model.settings(), model.settings_offered(), model.other_settings())
        self._note_invalid()
        self._models.warn()
        self._show_work()

    def _show_work(self) -> None:
        self.source.show_entries(self.model.entries)
        working = self.model.restoration if self.model.is_restoring else None
        self.bar.show_progress(self.model.words(), working.share if working is not None else None)
        self.bar.show_result(has_result=self._result() is not None)

    def _tick(self) -> None:
        self.background.poll()
        if self._ticks % _TICKS_PER_REFRESH == 0:
            self._models.refresh()
        self._ticks += 1
        self._show_work()
        for entry in self.model.newly_over():
            self._finish(entry)

    def _finish(self, entry: QueueEntry) -> None:
        self._show_failure(entry)
        if entry.state is not EntryState.DONE or entry.output is None:
            return
        self.bar.say(f"Saved {entry.output.name}." if self.model.request.saves else "", entry.output)
        if self.model.request.shows:
            try:
                add_result(self.viewer, entry)
            except (ValueError, OSError) as error:
                self.bar.complain(str(error))

    def _show_failure(self, entry: QueueEntry) -> None:
        if entry.state is EntryState.FAILED:
            self.bar.complain(f"{entry.tomogram.name}: {entry.sentence}", entry.details)

    def _result(self) -> QueueEntry | None:
        done = [entry for entry in self.model.entries if entry.state is EntryState.DONE]
        selected = [entry for entry in self.source.chosen() if entry in done]
        return next(reversed(selected or done), None)


__all__ = ["RestorePanel"]
