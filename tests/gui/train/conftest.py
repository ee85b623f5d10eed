"""A bench for the Train panel: trainings that do nothing, and what a user does with the panel."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari import Viewer
from scipy.ndimage import gaussian_filter

from napari_cryorestore.gui.train import panel as panel_module
from napari_cryorestore.gui.train.panel import TrainPanel
from napari_cryorestore.gui.viewer_session import Launcher, session_of
from napari_cryorestore.runs.events import Event, Finished, Started, Stepped
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (32, 40, 48)
SIGNAL = 8 * gaussian_filter(np.random.default_rng(1).normal(size=SHAPE), 2)  # as smooth as no noise is


class FakeTraining:
    """Records what it is told to, until it is stopped."""

    def __init__(self, path: Path) -> None:
        self.run = RunDir(path)
        self.alive = True
        self.run.record(Started(steps=300, process=1, host="here"))

    def step(self, step: int) -> None:
        self.run.record(Stepped(step=step, loss=1.0, rate=11.0))

    def end(self, event: Event) -> None:
        self.run.record(event)
        self.alive = False

    def stop(self) -> None:
        if self.alive:
            self.end(Finished(step=1, reason="stopped"))

    def join(self, timeout: float | None = None) -> bool:
        while self.alive:
            threading.Event().wait(0.01)
        return True


class Bench:
    """What a user does, and what has been started."""

    def __init__(self, qtbot: Any) -> None:
        self.qtbot = qtbot
        self.trainings: list[FakeTraining] = []
        self.configs: list[Any] = []
        self.chains: list[Any] = []
        self.may_chain = threading.Event()
        self.monitors = 0

    def launcher(self) -> Launcher:
        def create(config: Any, path: Path) -> None:
            self.configs.append(config)
            RunDir.create(path, config=config.to_toml(), environment={})

        def launch(path: Path) -> FakeTraining:
            self.trainings.append(FakeTraining(path))
            return self.trainings[-1]

        def chain(config: Any, path: Path, restored_by: Any, progress: Any, cancelled: Any) -> None:
            self.chains.append(restored_by)
            progress(0.4)
            while not self.may_chain.wait(0.01):
                if cancelled():
                    raise KeyError("cancelled")
            create(config, path)

        return Launcher(create, launch, chain)

    def open(self, viewer: Any) -> TrainPanel:
        """Dock a panel; most tests do without a window, which takes a second to open."""
        session_of(viewer).launcher = self.launcher()
        panel = TrainPanel(viewer)
        if isinstance(viewer, Viewer):
            viewer.window.add_dock_widget(panel, name="Train", area="right")
        else:
            self.qtbot.addWidget(panel)
        self.qtbot.waitUntil(lambda: panel.recipe is not None, timeout=300_000)
        self.settle(panel)
        return panel

    def half(self, seed: int) -> np.ndarray:
        return (SIGNAL + np.random.default_rng(seed).normal(size=SHAPE)).astype(np.float32)

    def add(self, viewer: Any, name: str, data: np.ndarray, **changed: Any) -> Any:
        arguments = {"scale": (8.0,) * 3, "units": ("angstrom",) * 3, **changed}
        return viewer.add_image(data, name=name, **arguments)

    def add_pair(self, viewer: Any) -> None:
        self.add(viewer, "cell_even", self.half(2))
        self.add(viewer, "cell_odd", self.half(3))

    def settle(self, panel: TrainPanel) -> None:
        self.qtbot.waitUntil(lambda: not panel.background.busy(), timeout=300_000)

    def click(self, button: Any) -> None:
        assert button.isEnabled()
        button.click()

    def start(self, panel: TrainPanel) -> FakeTraining:
        before = len(self.trainings)
        self.click(panel.bar.start)
        self.qtbot.waitUntil(lambda: len(self.trainings) > before, timeout=300_000)
        return self.trainings[-1]

    def shows(self, panel: TrainPanel, words: str) -> None:
        def said() -> bool:
            return words in panel.bar.state.text() + panel.bar.problem.text()

        self.qtbot.waitUntil(said, timeout=300_000)


@pytest.fixture
def bench(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(qtbot)

    def count(viewer: Any) -> None:
        made.monitors += 1

    monkeypatch.setattr(panel_module, "open_monitor", count)
    monkeypatch.setattr(panel_module, "TICK", 10)
    estimate = "napari_cryorestore.training.time_estimate.estimated_seconds"
    monkeypatch.setattr(estimate, lambda *_, **__: 240.0)  # else every panel would time a network
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    yield made
    for training in made.trainings:
        training.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("cryorestore "):  # nobody waits for its answer
            thread.join(300)
