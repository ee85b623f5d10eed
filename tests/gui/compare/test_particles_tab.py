"""Tests of the tab that compares lists of particles."""

from __future__ import annotations

from napari_cryorestore.gui.compare.particles_tab import ParticlesTab


def test_a_narrow_tab_cuts_no_button(qtbot):
    tab = ParticlesTab()
    qtbot.addWidget(tab)
    tab.show_found("a_long_name_of_a_list_of_particles.star", {}, "")
    tab.resize(340, 300)
    tab.show()

    assert tab.minimumSizeHint().width() <= 340
    for button in tab.buttons.values():
        assert button.width() >= button.sizeHint().width()
    assert tab.reference.toolTip() == "a_long_name_of_a_list_of_particles.star"
