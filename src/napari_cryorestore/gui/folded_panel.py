"""What panels in the right dock share: sections that scroll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_cryorestore.gui.docked_panel import DockedPanel

if TYPE_CHECKING:
    from napari_cryorestore.gui.fold import Fold

WIDTH, LEAST_HEIGHT = 340, 200
_MARGIN = 4


class FoldedPanel(DockedPanel):
    """Folds below one another that scroll, above a bar that does not."""

    def __init__(self) -> None:
        super().__init__()
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


__all__ = ["FoldedPanel"]
