"""What lies beneath the pictures: curves, table, trust and particles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QTabWidget

from napari_cryorestore.gui.compare.curves_tab import CurvesTab
from napari_cryorestore.gui.compare.number_control import NumberControl
from napari_cryorestore.gui.compare.particle_control import ParticleControl
from napari_cryorestore.gui.compare.particles_tab import ParticlesTab
from napari_cryorestore.gui.compare.table_tab import TableTab
from napari_cryorestore.gui.compare.trust_control import TrustControl
from napari_cryorestore.gui.compare.trust_tab import TrustTab

if TYPE_CHECKING:
    from napari_cryorestore.gui.compare.colours import Colours
    from napari_cryorestore.gui.compare.panel import ComparePanel


class Tray(QTabWidget):
    """The tabs, and what fills them.

    Parameters
    ----------
    panel : ComparePanel
        Whose rows.
    """

    def __init__(self, panel: ComparePanel) -> None:
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
        self.numbers = NumberControl(panel, self.curves, self.table)
        self.maps = TrustControl(panel, self.trust)
        self.picks = ParticleControl(panel, self.particles)

    @property
    def busy(self) -> bool:
        """Whether something is still to come."""
        return self.numbers.busy or self.maps.busy

    def leave(self) -> None:
        """Stop looking at the panel's rows."""
        self.numbers.leave()
        self.maps.leave()

    def set_open(self, is_open: bool) -> None:
        """Show the tabs and compute what they need, or neither."""
        self.setVisible(is_open)
        self.numbers.set_open(is_open)
        self.maps.show_row()

    def set_colours(self, colours: Colours) -> None:
        """Take the colours of a theme."""
        self.curves.set_colours(colours)
        self.particles.set_colours(colours)

    def sizeHint(self) -> QSize:
        """Ask for a readable plot."""
        return QSize(460, 260)

    def minimumSizeHint(self) -> QSize:
        """Leave most of a narrow panel to the pictures: the tabs scroll."""
        return QSize(300, 160)


__all__ = ["Tray"]
