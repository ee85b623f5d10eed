from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_cryorestore.background import end_work
from napari_cryorestore.gui import viewer_session
from napari_cryorestore.gui.viewer_session import CloseGuard, Launcher, ViewerSession, launch_run, session_of
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import RunLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtGui import QCloseEvent


USUAL = sys.getswitchinterval()


@pytest.fixture
def launcher(begin: Callable[..., Any]) -> Launcher:
    def create(config: object, path: Path) -> None:
        if config == "bad":
            raise ValueError("the tilt range is reversed")
        path.mkdir()

    return Launcher(create, begin)


@pytest.fixture
def runs(launcher: Launcher) -> ViewerSession:
    return ViewerSession(launcher=launcher)


def eventually(condition: Callable[[], bool], *, seconds: float = 300) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_a_run_is_made_started_and_announced(runs: ViewerSession, tmp_path: Path) -> None:
    heard: list[Path] = []
    runs.run_added.connect(heard.append)

    work = runs.start("config", tmp_path / "run")

    assert (tmp_path / "run").is_dir()
    assert work.alive
    assert heard == [tmp_path / "run"]
    assert runs.current == tmp_path / "run"
    assert runs.is_training(tmp_path / "run")
    assert runs.work_of(tmp_path / "run") is work


def test_what_cannot_start_is_not_announced(runs: ViewerSession, tmp_path: Path) -> None:
    runs.run_added.connect(lambda _: pytest.fail("announced"))
    with pytest.raises(ValueError, match="reversed"):
        runs.start("bad", tmp_path / "run")
    assert runs.current is None
    assert sys.getswitchinterval() == USUAL


def test_a_run_is_not_trained_twice_but_goes_on_after_its_end(runs: ViewerSession, tmp_path: Path) -> None:
    first = runs.start("config", tmp_path / "run")
    with pytest.raises(ValueError, match="run is being trained already"):
        runs.launch(tmp_path / "run")
    assert runs.stop_all()
    second = runs.launch(tmp_path / "run")
    assert second is not first
    assert runs.paths == (tmp_path / "run",)


def test_a_run_of_others_is_looked_at(runs: ViewerSession, tmp_path: Path) -> None:
    runs.add(tmp_path / "one")
    runs.add(tmp_path / "two")
    runs.add(tmp_path / "one")
    assert runs.paths == (tmp_path / "two", tmp_path / "one")
    assert not runs.is_training(tmp_path / "one")
    assert runs.work_of(tmp_path / "one") is None


def test_the_chosen_step_is_kept_for_panels_that_open_later(runs: ViewerSession, tmp_path: Path) -> None:
    assert runs.chosen is None
    runs.use_step.emit(tmp_path / "run", 600)
    assert runs.chosen == (tmp_path / "run", 600)


def test_a_run_goes_on_when_requested(runs: ViewerSession, tmp_path: Path) -> None:
    runs.continue_requested.emit(tmp_path / "run")
    assert runs.is_training(tmp_path / "run")

    notification_manager.records.clear()
    runs.continue_requested.emit(tmp_path / "run")
    (note,) = notification_manager.records
    assert note.message == "run is being trained already: watch it in the Monitor."


def test_a_run_that_another_program_trains_is_left_alone(runs: ViewerSession, tmp_path: Path) -> None:
    runs.launcher = Launcher()
    run = RunDir.create(tmp_path / "run", config="", environment={})
    lock = RunLock.take(run.path)
    notification_manager.records.clear()
    runs.continue_requested.emit(run.path)
    lock.release()
    (note,) = notification_manager.records
    assert note.message.startswith("run is being trained by this program, and two must not train one run: ")
    assert runs.current is None
    assert not run.events_path.exists()


def test_the_interpreter_switches_fast_while_anything_trains(runs: ViewerSession, tmp_path: Path) -> None:
    """Trap 6: a computing thread would hold the window up 5 ms at every turn."""
    first = runs.start("config", tmp_path / "one")
    second = runs.start("config", tmp_path / "two")
    assert sys.getswitchinterval() == pytest.approx(1e-3)
    first.stop()
    assert eventually(lambda: not first.alive)
    time.sleep(0.05)
    assert sys.getswitchinterval() == pytest.approx(1e-3)
    second.stop()
    assert eventually(lambda: sys.getswitchinterval() == USUAL)


def test_runs_belong_to_their_viewer(make_napari_viewer, launcher: Launcher, tmp_path: Path) -> None:
    one, two = make_napari_viewer(), make_napari_viewer()
    session_of(one).launcher = session_of(two).launcher = launcher
    mine = session_of(one).start("config", tmp_path / "mine")
    yours = session_of(two).start("config", tmp_path / "yours")
    with pytest.raises(ValueError, match="already"):
        session_of(two).launch(tmp_path / "mine")

    one.close()

    assert not mine.alive
    assert yours.alive
    assert session_of(two).current == tmp_path / "yours"
    two.close()
    assert not yours.alive


def test_what_panels_keep_belongs_to_the_viewer() -> None:
    class Kept(list[int]):
        pass

    one, other = ViewerSession(), ViewerSession()
    assert one.own(Kept) is one.own(Kept)
    assert one.own(Kept) is not other.own(Kept)
    assert one.own(tuple, lambda: (1, 2)) == one.own(tuple) == (1, 2)


def test_a_proxy_means_its_viewer() -> None:
    class Viewer(SimpleNamespace):
        __hash__ = object.__hash__

    viewer = Viewer()
    proxy = SimpleNamespace(__wrapped__=viewer)
    assert session_of(proxy) is session_of(viewer)
    registered = len(viewer_session._SESSIONS)
    del viewer, proxy
    assert len(viewer_session._SESSIONS) == registered - 1


