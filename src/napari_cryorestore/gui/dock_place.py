"""Where panels stand in the window: one of each, in a place of its own, then where the user put it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari.settings import get_settings
from qtpy.QtCore import QEvent, QObject, QRect, Qt, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_cryorestore.gui.preferences import PLUGIN

if TYPE_CHECKING:
    from napari import Viewer

Area = Literal["left", "right", "top", "bottom"]
_AREAS: dict[Qt.DockWidgetArea, Area] = {
    Qt.DockWidgetArea.LeftDockWidgetArea: "left",
    Qt.DockWidgetArea.RightDockWidgetArea: "right",
    Qt.DockWidgetArea.TopDockWidgetArea: "top",
    Qt.DockWidgetArea.BottomDockWidgetArea: "bottom",
}
_LOW = 0.43
"""Share of the window's height that panels get below: the canvas and panels on the right keep the rest."""

DELAYS = (300, 1000)
"""Milliseconds after which messages are put into their corner: they have slid in then, and all is drawn."""


@dataclass(frozen=True)
class _ClosedPlace:
    """How a panel stood in its area when it was closed."""

    apart: bool
    floating: QRect | None


class ClosedPlaces(dict[str, _ClosedPlace]):
    """How panels stood when they were closed, by name."""


def dock_titles(name: str) -> tuple[str, str]:
    """Return a panel's titles: as napari's menu opens it, and as ``add_plugin_dock_widget`` does."""
    return f"{name} (CryoRestore)", f"{name} ({PLUGIN})"


class DockPlace(QObject):
    """The place of one panel; panels on the same side stand behind one another as tabs.

    Below one another, each would be too low to be read, and the window would outgrow the screen. The side is
    kept by napari's settings; whether the user took a panel off the others, or out of the window, for as
    long as the window lives.

    Parameters
    ----------
    panel : QWidget
        Whose place.
    name : str
        Its name in the manifest.
    area : {"left", "right", "top", "bottom"}
        Where it is docked until the user moves it.
    closed : ClosedPlaces
        How the panels of this window stood when they were closed.
    """

    def __init__(self, panel: QWidget, name: str, area: Area, *, closed: ClosedPlaces) -> None:
        super().__init__(panel)
        self._name, self._closed = name, closed
        self._dock: QDockWidget | None = None
        self._settled = self._hidden = False
        self._in_front = True
        sides = get_settings().application.plugin_widget_positions
        for title in dock_titles(name):
            sides.setdefault(title, area)

    @property
    def is_taken(self) -> bool:
        """Whether the panel is in a dock."""
        return self._dock is not None

    def take(self, dock: QDockWidget) -> None:
        """Stand in a dock that is about to be put into the window."""
        self._dock, self._settled = dock, False
        dock.dockLocationChanged.connect(self._moved)
        dock.visibilityChanged.connect(self._seen)
        dock.installEventFilter(self)

    def give_up(self) -> None:
        """Remember how the panel stood, as its dock is closed."""
        dock, self._dock = self._dock, None
        if dock is None:
            return
        dock.removeEventFilter(self)
        window = dock.parent()
        if isinstance(window, QMainWindow):
            apart = bool(_panels_beside(window, dock)) and not window.tabifiedDockWidgets(dock)
            floating = dock.geometry() if dock.isFloating() else None
            self._closed[self._name] = _ClosedPlace(apart, floating)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Bring the panel to the front where napari's menu would hide it, as it stood behind another tab."""
        dock = self._dock
        if event is not None and dock is not None and watched is dock:
            if event.type() == QEvent.Type.Hide and dock.isHidden():
                self._hidden = True
                if not self._in_front:
                    QTimer.singleShot(0, self._to_front)
            elif event.type() == QEvent.Type.Show and self._hidden:
                QTimer.singleShot(0, self._to_front)
        return False

    def _to_front(self) -> None:
        if self._dock is not None:
            self._hidden = False
            self._dock.show()
            self._dock.raise_()

    def _seen(self, visible: bool) -> None:
        self._in_front = visible

    def _moved(self, side: Qt.DockWidgetArea) -> None:
        dock, area = self._dock, _AREAS.get(side)
        window = dock.parent() if dock is not None else None
        if dock is None or area is None or not isinstance(window, QMainWindow):
            return
        if area == "bottom":  # else the layer list's height is added to the canvas' and the panel's
            window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        sides = get_settings().application.plugin_widget_positions
        sides.update(dict.fromkeys(dock_titles(self._name), area))
        if not self._settled:
            self._settled = True
            self._settle(window, dock)

    def _settle(self, window: QMainWindow, dock: QDockWidget) -> None:
        """Join the panels on this side, unless the user had taken this one off them."""
        left = self._closed.get(self._name, _ClosedPlace(apart=False, floating=None))
        beside = _panels_beside(window, dock)
        if beside and not left.apart:
            window.tabifyDockWidget(beside[-1], dock)
            dock.show()
            dock.raise_()
        elif not beside and window.dockWidgetArea(dock) == Qt.DockWidgetArea.BottomDockWidgetArea:
            window.resizeDocks([dock], [round(_LOW * window.height())], Qt.Orientation.Vertical)
        if left.floating is not None and _is_on_a_screen(left.floating):
            QTimer.singleShot(0, lambda: self._float(left.floating))

    def _float(self, where: QRect | None) -> None:
        if self._dock is not None and where is not None:
            self._dock.setFloating(True)
            self._dock.setGeometry(where)


