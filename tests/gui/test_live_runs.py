from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_cryorestore.gui import live_runs
from napari_cryorestore.gui.live_runs import Launcher, LiveRuns, launch_run, runs_of
from napari_cryorestore.gui.live_work import CloseGuard, hold, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qtpy.QtGui import QCloseEvent

USUAL = sys.getswitchinterval()


class FakeTraining:
    """A thread that trains until it is asked to stop, then saves for a while."""

    def __init__(self, path: Path, *, saving: float = 0.0, deaf: bool = False) -> None:
        self.path, self.saving, self.deaf = path, saving, deaf
        self.release = threading.Event()
        self.events: list[str] = []
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        self.release.wait(20)
        time.sleep(self.saving)
        self.events.append("checkpoint")

    @property
    def alive(self) -> bool:
        return self.thread.is_alive()

    def stop(self) -> None:
        if not self.deaf:
            self.release.set()

    def join(self, timeout: float | None = None) -> bool:
        self.thread.join(timeout)
        return not self.alive


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    started: list[FakeTraining] = []

    def create(config: object, path: Path) -> None:
        if config == "bad":
            raise ValueError("the tilt range is reversed")
        path.mkdir()

    def launch(path: Path) -> FakeTraining:
        started.append(FakeTraining(path))
        return started[-1]

    yield Launcher(create, launch)
    for training in started:
        training.release.set()
        training.join(5)


@pytest.fixture
def runs(launcher: Launcher) -> LiveRuns:
    return LiveRuns(launcher=launcher)


