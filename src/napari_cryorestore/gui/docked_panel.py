"""What all panels share: their place in the window, and letting go when their dock is closed."""

from __future__ import annotations

from typing import ClassVar

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_cryorestore.gui.dock_place import Area, DockPlace


class DockedPanel(QWidget):
    """A panel that stands in its place, however it is opened.

    Subclasses say in `leave` what they stop listening to; work goes on without the panel.

    Attributes
    ----------
    display_name : str
        Its name in the manifest.
    first_area : "right" or "bottom"
        The side on which it is docked until the user moves it.
    """

    display_name: ClassVar[str]
    first_area: ClassVar[Area]

    def __init__(self) -> None:
        super().__init__()
        self._place = DockPlace(self, self.display_name, self.first_area)

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


__all__ = ["DockedPanel"]
