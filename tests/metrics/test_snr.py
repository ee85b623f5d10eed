from __future__ import annotations

import math

import numpy as np
import pytest

from napari_cryorestore.metrics.snr import propose_boxes, snr_db


def checkered(shape=(8, 8, 24)):
    """Background of mean 1 and variance 1 everywhere, with a block of mean 11 at x >= 16."""
    volume = np.indices(shape).sum(axis=0) % 2 * 2.0
    volume[..., 16:] += 10
    return volume


SIGNAL, BACKGROUND = [(4, 4, 20)], [(4, 4, 4)]


def test_the_squared_form_is_the_formula():
    # means 11 and 1, variance of the background 1: 10 log10(100 / 1)
    result = snr_db(checkered(), SIGNAL, BACKGROUND, 4)
    assert (result.mean, result.spread, result.n) == (pytest.approx(20), 0, 1)


def test_the_literal_form_is_the_formula_on_a_standardised_volume():
    volume = checkered()
    deviation = volume.std()
    result = snr_db(volume, SIGNAL, BACKGROUND, 4, form="literal")
    assert result.mean == pytest.approx(10 * (math.log10(10 / deviation) - math.log10(1 / deviation**2)))


@pytest.mark.parametrize("form", ["squared", "literal"])
@pytest.mark.parametrize("change", [lambda v: 1e-6 * v, lambda v: 5 - 7 * v, lambda v: 1e3 * v + 1e3])
def test_neither_scale_nor_sign_nor_offset_matters(change, form):
    rng = np.random.default_rng(0)
    volume = checkered() + rng.standard_normal((8, 8, 24))
    before, after = (snr_db(v, SIGNAL, BACKGROUND, 4, form=form) for v in (volume, change(volume)))
    assert after.mean == pytest.approx(before.mean, abs=1e-6)


def test_a_volume_of_integers_does_not_overflow():
    volume = (10 * checkered()).astype(np.uint8)
    assert snr_db(volume, SIGNAL, BACKGROUND, 4).mean == pytest.approx(20)


def test_mean_spread_and_number_are_those_of_the_boxes():
    volume = checkered()
    volume[..., 20:] += 90  # contrasts of 10 and 100: 20 and 40 dB
    result = snr_db(volume, [(4, 4, 18), (4, 4, 22)], BACKGROUND, 4)
    assert result.values == pytest.approx((20, 40))
    assert (result.mean, result.spread, result.n) == (pytest.approx(30), pytest.approx(10), 2)


def test_every_signal_box_is_compared_with_the_nearest_background_box():
    volume = checkered()
    volume[:, 4:, :16] *= 10  # a noisier and brighter background: mean 10, variance 100
    boxes = [(4, 2, 4), (4, 6, 4)]
    near = snr_db(volume, [(4, 6, 20)], boxes, 4)
    assert near.mean == pytest.approx(10 * math.log10((11 - 10) ** 2 / 100))
    assert snr_db(volume, [(4, 6, 20)], boxes[:1], 4).mean == pytest.approx(20)


def test_boxes_as_bright_as_the_background_are_left_out():
    volume = checkered()
    result = snr_db(volume, [(4, 4, 20), (4, 4, 10)], BACKGROUND, 4)
    assert (result.n, result.mean) == (1, pytest.approx(20))
    nothing = snr_db(volume, [(4, 4, 10)], BACKGROUND, 4)
    assert nothing.n == 0
    assert math.isnan(nothing.mean)


@pytest.mark.parametrize(
    ("signal", "background", "size", "words"),
    [
        ([], BACKGROUND, 4, r"signal boxes need one centre .* shape \(0,\)"),
        ([(1, 2)], BACKGROUND, 4, r"shape \(1, 2\)"),
        (
            SIGNAL,
            [(4, 4, 23)],
            4,
            r"background box of 4 voxels at z, y, x = 4, 4, 23 reaches beyond .*8×8×24",
        ),
        (SIGNAL, [(math.nan, 4, 4)], 4, "nan, 4, 4 reaches beyond"),
        (SIGNAL, BACKGROUND, 9, "Boxes of 9 voxels do not fit .* choose an edge of 2 to 8"),
        (SIGNAL, BACKGROUND, 1, "Boxes of 1 voxels"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(signal, background, size, words):
    with pytest.raises(ValueError, match=words):
        snr_db(checkered(), signal, background, size)


def test_a_constant_background_and_nan_are_refused():
    volume = checkered()
    volume[..., :8] = 0
    with pytest.raises(ValueError, match=r"background box at z, y, x = 4, 4, 4 is constant"):
        snr_db(volume, SIGNAL, BACKGROUND, 4)
    volume = checkered()
    volume[4, 4, 20] = np.nan
    with pytest.raises(ValueError, match=r"box at z, y, x = 4, 4, 20 holds NaN"):
        snr_db(volume, SIGNAL, BACKGROUND, 4)
    with pytest.raises(ValueError, match="three axes"):
        snr_db(np.zeros((4, 4)), SIGNAL, BACKGROUND, 2)


@pytest.mark.parametrize("size", [4, 5])
def test_proposed_boxes_lie_in_and_out_of_the_mask_and_apart(size):
    mask = np.zeros((16, 24, 24), dtype=bool)
    mask[:, :12] = True
    signal, background = propose_boxes(mask, size, n=6)
    assert signal.shape == background.shape == (6, 3)
    for centres, value in ((signal, True), (background, False)):
        for centre in centres:
            box = tuple(slice(c - size // 2, c - size // 2 + size) for c in centre)
            assert (mask[box] == value).all()
            assert mask[box].size == size**3
    everything = np.concatenate([signal, background])
    apart = np.abs(everything[:, None] - everything[None]).max(axis=2)
    assert apart[~np.eye(len(everything), dtype=bool)].min() >= size
    snr_db(np.random.default_rng(0).standard_normal(mask.shape), signal, background, size)


@pytest.mark.parametrize(
    ("mask", "size", "n", "words"),
    [
        (np.ones((8, 8, 8), bool), 4, 3, "No box of 4 voxels is free of structure"),
        (np.zeros((8, 8, 8), bool), 4, 3, "No box of 4 voxels is full of structure"),
        (np.zeros((8, 8, 8), bool), 9, 3, "do not fit"),
        (np.zeros((8, 8, 8), bool), 4, 0, "At least one box"),
    ],
)
def test_where_no_boxes_can_be_proposed_it_says_so(mask, size, n, words):
    with pytest.raises(ValueError, match=words):
        propose_boxes(mask, size, n)


def test_boxes_lie_where_something_was_measured():
    mask = np.zeros((24, 48, 48), dtype=bool)
    mask[:, 24:, :24] = True
    usable = np.ones_like(mask)
    usable[:, :20] = False
    signal, background = propose_boxes(mask, 8, usable=usable)
    for centres in (signal, background):
        assert len(centres)
        assert centres[:, 1].min() >= 24
    assert propose_boxes(mask, 8)[1][:, 1].min() < 20
