"""The figure: what is drawn, where, to what scale; and how it is saved."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.image import imread

from napari_cryorestore.comparison import figure as drawing
from napari_cryorestore.comparison.comparison_config import (
    COLUMNS,
    ComparisonConfig,
    FourierConfig,
    RowConfig,
)
from napari_cryorestore.comparison.figure import (
    check_figure,
    compare,
    comparison_figure,
    cursor_of,
    picture_rows,
    save_figure,
)
from napari_cryorestore.comparison.volume import ComparedVolume, corner_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHAPE = (20, 30, 44)


def volume(name: str = "a", voxel: float = 10.0, *, data: Any = None, **more: Any) -> ComparedVolume:
    if data is None:
        data = np.random.default_rng(len(name)).normal(size=SHAPE).astype(np.float32)
    return ComparedVolume(name, data, (voxel,) * 3, more.pop("corner", corner_of((voxel,) * 3)), **more)


def sizes_in_inches(axes: list[Axes], figure: Figure) -> list[tuple[float, float]]:
    boxes = [item.get_position() for item in axes]
    return [(box.width * figure.get_figwidth(), box.height * figure.get_figheight()) for box in boxes]


def texts(figure: Figure) -> list[str]:
    everywhere = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in everywhere]


def span(limits: tuple[float, float]) -> float:
    return abs(limits[1] - limits[0])


def test_a_row_has_three_sections_at_the_crosshair_and_three_spectra() -> None:
    first, second = volume("a"), volume("bb")
    config = ComparisonConfig(cursor=first.position_of((3, 4, 5)))
    figure = comparison_figure([first, second], config)
    images = [axes.images[0].get_array() for axes in figure.axes]
    assert len(images) == 12
    for row, whole in enumerate((first.data, second.data)):
        np.testing.assert_array_equal(images[6 * row], whole[3])
        np.testing.assert_array_equal(images[6 * row + 1], whole[:, 4])
        np.testing.assert_array_equal(images[6 * row + 2], whole[:, :, 5])
    assert [image.shape for image in images[3:6]] == [(30, 44), (20, 44), (20, 30)]


def test_sections_have_one_scale_and_spectra_are_square() -> None:
    figure = comparison_figure([volume()])
    sizes = sizes_in_inches(figure.axes, figure)
    inch = sizes[0][0] / 44
    np.testing.assert_allclose(sizes[:3], np.array([(44, 30), (44, 20), (30, 20)]) * inch, rtol=1e-6)
    np.testing.assert_allclose(sizes[3:], 30 * inch, rtol=1e-6)
    for axes in figure.axes[3:]:
        assert (axes.get_xlim(), axes.get_ylim()) == ((-0.05, 0.05), (0.05, -0.05))


@pytest.mark.parametrize(
    "columns", [("XY", "XZ", "YZ", "|F|xy", "|F|xz", "|F|yz"), ("|F|xz", "XY"), ("|F|xz",), ("YZ",)]
)
def test_panels_do_not_overlap_and_lie_within_the_page(columns: Any) -> None:
    figure = comparison_figure([volume(), volume("b" * 60)], ComparisonConfig(columns=columns))
    boxes = [axes.get_position() for axes in figure.axes]
    rows = boxes[: len(columns)], boxes[len(columns) :]
    for row in rows:
        assert all(left.x1 < right.x0 for left, right in pairwise(row))
    assert min(box.y0 for box in rows[0]) > max(box.y1 for box in rows[1])
    assert all(box.x0 > 0 and box.y0 > 0 and box.x1 < 1 and box.y1 < 1 for box in boxes)
    assert figure.get_figwidth() <= 15 + 1e-6


def test_names_titles_scale_bar_and_rings_are_written() -> None:
    figure = comparison_figure([volume("input"), volume("icecream")])
    words = texts(figure)
    assert {"input", "icecream", "XY", "XZ", "YZ", "10 nm", "30 Å"} <= set(words)
    assert sum("|F|" in word for word in words) == 3
    assert words.count("10 nm") == 1


def test_long_names_are_broken_and_cut() -> None:
    figure = comparison_figure(
        [volume("a tomogram restored by ICECREAM after 5000 steps, twice, and then filtered")]
    )
    name = next(word for word in texts(figure) if word.startswith("a tomogram"))
    assert name.count("\n") == 2
    assert name.endswith("…")


@pytest.mark.parametrize(
    ("voxel", "words"), [(1.0, "1 nm"), (4.0, "5 nm"), (10.0, "10 nm"), (80.0, "100 nm")]
)
def test_the_scale_bar_is_a_round_length_of_at_most_a_third(voxel: float, words: str) -> None:
    figure = comparison_figure([volume(voxel=voxel)])
    assert words in texts(figure)
    bars = [line for line in figure.axes[0].lines if line.get_color() == "white"]
    start, end = bars[0].get_xdata()
    assert (end - start) / 10 == pytest.approx(float(words.split()[0]))
    assert end - start < 44 * voxel / 3


def test_contrast_is_of_the_row_or_linked() -> None:
    pair = [volume("a"), volume("b", data=1000 * volume("a").data)]
    limits = [axes.images[0].get_clim() for axes in comparison_figure(pair).axes]
    assert limits[0] == limits[1] == limits[2]
    np.testing.assert_allclose(limits[6], np.array(limits[0]) * 1000, rtol=1e-4)
    linked = comparison_figure(pair, ComparisonConfig(contrast="linked"))
    assert linked.axes[0].images[0].get_clim() == linked.axes[7].images[0].get_clim()


def test_volumes_of_different_voxel_size_are_shown_where_they_all_are() -> None:
    fine = volume("fine", 10.0)
    coarse = volume("coarse", 20.0, data=np.zeros((10, 13, 22), np.float32))
    shifted = volume("part", 10.0, corner=corner_of((10, 10, 10), (0, 0, 100)))
    figure = comparison_figure([fine, coarse, shifted], ComparisonConfig(cursor=(50, 50, 200)))
    for row in range(3):
        axes = figure.axes[6 * row]
        assert axes.get_xlim() == (100, 440)
        assert axes.get_ylim() == (260, 0)
    assert figure.axes[6].images[0].get_extent() == [0, 440, 260, 0]
    assert figure.axes[9].get_xlim() == (-0.05, 0.05)  # one scale in Fourier space too


def test_zoom_shows_so_much_around_the_place() -> None:
    figure = comparison_figure([volume()], ComparisonConfig(cursor=(100, 150, 220), zoom=100))
    assert figure.axes[0].get_xlim() == (170, 270)
    assert figure.axes[1].get_ylim() == (150, 50)
    moved = comparison_figure([volume()], ComparisonConfig(zoom=100, centre=(100, 150, 20)))
    assert moved.axes[0].get_xlim() == (0, 70)


def test_arrows_point_at_places_near_the_section() -> None:
    places = [(105, 100, 100), (165, 155, 200), (5, 5, 5)]
    figure = comparison_figure([volume(), volume("b")], arrows=places)
    found = [[text.xy for text in axes.texts if hasattr(text, "xy")] for axes in figure.axes]
    assert found[0] == found[6] == [(100, 100)]
    assert found[1] == [(200, 165)]
    assert found[2] == [(155, 165)]
    assert not any(found[3:6])


def test_wedges_are_drawn_after_the_tilt_range_and_as_found() -> None:
    def drawn(**more: Any) -> list[int]:
        tilted = volume(recording=Recording(tilt_range=(-60, 60)))
        figure = comparison_figure([tilted], more.pop("config", None), **more)
        styles = [line.get_linestyle() for line in figure.axes[4].lines]
        return [styles.count("--"), styles.count(":")]

    assert drawn() == [2, 0]
    assert drawn(detected=[Recording(tilt_range=(-58, 59))]) == [2, 2]
    assert drawn(detected=[None]) == [2, 0]
    assert drawn(config=ComparisonConfig(fourier=FourierConfig(wedge=False))) == [0, 0]
    about_x = ComparisonConfig(tilt_range=(-50, 50), tilt_axis="x")
    assert drawn(config=about_x) == [0, 0]  # this plane holds the tilt axis


@pytest.mark.parametrize(("name", "inverted"), [("gray", True), ("viridis", False), ("cyan", True)])
def test_colour_maps_of_napari_and_inversion_are_known(name: str, inverted: bool) -> None:
    figure = comparison_figure([volume()], ComparisonConfig(colormap=name, inverted=inverted))
    colors = figure.axes[0].images[0].get_cmap()
    dark, bright = sum(colors(0.0)[:3]), sum(colors(1.0)[:3])
    assert (dark > bright) == inverted
    assert figure.axes[3].images[0].get_cmap().name == "magma"


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_constant_volumes_and_holes_are_drawn_with_a_warning(tmp_path: Path, value: float) -> None:
    told: list[str] = []
    figure = comparison_figure([volume("empty", data=np.full(SHAPE, value, np.float32))], warn=told.append)
    assert save_figure(tmp_path / "empty.png", figure).is_file()
    assert bool(told) == (not np.isfinite(value))


@pytest.mark.parametrize(
    ("volumes", "config", "words"),
    [
        ([], {}, "no volume to draw"),
        (
            [volume()],
            {"cursor": (5, 301, 5)},
            "cut at 301 Å along y, .* 0 to 300 Å: choose a place",
        ),
        ([volume()], {"colormap": "I Bleu"}, "no colour map 'I Bleu'"),
        ([volume()], {"zoom": 10, "centre": (999, 999, 999)}, "zoom in on lies outside"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(volumes: Any, config: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        comparison_figure(volumes, ComparisonConfig(**config))


def test_without_matplotlib_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'napari-cryorestore\[figures\]'"):
        comparison_figure([volume()])


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".SVG"])
def test_figures_are_saved_whole(tmp_path: Path, suffix: str) -> None:
    figure = comparison_figure([volume()], ComparisonConfig(columns=("XY", "|F|xz")))
    path = save_figure(tmp_path / f"figure{suffix}", figure, dots_per_inch=40)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_size > 1000
    if suffix == ".png":
        assert imread(path).shape[1] == round(figure.get_figwidth() * 40)


def test_saving_refuses_to_overwrite_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = comparison_figure([volume()], ComparisonConfig(columns=("XY",)))
    (tmp_path / "old.png").write_text("old")
    for refuse in (check_figure, lambda path: save_figure(path, figure)):
        with pytest.raises(FileExistsError, match=r"old\.png exists and is never overwritten"):
            refuse(tmp_path / "old.png")
        with pytest.raises(ValueError, match=r"figure\.jpg is not a figure"):
            refuse(tmp_path / "figure.jpg")
        with pytest.raises(FileNotFoundError, match="does not exist"):
            refuse(tmp_path / "nowhere" / "figure.png")

    def fail(target: Path, **_: object) -> None:
        target.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(tmp_path / "new.png", figure)
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]


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


def test_files_and_rows_are_compared_in_one_call(
    tiny_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    even, odd = tiny_pair
    drawn: list[tuple[Any, Any]] = []
    original = drawing.comparison_figure
    monkeypatch.setattr(
        drawing,
        "comparison_figure",
        lambda *given, **how: (drawn.append(given), original(*given, **how))[1],
    )
    mean = RowConfig(name="mean", kind="mean", even=even, odd=odd)
    made = compare({"Half": str(even), "Both": mean}, tmp_path / "f.png", columns=["XY"], inverted=True)
    assert made == tmp_path / "f.png"
    assert imread(made).size > 0
    ((volumes, config),) = drawn
    assert [volume.name for volume in volumes] == ["Half", "Both"]
    assert (config.columns, config.inverted) == (("XY",), True)
    write_volume(
        tmp_path / "small.mrc",
        np.eye(2, dtype=np.float32)[None].repeat(2, 0),
        voxel_size=10.0,
        label="a test",
    )
    with pytest.warns(UserWarning, match="Small does not reach the crosshair"):
        compare({"Half": even, "Small": tmp_path / "small.mrc"}, tmp_path / "h.png", columns=["XY"])
    with pytest.raises(FileExistsError):
        compare({"Half": even}, made)
    with pytest.raises(ValueError, match="colour"):
        compare({"Half": even}, tmp_path / "g.png", colour="red")
