from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.image import imread

from napari_cryorestore.comparison.figure import fourier_section, restoration_figure, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHAPE = (20, 30, 44)


def volume(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sizes_in_inches(axes: list[Axes], figure: Figure) -> list[tuple[float, float]]:
    boxes = [item.get_position() for item in axes]
    return [(box.width * figure.get_figwidth(), box.height * figure.get_figheight()) for box in boxes]


def texts(figure: Figure) -> list[str]:
    everywhere = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in everywhere]


def test_a_row_has_three_sections_at_the_position_and_three_spectra() -> None:
    first, second = volume(0), volume(1)
    figure = restoration_figure([("a", first), ("b", second)], voxel_size=10, position=(3, 4, 5))
    images = [axes.images[0].get_array() for axes in figure.axes]
    assert len(images) == 12
    for row, whole in enumerate((first, second)):
        np.testing.assert_array_equal(images[6 * row], whole[3])
        np.testing.assert_array_equal(images[6 * row + 1], whole[:, 4])
        np.testing.assert_array_equal(images[6 * row + 2], whole[:, :, 5])
    assert [image.shape for image in images[3:6]] == [(30, 44), (20, 44), (20, 30)]


def test_the_middle_is_cut_by_default() -> None:
    figure = restoration_figure([("a", volume())], voxel_size=10)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), volume()[10])


def test_sections_have_one_scale_and_spectra_are_square() -> None:
    figure = restoration_figure([("a", volume())], voxel_size=10)
    sizes = sizes_in_inches(figure.axes, figure)
    inch = sizes[0][0] / 44
    np.testing.assert_allclose(sizes[:3], np.array([(44, 30), (44, 20), (30, 20)]) * inch, rtol=1e-6)
    np.testing.assert_allclose(sizes[3:], 30 * inch, rtol=1e-6)


def test_panels_do_not_overlap_and_lie_within_the_page() -> None:
    figure = restoration_figure([("a", volume()), ("b", volume(1))], voxel_size=10)
    boxes = [axes.get_position() for axes in figure.axes]
    for row in (boxes[:6], boxes[6:]):
        assert all(left.x1 < right.x0 for left, right in pairwise(row))
    assert min(box.y0 for box in boxes[:6]) > max(box.y1 for box in boxes[6:])
    assert all(box.x0 > 0 and box.y0 > 0 and box.x1 < 1 and box.y1 < 1 for box in boxes)


def test_names_titles_scale_bar_and_nyquist_frequency_are_written() -> None:
    figure = restoration_figure([("input", volume()), ("icecream", volume(1))], voxel_size=10)
    words = texts(figure)
    assert {"input", "icecream", "XY", "XZ", "YZ", "10 nm", "edge 1/(20 Å)"} <= set(words)
    assert sum("|F|" in word for word in words) == 3


@pytest.mark.parametrize(
    ("voxel_size", "words"), [(1.0, "1 nm"), (4.0, "5 nm"), (10.0, "10 nm"), (80.0, "100 nm")]
)
def test_the_scale_bar_is_a_round_length_of_at_most_a_third(voxel_size: float, words: str) -> None:
    figure = restoration_figure([("a", volume())], voxel_size=voxel_size)
    assert words in texts(figure)
    start, end = figure.axes[0].lines[-1].get_xdata()
    assert (end - start) * voxel_size / 10 == pytest.approx(float(words.split()[0]))
    assert end - start < 44 / 3


def test_contrast_is_of_the_row() -> None:
    figure = restoration_figure([("a", volume()), ("b", 1000 * volume())], voxel_size=10)
    limits = [axes.images[0].get_clim() for axes in figure.axes]
    assert limits[0] == limits[1] == limits[2]
    np.testing.assert_allclose(limits[6], np.array(limits[0]) * 1000, rtol=1e-4)
    np.testing.assert_allclose(np.array(limits[9]) - limits[3], 3, atol=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_section_is_the_central_plane_of_the_windowed_volume(axis: int) -> None:
    z, y, x = np.meshgrid(*(np.arange(16) for _ in range(3)), indexing="ij")
    frequency = (2, 3, 5)
    wave = np.cos(2 * np.pi * (y * 3 + x * 5) / 16) + np.cos(2 * np.pi * (z * 2 + x * 5) / 16)
    wave += np.cos(2 * np.pi * (z * 2 + y * 3) / 16) + 7
    section = fourier_section(wave.astype(np.float32), axis)
    down, across = (frequency[other] for other in range(3) if other != axis)
    peaks = np.argwhere(section > 0.9 * section.max()).tolist()
    assert peaks == [[8 - down, 8 - across], [8 + down, 8 + across]]


def test_a_constant_volume_can_be_drawn(tmp_path: Path) -> None:
    figure = restoration_figure([("empty", np.zeros(SHAPE, np.float32))], voxel_size=10)
    assert save_figure(tmp_path / "empty.png", figure).is_file()


@pytest.mark.parametrize(
    ("volumes", "position", "words"),
    [
        ([], None, "no volume to draw"),
        ([("a", volume()), ("b", volume(shape=(20, 30, 40)))], None, "'b' has the shape"),
        ([("flat", volume(shape=(20, 30)))], None, r"three axes \(z, y, x\)"),
        ([("a", volume())], (0, 30, 0), "lies outside"),
        ([("a", np.full(SHAPE, np.nan))], None, "'a' holds NaN"),
        ([("a", np.where(np.arange(44) == 0, np.inf, volume()))], (3, 3, 3), "'a' holds NaN or inf"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(
    volumes: list[tuple[str, np.ndarray]], position: tuple[int, int, int] | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        restoration_figure(volumes, voxel_size=10, position=position)


def test_infinite_voxels_beside_the_sections_are_refused_too() -> None:
    broken = volume()
    broken[0, 0, 0] = np.inf
    with pytest.raises(ValueError, match="cannot be drawn"):
        restoration_figure([("a", broken)], voxel_size=10)


def test_without_matplotlib_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'napari-cryorestore\[figures\]'"):
        restoration_figure([("a", volume())], voxel_size=10)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".SVG"])
def test_figures_are_saved_whole(tmp_path: Path, suffix: str) -> None:
    figure = restoration_figure([("a", volume())], voxel_size=10)
    path = save_figure(tmp_path / f"figure{suffix}", figure, dots_per_inch=40)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_size > 1000
    if suffix == ".png":
        assert imread(path).shape[1] == 600


def test_saving_refuses_to_overwrite_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = restoration_figure([("a", volume())], voxel_size=10)
    (tmp_path / "old.png").write_text("old")
    with pytest.raises(FileExistsError, match=r"old\.png exists and is never overwritten"):
        save_figure(tmp_path / "old.png", figure)
    with pytest.raises(ValueError, match=r"figure\.jpg is no kind of figure"):
        save_figure(tmp_path / "figure.jpg", figure)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        save_figure(tmp_path / "nowhere" / "figure.png", figure)

    def fail(target: Path, **_: object) -> None:
        target.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(tmp_path / "new.png", figure)
    assert [path.name for path in tmp_path.iterdir()] == ["old.png"]
