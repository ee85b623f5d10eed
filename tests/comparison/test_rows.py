"""All pictures of a comparison at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_cryorestore.comparison.config import COLUMNS, ComparisonConfig, RowConfig
from napari_cryorestore.comparison.rows import cursor_of, picture_rows


@pytest.fixture
def volumes(make_volume: Any) -> list[Any]:
    first = make_volume(name="a")
    return [first, make_volume(name="b", data=1000 * first.data)]


def test_every_row_has_every_column_with_levels(volumes: list[Any]) -> None:
    rows = picture_rows(volumes, ComparisonConfig())
    assert [set(row) for row in rows] == [set(COLUMNS)] * 2
    assert all(picture.levels is not None for row in rows for picture in row.values())
    np.testing.assert_array_equal(rows[0]["XY"].image, volumes[0].data[10])


def test_contrast_is_of_the_row_of_all_rows_or_set_by_hand(volumes: list[Any]) -> None:
    own = [row["XY"].levels for row in picture_rows(volumes, ComparisonConfig())]
    assert own[1] == pytest.approx([1000 * level for level in own[0]], rel=1e-4)
    linked = picture_rows(volumes, ComparisonConfig(contrast="linked"))
    assert linked[0]["XY"].levels == linked[1]["YZ"].levels
    assert own[0][1] < linked[0]["XY"].levels[1] < own[1][1]
    rows = (RowConfig(name="b", path="b.mrc", limits=(-1, 7)), RowConfig(name="a", path="a.mrc"))
    manual = picture_rows(volumes, ComparisonConfig(contrast="manual", rows=rows))
    assert [row["XZ"].levels for row in manual] == [own[0], (-1, 7)]
    assert manual[1]["|F|xy"].levels != (-1, 7)


def test_columns_that_are_not_wanted_are_not_made(volumes: list[Any]) -> None:
    rows = picture_rows(volumes, ComparisonConfig(columns=("XY",)))
    assert set(rows[0]) == {"XY"}
    assert set(picture_rows(volumes, ComparisonConfig(columns=("|F|xz",)))[0]) == {"|F|xz"}


def test_the_crosshair_is_the_one_given_the_saved_one_or_the_middle(volumes: list[Any]) -> None:
    assert cursor_of(volumes, ComparisonConfig()) == (105, 155, 225)
    assert cursor_of(volumes, ComparisonConfig(cursor=(5, 5, 5))) == (5, 5, 5)
    made = picture_rows(volumes, ComparisonConfig(cursor=(5, 5, 5)), cursor=(15, 5, 5))
    np.testing.assert_array_equal(made[0]["XY"].image, volumes[0].data[1])
