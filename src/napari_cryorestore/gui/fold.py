"""A heading that folds what is under it away."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel


class Fold(QWidget):
    """A heading with an arrow; a click shows or hides the content, and a summary stands in for it meanwhile.

    Parameters
    ----------
    title
        The heading.
    content
        What is folded; becomes a child.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setAutoRaise(True)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.toggled.connect(self._toggle)
        self._summary = QElidingLabel()
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self._button)
        head.addWidget(self._summary, 1)
        head.addStretch(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(content)
        self._toggle(False)

    def make_bold(self) -> None:
        """Print the heading bold."""
        font = self._button.font()
        font.setBold(True)
        self._button.setFont(font)

    def unfold(self) -> None:
        """Show the content."""
        self._button.setChecked(True)

    def fold(self) -> None:
        """Hide the content."""
        self._button.setChecked(False)

    def is_open(self) -> bool:
        """Tell whether the content is shown."""
        return bool(self._button.isChecked())

    def set_summary(self, summary: str) -> None:
        """Set the few words that stand beside the heading while it is folded."""
        self._summary.setText(summary)

    def _toggle(self, is_open: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self._button.setArrowType(arrow)
        self.content.setVisible(is_open)
        self._summary.setVisible(not is_open)
        self.toggled.emit(is_open)


__all__ = ["Fold"]
