"""Corners are exactly those whose crops are allowed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.data.corners import Box, keeping_off, valid_corners


def by_hand(shape, sizes, keep) -> list[tuple[int, ...]]:
    ranges = [range(length - size + 1) for length, size in zip(shape, sizes, strict=True)]
    blocks = ((z, y, x) for z in ranges[0] for y in ranges[1] for x in ranges[2])
    return [c for c in blocks if keep(tuple(slice(a, a + s) for a, s in zip(c, sizes, strict=True)))]


def test_without_a_mask_every_crop_that_fits_is_allowed() -> None:
    found = valid_corners((5, 6, 7), (4, 4, 5))
    assert [tuple(corner) for corner in found.tolist()] == by_hand((5, 6, 7), (4, 4, 5), lambda _: True)


def test_a_crop_as_large_as_the_volume_has_one_place() -> None:
    assert valid_corners((8, 8, 8), 8).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.55])
def test_the_mask_must_fill_the_fraction_of_each_crop(fraction: float) -> None:
    mask = np.random.default_rng(0).random((9, 11, 10)) < 0.5
    found = valid_corners(mask.shape, (4, 5, 3), mask=mask, min_fraction=fraction)
    expected = by_hand(mask.shape, (4, 5, 3), lambda box: mask[box].mean() >= fraction)
    assert expected
    assert [tuple(corner) for corner in found.tolist()] == expected


def test_no_crop_touches_the_excluded_box() -> None:
    box = Box((3, 4, 2), (6, 7, 5))
    taken = np.zeros((10, 11, 9), dtype=bool)
    taken[box.slices] = True
    found = valid_corners(taken.shape, 3, excluded=box)
    assert [tuple(c) for c in found.tolist()] == by_hand(
        taken.shape, (3, 3, 3), lambda part: not taken[part].any()
    )


def test_many_corners_are_thinned_out_and_stay_exact() -> None:
    mask = np.random.default_rng(0).random((14, 15, 16)) < 0.5
    every = valid_corners(mask.shape, 4, most=200)
    assert 50 < len(every) <= 200
    assert every.min() == 0
    assert every.max(0).tolist() == [10, 11, 12]
    masked = valid_corners(mask.shape, 4, mask=mask, most=200)
    shares = {tuple(c): mask[tuple(slice(a, a + 4) for a in c)].mean() for c in every.tolist()}
    assert [tuple(c) for c in masked.tolist()] == [c for c, share in shares.items() if share >= 0.5]


def test_a_thin_tomogram_is_told_the_largest_crop() -> None:
    with pytest.raises(
        ValueError, match=r"40 voxels along z, fewer than the crop's 72; use a crop of at most 40"
    ):
        valid_corners((40, 200, 200), 72)


def test_an_empty_mask_a_wrong_mask_and_a_greedy_box_are_explained() -> None:
    with pytest.raises(ValueError, match="at least 50% inside the mask"):
        valid_corners((8, 8, 8), 4, mask=np.zeros((8, 8, 8), dtype=bool))
    with pytest.raises(ValueError, match=r"shape \(8, 8, 8\), but has \(8, 8, 9\)"):
        valid_corners((8, 8, 8), 4, mask=np.ones((8, 8, 9), dtype=bool))
    with pytest.raises(ValueError, match=r"beside the held-out block \(2, 2, 2\) to \(6, 6, 6\)"):
        valid_corners((8, 8, 8), 4, excluded=Box((2, 2, 2), (6, 6, 6)))


def test_a_box_knows_its_shape_slices_and_neighbourhood() -> None:
    box = Box((1, 2, 3), (4, 6, 8))
    assert box.shape == (3, 4, 5)
    assert np.zeros((9, 9, 9))[box.slices].shape == box.shape
    assert box.grown(2, (10, 7, 20)) == Box((0, 0, 1), (6, 7, 10))
    with pytest.raises(ValueError, match="must stop after it starts"):
        Box((1, 2, 3), (4, 2, 8))


@pytest.mark.parametrize("most", [0.05, 0.15, 1.0])
def test_crops_keep_off_as_far_as_they_should(most: float) -> None:
    empty = np.random.default_rng(2).random((9, 10, 11)) < 0.15
    corners = valid_corners(empty.shape, (3, 4, 5))
    kept = keeping_off(corners, (3, 4, 5), empty, most=most)
    expected = by_hand(empty.shape, (3, 4, 5), lambda block: empty[block].mean() <= most)
    assert [tuple(corner) for corner in kept.tolist()] == expected
    assert len(kept) > 0
    assert (len(kept) < len(corners)) == (most < 1)
