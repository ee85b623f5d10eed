"""The Monitor panel: connects a run's model with the plot, the viewer's history and the buttons."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout

from napari_cryorestore.gui.dialogs import choose_run, choose_target
from napari_cryorestore.gui.monitor.history_layer import HistoryLayer
from napari_cryorestore.gui.monitor.model import MonitorModel
from napari_cryorestore.gui.monitor.run_body import RunBody
from napari_cryorestore.gui.monitor.run_header import RunHeader, confirm_continuing
from napari_cryorestore.gui.monitor.run_numbers import write_csv
from napari_cryorestore.gui.panel_layout import DockedPanel
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

LOOK_EVERY = 100
"""Milliseconds between two looks at the run folder."""
REST = 8
"""Drawing rests this many times as long as it took."""


class MonitorPanel(DockedPanel):
    """Watches one run: trained here, by another process or on a cluster, or long finished.

    Parameters
    ----------
    napari_viewer
        The viewer that gets the preview history.
    """

    display_name, first_area = "Monitor", "bottom"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.model = MonitorModel()
        self.history = HistoryLayer(self.viewer, self.model.frames)
        self.header, self.body = RunHeader(), RunBody()
        self._needs_drawing = False
        self._rest_until = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY)
        self._timer.timeout.connect(self.look)
        self._lay_out()
        self._connect_widgets()
        self._set_theme()
        self._watch()
        if self.session.current is not None:
            self.attach(self.session.current)
        self._show()

    def attach(self, run_path: Path | str) -> None:
        """Show a run from now on; what is no run is said, and the one shown stays."""
        path = Path(run_path)
        if self.model.run is not None and self.model.run.path == path:
            self.look()
            return
        try:
            self.model.attach(path)
        except OSError as error:
            self.model.problem = str(error)
            self._show()
            return
        self.history.remove()
        self.history.placement = self.model.placement
        self.look()
        self.body.plot.show_all()

    def look(self) -> None:
        """Read what is new in the run folder and show it; called by a timer ten times a second."""
        try:
            changes = self.model.poll()
        except OSError as error:  # e.g. a network drive that is away for a while
            self.header.complain(f"The run folder cannot be read: {error}")
            return
        if changes.frames:
            self.history.step = self.model.selected
            self.history.sync()
        if changes.events or changes.frames:
            self._needs_drawing = True
        if self._needs_drawing and time.monotonic() >= self._rest_until:
            self._draw()
        if changes.events or changes.frames:
            self._show()
        else:
            self.header.show_model(self.model)  # it may have become quiet

    def leave(self) -> None:
        """Stop looking, for good, and leave the viewer alone; training goes on."""
        if not self._timer.isActive():
            return
        self._timer.stop()
        self.history.disconnect()
        self.viewer.events.theme.disconnect(self._set_theme)
        self.session.run_added.disconnect(self.attach)
        self.session.closed.disconnect(self.leave)

    # Choosing a step ---------------------------------------------------------------------------------

    def select(self, step: float) -> None:
        """Look at the frame nearest to a step."""
        self.model.select(step)
        self.history.revive()
        self._show()

    def toggle_pin(self, step: float | None = None) -> None:
        """Pin the frame nearest to a step (the selected one by default), or let go of it."""
        self._try(lambda: self.model.toggle_pin(step))

    def _follow(self, checked: bool) -> None:
        self.model.set_follow(checked)
        self._show()

    def _go_to_suggested(self) -> None:
        if self.model.state.advice.step is not None:
            self.select(self.model.state.advice.step)

    def _use(self) -> None:
        step = self.model.used
        if self.model.run is not None and step is not None:
            self.session.use_step.emit(self.model.run.path, step)

    def _compare(self) -> None:
        step = self.model.used
        if self.model.run is not None and step is not None:
            self.session.compare_step.emit(self.model.run.path, step)

    def _second_opinion(self) -> None:
        if self.model.run is not None:
            self.session.second_opinion.emit(self.model.run.path)

    def _compare_family(self) -> None:
        if self.model.run is not None:
            self.session.compare_family.emit(self.model.run.path)

    # Requests to the run ----------------------------------------------------------------------------------

    def open_run(self) -> None:
        """Let the user choose a run folder and show it, here and in the other panels."""
        path = choose_run(self)
        if path is not None:
            self._try(lambda: self.session.add(RunDir.open(path).path))

    def go_on(self) -> None:
        """Continue the run, once the user has confirmed it where the run merely is quiet."""
        if self.model.status() == "quiet":
            confirm_continuing(self, self.model.state.quiet_since, go_on=self._continue)
        elif self.model.can_continue:
            self._continue()

    def _continue(self) -> None:
        if self.model.run is not None:
            self.session.continue_requested.emit(self.model.run.path)

    def export_csv(self) -> None:
        """Let the user choose a file and write the run's numbers there."""
        self._export("csv", "Table (*.csv)", lambda path: write_csv(self.model.state, path))

    def export_png(self) -> None:
        """Let the user choose a file and write the plot there."""
        self._export("png", "Image (*.png)", self.body.plot.save_png)

    def _export(self, suffix: str, kind: str, write: Callable[[Path], None]) -> None:
        if self.model.run is None:
            return
        path = choose_target(self, f"{self.model.run.path.name}.{suffix}", kind=kind)
        if path is not None:
            self._try(lambda: write(path))

    def _try(self, action: Callable[[], object]) -> None:
        """Do something and show its outcome, or say why it cannot be done."""
        self.model.problem = ""
        try:
            action()
        except (OSError, ValueError) as error:
            self.model.problem = str(error)
        self._show()

    # Showing -----------------------------------------------------------------------------------------

    def _draw(self) -> None:
        start = time.monotonic()
        self.body.draw(self.model.state)
        self._needs_drawing = False
        self._rest_until = time.monotonic() + REST * (time.monotonic() - start)

    def _show(self) -> None:
        """Show the selection and the state."""
        model = self.model
        if model.selected is not None and model.selected != self.history.step:
            self.history.show(model.selected)
        self.body.show_model(model, limits=self.history.limits)
        self.header.show_model(model)
        self.header.follow.setChecked(model.follow)

    def _set_theme(self) -> None:
        self.body.set_theme(get_theme(self.viewer.theme))

    # Making ------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        self.viewer.events.theme.connect(self._set_theme)
        self.session.run_added.connect(self.attach)
        self.session.closed.connect(self.leave)
        self._timer.start()

    def _connect_widgets(self) -> None:
        header, body, model = self.header, self.body, self.model
        self.history.step_selected.connect(self._slider_moved)
        body.plot.step_moved.connect(self.select)
        body.plot.step_pinned.connect(self.toggle_pin)
        body.strip.chosen.connect(self.select)
        body.strip.unpinned.connect(self.toggle_pin)
        body.step_view.pin.clicked.connect(lambda: self.toggle_pin())
        body.step_view.use.clicked.connect(self._use)
        body.step_view.compare.clicked.connect(self._compare)
        body.step_view.opinion.clicked.connect(self._second_opinion)
        body.light.suggested.clicked.connect(self._go_to_suggested)
        header.follow.clicked.connect(self._follow)
        header.log.toggled.connect(body.plot.set_log_scale)
        header.open.clicked.connect(self.open_run)
        header.go_on.clicked.connect(self.go_on)
        for button, request in (
            (header.pause, model.pause),
            (header.resume, model.resume),
            (header.stop, model.stop),
        ):
            button.clicked.connect(lambda _checked=False, request=request: self._try(request))
        actions = {
            "discard": lambda: self._try(model.stop_without_saving),
            "preview": lambda: self._try(model.request_preview),
            "family": self._compare_family,
            "csv": self.export_csv,
            "png": self.export_png,
        }
        for name, action in actions.items():
            header.entries[name].triggered.connect(lambda _checked=False, action=action: action())

    def _slider_moved(self, step: int) -> None:
        self.model.select(step)
        self._show()

    def _lay_out(self) -> None:
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(6)
        layout.addWidget(self.header)
        layout.addWidget(self.body, 1)

    def sizeHint(self) -> QSize:
        """Propose a third of a usual window's height or width, whichever side it is docked to."""
        return QSize(440, 330)


__all__ = ["MonitorPanel"]
