from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from napari.settings import get_settings
from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QDialog, QDockWidget, QMainWindow

from napari_cryorestore.gui import dock_place
from napari_cryorestore.gui.dock_place import dock_titles, open_panel, place_messages, place_messages_soon
from napari_cryorestore.gui.preferences import PLUGIN
from napari_cryorestore.gui.train.recipes import Recipes

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("Train", "Restore", "Monitor", "Compare")
RIGHT, BOTTOM, LEFT = (
    Qt.DockWidgetArea.RightDockWidgetArea,
    Qt.DockWidgetArea.BottomDockWidgetArea,
    Qt.DockWidgetArea.LeftDockWidgetArea,
)


@pytest.fixture(autouse=True, scope="module")
def _pytorch_is_loaded() -> None:
    Recipes()  # else the Train panel loads it in a thread that outlives the first test


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    get_settings().application.plugin_widget_positions.clear()
    return make_napari_viewer()


def by_menu(viewer: Any, name: str) -> QDockWidget | None:
    """Choose a panel in the Plugins menu or the command palette, which shows and hides it in turn."""
    from napari._qt._qapp_model.injection._qprocessors import _add_plugin_dock_widget
    from napari._qt._qplugins._qnpe2 import _toggle_or_get_widget

    title, _ = dock_titles(name)
    made = _toggle_or_get_widget(PLUGIN, name, title)
    if made is None:
        return None
    _add_plugin_dock_widget(made, viewer)
    dock = made[0].parent()
    assert isinstance(dock, QDockWidget)
    return dock


def by_name(viewer: Any, name: str) -> QDockWidget:
    dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    assert isinstance(dock, QDockWidget)
    return dock


def by_button(viewer: Any, name: str) -> QDockWidget:
    dock = open_panel(viewer, name).parent()
    assert isinstance(dock, QDockWidget)
    return dock


def main_window(dock: QDockWidget) -> QMainWindow:
    window = dock.parent()
    assert isinstance(window, QMainWindow)
    return window


def side(dock: QDockWidget) -> Qt.DockWidgetArea:
    return main_window(dock).dockWidgetArea(dock)


def tabs(dock: QDockWidget) -> list[QDockWidget]:
    return main_window(dock).tabifiedDockWidgets(dock)


@pytest.mark.parametrize("opening", [by_menu, by_name, by_button])
def test_every_panel_takes_its_place_however_it_is_opened(viewer: Any, opening: Callable[..., Any]) -> None:
    docks = {name: opening(viewer, name) for name in NAMES}
    assert {name: side(dock) for name, dock in docks.items()} == {
        "Train": RIGHT,
        "Restore": RIGHT,
        "Monitor": BOTTOM,
        "Compare": BOTTOM,
    }
    assert tabs(docks["Train"]) == [docks["Restore"]]
    assert tabs(docks["Monitor"]) == [docks["Compare"]]


@pytest.mark.parametrize("size", [(1280, 720), (1600, 1000)])
@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]])
def test_all_four_fit_a_small_screen(
    viewer: Any, size: tuple[int, int], order: tuple[str, ...], qtbot: Any
) -> None:
    window = viewer.window._qt_window
    window.resize(*size)
    with qtbot.waitExposed(window):
        window.show()
    docks = {name: by_menu(viewer, name) for name in order}
    qtbot.wait(300)  # docks are laid out when the window has time
    assert window.layout().minimumSize().height() < 560
    assert (window.width(), window.height()) == size
    in_front = [docks[name] for name in (order[1], order[3])]
    seen = {dock.windowTitle(): (dock.visibleRegion().isEmpty(), dock.height()) for dock in in_front}
    assert all(not hidden and height > 250 for hidden, height in seen.values()), seen


def test_the_corner_is_left_to_napari_while_nothing_is_below(viewer: Any) -> None:
    window = main_window(by_menu(viewer, "Train"))
    corner = Qt.Corner.BottomLeftCorner
    assert window.corner(corner) == BOTTOM
    by_menu(viewer, "Compare")
    assert window.corner(corner) == LEFT
    assert window.corner(Qt.Corner.BottomRightCorner) == BOTTOM


@pytest.mark.parametrize(("first", "then"), list(permutations((by_menu, by_name, by_button), 2)))
def test_a_panel_comes_back_where_the_user_put_it(
    viewer: Any, first: Callable[..., Any], then: Callable[..., Any]
) -> None:
    dock = first(viewer, "Monitor")
    main_window(dock).addDockWidget(LEFT, dock)
    dock.destroyOnClose()
    assert side(then(viewer, "Monitor")) == LEFT


def test_panels_that_the_user_took_apart_stay_apart(viewer: Any) -> None:
    monitor, compare = by_menu(viewer, "Monitor"), by_menu(viewer, "Compare")
    window = main_window(compare)
    window.addDockWidget(BOTTOM, compare)  # beside the other
    assert tabs(monitor) == []
    compare.destroyOnClose()
    again = by_menu(viewer, "Compare")
    assert side(again) == BOTTOM
    assert tabs(again) == []


def test_a_panel_on_another_screen_comes_back_there(viewer: Any, qtbot: Any) -> None:
    dock = by_menu(viewer, "Compare")
    where = QRect(40, 60, 700, 500)
    dock.setFloating(True)
    dock.setGeometry(where)
    dock.destroyOnClose()
    again = by_menu(viewer, "Compare")
    qtbot.waitUntil(again.isFloating)
    assert again.geometry() == where


def test_a_panel_goes_where_a_script_puts_it(viewer: Any) -> None:
    dock = by_button(viewer, "Compare")
    panel = dock.widget()
    viewer.window.remove_dock_widget(dock)
    assert panel is not None
    made = viewer.window.add_dock_widget(type(panel)(viewer), name="mine", area="left")
    assert side(made) == LEFT


def test_the_menu_brings_a_panel_to_the_front_that_stood_behind_another(viewer: Any, qtbot: Any) -> None:
    train, restore = by_menu(viewer, "Train"), by_menu(viewer, "Restore")
    window = main_window(train)
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: not restore.visibleRegion().isEmpty())
    assert train.visibleRegion().isEmpty()
    by_menu(viewer, "Train")
    qtbot.waitUntil(lambda: not train.visibleRegion().isEmpty())
    by_menu(viewer, "Train")  # which is in front now: hidden, as napari's menu does
    qtbot.waitUntil(lambda: not restore.visibleRegion().isEmpty())
    assert train.isHidden()
    by_menu(viewer, "Train")
    qtbot.waitUntil(lambda: not train.visibleRegion().isEmpty())


class Message(QDialog):
    """As napari's: knows its corner, and slides to where that was."""

    def move_to_bottom_right(self) -> None:
        parent = self.parentWidget()
        self.move(parent.width() - self.width(), parent.height() - self.height())


@pytest.fixture
def window(qtbot: Any) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def test_messages_that_are_shown_go_to_their_corner(window: QMainWindow) -> None:
    message = Message(window)
    message.setFixedSize(50, 20)
    place_messages()
    assert message.x() == 0  # hidden ones stay
    message.show()
    message.move(0, 0)
    place_messages()
    assert (message.x(), message.y()) == (350, 280)


def test_they_are_put_there_again_once_docks_are_laid_out(
    window: QMainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dock_place, "DELAYS", (0, 20))
    message = Message(window)
    message.setFixedSize(50, 20)
    message.show()
    place_messages_soon()
    window.resize(300, 300)
    qtbot.waitUntil(lambda: message.x() == 250)