def eventually(condition: Callable[[], bool], *, seconds: float = 3.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_a_run_is_made_started_and_announced(runs: LiveRuns, tmp_path: Path) -> None:
    heard: list[Path] = []
    runs.run_added.connect(heard.append)

    work = runs.start("config", tmp_path / "run")

    assert (tmp_path / "run").is_dir()
    assert work.alive
    assert heard == [tmp_path / "run"]
    assert runs.current == tmp_path / "run"
    assert runs.is_training(tmp_path / "run")
    assert runs.work_of(tmp_path / "run") is work


def test_what_cannot_start_is_not_announced(runs: LiveRuns, tmp_path: Path) -> None:
    runs.run_added.connect(lambda _: pytest.fail("announced"))
    with pytest.raises(ValueError, match="reversed"):
        runs.start("bad", tmp_path / "run")
    assert runs.current is None
    assert sys.getswitchinterval() == USUAL


def test_a_run_is_not_trained_twice_but_goes_on_after_its_end(runs: LiveRuns, tmp_path: Path) -> None:
    first = runs.start("config", tmp_path / "run")
    with pytest.raises(ValueError, match="run is being trained already"):
        runs.launch(tmp_path / "run")
    assert runs.stop_all()
    second = runs.launch(tmp_path / "run")
    assert second is not first
    assert runs.paths == (tmp_path / "run",)


def test_a_run_of_others_is_looked_at(runs: LiveRuns, tmp_path: Path) -> None:
    runs.add(tmp_path / "one")
    runs.add(tmp_path / "two")
    runs.add(tmp_path / "one")
    assert runs.paths == (tmp_path / "two", tmp_path / "one")
    assert not runs.is_training(tmp_path / "one")
    assert runs.work_of(tmp_path / "one") is None


def test_the_chosen_step_is_kept_for_panels_that_open_later(runs: LiveRuns, tmp_path: Path) -> None:
    assert runs.chosen is None
    runs.use_step.emit(tmp_path / "run", 600)
    assert runs.chosen == (tmp_path / "run", 600)


def test_a_run_goes_on_when_asked(runs: LiveRuns, tmp_path: Path) -> None:
    runs.continue_requested.emit(tmp_path / "run")
    assert runs.is_training(tmp_path / "run")

    notification_manager.records.clear()
    runs.continue_requested.emit(tmp_path / "run")
    (note,) = notification_manager.records
    assert note.message == "run is being trained already: watch it in the Monitor."


def test_the_interpreter_switches_fast_while_anything_trains(runs: LiveRuns, tmp_path: Path) -> None:
    first = runs.start("config", tmp_path / "one")
    second = runs.start("config", tmp_path / "two")
    assert sys.getswitchinterval() == pytest.approx(1e-3)
    first.stop()
    assert eventually(lambda: not first.alive)
    time.sleep(0.05)
    assert sys.getswitchinterval() == pytest.approx(1e-3)
    second.stop()
    assert eventually(lambda: sys.getswitchinterval() == USUAL)


def test_stopping_asks_all_before_it_waits_for_any(tmp_path: Path) -> None:
    work = [FakeTraining(tmp_path, saving=0.4) for _ in range(4)]
    began = time.monotonic()
    assert stop(work, timeout=2)
    assert time.monotonic() - began < 1.2
    assert all(item.events == ["checkpoint"] for item in work)


def test_work_that_takes_the_request_back_is_asked_again(tmp_path: Path) -> None:
    training = FakeTraining(tmp_path)
    asked = []

    def stop_late() -> None:
        asked.append(True)
        if len(asked) == 2:
            training.release.set()

    training.stop = stop_late
    assert stop([training], timeout=3)
    assert len(asked) == 2


def test_what_does_not_end_in_time_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deaf = FakeTraining(tmp_path, deaf=True)
    assert not stop([deaf], timeout=0.05)
    assert "1 computation(s) did not end" in caplog.text
    deaf.release.set()
    deaf.join(5)


def test_runs_belong_to_their_viewer(make_napari_viewer, launcher: Launcher, tmp_path: Path) -> None:
    one, two = make_napari_viewer(), make_napari_viewer()
    runs_of(one).launcher = runs_of(two).launcher = launcher
    mine = runs_of(one).start("config", tmp_path / "mine")
    yours = runs_of(two).start("config", tmp_path / "yours")
    with pytest.raises(ValueError, match="already"):
        runs_of(two).launch(tmp_path / "mine")

    one.close()

    assert not mine.alive
    assert yours.alive
    assert runs_of(two).current == tmp_path / "yours"
    two.close()
    assert not yours.alive


def test_a_proxy_means_its_viewer() -> None:
    class Viewer(SimpleNamespace):
        __hash__ = object.__hash__

    viewer = Viewer()
    proxy = SimpleNamespace(__wrapped__=viewer)
    assert runs_of(proxy) is runs_of(viewer)
    registered = len(live_runs._RUNS)
    del viewer, proxy
    assert len(live_runs._RUNS) == registered - 1


def test_closing_the_window_saves_and_ends_training(
    make_napari_viewer, launcher: Launcher, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    runs = runs_of(viewer)
    runs.launcher = launcher
    training = runs.start("config", tmp_path / "run")
    training.saving = 0.3
    closed = []
    runs.closed.connect(lambda: closed.append(training.alive))

    began = time.monotonic()
    viewer.close()

    assert time.monotonic() - began < 3
    assert training.events == ["checkpoint"]
    assert closed == [False]


def test_a_dock_that_is_closed_or_floats_leaves_training_alone(
    make_napari_viewer, launcher: Launcher, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    runs = runs_of(viewer)
    runs.launcher = launcher
    dock = viewer.window.add_dock_widget(QWidget(), name="panel")
    training = runs.start("config", tmp_path / "run")
    dock.setFloating(True)
    dock.destroyOnClose()
    assert training.alive
    assert runs_of(viewer).current == tmp_path / "run"


class Window(QMainWindow):
    """A window whose user may say no."""

    def __init__(self, *, agrees: bool) -> None:
        super().__init__()
        self.agrees = agrees
        self.asked = 0

    def closeEvent(self, event: QCloseEvent) -> None:
        self.asked += 1
        event.setAccepted(self.agrees)


@pytest.mark.parametrize("agrees", [True, False])
def test_the_window_is_asked_once_before_anything_is_stopped(qtbot, agrees: bool) -> None:
    window, closed = Window(agrees=agrees), []
    CloseGuard(window, lambda: closed.append(window.asked))
    assert window.close() is agrees
    assert window.asked == 1
    assert closed == ([1] if agrees else [])
    window.deleteLater()


def test_other_events_pass_the_guard(qtbot) -> None:
    window = Window(agrees=True)
    guard = CloseGuard(window, lambda: pytest.fail("closed"))
    assert guard.eventFilter(window, QEvent(QEvent.Type.Resize)) is False
    assert guard.eventFilter(QObject(), QEvent(QEvent.Type.Hide)) is False
    window.deleteLater()


def test_quitting_the_application_ends_what_is_held(qapp, tmp_path: Path) -> None:
    training = FakeTraining(tmp_path)
    hold(training)
    qapp.aboutToQuit.emit()
    assert training.events == ["checkpoint"]


SCRIPT = """
import threading, time
from pathlib import Path
from napari_cryorestore.gui.live_runs import Launcher, LiveRuns

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

runs = LiveRuns(launcher=Launcher(lambda config, path: None, Training))
runs.start(None, Path("run"))
time.sleep(0.3)
"""
INSIDE_TORCH = """while not self.halt.is_set():
            torch.randn(200, 200) @ torch.randn(200, 200)
"""


@pytest.mark.parametrize("computing", ["self.halt.wait(60)", INSIDE_TORCH], ids=["waiting", "inside torch"])
def test_the_interpreter_ends_well_while_a_thread_trains(tmp_path: Path, computing: str) -> None:
    script = ("import torch\n" if "torch" in computing else "") + SCRIPT.replace("COMPUTING", computing)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert (tmp_path / "out").read_text() == "saved"


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
