from __future__ import annotations

import math

import pytest
import torch

from napari_cryorestore.metrics.heldout import (
    correlation,
    fill,
    fill_elements,
    held_out_metrics,
    left_out_correlations,
    masked_correlation,
    mean_shell_correlation,
    wedge_share,
)
from napari_cryorestore.physics.fourier import nyquist_ball
from napari_cryorestore.physics.rotation import SignedPermutation, about_tilt_axis
from napari_cryorestore.physics.wedge import Wedge, apply_mask

WEDGE = Wedge(-60, 60)
CUBE = (40, 40, 40)


def noise(shape=CUBE, seed=0):
    return torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(seed))


def measure(shape=CUBE, *, wedge=WEDGE, sigma=2.0):
    """A white truth and its two measured, noisy halves."""
    truth = noise(shape)
    mask = wedge.mask(shape)
    return truth, *(apply_mask(truth + sigma * noise(shape, seed), mask) for seed in (1, 2))


def smooth_truth(shape, seed=0):
    """A truth that changes slowly, so that it hardly depends on how a block is cut."""
    kz, ky, kx = torch.fft.fftfreq(shape[0]), torch.fft.fftfreq(shape[1]), torch.fft.rfftfreq(shape[2])
    k2 = kz[:, None, None] ** 2 + ky[:, None] ** 2 + kx**2
    return apply_mask(noise(shape, seed), torch.exp(-20 * k2))


@pytest.mark.parametrize("sigma", [0.5, 2.0])
@pytest.mark.parametrize("wedge", [WEDGE, None])
def test_n2n_of_the_truth_is_the_share_of_signal_in_the_raw_half(sigma, wedge):
    truth, y0, y1 = measure(sigma=sigma, wedge=wedge or Wedge(-90, 90))
    metrics = held_out_metrics([truth, truth], [y0, y1], wedge=wedge, second_pass=None).metrics
    assert metrics["n2n"] == pytest.approx(1 / math.sqrt(1 + sigma**2), abs=0.02)


def test_n2n_compares_each_restoration_with_the_other_half():
    truth, y0, y1 = measure()
    own = held_out_metrics([y1, y0], [y0, y1], wedge=WEDGE, second_pass=None).metrics
    cross = held_out_metrics([y0, y1], [y0, y1], wedge=WEDGE, second_pass=None).metrics
    assert own["n2n"] == pytest.approx(1, abs=1e-4)
    assert cross["n2n"] == pytest.approx(1 / 5, abs=0.02)
    best = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=None).metrics
    assert best["n2n"] > cross["n2n"]


def test_n2n_ignores_what_is_added_in_the_wedge_and_any_offset():
    truth, y0, y1 = measure()
    missing = apply_mask(noise(seed=9), nyquist_ball(CUBE) & ~WEDGE.mask(CUBE))
    plain = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=None).metrics["n2n"]
    invented = truth + 0.5 * missing + 7
    assert held_out_metrics([invented, invented], [y0, y1], wedge=WEDGE, second_pass=None).metrics[
        "n2n"
    ] == pytest.approx(plain, abs=0.01)


def test_what_is_not_known_is_left_out():
    truth, y0, y1 = measure()
    always = {"n2n", "half_fsc", "half_correlation"}
    metrics = held_out_metrics([truth, truth], [y0, y1], wedge=None, second_pass=lambda x: x).metrics
    assert set(metrics) == always
    metrics = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=None).metrics
    assert set(metrics) == always | {"wedge_share"}
    metrics = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=lambda x: x).metrics
    assert set(metrics) == always | {"wedge_share", "fill"}
    assert all(type(value) is float for value in metrics.values())


class Oracle:
    """A second pass that knows the truth: it recognises the orientation by its input."""

    def __init__(self, truth, elements):
        self.answers = [element.apply(truth) for element in elements]

    def __call__(self, masked):
        fitting = [answer for answer in self.answers if answer.shape == masked.shape]
        return max(fitting, key=lambda answer: correlation(answer, masked))


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("shape", [(32, 32, 32), (24, 30, 41)])
def test_fill_tells_the_truth_from_nothing_and_from_inventions(axis, shape):
    wedge = Wedge(-58, 50, axis)
    truth, y0, y1 = measure(shape, wedge=wedge, sigma=1.0)
    oracle = Oracle(truth, fill_elements(wedge, shape))

    def inventing(masked):
        return masked + noise(tuple(masked.shape[-3:]), seed=4)

    def scored(second_pass):
        return held_out_metrics([truth, truth], [y0, y1], wedge=wedge, second_pass=second_pass).metrics[
            "fill"
        ]

    assert scored(oracle) == pytest.approx(1 / math.sqrt(2), abs=0.06)
    assert scored(lambda masked: masked) == pytest.approx(0, abs=0.02)
    assert scored(inventing) == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("element", [about_tilt_axis(1, "y"), SignedPermutation((1, 2, 0), (1, 1, 1))])
