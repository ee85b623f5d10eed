"""The widget that edits one setting: what is typed goes in and out as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.config import Setting

AUTOMATIC = "automatic"
_LARGEST_INT = 2**31 - 1
_BETWEEN_NUMBERS = re.compile(r"[\s,;×]+")


@dataclass(frozen=True)
class Editor:
    """One widget and the three things a form does with it.

    Attributes
    ----------
    widget : QWidget
    read : callable
        Returns what stands in the widget as a plain value; text where pydantic is to parse it, ``None`` for
        "not given".
    write : callable
        Shows a value.
    edited : signal
        Emitted when the user, or ``write``, changes it.
    """

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]
    edited: Any


def editor_for(setting: Setting) -> Editor:
    """Return the editor that suits a setting's kind."""
    if setting.choices:
        return _combo(setting)
    if setting.kind is bool and not setting.optional:
        return _check_box()
    if setting.kind is int and not setting.optional:
        return _spin_box(setting)
    return _text_field(setting)


def to_text(value: Any) -> str:
    """Write a value the way it is typed: floats keep every digit, ``None`` is empty, tuples have commas."""
    if value is None:
        return ""
    if isinstance(value, float):
        short = f"{value:.12g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple | list):
        return ", ".join(to_text(item) for item in value)
    return str(value)


def read_numbers(text: str) -> tuple[float, ...] | None:
    """Read numbers separated by commas, blanks or ×; ``None`` if one of them is no number."""
    try:
        return tuple(float(piece) for piece in split_numbers(text))
    except ValueError:
        return None


def split_numbers(text: str) -> list[str]:
    """Return the pieces of ``(1, 2, 3)``, ``1 2 3`` or ``1×2×3``."""
    return [piece for piece in _BETWEEN_NUMBERS.split(text.strip().strip("()[]")) if piece]


class _WheelGuard(QObject):
    """Lets the wheel scroll the panel instead of changing a number that the pointer happens to cross."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget):
            event.ignore()
            return not watched.hasFocus()
        return False


def keep_from_wheel(widget: QWidget) -> None:
    """Make a widget take the wheel only once it has been clicked."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelGuard(widget))


def combo_box() -> QComboBox:
    """Return a combo box that fits a narrow dock and leaves the wheel to the panel."""
    box = QComboBox()
    fit_dock(box)
    return box


def fit_dock(box: QComboBox) -> None:
    """Make a combo box shrink to a few letters and take the wheel only once it has been clicked."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    keep_from_wheel(box)


def check_box_between(words: str, *, checked: Any, unchecked: Any) -> Editor:
    """Return a box with words of its own that stands for one of two values."""
    box = QCheckBox(words)
    return Editor(
        box,
        lambda: checked if box.isChecked() else unchecked,
        lambda value: box.setChecked(value == checked),
        box.toggled,
    )


def _check_box() -> Editor:
    return check_box_between("", checked=True, unchecked=False)


def _combo(setting: Setting) -> Editor:
    box = combo_box()
    if setting.optional:
        box.addItem(AUTOMATIC, None)
    for choice in setting.choices:
        box.addItem(str(choice), choice)
    values = [box.itemData(index) for index in range(box.count())]

    def write(value: Any) -> None:
        box.setCurrentIndex(values.index(value) if value in values else -1)

    return Editor(box, box.currentData, write, box.currentIndexChanged)


def _spin_box(setting: Setting) -> Editor:
    box = QSpinBox()
    keep_from_wheel(box)
    box.setRange(*_int_range(setting.bounds))
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setGroupSeparatorShown(False)
    box.setKeyboardTracking(True)
    if setting.unit:
        box.setSuffix(f" {setting.unit}")
    return Editor(box, box.value, lambda value: box.setValue(int(value)), box.valueChanged)


def _int_range(bounds: dict[str, float]) -> tuple[int, int]:
    lowest = bounds["gt"] + 1 if "gt" in bounds else bounds.get("ge", -_LARGEST_INT)
    highest = bounds["lt"] - 1 if "lt" in bounds else bounds.get("le", _LARGEST_INT)
    return int(lowest), int(highest)


def _text_field(setting: Setting) -> Editor:
    field = QLineEdit()
    if setting.optional:
        field.setPlaceholderText(AUTOMATIC)

    def read() -> Any:
        text = field.text().strip()
        if not text and setting.optional:
            return None
        if setting.kind is tuple:
            return split_numbers(text)
        return text

    return Editor(field, read, lambda value: field.setText(to_text(value)), field.textChanged)


__all__ = [
    "AUTOMATIC",
    "Editor",
    "check_box_between",
    "combo_box",
    "editor_for",
    "fit_dock",
    "keep_from_wheel",
    "read_numbers",
    "split_numbers",
    "to_text",
]
