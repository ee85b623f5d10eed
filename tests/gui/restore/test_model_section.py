from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.preferences import preferences
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.methods import METHODS, untrained_methods
from napari_cryorestore.runs.run_dir import RunDir

from .conftest import choices, choose

UNTRAINED = [METHODS[name].title for name in untrained_methods()]

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from napari.components import ViewerModel

    from napari_cryorestore.gui.restore import RestorePanel


def test_the_step_that_the_monitor_chose_is_taken(
    viewer: ViewerModel, panel: RestorePanel, run: Path
) -> None:
    session_of(viewer).use_step.emit(run, 200)
    assert panel.choice.model.currentText() == "run_a"
    assert choices(panel.choice.step) == ["600 · newest", "500", "400 · suggested", "300", "200 · pinned"]
    assert panel.choice.step.currentText() == "200 · pinned"
    assert panel.choice.line.text() == "icecream · learned from TS01"
    assert panel.output.output.placeholderText() == str(run / "restored")
    assert panel.compute.tilt_min.placeholderText() == "−57"
    assert panel.compute.tilt_max.placeholderText() == "63"


def test_what_a_run_learned_from_is_called_as_the_run_calls_it(
    viewer: ViewerModel, panel: RestorePanel, run: Path
) -> None:
    config = (run / "config.toml").read_text().replace('name = "TS01"', 'name = "A_TS01"')
    (run / "config.toml").write_text(config)
    session_of(viewer).use_step.emit(run, 200)
    assert panel.choice.line.text() == "icecream · learned from A_TS01"


def test_an_over_fitted_step_is_warned_of(viewer: ViewerModel, panel: RestorePanel, run: Path) -> None:
    session_of(viewer).add(run)
    assert panel.choice.step.currentText() == "400 · suggested"
    assert panel.choice.warning.text() == ""
    choose(panel.choice.step, "600 · newest")
    assert panel.choice.warning.text().startswith("⚠ The run over-fitted before step 600")
    choose(panel.choice.step, "400 · suggested")
    assert panel.choice.warning.text() == ""


def test_the_date_of_a_run_comes_last(viewer: ViewerModel, panel: RestorePanel, run: Path) -> None:
    dated = run.rename(run.with_name("2026-11-21_TS01_icecream_2"))
    session_of(viewer).add(dated)
    assert panel.choice.model.currentText() == "TS01_icecream_2 · 2026-11-21"


def test_the_latest_run_is_chosen(viewer: ViewerModel, run: Path, opened) -> None:
    session_of(viewer).add(run)
    assert opened().model.request.model == ModelChoice(run, 400)


def test_a_first_run_is_chosen_when_it_comes(
    viewer: ViewerModel, panel: RestorePanel, run: Path, tmp_path: Path
) -> None:
    session_of(viewer).add(run)
    assert panel.choice.model.currentText() == "run_a"
    young = RunDir.create(tmp_path / "young", config="", environment={})
    session_of(viewer).add(young.path)
    assert panel.choice.model.currentText() == "run_a"
    assert choices(panel.choice.model) == [*UNTRAINED, "young", "run_a"]


def test_checkpoints_appear_while_a_run_trains(
    viewer: ViewerModel, panel: RestorePanel, tmp_path: Path
) -> None:
    young = RunDir.create(tmp_path / "young", config="", environment={})
    session_of(viewer).add(young.path)
    assert panel.choice.step.placeholderText() == "no checkpoint yet"
    panel.restore()
    assert "young has no checkpoint yet" in panel.bar.problem.text()

    young.write_checkpoint(50, lambda folder: None)
    panel._models.refresh()

    assert choices(panel.choice.step) == ["50 · newest"]
    assert panel.model.request.model.step == 50
    young.write_checkpoint(100, lambda folder: None)
    panel._models.refresh()
    assert panel.choice.step.currentText() == "50"
    assert panel.model.request.model.step == 50


def test_switching_models_goes_back_and_forth(viewer: ViewerModel, panel: RestorePanel, run: Path) -> None:
    session_of(viewer).add(run)
    choose(panel.choice.step, "200 · pinned")
    assert panel.model.request.model == ModelChoice(run, 200)
    choose(panel.choice.model, "Wiener filter")
    assert panel.model.request.model == ModelChoice(method="wiener")
    assert panel.choice.step.count() == 0
    choose(panel.choice.model, "run_a")
    assert panel.model.request.model == ModelChoice(run, 400)


def test_runs_and_weights_are_opened(
    panel: RestorePanel, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogs, "choose_run", lambda parent: run)
    weights = run / "checkpoints" / "step_00000200" / "weights.safetensors"
    monkeypatch.setattr(dialogs, "choose_weights", lambda parent: weights)
    panel.choice.menu.actions()[0].trigger()
    assert panel.model.request.model == ModelChoice(run, 400)
    panel.choice.menu.actions()[1].trigger()
    assert panel.model.request.model == ModelChoice(weights=weights)
    assert choices(panel.choice.model) == [*UNTRAINED, "run_a", "weights.safetensors"]

    monkeypatch.setattr(dialogs, "choose_run", lambda parent: tmp_path)
    panel.choice.menu.actions()[0].trigger()
    assert "holds no run" in panel.bar.problem.text()
    monkeypatch.setattr(dialogs, "choose_run", lambda parent: None)
    panel.choice.menu.actions()[0].trigger()
    assert panel.model.request.model == ModelChoice(weights=weights)


def test_devices_are_listed_once_pytorch_is_there(panel: RestorePanel, qtbot) -> None:
    __import__("torch")
    panel._models.refresh()
    qtbot.waitUntil(lambda: choices(panel.choice.device) == ["automatic (CPU)", "CPU · 2 cores"])
    choose(panel.choice.device, "CPU · 2 cores")
    assert panel.model.request.hardware.device == "cpu"


def test_the_preferred_device_is_chosen(viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch, opened) -> None:
    monkeypatch.setattr(preferences(), "default_device", "cpu")
    assert opened().model.request.hardware.device == "cpu"
