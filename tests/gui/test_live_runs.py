from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QWidget

from napari_cryorestore.gui import live_runs
from napari_cryorestore.gui.live_runs import Launcher, LiveRuns, launch_run, runs_of
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import RunLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


USUAL = sys.getswitchinterval()


@pytest.fixture
def launcher(begin: Callable[..., Any]) -> Launcher:
    def create(config: object, path: Path) -> None:
        if config == "bad":
            raise ValueError("the tilt range is reversed")
        path.mkdir()

    return Launcher(create, begin)


@pytest.fixture
def runs(launcher: Launcher) -> LiveRuns:
    return LiveRuns(launcher=launcher)


def eventually(condition: Callable[[], bool], *, seconds: float = 300) -> bool:
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


def test_a_run_that_another_program_trains_is_left_alone(runs: LiveRuns, tmp_path: Path) -> None:
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


def test_the_interpreter_switches_fast_while_anything_trains(runs: LiveRuns, tmp_path: Path) -> None:
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
    """Trap 2: nobody tells a panel that the window closes; a filter on the window hears it."""
    viewer = make_napari_viewer()
    runs = runs_of(viewer)
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
    runs = runs_of(viewer)
    runs.launcher = launcher
    dock = viewer.window.add_dock_widget(QWidget(), name="panel")
    training = runs.start("config", tmp_path / "run")
    dock.setFloating(True)
    dock.destroyOnClose()
    assert training.alive
    assert runs_of(viewer).current == tmp_path / "run"


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