def test_the_network_sees_a_turned_volume_without_its_wedge(element):
    shape = (20, 24, 28)
    given = []

    def watching(masked):
        given.append(masked)
        return masked

    restored = noise(shape)
    fill(restored, noise(shape, 1), element, wedge=WEDGE, second_pass=watching)
    turned = element.apply(restored)
    torch.testing.assert_close(given[0], apply_mask(turned, WEDGE.mask(turned.shape[-3:])))


def test_nothing_is_hidden_when_everything_was_measured():
    everything = Wedge(-90, 90)
    truth, y0, y1 = measure(wedge=everything)
    metrics = held_out_metrics([truth, truth], [y0, y1], wedge=everything, second_pass=lambda x: x).metrics
    assert metrics["fill"] == 0.0
    assert metrics["wedge_share"] == 0.0


def test_fill_uses_more_rotations_where_they_keep_the_shape():
    assert len(fill_elements(WEDGE, (8, 8, 8))) == 4
    assert fill_elements(WEDGE, (8, 8, 9)) == (about_tilt_axis(1, "y"), about_tilt_axis(3, "y"))
    assert all(element.determinant == 1 for element in fill_elements(WEDGE, (8, 8, 8)))


def test_wedge_share_of_white_noise_is_the_missing_fraction():
    assert wedge_share(noise() + 100, WEDGE) == pytest.approx(1 - WEDGE.measured_fraction(CUBE), abs=0.02)
    assert wedge_share(apply_mask(noise(), WEDGE.mask(CUBE)), WEDGE) < 0.06


def test_halves_are_compared_in_both_spaces():
    signal, first, second = noise(), noise(seed=1), noise(seed=2)
    metrics = held_out_metrics(
        [signal + first, signal + second], [signal, signal], wedge=None, second_pass=None
    ).metrics
    assert metrics["half_correlation"] == pytest.approx(0.5, abs=0.02)
    assert metrics["half_fsc"] == pytest.approx(0.5, abs=0.05)
    assert mean_shell_correlation(signal, signal) == pytest.approx(1, abs=1e-3)
    assert correlation(signal, -signal) == pytest.approx(-1, abs=1e-5)


def test_a_masked_correlation_looks_only_where_the_mask_is():
    low = smooth_truth(CUBE)
    ball, core = nyquist_ball(CUBE), torch.zeros(40, 40, 21, dtype=torch.bool)
    core[:4, :4, :4] = True
    mixed = low + apply_mask(noise(seed=3), ~nyquist_core(CUBE)) * 3
    assert masked_correlation(low, mixed, core) > 0.95
    assert masked_correlation(low, mixed, ball) < 0.5


def nyquist_core(shape):
    """Everything but high frequencies."""
    kz, ky, kx = (torch.fft.fftfreq(n) for n in shape)
    return kz[:, None, None] ** 2 + ky[:, None] ** 2 + kx[: shape[2] // 2 + 1].abs() ** 2 < 0.2**2


def test_dc_never_counts():
    only_dc = torch.zeros(40, 40, 21, dtype=torch.bool)
    only_dc[0, 0, 0] = True
    assert masked_correlation(noise() + 3, noise(seed=1) + 3, only_dc) == 0.0


@pytest.mark.parametrize("wedge", [WEDGE, None])
def test_empty_blocks_give_zeros(wedge):
    empty = torch.zeros(1, 1, 16, 18, 20)
    metrics = held_out_metrics([empty, empty], [empty, empty], wedge=wedge, second_pass=lambda x: x).metrics
    assert set(metrics.values()) == {0.0}
    metrics = held_out_metrics(
        [empty] * 2, [noise((16, 18, 20))] * 2, wedge=wedge, second_pass=lambda x: x
    ).metrics
    assert set(metrics.values()) == {0.0}


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_weak_and_strong_outputs_score_alike(scale):
    truth, y0, y1 = measure(sigma=1.0)
    oracle, scaled = (
        Oracle(truth, fill_elements(WEDGE, CUBE)),
        Oracle(scale * truth, fill_elements(WEDGE, CUBE)),
    )
    expected = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=oracle).metrics
    metrics = held_out_metrics(
        [scale * truth, scale * truth], [y0, y1], wedge=WEDGE, second_pass=scaled
    ).metrics
    assert metrics == pytest.approx(expected, abs=1e-3)


def test_half_precision_is_taken():
    truth, y0, y1 = measure(sigma=1.0)
    half = truth.bfloat16()
    expected = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=None).metrics
    metrics = held_out_metrics([half, half], [y0, y1], wedge=WEDGE, second_pass=None).metrics
    assert metrics == pytest.approx(expected, abs=1e-2)


def test_the_network_is_applied_without_a_graph():
    weight = torch.ones((), requires_grad=True)
    tracked = []

    def second_pass(masked):
        tracked.append((weight * masked).requires_grad)
        return weight * masked

    held_out_metrics([noise(), noise()], [noise(), noise()], wedge=WEDGE, second_pass=second_pass)
    assert tracked == [False] * 8


