"""The state of a comparison: rows, crosshair, settings, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.comparison.comparison_config import ComparisonConfig, FourierConfig, RowConfig
from napari_cryorestore.comparison.model import CompareModel
from napari_cryorestore.comparison.volume import corner_of

if TYPE_CHECKING:
    from pathlib import Path


def row(name: str = "a", **more: Any) -> RowConfig:
    return RowConfig(name=name, path="a.mrc", **more)


@pytest.fixture
def model() -> CompareModel:
    return CompareModel()


@pytest.fixture
def told(model: CompareModel) -> list[str]:
    heard: list[str] = []
    model.changed.connect(heard.append)
    return heard


def names(model: CompareModel) -> list[str]:
    return [entry.config.name for entry in model.entries]


def test_rows_are_added_moved_renamed_hidden_and_removed(
    model: CompareModel, told: list[str], make_volume: Any
) -> None:
    first, second, third = (model.add(row(name), make_volume()) for name in "abc")
    model.move(third, 0)
    assert names(model) == ["c", "a", "b"]
    model.rename(first, "z")
    model.hide(second)
    assert [entry.number for entry in model.shown] == [third, first]
    model.remove(third)
    assert names(model) == ["z", "b"]
    assert told == ["rows"] * 7
    assert not model.has(third)
    with pytest.raises(KeyError, match="no row"):
        model.entry(third)
    model.hide(second, False)
    assert len(model.shown) == 2


def test_the_chosen_row_is_the_topmost_one_unless_another_is_chosen_and_shown(
    model: CompareModel, told: list[str], make_volume: Any
) -> None:
    assert model.chosen is None
    first, second = (model.add(row(name), make_volume()) for name in "ab")
    assert model.chosen == model.entry(first)
    model.choose(second)
    assert told[-1] == "chosen"
    assert model.chosen == model.entry(second)
    model.hide(second)
    assert model.chosen == model.entry(first)
    assert model.is_chosen(second)


def test_names_are_made_unlike_so_that_the_comparison_can_be_saved(model: CompareModel) -> None:
    model.add(row("a"))
    second = model.add(row("a"))
    third = model.add(row("b"))
    model.rename(third, "a")
    assert names(model) == ["a", "a (2)", "a (3)"]
    model.rename(second, "a (2)")
    assert names(model) == ["a", "a (2)", "a (3)"]
    assert ComparisonConfig.from_toml(model.config.to_toml()) == model.config


def test_a_ninth_row_is_refused_and_nothing_lost(model: CompareModel) -> None:
    for count in range(8):
        model.add(row(str(count)))
    with pytest.raises(ValueError, match="8 rows already: remove one before adding x"):
        model.add(row("x"))
    assert len(model.entries) == 8


def test_a_row_waits_shows_and_fails(model: CompareModel, told: list[str], make_volume: Any) -> None:
    number = model.add(row())
    model.set_busy(number, "restoring…")
    assert model.entry(number).busy == "restoring…"
    model.set_volume(number, make_volume())
    assert (model.entry(number).busy, len(model.shown)) == ("", 1)
    model.set_busy(number, "restoring…")
    assert len(model.shown) == 1  # the old picture stays meanwhile
    model.set_problem(number, "No such file.")
    assert (model.entry(number).problem, model.entry(number).volume, model.shown) == (
        "No such file.",
        None,
        (),
    )
    model.replace(number, row("b", step=3), make_volume())
    assert (model.entry(number).problem, model.entry(number).config.step) == ("", 3)
    assert told[1:] == ["row"] * 5


def test_late_news_of_a_removed_row_are_ignored(
    model: CompareModel, told: list[str], make_volume: Any
) -> None:
    number = model.add(row())
    model.remove(number)
    model.set_volume(number, make_volume())
    model.set_problem(number, "late")
    model.set_busy(number, "late")
    assert told == ["rows", "rows"]


def test_the_crosshair_begins_in_the_middle_and_stays_within_reach(
    model: CompareModel, told: list[str], make_volume: Any
) -> None:
    assert model.cursor is None
    assert model.bounds() is None
    model.add(row("a"), make_volume((20, 30, 44), 10.0))
    model.add(row("b"), make_volume((10, 10, 10), 10.0, corner=corner_of((10, 10, 10), (-50, 100, 400))))
    assert model.bounds() == ((-50, 200), (0, 300), (0, 500))
    assert model.cursor == (105, 155, 225)
    model.set_cursor((-1000, 42, 9999))
    assert model.cursor == (-50, 42, 500)
    assert model.config.cursor == (-50, 42, 500)
    model.set_cursor((-1000, 42, 9999))
    assert told == ["rows", "rows", "cursor"]  # nothing is told twice


def test_the_wheel_steps_by_the_finest_voxel(model: CompareModel, make_volume: Any) -> None:
    model.step_cursor("XY", 1)  # nothing to step through yet
    model.add(row("fine"), make_volume((20, 30, 44), 10.0))
    model.add(row("coarse"), make_volume((10, 15, 22), 20.0))
    model.step_cursor("XY", -3)
    model.step_cursor("XZ", 2)
    model.step_cursor("YZ", 1)
    assert model.cursor == (75, 175, 235)


def test_the_wheel_steps_through_fourier_slices(
    model: CompareModel, told: list[str], make_volume: Any
) -> None:
    model.add(row(), make_volume((20, 30, 44), 10.0))
    model.step_cursor("|F|xz", 2)
    assert model.config.fourier.offset == (0, pytest.approx(2 / 300), 0)
    model.step_cursor("|F|xz", -999)
    assert model.config.fourier.offset == (0, -0.05, 0)
    assert told == ["rows", "fourier", "fourier"]
    assert model.config.cursor is None


def test_settings_change_whole_or_not_at_all(model: CompareModel, told: list[str]) -> None:
    model.update(slab=3, contrast="linked")
    model.update_fourier(flat_field=True)
    assert (model.config.slab, model.config.contrast) == (3, "linked")
    assert model.config.fourier == FourierConfig(flat_field=True)
    before = model.config
    for wrong in ({"slab": -1}, {"colour": 1}, {"slab": 5, "percentiles": (9, 3)}):
        with pytest.raises(ValueError, match=next(iter(wrong)) if len(wrong) == 1 else "percentiles"):
            model.update(**wrong)
    with pytest.raises(ValueError, match="decades"):
        model.update_fourier(decades=0)
    assert model.config == before
    model.update(slab=3)
    assert told == ["settings", "fourier"]


def test_limits_belong_to_their_row(model: CompareModel) -> None:
    number = model.add(row())
    model.set_limits(number, (1, 2))
    assert model.config.rows[0].limits == (1, 2)
    with pytest.raises(ValueError, match="black must lie below white"):
        model.set_limits(number, (2, 1))
    assert model.config.rows[0].limits == (1, 2)


def test_a_comparison_is_saved_and_opened_again(
    model: CompareModel, tmp_path: Path, make_volume: Any
) -> None:
    old = model.add(row(), make_volume())
    model.set_cursor((20, 30, 40))
    model.update(inverted=True)
    path = model.save(tmp_path / "c.toml")
    other = CompareModel()
    other.open(path)
    assert other.config.cursor == (20, 30, 40)
    assert other.config.inverted
    assert [entry.volume for entry in other.entries] == [None]
    model.open(path)
    assert not model.has(old)  # what is still being restored for the old row comes to nobody
    with pytest.raises(FileNotFoundError):
        model.open(tmp_path / "gone.toml")
    assert names(model) == ["a"]
