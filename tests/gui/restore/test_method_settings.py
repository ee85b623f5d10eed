"""Settings of a method that count at restoring, from the run's to the form in the panel and the result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_cryorestore.config import setting
from napari_cryorestore.gui import model_choice
from napari_cryorestore.gui.model_choice import ModelChoice, loaded_method, settings_of_method
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.methods import METHODS, Method, MethodConfig, untrained_methods

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_cryorestore.gui.restore import RestorePanel
    from napari_cryorestore.gui.restore.model import RestoreModel


class SmoothConfig(MethodConfig):
    kind: Literal["smooth"] = "smooth"
    width: float = setting(2.0, "How far it smooths.", gt=0)


class Smooth(Method):
    """A method without training, with a setting."""

    Config = SmoothConfig
    title = "Smoothing"
    summary = "Smooths."
    trainable = False


@pytest.fixture
def smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "smooth", Smooth)


def says(run: Path, line: str) -> Path:
    config = run / "config.toml"
    config.write_text(config.read_text() + line + "\n")
    return run


def test_a_model_tells_what_it_was_trained_with(run: Path, tmp_path: Path) -> None:
    assert settings_of_method(ModelChoice()) == {}
    assert settings_of_method(ModelChoice(says(run, "passes = 1"))) == {"kind": "icecream", "passes": 1}
    about = {"method": json.dumps({"kind": "icecream", "average_flips": False})}
    save_file({"a": np.zeros(1)}, tmp_path / "weights.safetensors", metadata=about)
    for weights in (tmp_path, tmp_path / "weights.safetensors"):
        assert settings_of_method(ModelChoice(weights=weights)) == json.loads(about["method"])
        assert loaded_method(ModelChoice(weights=weights)) is METHODS["icecream"]
    (tmp_path / "other.safetensors").write_bytes(b"no weights")
    assert loaded_method(ModelChoice(weights=tmp_path / "other.safetensors")) is None


def test_the_form_shows_what_counts_at_restoring_as_it_was_trained(
    viewer: ViewerModel, panel: RestorePanel, run: Path
) -> None:
    assert panel.choice.settings is None
    session_of(viewer).use_step.emit(says(run, "passes = 1\naverage_flips = true"), 600)
    form = panel.choice.settings
    assert form is not None
    assert form.isVisibleTo(panel)
    assert form.editor("passes").currentText() == "1"
    assert form.editor("average_flips").isChecked()
    with pytest.raises(KeyError):
        form.editor("eq_weight")
    assert panel.model.other_settings() == {}
    assert panel.choice.settings_line.text() == ""

    form.editor("average_flips").click()
    assert panel.model.other_settings() == {"average_flips": False}
    assert "four times the work" in panel.choice.settings_line.text()

    panel._models.choose(ModelChoice(method="wiener"))
    assert panel.choice.settings is None
    assert panel.model.other_settings() == {}


def test_what_is_chosen_stays_for_another_step(viewer: ViewerModel, panel: RestorePanel, run: Path) -> None:
    session_of(viewer).use_step.emit(run, 600)
    assert panel.choice.settings is not None
    panel.choice.settings.editor("passes").setCurrentText("1")
    session_of(viewer).use_step.emit(run, 400)
    assert panel.choice.settings.editor("passes").currentText() == "1"
    assert panel.model.other_settings() == {"passes": 1}


def test_it_is_handed_on_and_named_in_the_result(model: RestoreModel, restorer, run: Path) -> None:
    model.choose(ModelChoice(run))
    settings = model.settings()
    assert settings is not None
    model.take_settings(settings.model_copy(update={"average_flips": True}))
    model.start()
    assert model.restoration is not None
    assert model.restoration.join(300)
    (entry,) = model.entries
    assert restorer.seen[0]["method"] == {"average_flips": True}
    assert entry.title == "TS01 · ICECREAM @ 400, average_flips True"


@pytest.mark.usefixtures("smooth")
def test_every_method_without_training_is_offered_with_its_settings(panel: RestorePanel) -> None:
    words = [panel.choice.model.itemText(row) for row in range(panel.choice.model.count())]
    assert words == [METHODS[name].title for name in untrained_methods()]
    assert {words[0], words[-1]} == {"Wiener filter", "Smoothing"}
    panel._models.choose(ModelChoice(method="smooth"))
    assert panel.choice.settings is not None
    panel.choice.settings.editor("width").setText("3")
    assert panel.model.other_settings() == {"width": 3.0}
    panel.choice.settings.editor("width").setText("-1")
    panel.restore()
    assert "width" in panel.bar.problem.text()


def test_until_methods_are_loaded_nothing_is_chosen_nor_restored(
    opened, load, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(*pair)
    with monkeypatch.context() as patched:
        patched.setattr("napari_cryorestore.gui.restore.model_section.loaded_methods", dict)
        patched.setattr("napari_cryorestore.gui.restore.model_section.loaded_untrained_methods", dict)
        patched.setattr("napari_cryorestore.gui.restore.request.loaded_methods", dict)
        panel = opened()
        assert panel.choice.model.count() == 0
        panel.restore()
        assert "PyTorch is still being loaded" in panel.bar.problem.text()
    assert model_choice.loaded_methods()
    panel.background.poll()
    panel._models._methods_known()
    assert panel.model.request.model == ModelChoice(method="wiener")
    assert panel.model.problem() == ""
