"""Tests of the heading of a row."""

from __future__ import annotations

import pytest
from qtpy.QtGui import QColor

from napari_cryorestore.gui.compare.row_head import HeadState, RowHead


@pytest.fixture
def head(qtbot) -> RowHead:
    made = RowHead(QColor("red"))
    qtbot.addWidget(made)
    made.resize(made.width(), 100)
    made.show()
    return made


def shown(head: RowHead) -> str:
    return head.name.text().replace("\u200b", "")


@pytest.mark.parametrize("end", ["clean", "truth", "measured", "supplied"])
def test_a_long_name_keeps_its_end(head, end):
    head.show_state(HeadState(f"TS_0043_lamella3_of_the_third_grid_{end}"))

    assert shown(head).startswith("TS_")
    assert shown(head).endswith(end)
    assert "…" in shown(head)
    assert head.name.heightForWidth(head.name.width()) <= head.name.maximumHeight()


def test_a_short_name_is_whole(head):
    head.show_state(HeadState("TS_0043_odd"))

    assert shown(head) == "TS_0043_odd"


def test_a_long_name_takes_both_lines(head):
    head.show_state(HeadState("TS_0043_lamella3_of_the_third_grid_clean"))

    one_line = head.name.fontMetrics().horizontalAdvance(shown(head))
    assert one_line > 1.3 * head.name.width()


def test_a_long_word_breaks_where_a_capital_begins(head):
    head.show_state(HeadState("IceIceIceIceIce"))

    assert shown(head) == "IceIceIceIceIce"
