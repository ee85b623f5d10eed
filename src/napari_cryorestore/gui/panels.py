"""Opening the plugin's panels from code, as its menu would: one of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.dock_place import dock_titles
from napari_cryorestore.gui.messages import place_messages_soon
from napari_cryorestore.gui.preferences import PLUGIN

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtWidgets import QWidget


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


__all__ = ["open_panel"]
