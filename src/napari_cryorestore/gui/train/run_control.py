"""From the Start button to the end of the run: creates it, follows it, and leaves requests in its folder."""

from __future__ import annotations

import shutil
import traceback
from typing import TYPE_CHECKING

from napari_cryorestore.gui.train.activity import ActivityBar
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import CONFIG_FILE, INPUTS_FOLDER, RunDir
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.train.run_bar import RunBar
    from napari_cryorestore.gui.viewer_session import ViewerSession


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
        wishes, path = model.copy(), model.run_path()
        self._background.start(
            "start", lambda: self._make(wishes, path), answer=self._launch, failure=self._fail
        )

    def ask(self, what: str) -> None:
        """Leave a request in the run folder: pause, resume, stop, discard or preview."""
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
        if self._follower is None or self._background.busy("start"):
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
        """Stop looking; training goes on."""
        self._session.run_added.disconnect(self._added, missing_ok=True)
        self._activity.end()

    def _make(self, model: TrainModel, path: Path) -> Path:
        """Write what only lives in memory and make the run folder; in a thread."""
        existed = path.exists()
        try:
            self._session.launcher.create(model.prepare(path), path)
        except BaseException:
            if not existed and not (path / CONFIG_FILE).exists():
                shutil.rmtree(path, ignore_errors=True)
            elif not (path / CONFIG_FILE).exists():
                shutil.rmtree(path / INPUTS_FOLDER, ignore_errors=True)
            raise
        return path

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


__all__ = ["RunControl"]