def test_blocks_of_different_shape_are_refused():
    block = noise((8, 8, 8))
    with pytest.raises(ValueError, match=r"one shape \(1, 1, z, y, x\), not .*\(1, 1, 8, 8, 9\)"):
        held_out_metrics([block, block], [block, noise((8, 8, 9))], wedge=None, second_pass=None)
    with pytest.raises(ValueError, match="one shape"):
        held_out_metrics([block[0]] * 2, [block[0]] * 2, wedge=None, second_pass=None)


def test_an_octant_left_out_is_an_octant_that_does_not_count():
    """What is in the octant has next to no say in the value without it, and all the others have."""
    truth, noisy = noise((32, 32, 32)), noise((32, 32, 32)) + noise((32, 32, 32), seed=1)
    spoiled = noisy.clone()
    spoiled[..., :16, 16:, :16] = 5 * noise((16, 16, 16), seed=5)
    ball = nyquist_ball((32, 32, 32))
    before, after = (left_out_correlations(truth, other, ball) for other in (noisy, spoiled))
    assert after[0, 1, 0] == pytest.approx(float(before[0, 1, 0]), abs=0.05)
    others = torch.ones(2, 2, 2, dtype=torch.bool)
    others[0, 1, 0] = False
    assert (after[others] < 0.45).all()
    assert (before[others] > 0.6).all()


@pytest.mark.parametrize("shape", [(16, 17, 19), (16, 16, 16)])
def test_octants_left_out_average_to_the_whole(shape):
    truth, y0, y1 = measure(shape, sigma=1.0)
    numbers = held_out_metrics(
        [y0, y1], [y0, y1], wedge=WEDGE, second_pass=lambda masked: noise(tuple(masked.shape[-3:]))
    )
    assert set(numbers.left_out) == {"n2n", "fill"}
    for name, values in numbers.left_out.items():
        assert len(values) == 8
        assert sum(values) / 8 == pytest.approx(numbers.metrics[name], abs=0.02)
        assert len(set(values)) == 8
    assert held_out_metrics([truth, truth], [y0, y1], wedge=None, second_pass=None).left_out.keys() == {"n2n"}


def test_the_octants_of_filling_are_those_of_the_block_before_it_was_rotated():
    """Where one octant alone is filled badly, the number without that octant is the best."""
    truth, y0, y1 = measure((32, 32, 32), sigma=0.5)
    oracle = Oracle(truth, fill_elements(WEDGE, (32, 32, 32)))
    elements = fill_elements(WEDGE, (32, 32, 32))

    def bad_in_one_octant(masked):
        answer = oracle(masked)
        element = next(e for e in elements if torch.equal(e.apply(truth), answer))
        spoiled = element.inverse().apply(answer).clone()
        spoiled[..., 16:, :16, 16:] = 5 * noise((16, 16, 16), seed=7)
        return element.apply(spoiled)

    values = held_out_metrics([truth, truth], [y0, y1], wedge=WEDGE, second_pass=bad_in_one_octant).left_out[
        "fill"
    ]
    assert max(range(8), key=values.__getitem__) == 0b101


@pytest.mark.parametrize("scale", [0.0, 1e-3, 2.0])
def test_the_spread_is_that_of_the_output_relative_to_the_input(scale):
    even, odd = noise(seed=1) * 3, noise(seed=2) * 3
    numbers = held_out_metrics([5 + scale * even, scale * odd], [even - 7, odd], wedge=None, second_pass=None)
    assert numbers.spread == pytest.approx(scale, rel=1e-4)


def test_one_map_has_no_numbers_that_need_two():
    truth, y0, _ = measure(sigma=1.0)
    numbers = held_out_metrics([truth], [y0], wedge=WEDGE, second_pass=lambda x: x)
    assert numbers.metrics.keys() == {"wedge_share", "fill"}
    assert numbers.left_out.keys() == {"fill"}
    assert held_out_metrics([truth], [y0], wedge=None, second_pass=None).metrics == {}
    with pytest.raises(ValueError, match="Two halves are measured, or one map"):
        held_out_metrics([truth] * 3, [y0] * 3, wedge=None, second_pass=None)


def test_filling_one_map_with_its_own_noise_scores_nothing():
    """What is hidden of white noise cannot be told from the rest of it; who knows the truth can fill it."""
    truth, y0, _ = measure(sigma=1.0)

    def score(map_, second_pass):
        return held_out_metrics([map_], [map_], wedge=WEDGE, second_pass=second_pass).metrics["fill"]

    assert score(noise(seed=7), torch.nn.AvgPool3d(3, 1, 1)) == pytest.approx(0, abs=0.05)
    assert score(y0, Oracle(truth, fill_elements(WEDGE, CUBE))) == pytest.approx(1 / math.sqrt(2), abs=0.06)
