"""What a comparison may consist of, and the sentences where it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from napari_cryorestore.comparison.config import COLUMNS, ComparisonConfig, FourierConfig, RowConfig
from napari_cryorestore.config import sentence
from napari_cryorestore.recording import Recording


def test_everything_survives_the_way_through_toml() -> None:
    config = ComparisonConfig(
        rows=(
            RowConfig(name="a", path="a.mrc", limits=(-1.5, 2)),
            RowConfig(name="b", kind="run", path="run", step=600, hidden=True),
            RowConfig(name="c", kind="method", method="wiener", even="e.mrc", odd="o.mrc", voxel_size=4),
            RowConfig(name="d", kind="layer", layer="TS01"),
        ),
        columns=("XY", "|F|xz"),
        cursor=(1, 2.5, 3),
        contrast="manual",
        zoom=800,
        fourier=FourierConfig(flat_field=True, offset=(0, 0.01, 0)),
        tilt_range=(-50, 60),
        tilt_axis="x",
    )
    assert ComparisonConfig.from_toml(config.to_toml()) == config


def test_columns_can_be_typed_without_bars() -> None:
    assert ComparisonConfig(columns=["XY", "Fxz"]).columns == ("XY", "|F|xz")
    assert ComparisonConfig().columns == COLUMNS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "a"}, "the row 'a' needs the path of a file"),
        ({"name": "a", "kind": "run"}, "the row 'a' needs the path of the folder of a run"),
        ({"name": "a", "kind": "live"}, "the folder of a run"),
        ({"name": "a", "kind": "layer"}, "needs the name of a layer"),
        ({"name": "a", "kind": "mean", "even": "e.mrc"}, "needs both half maps"),
        ({"name": "a", "path": "a.mrc", "limits": (2, 1)}, "black must lie below white"),
        ({"name": "", "path": "a.mrc"}, "name"),
        ({"name": "a", "path": "a.mrc", "step": -1}, "step"),
    ],
)
def test_rows_that_name_no_volume_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as told:
        RowConfig.model_validate(values)
    assert words in sentence(told.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"percentiles": (99, 1)}, "the percentiles must rise within 0 to 100, not 99 to 1"),
        ({"tilt_range": (60, -60)}, "the tilt range 60 to -60° must rise within ±90°"),
        ({"tilt_range": (-60, 91)}, "must rise within ±90°"),
        ({"columns": ()}, "columns"),
        ({"columns": ("XY", "XY")}, "a column can be shown once only: XY, XY"),
        ({"columns": ("ZZ",)}, "columns.0"),
        ({"rows": [{"name": "a", "path": "a.mrc"}] * 2}, "two rows have the same name: a, a"),
        ({"rows": [{"name": str(n), "path": "a.mrc"} for n in range(9)]}, "rows"),
        ({"slab": -1}, "slab"),
        ({"format": 2}, "format"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_comparisons_that_make_no_sense_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as told:
        ComparisonConfig.model_validate(values)
    assert words in sentence(told.value)


def test_rows_of_older_comparisons_have_a_recording() -> None:
    older = RowConfig.model_validate({"name": "a", "path": "a.mrc", "voxel_size": 4.0, "tilt_axis": "x"})
    assert older.recording == Recording(voxel_size=4, tilt_axis="x")
    assert RowConfig.from_toml(older.to_toml()) == older
    assert set(older.model_dump()) & {"voxel_size", "tilt_axis"} == set()