def _panels_beside(window: QMainWindow, dock: QDockWidget) -> list[QDockWidget]:
    """Return the docks of other panels of this plugin on the same side of a window."""
    side = window.dockWidgetArea(dock)
    return [
        other
        for other in window.findChildren(QDockWidget)
        if other is not dock
        and not other.isFloating()
        and window.dockWidgetArea(other) == side
        and _is_panel(other.widget())
    ]


def _is_panel(widget: QWidget | None) -> bool:
    only_itself = Qt.FindChildOption.FindDirectChildrenOnly
    return widget is not None and widget.findChild(DockPlace, options=only_itself) is not None


def _is_on_a_screen(place: QRect) -> bool:
    return any(screen.availableGeometry().intersects(place) for screen in QGuiApplication.screens())


def place_messages() -> None:
    """Put the messages that are shown into the corner as it is now.

    A message slides to where the corner was when it came; a dock that opens meanwhile would cover it.
    """
    for widget in QApplication.allWidgets():
        place = getattr(widget, "move_to_bottom_right", None)
        if callable(place) and widget.isVisible():
            place()


def place_messages_soon() -> None:
    """Do so as soon as messages have slid in and docks are laid out; nothing without a window."""
    if QApplication.instance() is not None:
        for delay in DELAYS:
            QTimer.singleShot(delay, place_messages)


def open_panel(viewer: Viewer, name: str) -> QWidget:
    """Show a panel, and make it first if there is none yet.

    Parameters
    ----------
    viewer : Viewer
        Whose panel.
    name : str
        Its display name in the manifest, e.g. "Restore".

    Returns
    -------
    QWidget
        The panel.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    kind = _class_of(name)
    # its title depends on how it was opened
    panel = next((item for item in viewer.window.dock_widgets.values() if isinstance(item, kind)), None)
    if panel is None:
        panel = kind(viewer)
        title, _ = dock_titles(name)  # by which napari's menu finds the panel
        viewer.window.add_dock_widget(panel, name=title)
        place_messages_soon()
    dock = panel.parent()
    dock.show()
    dock.raise_()
    return panel


def _class_of(name: str) -> Any:
    from npe2 import PluginManager

    widgets = PluginManager.instance().iter_widgets()
    return next(
        item.get_callable() for item in widgets if item.plugin_name == PLUGIN and item.display_name == name
    )


__all__ = [
    "DELAYS",
    "Area",
    "DockPlace",
    "dock_titles",
    "open_panel",
    "place_messages",
    "place_messages_soon",
]
