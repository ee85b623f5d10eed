"""What panels are built from: their dock, sections that fold, rows, and labels for sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_cryorestore.gui.dock_place import Area, ClosedPlaces, DockPlace
from napari_cryorestore.gui.viewer_session import session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari import Viewer

LABEL_WIDTH = 92
"""Pixels that the words on the left take, so that rows above one another line up."""
_NARROW = (QPushButton, QToolButton, QLabel, QCheckBox)

WIDTH, LEAST_HEIGHT = 340, 200
_MARGIN = 4


def grid_of(parent: QWidget) -> QGridLayout:
    """Give a widget an empty grid for `add_row`."""
    grid = QGridLayout(parent)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(6)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(1, 1)
    return grid


def add_row(grid: QGridLayout, words: str | QWidget, *widgets: QWidget) -> None:
    """Add a row; buttons and labels keep their size, the rest shares what is left.

    Parameters
    ----------
    grid : QGridLayout
        As made by `grid_of`.
    words : str or QWidget
        What stands on the left.
    *widgets : QWidget
        What stands on the right.
    """
    row = grid.rowCount()
    left = QLabel(words) if isinstance(words, str) else words
    left.setMinimumWidth(LABEL_WIDTH)
    grid.addWidget(left, row, 0)
    grid.addLayout(side_by_side(widgets), row, 1)


def side_by_side(widgets: Sequence[QWidget]) -> QHBoxLayout:
    """Return a row of widgets; buttons and labels keep their size if anything else is among them."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    all_narrow = all(isinstance(widget, _NARROW) for widget in widgets)
    for widget in widgets:
        row.addWidget(widget, 1 if all_narrow or not isinstance(widget, _NARROW) else 0)
    return row


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


class SentenceLabel(QLabel):
    """Wraps, can be copied, and hides itself when it has nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.say("")

    def say(self, sentence: str) -> None:
        """Show a sentence; an empty one hides the label."""
        self.setText(sentence)
        self.setVisible(bool(sentence))

    def warn(self, sentence: str) -> None:
        """Show a sentence that needs the user's attention."""
        self.say(f"⚠ {sentence}" if sentence else "")


class DockedPanel(QWidget):
    """A panel in its own place in the window, however it is opened.

    Subclasses say in `leave` what they stop listening to; work goes on without the panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer, or the proxy that napari hands to plugins.

    Attributes
    ----------
    viewer : napari.Viewer
        Whose panel it is.
    session : ViewerSession
        What lives with that viewer.
    display_name : str
        Its name in the manifest.
    first_area : "right" or "bottom"
        The side on which it is docked until the user moves it.
    """

    display_name: ClassVar[str]
    first_area: ClassVar[Area]

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.session = session_of(self.viewer)
        closed = self.session.own(ClosedPlaces)
        self._place = DockPlace(self, self.display_name, self.first_area, closed=closed)

    def leave(self) -> None:
        """Stop looking at the viewer and at the work; may be called twice."""
        raise NotImplementedError

    def changeEvent(self, event: QEvent | None) -> None:
        """Take the panel's place in the window; let go when the dock is closed, which orphans the panel."""
        super().changeEvent(event)
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        parent = self.parent()
        if isinstance(parent, QDockWidget):
            self._place.take(parent)
        elif parent is None and self._place.is_taken:
            self._place.give_up()
            self.leave()
            self.deleteLater()


class FoldedPanel(DockedPanel):
    """Folds below one another that scroll, above a bar that does not."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.sections, self.area = QVBoxLayout(), QScrollArea()

    def sizeHint(self) -> QSize:
        """Be as wide as the right dock usually is."""
        return QSize(WIDTH, 700)

    def minimumSizeHint(self) -> QSize:
        """Let the user make the dock low, as the sections scroll, but not narrower than they are."""
        page, bar = self.area.widget(), self.area.verticalScrollBar()
        inside = page.minimumSizeHint().width() + bar.sizeHint().width() if page and bar else 0
        margins = self.contentsMargins()
        return QSize(inside + margins.left() + margins.right() + 2 * _MARGIN, LEAST_HEIGHT)

    def lay_out(self, folds: dict[str, Fold], bar: QWidget) -> None:
        """Put folds, with bold headings, above a bar; the first one is open.

        Parameters
        ----------
        folds : dict of str to Fold
            From top to bottom.
        bar : QWidget
            What stays in sight below.
        """
        page = QWidget()
        self.sections = QVBoxLayout(page)
        self.sections.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        self.sections.setSpacing(6)
        for fold in folds.values():
            fold.make_bold()
            self.sections.addWidget(fold)
        next(iter(folds.values())).unfold()
        self.sections.addStretch(1)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        layout.addWidget(self.area, 1)
        layout.addWidget(bar)


__all__ = [
    "LABEL_WIDTH",
    "DockedPanel",
    "Fold",
    "FoldedPanel",
    "SentenceLabel",
    "add_row",
    "grid_of",
    "side_by_side",
]
