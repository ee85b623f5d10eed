from __future__ import annotations

import pytest

from napari_cryorestore.gui.compare.framing import LARGEST_FACTOR, Framing

BOX = ((0.0, 100.0), (0.0, 200.0), (0.0, 400.0))
SPECTRA = ((-0.05, 0.05),) * 3
SIZE = (200.0, 100.0)


@pytest.fixture
def framing() -> Framing:
    made = Framing()
    made.set_boxes(BOX, SPECTRA)
    return made


def test_everything_is_shown_at_first_with_square_pixels(framing: Framing) -> None:
    window = framing.window("XY", SIZE)  # 400 Å across, 200 Å down, in 200 × 100 pixels
    assert window == (0, 400, 0, 200)
    window = framing.window("XZ", SIZE)  # 100 Å down: emptiness above and below
    assert window == (0, 400, -50, 150)
    assert framing.window("|F|xz", (100, 100)) == pytest.approx((-0.05, 0.05, -0.05, 0.05))


def test_the_place_under_the_pointer_stays_while_zooming(framing: Framing) -> None:
    before = framing.window("XY", SIZE)
    framing.zoom("XY", (100.0, 50.0), 2.0, before)
    window = framing.window("XY", SIZE)
    assert (window.right - window.left, window.bottom - window.top) == (200, 100)
    share = (100 - window.left) / (window.right - window.left)
    assert share == pytest.approx(0.25)
    assert framing.window("XZ", SIZE).left == pytest.approx(window.left)  # x is the same place everywhere
    assert framing.factor("|F|xy") == 1


def test_zooming_out_ends_with_everything(framing: Framing) -> None:
    window = framing.window("XY", SIZE)
    framing.zoom("XY", (100.0, 50.0), 4.0, window)
    framing.zoom("XY", (10.0, 10.0), 0.01, framing.window("XY", SIZE))
    assert framing.window("XY", SIZE) == window
    framing.zoom("XY", (0, 0), 1e9, window)
    assert framing.factor("XY") == LARGEST_FACTOR


def test_panning_is_shared_and_ends_at_the_border(framing: Framing) -> None:
    framing.pan("XY", (50.0, 0.0))
    assert framing.window("XY", SIZE).left == 0  # nothing to pan to
    framing.zoom("XY", (200.0, 100.0), 2.0, framing.window("XY", SIZE))
    framing.pan("XY", (30.0, -10.0))
    assert framing.window("XY", SIZE)[:2] == (130, 330)
    assert framing.window("XZ", SIZE)[:2] == (130, 330)
    framing.pan("XY", (1e6, 1e6))
    assert framing.window("XY", SIZE)[:4] == (200, 400, 100, 200)


def test_new_rows_keep_the_view_unless_everything_was_shown(framing: Framing) -> None:
    larger = ((0.0, 100.0), (0.0, 200.0), (0.0, 800.0))
    framing.set_boxes(larger, SPECTRA)
    assert framing.window("XY", SIZE)[:2] == (0, 800)
    framing.zoom("XY", (400.0, 100.0), 2.0, framing.window("XY", SIZE))
    framing.set_boxes(BOX, SPECTRA)
    assert framing.factor("XY") == 2


def test_a_part_is_looked_at_once(framing: Framing) -> None:
    framing.look_at(((0, 50), (50, 150), (100, 200)))
    factor = framing.factor("XY")
    assert 1.8 < factor < 2.01  # the largest share decides: all of the part can be seen
    framing.look_at(((0, 5), (0, 5), (0, 5)))
    assert framing.factor("XY") == factor
    framing.show_all()
    assert framing.factor("XY") == 1


def test_columns_are_neither_threads_nor_ribbons(framing: Framing) -> None:
    assert framing.aspect("XY") == 2.0
    assert framing.aspect("XZ") == 2.2  # 4 is too wide
    assert framing.aspect("|F|xy") == pytest.approx(1)
