"""The tabs beneath the pictures: curves, table, trust and particles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QTabWidget

from napari_cryorestore.gui.compare.curves_tab import CurvesTab
from napari_cryorestore.gui.compare.number_control import NumberControl
from napari_cryorestore.gui.compare.particles_tab import ParticleControl, ParticlesTab
from napari_cryorestore.gui.compare.table_tab import TableTab
from napari_cryorestore.gui.compare.trust_control import TrustControl
from napari_cryorestore.gui.compare.trust_tab import TrustTab

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_cryorestore.comparison.model import Comparison
    from napari_cryorestore.gui.compare.colours import Colours
    from napari_cryorestore.gui.compare.viewer_link import ViewerLink


class LowerTabs(QTabWidget):
    """The tabs, and what fills them.

    Parameters
    ----------
    comparison : Comparison
        Whose rows.
    viewer : Viewer
        Where maps are layers.
    link : ViewerLink
        Where points of the viewer's layers lie.
    add_row : callable
        Makes a layer a row.
    """

    def __init__(
        self,
        comparison: Comparison,
        viewer: Viewer,
        link: ViewerLink,
        add_row: Callable[[Any], object],
    ) -> None:
        super().__init__()
        self.curves, self.table = CurvesTab(), TableTab()
        self.trust, self.particles = TrustTab(), ParticlesTab()
        for name, tab in (
            ("Curves", self.curves),
            ("Table", self.table),
            ("Trust", self.trust),
            ("Particles", self.particles),
        ):
            self.addTab(tab, name)
        self.setDocumentMode(True)
        self.numbers = NumberControl(comparison, link, self.curves, self.table)
        self.maps = TrustControl(comparison, viewer, self.trust, add_row)
        self.picks = ParticleControl(comparison.model, self.particles)

    @property
    def busy(self) -> bool:
        """Whether something is still to come."""
        return self.numbers.busy or self.maps.busy

    def leave(self) -> None:
        """Stop looking at the rows."""
        self.numbers.leave()
        self.maps.leave()

    def set_open(self, is_open: bool) -> None:
        """Show the tabs and compute what they need, or neither."""
        self.setVisible(is_open)
        self.numbers.set_open(is_open)

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.curves.set_colours(colours)
        self.particles.set_colours(colours)

    def sizeHint(self) -> QSize:
        """Leave room for a readable plot."""
        return QSize(460, 260)

    def minimumSizeHint(self) -> QSize:
        """Leave most of a narrow panel to the pictures: the tabs scroll."""
        return QSize(300, 160)


__all__ = ["LowerTabs"]