def test_closing_the_window_saves_and_ends_training(
    make_napari_viewer, launcher: Launcher, tmp_path: Path
) -> None:
    """Trap 2: nobody tells a panel that the window closes; a filter on the window hears it."""
    viewer = make_napari_viewer()
    runs = session_of(viewer)
    runs.launcher = launcher
    training = runs.start("config", tmp_path / "run")
    training.saving = 0.3
    closed = []
    runs.closed.connect(lambda: closed.append(training.alive))

    viewer.close()

    assert training.events == ["checkpoint"]
    assert closed == [False]


def test_a_dock_that_is_closed_or_floats_leaves_training_alone(
    make_napari_viewer, launcher: Launcher, tmp_path: Path
) -> None:
    """Trap 2: the × of a dock orphans the panel; the run belongs to the viewer."""
    viewer = make_napari_viewer()
    runs = session_of(viewer)
    runs.launcher = launcher
    dock = viewer.window.add_dock_widget(QWidget(), name="panel")
    training = runs.start("config", tmp_path / "run")
    dock.setFloating(True)
    dock.destroyOnClose()
    assert training.alive
    assert session_of(viewer).current == tmp_path / "run"


@pytest.mark.parametrize(("devices", "where"), [(1, "thread"), (2, "process")])
def test_several_devices_need_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: int, where: str
) -> None:
    from napari_cryorestore.training import launch

    monkeypatch.setattr(launch, "launch", lambda run, where: (run.path, where))
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text(f"[hardware]\ndevices = {devices}\n")
    assert launch_run(run) == (run, where)


def test_stopping_tells_all_before_it_waits_for_any(tmp_path: Path, begin, monkeypatch) -> None:
    work, story = [begin(tmp_path, saving=0.1) for _ in range(4)], []
    for name in ("stop", "join"):
        for item in work:
            do = getattr(item, name)
            monkeypatch.setattr(
                item, name, lambda *args, do=do, name=name: (story.append(name), do(*args))[1]
            )
    assert end_work(work, timeout=300)
    assert story[:5] == ["stop", "stop", "stop", "stop", "join"]
    assert all(item.events == ["checkpoint"] for item in work)


def test_work_that_forgets_the_request_is_told_again(tmp_path: Path, begin) -> None:
    training = begin(tmp_path)
    told = []

    def stop_late() -> None:
        told.append(True)
        if len(told) == 2:
            training.release.set()

    training.stop = stop_late
    assert end_work([training], timeout=300)
    assert len(told) == 2


def test_what_does_not_end_in_time_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, begin
) -> None:
    deaf = begin(tmp_path, deaf=True)
    assert not end_work([deaf], timeout=0.05)
    assert "one is still in the middle of a step or tile 0.05 s after being told to end" in caplog.text
    assert "or from its beginning if it has none, with Continue in the Monitor" in caplog.text
    deaf.release.set()
    deaf.join(300)


class Window(QMainWindow):
    """A window whose user may say no."""

    def __init__(self, *, agrees: bool) -> None:
        super().__init__()
        self.agrees = agrees
        self.times = 0

    def closeEvent(self, event: QCloseEvent) -> None:
        self.times += 1
        event.setAccepted(self.agrees)


@pytest.mark.parametrize("agrees", [True, False])
def test_the_window_answers_once_before_anything_is_stopped(qtbot, agrees: bool) -> None:
    window, closed = Window(agrees=agrees), []
    CloseGuard(window, lambda: closed.append(window.times))
    assert window.close() is agrees
    assert window.times == 1
    assert closed == ([1] if agrees else [])
    window.deleteLater()


def test_other_events_pass_the_guard(qtbot) -> None:
    window = Window(agrees=True)
    guard = CloseGuard(window, lambda: pytest.fail("closed"))
    assert guard.eventFilter(window, QEvent(QEvent.Type.Resize)) is False
    assert guard.eventFilter(QObject(), QEvent(QEvent.Type.Hide)) is False
    window.deleteLater()


def test_quitting_the_application_ends_what_is_held(qapp, tmp_path: Path, begin) -> None:
    training = begin(tmp_path)
    ViewerSession().hold(training)
    qapp.aboutToQuit.emit()
    assert training.events == ["checkpoint"]


SCRIPT = """
import threading, time
from pathlib import Path
from napari_cryorestore.gui.viewer_session import Launcher, ViewerSession

class Training:
    def __init__(self, path):
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        COMPUTING
        Path("out").write_text("saved")

    alive = property(lambda self: self.thread.is_alive())

    def stop(self):
        self.halt.set()

    def join(self, timeout=None):
        self.thread.join(timeout)
        return not self.alive

runs = ViewerSession(launcher=Launcher(lambda config, path: None, Training))
runs.start(None, Path("run"))
time.sleep(0.3)
"""
INSIDE_TORCH = """while not self.halt.is_set():
            torch.randn(200, 200) @ torch.randn(200, 200)
"""


@pytest.mark.parametrize("computing", ["self.halt.wait(600)", INSIDE_TORCH], ids=["waiting", "inside torch"])
def test_the_interpreter_ends_well_while_a_thread_trains(tmp_path: Path, computing: str) -> None:
    """Trap 2: an interpreter that ends while a thread is inside PyTorch aborts."""
    script = ("import torch\n" if "torch" in computing else "") + SCRIPT.replace("COMPUTING", computing)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert (tmp_path / "out").read_text() == "saved"
