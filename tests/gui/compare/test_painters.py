from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import ComparisonConfig
from napari_cryorestore.gui.compare.painters import Row, SectionPainter, SectionRequest
from napari_cryorestore.gui.compare.shading import shade_table

TABLE = shade_table(np.linspace(0, 1, 256)[:, None] * np.ones(4))


@pytest.fixture
def request_for(volume):
    def make(*rows: Row, **settings):
        rows = rows or (Row(0, volume("one")), Row(1, volume("two", data=volume().data * 3 + 1)))
        pixels = dict.fromkeys(("XY", "XZ", "YZ"), 5.0)
        return SectionRequest(rows, ComparisonConfig(**settings), (60.0, 80.0, 100.0), TABLE, pixels)

    return make


def test_every_row_is_painted_by_itself(request_for) -> None:
    made = request_for()
    pictures = SectionPainter().paint(made)
    assert set(pictures) == {(number, column) for number in (0, 1) for column in ("XY", "XZ", "YZ")}
    # the second row is the first one, brighter and with more contrast: by itself it looks the same
    assert (pictures[0, "XY"].pixels == pictures[1, "XY"].pixels).mean() > 0.99


def test_linked_contrast_shows_the_difference(request_for) -> None:
    levels = SectionPainter().levels(request_for(contrast="linked"))
    assert levels[0] == levels[1]
    pictures = SectionPainter().paint(request_for(contrast="linked"))
    assert (pictures[0, "XY"].pixels != pictures[1, "XY"].pixels).any()


def test_limits_set_by_hand_count_only_then(request_for, volume) -> None:
    rows = (Row(0, volume("one"), (-1.0, 1.0)), Row(1, volume("two")))
    assert SectionPainter().levels(request_for(*rows, contrast="manual"))[0] == (-1, 1)
    assert SectionPainter().levels(request_for(*rows))[0] != (-1, 1)


def test_only_what_changed_is_painted_anew(request_for) -> None:
    painter, first = SectionPainter(), request_for()
    before = painter.paint(first)
    z, y, x = first.cursor
    after = painter.paint(replace(first, cursor=(z + 10, y, x + 0.1)))
    changed = {column for (number, column), item in after.items() if item is not before[number, column]}
    assert changed == {"XY"}


def test_new_data_under_the_same_name_are_painted(request_for, volume) -> None:
    painter = SectionPainter()
    first = painter.paint(request_for(Row(0, volume("one"))))[0, "XY"]
    data = volume().data.copy()
    data[6] = 0
    second = painter.paint(request_for(Row(0, volume("one", data=data, version=1))))[0, "XY"]
    assert (first.pixels != second.pixels).any()


def test_contrast_stays_as_one_goes_about(request_for) -> None:
    painter, made = SectionPainter(), request_for()
    levels = painter.levels(made)
    assert painter.levels(replace(made, cursor=(5.0, 5.0, 5.0))) == levels


def test_slabs_of_coarse_volumes_are_as_thick(request_for, volume) -> None:
    data = np.zeros((12, 16, 20), np.float32)
    data[5] = 1
    coarse = volume("coarse", shape=(6, 8, 10), voxel=20.0, data=data[::2, ::2, ::2])
    made = request_for(Row(0, volume("fine", data=data)), Row(1, coarse), slab=2)
    picture = SectionPainter().paint(made)[0, "XY"].picture
    assert picture.image[0, 0] == pytest.approx(0.2)  # ±2 planes of 10 Å
