"""Tests of how the Trust tab is laid out."""

from __future__ import annotations

from qtpy.QtWidgets import QScrollArea

from napari_cryorestore.gui.compare.trust_tab import TrustTab


def test_no_line_is_wider_than_the_widest_button(qtbot) -> None:
    """In a small window the tab is about as wide, and must not scroll sideways."""
    tab = TrustTab()
    qtbot.addWidget(tab)
    page = tab.findChild(QScrollArea).widget()
    margins = page.layout().contentsMargins()
    widest = max(button.minimumSizeHint().width() for button in tab.buttons.values())
    assert page.minimumSizeHint().width() == widest + margins.left() + margins.right()
