"""The bar under the Train panel: Start, Pause and Stop, what they do, and how the run goes."""

from __future__ import annotations

import shutil
import threading
import traceback
from typing import TYPE_CHECKING

from napari.utils import progress
from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cryorestore.gui.dialogs import open_details
from napari_cryorestore.gui.panel_layout import SentenceLabel
from napari_cryorestore.gui.status_line import state_words
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import CONFIG_FILE, INPUTS_FOLDER, RunDir
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.viewer_session import ViewerSession

MENU = {
    "discard": "Stop without saving",
    "preview": "Preview now",
    "save": "Save recipe…",
    "load": "Load recipe…",
    "checkpoint": "Start from a checkpoint…",
    "folder": "Choose the run folder…",
}
"""What the menu does, by the name that `RunBar.chosen` carries."""

_NEEDS_RUN = ("discard", "preview")


class RunBar(QWidget):
    """The buttons under the panel.

    Attributes
    ----------
    chosen : str
        What the user chose: start, pause, resume, stop, or a name of `MENU`.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._details = ""
        self.start, self.pause, self.stop = QPushButton("Start"), QPushButton("Pause"), QPushButton("Stop")
        self.more, self.details = QPushButton("☰"), QPushButton("Details")
        self.expected, self.caution = SentenceLabel(), SentenceLabel()
        self.problem, self.state = SentenceLabel(), SentenceLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.menu = QMenu(self)
        self.entries = {name: QAction(title, self) for name, title in MENU.items()}
        self.menu.addActions(list(self.entries.values()))
        self._lay_out()
        self._connect()
        self.show_state(None, is_live=False)
        self.details.hide()

    def complain(self, sentence: str, details: str = "") -> None:
        """Say what is wrong; an empty sentence takes it back."""
        self.problem.warn(sentence)
        self._details = details
        self.details.setVisible(bool(details))

    def show_warnings(self, warnings: Sequence[str]) -> None:
        """Show beside Start what may make the result wrong; nothing is shown if there is nothing."""
        more = f" ({len(warnings) - 1} more above)" if len(warnings) > 1 else ""
        self.caution.warn(f"{warnings[0]}{more}" if warnings else "")

    def expect(self, words: str) -> None:
        """Say what training will take, as estimated."""
        self.expected.say(words)

    def clear_problem(self) -> None:
        """Clear what was wrong with choices; the failure of a run stays."""
        if not self._details:
            self.complain("")

    def say(self, words: str) -> None:
        """Say what goes on before there is a run, with a busy bar."""
        self.state.say(words)
        self.bar.setRange(0, 0 if words else 1)
        self.bar.setVisible(bool(words))
        self.start.setEnabled(not words)

    def show_state(self, state: RunState | None, *, is_live: bool) -> None:
        """Show how a run is, and which buttons make sense."""
        status = state.status() if state is not None else "waiting"
        paused = status == "paused"
        self.start.setEnabled(not is_live)
        self.pause.setEnabled(is_live)
        self.pause.setText("Resume" if paused else "Pause")
        self.stop.setEnabled(is_live)
        self.expected.setVisible(bool(self.expected.text()) and not is_live)
        for name in _NEEDS_RUN:
            self.entries[name].setEnabled(is_live)
        if state is None:
            self.state.say("")
            self.bar.hide()
            return
        self.state.say("" if status == "failed" else state_words(state))
        if status == "failed" and state.traceback != self._details:
            self.complain(state.error, state.traceback)
        busy = is_live and (bool(state.phase) or status == "waiting")
        self.bar.setVisible(is_live or status in ("completed", "stopped"))
        self.bar.setRange(0, 0 if busy else max(1, state.steps))
        self.bar.setValue(state.step)

    def show_details(self) -> None:
        """Show the traceback of a failure, to copy."""
        open_details(self, self.problem.text(), self._details)

    def _lay_out(self) -> None:
        self.more.setToolTip("More")
        self.more.setFixedWidth(36)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.start, self.pause, self.stop):
            buttons.addWidget(button, 1)
        buttons.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.expected)
        layout.addWidget(self.caution)
        layout.addWidget(self.problem)
        layout.addWidget(self.details)
        layout.addLayout(buttons)
        layout.addWidget(self.state)
        layout.addWidget(self.bar)

    def _open_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _connect(self) -> None:
        self.start.clicked.connect(lambda: self.chosen.emit("start"))
        self.stop.clicked.connect(lambda: self.chosen.emit("stop"))
        self.pause.clicked.connect(
            lambda: self.chosen.emit("resume" if self.pause.text() == "Resume" else "pause")
        )
        self.details.clicked.connect(self.show_details)
        self.more.clicked.connect(self._open_menu)
        for name, action in self.entries.items():
            action.triggered.connect(lambda _checked=False, name=name: self.chosen.emit(name))


class RunControl:
    """Connects the buttons, the viewer's runs and the run folder.

    Parameters
    ----------
    session
        The viewer's, which outlives the panel.
    bar
        The buttons and the state line.
    background
        Where slow things are done.
    started : callable
        Called in the GUI thread once training goes on.
    """

    def __init__(
        self, session: ViewerSession, bar: RunBar, background: Background, *, started: Callable[[], None]
    ) -> None:
        self._session, self._bar, self._background, self._started = session, bar, background, started
        self._activity = ActivityBar()
        self._follower: RunFollower | None = None
        self._state = RunState()
        self._was_live = False
        self._restored: float | None = None
        self._cancel = threading.Event()
        session.run_added.connect(self._added)
        self._follow_latest()

    @property
    def run(self) -> Path | None:
        """The run whose state is shown."""
        return self._follower.path if self._follower is not None else None

    def is_live(self) -> bool:
        """Tell whether the run shown is still going on."""
        return self.run is not None and self._session.is_training(self.run)

    def start(self, model: TrainModel) -> None:
        """Make and start a run; what is wrong is said and nothing starts."""
        if self._background.busy("start"):
            return
        live = next((path for path in self._session.paths if self._session.is_training(path)), None)
        if live is not None:
            self._bar.complain(f"{live.name} is still training: stop it first, or wait for its end.")
            return
        self._bar.complain("")
        self._bar.say("Preparing the run…")
        choices, path = model.copy(), model.run_path()
        self._restored, self._cancel = None, threading.Event()
        self._background.start(
            "start", lambda: self._make(choices, path), answer=self._launch, failure=self._fail
        )

    def request(self, what: str) -> None:
        """Leave a request in the run folder: pause, resume, stop, discard or preview."""
        if self._background.busy("start"):
            self._cancel.set()
            return
        if self.run is None:
            return
        run = RunDir(self.run)
        requests = {
            "pause": run.request_pause,
            "resume": run.request_resume,
            "stop": run.request_stop,
            "discard": run.request_discard,
            "preview": run.request_snapshot,
        }
        try:
            requests[what]()
        except OSError as error:
            self._bar.complain(str(error))

    def tick(self) -> None:
        """Look at the run folder and show what is new."""
        if self._background.busy("start"):
            self._say_restored()
            return
        if self._follower is None:
            return
        live = self.is_live()
        if not live and not self._was_live:
            return
        self._state.apply(self._follower.poll())
        self._bar.show_state(self._state, is_live=live)
        self._was_live = live
        if live:
            self._activity.follow(self._state, self._follower.path.name)
        else:
            self._activity.end()

    def leave(self) -> None:
        """Stop looking; training goes on, but what is being restored to be learned from is given up."""
        self._cancel.set()
        self._session.run_added.disconnect(self._added, missing_ok=True)
        self._activity.end()

    def _make(self, model: TrainModel, path: Path) -> Path:
        """Write what exists only in memory and make the run folder; in a thread."""
        existed, made = path.exists(), False
        try:
            config, chain = model.prepare(path), model.opinion.restored_by if model.opinion else None
            if chain is None:
                self._session.launcher.create(config, path)
            else:
                self._session.launcher.chain(config, path, chain, self._note_restored, self._cancel.is_set)
            made = True
            if self._cancel.is_set():  # said when the halves were restored already
                raise InterruptedError
        except BaseException:
            if made or not (path / CONFIG_FILE).exists():
                shutil.rmtree(path if made or not existed else path / INPUTS_FOLDER, ignore_errors=True)
            raise
        return path

    def _note_restored(self, share: float) -> None:
        self._restored = share  # in a thread: `tick` says it

    def _say_restored(self) -> None:
        if self._restored is not None:
            words = "Ending…" if self._cancel.is_set() else f"Restoring the halves: {self._restored:.0%}"
            self._bar.say(words)
            self._bar.stop.setEnabled(not self._cancel.is_set())

    def _launch(self, path: Path) -> None:
        self._bar.say("")
        try:
            self._session.launch(path)
        except (ValueError, OSError) as error:
            self._fail(error)
            return
        self._started()

    def _fail(self, error: BaseException) -> None:
        self._bar.say("")
        self._bar.show_state(None, is_live=False)
        if self._cancel.is_set():
            return
        expected = isinstance(error, ValueError | OSError)
        details = "" if expected else "".join(traceback.format_exception(error))
        self._bar.complain(str(error) or type(error).__name__, details)

    def _added(self, path: Path) -> None:
        if self._session.work_of(path) is not None:
            self._follow(path)

    def _follow_latest(self) -> None:
        ours = [path for path in self._session.paths if self._session.work_of(path) is not None]
        if ours:
            self._follow(ours[-1])

    def _follow(self, path: Path) -> None:
        self._activity.end()
        self._follower, self._state, self._was_live = RunFollower(path), RunState(), True
        self.tick()


class ActivityBar:
    """Shows a run while it is live, and nothing else."""

    def __init__(self) -> None:
        self._bar: progress | None = None

    def follow(self, state: RunState, name: str) -> None:
        """Show how far a live run is."""
        if not state.steps:
            return
        if self._bar is None:
            self._bar = progress(total=state.steps, desc=f"Training {name}")
        if state.step > self._bar.n:
            self._bar.update(state.step - self._bar.n)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


__all__ = ["MENU", "ActivityBar", "RunBar", "RunControl"]
