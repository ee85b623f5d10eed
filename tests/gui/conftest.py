"""What every test of the graphical doors shares: napari's environment, and a guard against leaks."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

# Before napari is imported: its settings are read from here once and for all.
os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"
_SETTINGS = tempfile.TemporaryDirectory(prefix="cryorestore-test-")
os.environ["NAPARI_CONFIG"] = os.path.join(_SETTINGS.name, "settings.yaml")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from napari.settings import get_settings  # noqa: E402
from npe2 import PluginManifest  # noqa: E402
from qtpy.QtCore import QEvent, QTimer  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

from napari_cryorestore.gui.viewer_session import ViewerSession  # noqa: E402
from napari_cryorestore.io.volume_output import write_volume  # noqa: E402
from napari_cryorestore.runs.events import Checkpointed, Evaluated, Snapshotted, Started  # noqa: E402
from napari_cryorestore.runs.run_dir import RunDir  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

VOLUME = np.random.default_rng(0).normal(size=(6, 8, 10)).astype(np.float32)
GRACE = 60.0  # seconds that threads and deferred deletions have to end after a test


_STARTED: WeakSet[QTimer] = WeakSet()


@pytest.fixture(autouse=True, scope="session")
def _remember_timers() -> Iterator[None]:
    """Note every timer that is started; to search for them takes a fifth of a second a test."""
    start = QTimer.start

    def noted(timer: QTimer, *arguments: object) -> None:
        _STARTED.add(timer)
        start(timer, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QTimer, "start", noted)
        yield


@pytest.fixture(autouse=True, scope="session")
def _look_for_plugins_once() -> Iterator[None]:
    """Read the manifests of installed plugins once; every new window would, for a third of what it takes."""
    discover = PluginManifest.discover
    found: dict[str, list[Any]] = {}

    def remembered(*arguments: Any, **named: Any) -> Iterator[Any]:
        key = repr((arguments, named))
        if key not in found:
            found[key] = list(discover(*arguments, **named))
        return iter(found[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", remembered)
        yield


@pytest.fixture(autouse=True, scope="session")
def _write_no_settings() -> None:
    """Keep napari's own settings in memory; it would write them all whenever a dock or a window changes."""
    get_settings()._save_on_change = False


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Wait as long as a busy computer may need: no test measures how fast it is."""
    for name in ("waitUntil", "waitSignal"):
        setattr(qtbot, name, partial(getattr(qtbot, name), timeout=300_000))
    return qtbot


@pytest.fixture(autouse=True)
def patient_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a closing window wait for its work as long as a busy computer may need."""
    monkeypatch.setattr(ViewerSession.stop_all, "__defaults__", (300.0,))


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a top-level widget, a running timer or a thread behind."""
    widgets, timers, threads = _top_level_widgets(), _running_timers(), set(threading.enumerate())
    yield
    report = getattr(request.node, "rep_call", None)
    if report is not None and report.failed:
        return  # its traceback keeps widgets alive
    deadline = time.monotonic() + GRACE
    left: list[str] = ["unknown"]
    while left and time.monotonic() < deadline:
        left = _left(widgets, timers, threads)
        if left:
            time.sleep(0.02)
    if left:
        pytest.fail("the test left behind: " + "; ".join(left))


def _left(widgets: set[QWidget], timers: set[QTimer], threads: set[threading.Thread]) -> list[str]:
    if QApplication.instance() is not None:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    alive = [
        *(_top_level_widgets() - widgets),
        *(_running_timers() - timers),
        *(thread for thread in set(threading.enumerate()) - threads if not _napari_owns(thread)),
    ]
    if alive:
        gc.collect()
    return [repr(item) for item in alive]


def _top_level_widgets() -> set[QWidget]:
    """Visible or not, but not those that napari itself makes and keeps."""
    if QApplication.instance() is None:
        return set()
    return {
        widget
        for widget in QApplication.topLevelWidgets()
        if not type(widget).__module__.startswith(("napari.", "vispy.")) and type(widget).__name__ != "QMenu"
    }


def _running_timers() -> set[QTimer]:
    return {timer for timer in _STARTED if _is_active(timer)}


def _is_active(timer: QTimer) -> bool:
    try:
        return timer.isActive()
    except RuntimeError:  # its C++ object is gone
        return False


def _napari_owns(thread: threading.Thread) -> bool:
    return thread.name.startswith(("ThreadPoolExecutor", "pymp-", "QThread", "Dummy"))


class FakeTraining:
    """A thread that trains until it is told to stop, then saves for a while."""

    def __init__(self, path: Path, *, saving: float = 0.0, deaf: bool = False) -> None:
        self.path, self.saving, self.deaf = path, saving, deaf
        self.release = threading.Event()
        self.events: list[str] = []
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        self.release.wait(300)
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
def begin() -> Iterator[Callable[..., FakeTraining]]:
    """Begin a `FakeTraining`; it is over when the test is."""
    begun: list[FakeTraining] = []

    def train(path: Path, **properties: Any) -> FakeTraining:
        begun.append(FakeTraining(path, **properties))
        return begun[-1]

    yield train
    for training in begun:
        training.release.set()
        training.join(300)


@pytest.fixture
def save() -> Callable[..., Path]:
    """Write a small volume."""

    def write(path: Path, volume: np.ndarray = VOLUME) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_volume(path, volume, voxel_size=7.5, label="made up")

    return write


@pytest.fixture
def pair(tmp_path: Path, save: Callable[..., Path]) -> tuple[Path, Path]:
    return save(tmp_path / "data" / "TS01_even.mrc"), save(tmp_path / "data" / "TS01_odd.mrc", VOLUME + 1)


@pytest.fixture
def run(tmp_path: Path, pair: tuple[Path, Path]) -> Path:
    """A run on the pair with checkpoints at 200, 300, … 600, of which 400 is the best and 200 is pinned."""
    config = (
        f'[[tomograms]]\neven = "{pair[0]}"\nodd = "{pair[1]}"\nname = "TS01"\nvoxel_size = 7.5\n'
        'tilt_min = -57.0\ntilt_max = 63.0\ntilt_axis = "x"\n[method]\nkind = "icecream"\n'
    )
    made = RunDir.create(tmp_path / "run_a", config=config, environment={})
    made.record(Started(steps=600, process=1, host="here"))
    for step, quality in ((200, 0.1), (300, 0.3), (400, 0.5), (500, 0.3), (600, 0.1)):
        add_step(made, step, quality)
    made.pin(200)
    return made.path


def add_step(run: RunDir, step: int, quality: float) -> None:
    run.write_checkpoint(step, lambda folder: (folder / "weights.safetensors").write_bytes(b""))
    run.record(Snapshotted(step=step, file=""))
    run.record(Evaluated(step=step, metrics={"n2n": quality, "fill": quality}))
    run.record(Checkpointed(step=step, file=f"checkpoints/step_{step:08d}"))
