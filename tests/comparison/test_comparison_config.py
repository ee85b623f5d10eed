"""What a comparison may consist of, and the sentences where it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from napari_cryorestore.comparison.comparison_config import (
    COLUMNS,
    ComparisonConfig,
    FourierConfig,
    RowConfig,
    open_comparison,
    save_comparison,
)
from napari_cryorestore.config import sentence
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.events import Evaluated
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path


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


def config_in(folder: Path, elsewhere: Path) -> ComparisonConfig:
    return ComparisonConfig(rows=(
        RowConfig(name="a", path=folder / "sub" / "a.mrc"),
        RowConfig(name="w", kind="method", method="wiener", even=folder / "e.mrc", odd=elsewhere / "o.mrc"),
    ))  # fmt: skip


def test_a_folder_with_its_comparison_can_be_moved(tmp_path: Path) -> None:
    first, second, elsewhere = (tmp_path / name for name in ("first", "second", "elsewhere"))
    first.mkdir()
    config = config_in(first, elsewhere)
    path = save_comparison(config, first / "c.toml")
    assert open_comparison(path) == config
    assert [item.name for item in first.iterdir()] == ["c.toml"]
    first.rename(second)
    assert open_comparison(second / "c.toml") == config_in(second, elsewhere)


def test_paths_typed_relative_are_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    path = save_comparison(ComparisonConfig(rows=(RowConfig(name="a", path="a.mrc"),)), "sub/c.toml")
    monkeypatch.chdir("/")
    assert open_comparison(tmp_path / path).rows[0].path == tmp_path / "a.mrc"


def test_nothing_is_overwritten_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text("old", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"old\.toml exists and is never overwritten"):
        save_comparison(ComparisonConfig(), tmp_path / "old.toml")
    with pytest.raises(ValueError, match=r"end it in \.toml"):
        save_comparison(ComparisonConfig(), tmp_path / "new.txt")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        save_comparison(ComparisonConfig(), tmp_path / "gone" / "c.toml")
    assert (tmp_path / "old.toml").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"rows = [", "bad.toml is not a comparison: the text is not valid TOML"),
        (b"\xff\xfe\x00", "bad.toml is not a comparison"),
        (b"rows = " + b"[" * 9999, "bad.toml is not a comparison: the text is not valid TOML"),
        (b"a = 1" + b"1" * 5000, "bad.toml is not a comparison"),
        (b"columns = [false]", "not a comparison that this version can show: columns"),
        (b"format = 2", "not a comparison that this version can show: format"),
        (b"steps = 3", "not a comparison that this version can show: steps"),
        (b"[[rows]]\nname = 'a'", "the row 'a' needs the path of a file"),
    ],
)
def test_what_is_not_a_comparison_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ValueError) as told:  # noqa: PT011  the words are looked at below
        open_comparison(tmp_path / "bad.toml")
    assert words in str(told.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no comparison"):
        open_comparison(tmp_path / "gone.toml")


def test_of_a_run_without_a_step_the_one_that_is_shown_is_saved(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", config="", environment={})
    for step, value in ((10, 0.1), (20, 0.5), (30, 0.3)):
        run.write_checkpoint(step, lambda folder: None)
        run.record(Evaluated(step=step, metrics={"n2n": value}))
    (tmp_path / "c.toml").write_text('[[rows]]\nname = "r"\nkind = "run"\npath = "run"\n', encoding="utf-8")
    shown = open_comparison(tmp_path / "c.toml")
    assert shown.rows[0].step == 20
    saved = save_comparison(shown, tmp_path / "again.toml")
    run.remove_step(20)
    assert open_comparison(saved).rows[0].step == 20
