from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.data import structure
from napari_cryorestore.data.crops import Box
from napari_cryorestore.data.structure import most_structured_box, structure_mask


def blob(shape=(40, 60, 70), place=(slice(10, 26), slice(30, 50), slice(5, 25)), sign=-1.0, seed=0):
    """Weak noise with one block of strong texture, darker (or brighter) than the rest."""
    rng = np.random.default_rng(seed)
    volume = 0.2 * rng.standard_normal(shape)
    inside = np.zeros(shape, dtype=bool)
    inside[place] = True
    coarse = rng.standard_normal([-(-n // 4) for n in shape])
    texture = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)[: shape[0], : shape[1], : shape[2]]
    return np.where(inside, volume + 3 * sign + texture, volume), inside


@pytest.mark.parametrize("dark", [True, False])
def test_the_mask_keeps_the_structure_and_drops_the_rest(dark):
    volume, inside = blob(sign=-1.0 if dark else 1.0)
    mask = structure_mask(volume, side=2, density=30, std=30, dark=dark)
    assert mask.dtype == bool
    assert mask.shape == volume.shape
    assert mask[inside].mean() > 0.9
    assert mask[:, :, 50:].mean() < 0.1


def test_dark_and_bright_swap_with_the_sign():
    volume, _ = blob()
    np.testing.assert_array_equal(structure_mask(volume), structure_mask(-volume, dark=False))


def test_scale_and_offset_do_not_matter():
    volume, _ = blob()
    assert np.mean(structure_mask(volume) != structure_mask(1e4 + 7 * volume)) < 0.01


@pytest.mark.parametrize(("density", "std"), [(40, 100), (100, 40)])
def test_a_test_alone_passes_the_given_percentage(density, std):
    volume = np.random.default_rng(3).standard_normal((41, 43, 45))
    share = structure_mask(volume, side=1, density=density, std=std).mean()
    assert share == pytest.approx(0.4, abs=0.03)


def test_both_tests_can_be_disabled():
    assert structure_mask(np.zeros((9, 8, 7)), density=99.8, std=100).all()


def test_a_large_volume_is_binned_more_and_gives_much_the_same_mask(monkeypatch):
    volume, inside = blob()
    fine = structure_mask(volume, side=4)
    monkeypatch.setattr(structure, "MOST_VOXELS", 5000)
    coarse = structure_mask(volume.astype(np.float32), side=4)
    assert coarse.shape == volume.shape
    assert np.mean(fine == coarse) > 0.85
    assert coarse[inside].mean() > 0.9


def test_integers_and_memory_maps_are_read(tmp_path):
    volume, _ = blob()
    bytes_ = np.round(127 + 20 * volume).astype(np.int16)
    np.save(tmp_path / "volume.npy", bytes_)
    mapped = np.load(tmp_path / "volume.npy", mmap_mode="r")
    np.testing.assert_array_equal(structure_mask(mapped), structure_mask(bytes_))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"side": 0}, "reach of the mask must be at least 1 voxel, not 0"),
        ({"density": 0}, "density must be above 0 and at most 100 percent, not 0"),
        ({"std": 101}, "std must be above 0 and at most 100 percent, not 101"),
    ],
)
def test_senseless_settings_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        structure_mask(np.zeros((8, 8, 8)), **arguments)


@pytest.mark.parametrize("function", [structure_mask, lambda image: most_structured_box(image, (2, 2, 2))])
def test_an_image_is_refused(function):
    with pytest.raises(ValueError, match=r"three axes \(z, y, x\).*\(8, 8\)"):
        function(np.zeros((8, 8)))


@pytest.mark.parametrize("place", [(3, 20, 31), (0, 0, 0), (24, 40, 46)])
def test_the_box_sits_on_the_only_structure_of_a_mask(place):
    size = (16, 20, 24)
    box = Box(place, tuple(p + s for p, s in zip(place, size, strict=True)))
    mask = np.zeros((40, 60, 70), dtype=bool)
    mask[box.slices] = True
    assert most_structured_box(mask, size) == box


def test_the_box_agrees_with_looking_everywhere():
    mask = np.random.default_rng(5).random((9, 11, 10)) < 0.3
    box = most_structured_box(mask, (3, 4, 2))
    windows = np.lib.stride_tricks.sliding_window_view(mask, (3, 4, 2))
    assert mask[box.slices].sum() == windows.sum(axis=(3, 4, 5)).max()


def test_the_box_of_a_tomogram_covers_its_texture_not_its_bead():
    volume, _ = blob()
    volume[30:34, 5:9, 60:64] = -500
    box = most_structured_box(volume, (16, 20, 20))
    offset = np.subtract(box.start, (10, 30, 5))
    assert np.abs(offset).max() <= 6


def test_of_equal_places_the_middle_one_is_taken():
    box = most_structured_box(np.ones((20, 31, 40), dtype=bool), (10, 11, 20))
    assert box == Box((5, 10, 10), (15, 21, 30))


def test_a_box_larger_than_the_volume_takes_the_full_axis():
    mask = np.zeros((12, 30, 31), dtype=bool)
    mask[:, 20:, :] = True
    assert most_structured_box(mask, (64, 10, 64)) == Box((0, 20, 0), (12, 30, 31))


def test_a_large_mask_is_searched_on_its_binned_grid(monkeypatch):
    monkeypatch.setattr(structure, "MOST_VOXELS", 3000)
    mask = np.zeros((41, 61, 71), dtype=bool)
    mask[21:41, 11:31, 50:71] = True
    box = most_structured_box(mask, (20, 20, 21))
    assert box.shape == (20, 20, 21)
    assert np.abs(np.subtract(box.start, (21, 11, 50))).max() <= 5


def test_the_same_volume_gives_the_same_box():
    volume, _ = blob(seed=8)
    assert most_structured_box(volume, (9, 9, 9)) == most_structured_box(volume.copy(), (9, 9, 9))


@pytest.mark.parametrize("size", [(0, 4, 4), (4, 4)])
def test_a_senseless_size_is_refused(size):
    with pytest.raises(ValueError, match="three positive numbers"):
        most_structured_box(np.zeros((8, 8, 8)), size)
