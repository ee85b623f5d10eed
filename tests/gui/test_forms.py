from __future__ import annotations

from typing import Literal

import pytest
from pydantic import ValidationError, model_validator
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QSpinBox

from napari_cryorestore.config import Config, setting
from napari_cryorestore.gui.forms import ConfigForm
from napari_cryorestore.gui.typed_values import to_text


class Inner(Config):
    rate: float = setting(1e-4, "How fast.", gt=0)
    steps: int = setting(3000, "How long.", ge=1, le=100_000)


class Knobs(Config):
    kind: Literal["knobs"] = "knobs"
    secret: str = setting("kept", "Not shown.")
    inner: Inner = Inner()
    loss: Literal["l1", "l2"] = setting("l2", "The distance.")
    passes: Literal[1, 2] = setting(2, "How often.")
    flips: bool = setting(False, "Flip crops.")
    crop: int | None = setting(None, "Edge of a crop.", unit="voxels", ge=16)
    position: tuple[int, int, int] | None = setting(None, "Centre.", unit="voxels")
    tilt: float | None = setting(None, "Angle.", unit="°", advanced=True)
    pause: int = setting(5, "Break.", unit="s", ge=0, advanced=True)

    @model_validator(mode="after")
    def _consistent(self) -> Knobs:
        if self.flips and self.loss == "l1":
            raise ValueError("flips need the l2 loss")
        return self


@pytest.fixture
def form(qtbot):
    made = ConfigForm(Knobs, hidden={"secret"})
    qtbot.addWidget(made)
    return made


def test_untouched_form_says_the_defaults_exactly(form):
    assert form.value() == Knobs()
    assert form.problem == ""


def test_small_floats_keep_every_digit(form):
    """Trap 13: a float box turns 1e-4 into 0.0."""
    field = form.editor("inner", "rate")
    assert isinstance(field, QLineEdit)
    assert field.text() == "0.0001"
    for text, number in (("1e-4", 1e-4), ("2.5e-07", 2.5e-7), ("0.1", 0.1)):
        field.setText(text)
        assert form.value().inner.rate == number
    form.setValue(Knobs(inner=Inner(rate=1 / 3)))
    assert form.value().inner.rate == 1 / 3


def test_none_survives_as_automatic(form):
    """Trap 13: an empty value gets lost."""
    field = form.editor("crop")
    assert field.text() == ""
    assert field.placeholderText() == "automatic"
    field.setText("64")
    assert form.value().crop == 64
    field.setText("  ")
    assert form.value().crop is None


def test_each_kind_has_its_editor(form):
    assert isinstance(form.editor("flips"), QCheckBox)
    assert isinstance(form.editor("loss"), QComboBox)
    steps = form.editor("inner", "steps")
    assert isinstance(steps, QSpinBox)
    assert (steps.minimum(), steps.maximum()) == (1, 100_000)
    assert form.editor("pause").suffix() == " s"


def test_set_value_shows_and_returns_everything(form):
    value = Knobs(
        secret="told",
        inner=Inner(rate=3e-5, steps=7),
        loss="l1",
        passes=1,
        crop=48,
        position=(1, -2, 3),
        tilt=-12.5,
        pause=0,
    )
    form.setValue(value)
    assert form.value() == value
    assert form.editor("position").text() == "1, -2, 3"


@pytest.mark.parametrize("text", ["10, 20, 30", "10 20 30", "(10; 20; 30)", "10×20×30"])
def test_triples_are_read_however_they_are_separated(form, text):
    form.editor("position").setText(text)
    assert form.value().position == (10, 20, 30)


def test_sentence_stands_under_the_field_at_fault_and_goes_again(form):
    rate = form.editor("inner", "rate")
    rate.setText("-1")
    assert form.sentence("inner", "rate") == "⚠ Should be greater than 0 (given: -1)"
    assert form.sentence("crop") == ""
    assert form.problem.startswith("rate: Should be greater than 0")
    with pytest.raises(ValidationError):
        form.value()
    rate.setText("fast")
    assert "valid number" in form.sentence("inner", "rate")
    rate.setText("0.5")
    assert form.sentence("inner", "rate") == ""
    assert form.problem == ""


def test_sentence_about_a_part_of_a_triple_stands_under_the_triple(form):
    form.editor("position").setText("1, 2, x")
    assert "valid integer" in form.sentence("position")
    form.editor("position").setText("1, 2")
    assert form.sentence("position") != ""


def test_sentence_about_several_fields_stands_under_the_form(form):
    form.editor("loss").setCurrentText("l1")
    form.editor("flips").setChecked(True)
    assert form.sentence() == "⚠ Flips need the l2 loss"
    assert form.problem == "Flips need the l2 loss"


def test_advanced_settings_are_folded_until_opened_or_wrong(form):
    form.show()
    assert form.editor("inner", "rate").isVisible()
    assert not form.editor("tilt").isVisible()
    form.editor("tilt").setText("steep")
    assert form.editor("tilt").isVisible()


def test_edits_are_announced_once_each(form, qtbot):
    heard = []
    form.value_changed.connect(lambda: heard.append(form.problem))
    form.editor("loss").setCurrentText("l1")
    form.editor("inner", "rate").setText("x")
    assert len(heard) == 2
    assert heard[0] == ""
    assert heard[1] != ""
    form.setValue(Knobs())
    assert len(heard) == 3


def test_tooltip_is_the_help_sentence(form):
    assert form.editor("inner", "steps").toolTip() == "How long. Default: 3000."
    assert form.editor("crop").toolTip() == "Edge of a crop."


def test_wheel_over_an_unfocused_number_changes_nothing(form):
    form.show()
    steps = form.editor("inner", "steps")
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(0, 120), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    steps.clearFocus()
    QApplication.sendEvent(steps, event)
    assert steps.value() == 3000


@pytest.mark.parametrize(
    ("value", "text"), [(1e-4, "0.0001"), (60.0, "60"), (1e-9, "1e-09"), (None, ""), ((1, 2), "1, 2")]
)
def test_values_are_written_as_people_type_them(value, text):
    assert to_text(value) == text
