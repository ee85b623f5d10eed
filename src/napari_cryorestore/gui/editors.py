"""The widgets that edit one value: a setting, taken in and given out as a plain value, or which volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget

from napari_cryorestore.gui.typed_values import split_numbers, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_cryorestore.config import Setting
    from napari_cryorestore.gui.named_volume import NamedVolume

AUTOMATIC = "automatic"
_LARGEST_INT = 2**31 - 1

NOTHING = "none"
_REFUSED = int(Qt.ItemDataRole.UserRole) + 1


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


def grey_items(box: QComboBox, reasons: Mapping[int, str]) -> None:
    """Let some items, by number, not be chosen, with the reason as their tip; all others can be.

    What is chosen already stays chosen.
    """
    items = box.model()
    for row in range(box.count()):
        reason = reasons.get(row)
        item = items.item(row) if isinstance(items, QStandardItemModel) else None
        if item is not None and item.isEnabled() != (reason is None):
            item.setEnabled(reason is None)
        if reason is not None or box.itemData(row, _REFUSED):
            box.setItemData(row, reason, _REFUSED)
            box.setItemData(row, reason, Qt.ItemDataRole.ToolTipRole)


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


class VolumeCombo(QComboBox):
    """Chooses one of the volumes on offer, or none."""

    def __init__(self) -> None:
        super().__init__()
        fit_dock(self)
        self._volumes: list[NamedVolume | None] = [None]
        self.addItem(NOTHING)

    def volume(self) -> NamedVolume | None:
        """Return the volume chosen."""
        return self._volumes[max(self.currentIndex(), 0)]

    def choose(self, volume: NamedVolume | None) -> None:
        """Choose a volume; none if it is not on offer."""
        self.setCurrentIndex(self._volumes.index(volume) if volume in self._volumes else 0)

    def offer(self, volumes: Sequence[NamedVolume]) -> None:
        """List volumes; what was chosen stays if it is still there."""
        chosen = self.volume()
        self._volumes = [None, *volumes]
        self.clear()
        self.addItems([NOTHING, *(volume.name for volume in volumes)])
        self.choose(chosen)


__all__ = [
    "AUTOMATIC",
    "NOTHING",
    "Editor",
    "VolumeCombo",
    "check_box_between",
    "combo_box",
    "editor_for",
    "fit_dock",
    "grey_items",
    "keep_from_wheel",
]
