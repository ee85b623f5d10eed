"""What belongs to a viewer and outlives its panels: runs, work, and what panels keep and signal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary, ref

from psygnal import Signal
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication

from napari_cryorestore.background import CLOSE_TIMEOUT, Work, end_held_work, end_work, hold_work
from napari_cryorestore.gui.dock_place import open_panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_cryorestore.run_config import RunConfig

T = TypeVar("T")
_CONNECTED = "cryorestore ends its work"
"""A property of the application."""


def _create_run(config: RunConfig, path: Path) -> None:
    from napari_cryorestore.training import launch

    launch.create_run(config, path)


def _create_chain(
    config: RunConfig,
    path: Path,
    restored_by: tuple[Path, int | None],
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> None:
    from napari_cryorestore.chain import Talk, create_chained_run
    from napari_cryorestore.restore_config import ModelRef

    weights, step = restored_by
    talk = Talk(progress=progress, cancelled=cancelled)
    create_chained_run(config, path, by=ModelRef(weights=weights, step=step), talk=talk)


def launch_run(path: Path) -> Work:
    """Train what a run folder describes: in a thread, or as a process of its own on several devices."""
    from napari_cryorestore.runs.run_dir import RunDir
    from napari_cryorestore.training.launch import launch

    run = RunDir.open(path)
    return launch(run, "thread" if run.recipe().device_counts == (1, 1) else "process")


@dataclass(frozen=True)
class Launcher:
    """How runs are made and started; replaced in tests.

    Attributes
    ----------
    create : callable
        Makes the run folder of a configuration, or raises an error with one sentence.
    launch : callable
        Starts the training of a run folder and returns at once.
    chain : callable
        Makes the run folder for what weights (a file or a run, and its step) make of the tomograms, which
        takes as long as restoring twice: it is given where to report how much is done, and what tells
        whether to end.
    """

    create: Callable[[Any, Path], object] = _create_run
    launch: Callable[[Path], Work] = launch_run
    chain: Callable[..., object] = _create_chain


class ViewerSession:
    """What one viewer trains, watches and restores with; it outlives every panel, and ends with the window.

    Signals carry the run folder. They are emitted in the GUI thread.

    Attributes
    ----------
    run_added : Signal(Path)
        A run was started, or an existing one was opened to look at.
    use_step : Signal(Path, int)
        A step was chosen to restore with; the Restore panel opens.
    compare_step : Signal(Path, int)
        A step was chosen to be compared; the Compare panel opens with it as a row.
    compare_file : Signal(Path)
        A file was chosen to be compared; the Compare panel opens with it, or with the layer that shows it.
    second_opinion : Signal(Path)
        Another method or network is to be tried as this run was made; the Train panel opens, filled so.
    fill_wedge : Signal(Path, int)
        The wedge of what a run restores at a step is to be filled; the Train panel opens, filled so.
    compare_family : Signal(Path)
        A run and all that can be compared with it fairly are to be shown; the Compare panel opens with them.
    continue_requested : Signal(Path)
        A run that ended is to be continued, which is done at once.
    closed : Signal
        The viewer's window has closed, and what was started here has ended.
    launcher : Launcher
        How runs are made and started.
    """

    run_added = Signal(Path)
    use_step = Signal(Path, int)
    compare_step = Signal(Path, int)
    compare_file = Signal(Path)
    second_opinion = Signal(Path)
    fill_wedge = Signal(Path, int)
    compare_family = Signal(Path)
    continue_requested = Signal(Path)
    closed = Signal()

    def __init__(self, viewer: Viewer | None = None, *, launcher: Launcher | None = None) -> None:
        self.launcher = launcher or Launcher()
        self._viewer = ref(viewer) if viewer is not None else lambda: None
        self._paths: list[Path] = []
        self._work: dict[Path, Work] = {}
        self._held: list[Work] = []
        self._own: dict[type, Any] = {}
        self._guard_window(getattr(viewer, "window", None))
        self._chosen: tuple[Path, int] | None = None
        self.use_step.connect(self._remember_choice)
        self.use_step.connect(self._open_restore)
        self.compare_step.connect(self._compare_step)
        self.compare_file.connect(self._compare_file)
        self.second_opinion.connect(self._second_opinion)
        self.fill_wedge.connect(self._second_opinion)
        self.compare_family.connect(self._compare_family)
        self.continue_requested.connect(self._continue)

    def own(self, kind: type[T], make: Callable[[], T] | None = None) -> T:
        """Return the viewer's one object of a class; it is made when it is first used.

        Parameters
        ----------
        kind : type
            The class.
        make : callable, optional
            Makes the object; the class itself if not given.
        """
        if kind not in self._own:
            self._own[kind] = (make or kind)()
        return cast("T", self._own[kind])

    @property
    def paths(self) -> tuple[Path, ...]:
        """The runs started or opened in this viewer, in that order."""
        return tuple(self._paths)

    @property
    def current(self) -> Path | None:
        """The run started or opened last, or None."""
        return self._paths[-1] if self._paths else None

    @property
    def chosen(self) -> tuple[Path, int] | None:
        """The run and step that `use_step` named last, for panels that open later; or None."""
        return self._chosen

    def start(self, config: RunConfig, run_path: Path) -> Work:
        """Make a run folder and start training in it.

        Parameters
        ----------
        config : RunConfig
            The recipe.
        run_path : Path
            A folder that does not exist yet, or is empty.

        Returns
        -------
        Work
            The training, already going on.

        Raises
        ------
        ValueError, OSError
            If the folder or the tomograms cannot be used; nothing was started.
        """
        self.launcher.create(config, run_path)
        return self.launch(run_path)

    def launch(self, run_path: Path) -> Work:
        """Start training in a run folder that exists: a new one, or one that ended and goes on.

        Raises
        ------
        ValueError
            If it is being trained from here already.
        """
        if any(session.is_training(run_path) for session in (self, *_SESSIONS.values())):
            raise ValueError(f"{run_path.name} is being trained already: watch it in the Monitor.")
        work = self.launcher.launch(run_path)
        self._work[run_path] = work
        self.hold(work)
        self.add(run_path)
        return work

    def add(self, run_path: Path) -> None:
        """Look at a run, whoever trains it; it becomes the current one."""
        if run_path in self._paths:
            self._paths.remove(run_path)
        self._paths.append(run_path)
        self.run_added.emit(run_path)

    def work_of(self, run_path: Path) -> Work | None:
        """Return the training of a run if it was started here, whether it goes on or not."""
        return self._work.get(run_path)

    def is_training(self, run_path: Path) -> bool:
        """Tell whether a run that was started here is still going on."""
        work = self._work.get(run_path)
        return work is not None and work.alive

    def hold(self, work: Work) -> None:
        """Make sure that work ends when the window closes, and that the window stays responsive."""
        self._held = [item for item in self._held if item.alive]
        self._held.append(work)
        _end_work_on_quitting()
        hold_work(work)

    def stop_all(self, timeout: float = CLOSE_TIMEOUT) -> bool:
        """Stop everything that was started here, wait for it, and tell whether it ended in time."""
        return end_work(self._held, timeout=timeout)

    def _remember_choice(self, run_path: Path, step: int) -> None:
        self._chosen = (run_path, step)

    def _open_restore(self) -> None:
        self._open("Restore")

    def _compare_step(self, run_path: Path, step: int) -> None:
        panel = self._open("Compare")
        if panel is not None:
            panel.rows.add_step(run_path, step)

    def _compare_file(self, path: Path) -> None:
        panel = self._open("Compare")
        if panel is not None:
            panel.rows.add_file(path)

    def _compare_family(self, run_path: Path) -> None:
        panel = self._open("Compare")
        if panel is not None:
            panel.rows.add_family(run_path)

    def _second_opinion(self, run_path: Path, step: int | None = None) -> None:
        panel = self._open("Train")
        if panel is not None:
            panel.second_opinion(run_path, step=step)

    def _open(self, name: str) -> Any:
        """Show a panel and return it; nothing without a window."""
        viewer = self._viewer()
        if viewer is None or getattr(viewer, "window", None) is None:
            return None
        return open_panel(viewer, name)

    def _continue(self, run_path: Path) -> None:
        from napari.utils.notifications import show_error

        try:
            self.launch(run_path)
        except (ValueError, OSError) as error:
            show_error(str(error))

    def _guard_window(self, window: Any) -> None:
        if window is not None:  # a public way to the main window
            CloseGuard(window.main_menu.window(), self._close)

    def _close(self) -> None:
        self.stop_all()
        self.closed.emit()


class CloseGuard(QObject):
    """Does something when a main window has agreed to close; docked widgets are never told.

    Parameters
    ----------
    window : QWidget
        The main window; the guard lives as long as it does.
    closed : callable
        Called at once after the window agreed, before it is gone.
    """

    def __init__(self, window: QWidget, closed: Callable[[], object]) -> None:
        super().__init__(window)
        self._closed = closed
        self._delivering = False
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Let the window answer first: the user may still say no in its dialog."""
        if watched is None or event is None or event.type() != QEvent.Type.Close or self._delivering:
            return False
        self._delivering = True
        try:
            watched.event(event)
        finally:
            self._delivering = False
        if event.isAccepted():
            self._closed()
        return True


def _end_work_on_quitting() -> None:
    application = QApplication.instance()
    if application is not None and not application.property(_CONNECTED):
        application.setProperty(_CONNECTED, True)
        application.aboutToQuit.connect(end_held_work)


_SESSIONS: WeakKeyDictionary[Viewer, ViewerSession] = WeakKeyDictionary()


def session_of(viewer: Viewer) -> ViewerSession:
    """Return the session of a viewer; the same object for as long as the viewer lives.

    Parameters
    ----------
    viewer : Viewer
        A viewer, or the proxy of one that napari hands to plugins.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _SESSIONS:
        _SESSIONS[viewer] = ViewerSession(viewer)
    return _SESSIONS[viewer]
