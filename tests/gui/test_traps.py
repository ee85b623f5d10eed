"""The traps of napari, Qt and MRC files that others fell into: each is named by a test that shows we do not.

Tests that have no other place are here; the others say its number in their docstring, as in ``Trap 5``.
"""

from __future__ import annotations

import ast
import os
import re
import threading
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_cryorestore.gui.preferences import PLUGIN

TESTS = Path(__file__).parents[1]
GUI = TESTS.parent / "src" / "napari_cryorestore" / "gui"
TRAPS = {
    1: "thread workers swallow errors",
    2: "docked widgets are never told that the window closes",
    3: "GL content breaks when a dock is floated",
    4: "linked views with locked aspect fit wrongly; colours follow the theme",
    5: "a growing history is handed over, not copied",
    6: "imports and whole-volume work in the GUI thread stall it",
    7: "central slices need no 3D transform",
    8: '"A" means ampere',
    9: "plugins get a proxy that forbids private access",
    10: "napari reads the manifest inside the package",
    11: "viewer.open defaults to the builtin reader",
    12: "MRC files are of many kinds",
    13: "magicgui's boxes change numbers",
    14: "pyqtgraph invents prefixes and draws every point",
    15: "only the GUI thread may touch viewer and layers",
}


def test_every_trap_has_a_test() -> None:
    named: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                named |= {int(number) for number in re.findall(r"Trap (\d+)", ast.get_docstring(node) or "")}
    assert named == set(TRAPS)


def sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(GUI.rglob("*.py")))


def test_nothing_is_computed_in_napari_s_thread_workers() -> None:
    """Trap 1: a RuntimeError in a worker's generator is swallowed, and running out of memory is one."""
    assert "thread_worker" not in sources()


@pytest.fixture
def docked(make_napari_viewer: Any, qtbot: Any) -> Any:
    """All panels in a real window, opened as napari's menu does it."""
    viewer = make_napari_viewer()
    viewer.add_image(
        np.random.default_rng(0).normal(size=(8, 16, 16)), scale=(10,) * 3, units=("angstrom",) * 3
    )
    panels = {}
    for name in ("Train", "Monitor", "Restore", "Compare"):
        _, panels[name] = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    train = panels["Train"]
    qtbot.waitUntil(lambda: train.recipe is not None and not train.background.busy(), timeout=300_000)
    return viewer, panels


def test_panels_live_with_the_proxy_in_docks_that_float(docked: Any, qtbot: Any) -> None:
    """Trap 9: the proxy warns of private access, and warnings are errors here. Trap 3: no GL in the docks."""
    viewer, panels = docked
    for panel in panels.values():
        dock = panel.parent()
        assert isinstance(dock, QDockWidget)
        kinds = {type(child).__mro__ for child in panel.findChildren(QWidget)}
        names = {kind.__name__ for mro in kinds for kind in mro}
        assert not {name for name in names if "OpenGL" in name or "Canvas" in name}
        for floating in (True, False):
            dock.setFloating(floating)
            dock.show()
            QApplication.processEvents()
            picture = panel.grab().toImage()
            places = product(range(0, picture.width(), 7), range(0, picture.height(), 7))
            assert len({picture.pixel(x, y) for x, y in places}) > 2  # it is painted
    viewer.dims.set_current_step(0, 3)
    viewer.layers[0].name = "renamed"
    QApplication.processEvents()


def test_no_panel_relies_on_being_told_of_its_end() -> None:
    """Trap 2: closeEvent of a docked widget is never called, so none is written."""
    assert "def closeEvent" not in sources()


def test_views_of_the_comparison_are_not_linked_by_pyqtgraph() -> None:
    """Trap 4: setXLink fits wrongly where the aspect is locked; ranges are shared by our own framing."""
    compared = "\n".join(path.read_text(encoding="utf-8") for path in sorted((GUI / "compare").glob("*.py")))
    assert "setXLink" not in compared
    assert "setYLink" not in compared


def test_the_proxy_would_catch_a_thread_that_touches_the_viewer(make_napari_viewer: Any) -> None:
    """Trap 15: what the other tests rely on when they pass."""
    from napari.utils._proxies import PublicOnlyProxy

    assert os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] == "1"
    viewer = PublicOnlyProxy(make_napari_viewer())
    caught: list[BaseException] = []

    def touch() -> None:
        try:
            viewer.title = "from elsewhere"
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=touch)
    thread.start()
    thread.join()
    assert "main Qt thread" in str(caught[0])
