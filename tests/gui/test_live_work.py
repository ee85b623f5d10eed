from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow

from napari_cryorestore.gui.live_work import CloseGuard, hold, stop

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtGui import QCloseEvent


def test_stopping_asks_all_before_it_waits_for_any(tmp_path: Path, begin, monkeypatch) -> None:
    work, story = [begin(tmp_path, saving=0.1) for _ in range(4)], []
    for name in ("stop", "join"):
        for item in work:
            do = getattr(item, name)
            monkeypatch.setattr(
                item, name, lambda *args, do=do, name=name: (story.append(name), do(*args))[1]
            )
    assert stop(work, timeout=300)
    assert story[:5] == ["stop", "stop", "stop", "stop", "join"]
    assert all(item.events == ["checkpoint"] for item in work)


def test_work_that_takes_the_request_back_is_asked_again(tmp_path: Path, begin) -> None:
    training = begin(tmp_path)
    asked = []

    def stop_late() -> None:
        asked.append(True)
        if len(asked) == 2:
            training.release.set()

    training.stop = stop_late
    assert stop([training], timeout=300)
    assert len(asked) == 2


def test_what_does_not_end_in_time_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, begin) -> None:
    deaf = begin(tmp_path, deaf=True)
    assert not stop([deaf], timeout=0.05)
    assert "one is still in the middle of a step or tile 0.05 s after being asked to end" in caplog.text
    assert "or from its beginning if it has none, with Continue in the Monitor" in caplog.text
    deaf.release.set()
    deaf.join(300)


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


def test_quitting_the_application_ends_what_is_held(qapp, tmp_path: Path, begin) -> None:
    training = begin(tmp_path)
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


@pytest.mark.parametrize("computing", ["self.halt.wait(600)", INSIDE_TORCH], ids=["waiting", "inside torch"])
def test_the_interpreter_ends_well_while_a_thread_trains(tmp_path: Path, computing: str) -> None:
    """Trap 2: an interpreter that ends while a thread is inside PyTorch aborts."""
    script = ("import torch\n" if "torch" in computing else "") + SCRIPT.replace("COMPUTING", computing)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert (tmp_path / "out").read_text() == "saved"
