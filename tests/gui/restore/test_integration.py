"""The real engine behind the panel: a short training in a thread, then the step it saved restores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.layers import origin_of
from napari_cryorestore.gui.restore import RestorePanel
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.run_config import RunConfig


@pytest.fixture
def halves(tmp_path: Path, save) -> tuple[Path, Path]:
    generator = np.random.default_rng(0)
    z, y, x = np.mgrid[:32, :32, :40]
    ball = -((z - 16) ** 2 + (y - 16) ** 2 + (x - 20) ** 2 < 64).astype(np.float32)
    noisy = [ball + generator.normal(0, 0.5, ball.shape).astype(np.float32) for _ in range(2)]
    return save(tmp_path / "ball_even.mrc", noisy[0]), save(tmp_path / "ball_odd.mrc", noisy[1])


def recipe(halves: tuple[Path, Path], *, steps: int, every: int) -> RunConfig:
    from napari_cryorestore.run_config import RunConfig

    even, odd = halves
    return RunConfig.model_validate(
        {
            "tomograms": [{"even": even, "odd": odd, "tilt_min": -60, "tilt_max": 60}],
            "method": {"kind": "noise2noise"},
            "network": {"kind": "unet", "features": 2, "levels": 2},
            "schedule": {"steps": steps, "batch": 1, "crop": 16},
            "snapshots": {"every": every, "size": (8, 8, 8)},
            "hardware": {"device": "cpu", "threads": 1, "precision": "32"},
        }
    )


def test_a_step_just_trained_restores_its_tomogram(qtbot, tmp_path: Path, halves: tuple[Path, Path]) -> None:
    viewer = ViewerModel()
    for data, arguments, _ in read_tomograms([str(path) for path in halves]):
        viewer.add_image(data, **arguments)
    panel = RestorePanel(viewer)
    qtbot.addWidget(panel)
    runs = session_of(viewer)
    training = runs.start(recipe(halves, steps=3, every=3), tmp_path / "run")
    assert training.join(300)

    panel._models.refresh()
    panel.restore()
    qtbot.waitUntil(lambda: not panel.model.restoration.alive, timeout=300_000)
    panel._tick()

    assert panel.bar.problem.text() == ""
    layer = viewer.layers["ball · Noise2Noise @ 3"]
    assert layer.data.shape == (32, 32, 40)
    assert origin_of(layer).step == 3
    assert mrcfile.validate(tmp_path / "run" / "restored" / "ball_Noise2Noise_3.mrc")


def test_training_ends_with_the_window(
    make_napari_viewer, qtbot, tmp_path: Path, halves: tuple[Path, Path]
) -> None:
    viewer = make_napari_viewer()
    runs = session_of(viewer)
    training = runs.start(recipe(halves, steps=100_000, every=1000), tmp_path / "run")
    follower, state = RunFollower(tmp_path / "run"), RunState()
    qtbot.waitUntil(lambda: state.apply(follower.poll()) or state.step > 0, timeout=300_000)

    viewer.close()

    assert training.join(300)
    state.apply(follower.poll())
    assert state.status() == "stopped"
    assert state.step in state.checkpoints
