"""The FSC where something was measured, squares in the wedge: against full spectra, and in every method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.methods import METHODS
from napari_cryorestore.methods.noise2noise import Noise2NoiseConfig
from napari_cryorestore.methods.shell_loss import ShellLossConfig, split_loss
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.testing.of_methods import sample_crops

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 16
FILLING = ("icecream", "deepdewedge", "isonet", "isonet-halves")


class Config(ShellLossConfig):
    kind: str = "any"


def full(half: Tensor) -> NDArray[np.bool_]:
    """Return the full spectrum's mask (z, y, x) of a half one: every frequency is that of its opposite."""
    known = half.numpy()
    whole = np.zeros((N, N, N), dtype=bool)
    for z, y, x in np.ndindex(N, N, N):
        place = (z, y, x) if x <= N // 2 else (-z % N, -y % N, N - x)
        whole[z, y, x] = known[place]
    return whole


def reference(a: NDArray[Any], b: NDArray[Any], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return 1 − ⟨FSC⟩ of faded cubes and the mean square of their difference, both behind a mask."""
    edge = np.minimum(np.arange(N) + 0.5, N - np.arange(N) - 0.5) / N
    taper = np.sin(np.pi / 2 * np.minimum(edge / 0.1, 1)) ** 2
    window = taper[:, None, None] * taper[None, :, None] * taper[None, None, :]
    first, second = np.fft.fftn(a * window), np.fft.fftn(b * window)
    k = np.meshgrid(*(np.fft.fftfreq(N) * N,) * 3, indexing="ij")
    shells = np.round(np.sqrt(sum(axis**2 for axis in k)) - 1e-4)
    curve = []
    for shell in range(1, N // 2 + 1):
        inside = (shells == shell) & mask
        if inside.sum() >= 10:
            power = np.sum(np.abs(first[inside]) ** 2) * np.sum(np.abs(second[inside]) ** 2)
            curve.append(np.sum((first[inside] * second[inside].conj()).real) / np.sqrt(power))
    squares = np.sum(np.abs(np.fft.fftn(a - b)[mask]) ** 2) / N**6
    return 1 - float(np.mean(curve)), float(squares)


@pytest.mark.parametrize("loss", ["l2", "fsc+l2", "fsc"])
def test_each_part_of_fourier_space_has_its_own_term(loss: Any) -> None:
    signal, noise = torch.randn(2, 1, 1, N, N, N, generator=torch.Generator().manual_seed(0))
    target = 0.5 * signal + noise
    mask = Wedge(-60, 50).mask((N, N, N))
    ball = Wedge(-90, 90).mask((N, N, N))
    masks = (mask, ball & ~mask)
    found = split_loss(signal, target, masks, Config(loss=loss, anchor=0.3), Imaging())
    a, b = (volume[0, 0].double().numpy() for volume in (signal, target))
    (fsc, squares), (fsc_wedge, squares_wedge) = (reference(a, b, full(part)) for part in masks)
    expected = {
        "l2": (squares, squares_wedge),
        "fsc+l2": (fsc + 0.3 * squares, squares_wedge),
        "fsc": (fsc + 0.3 * squares, fsc_wedge),
    }
    assert [float(term) for term in found] == pytest.approx(expected[loss], rel=1e-3)


@pytest.mark.parametrize("kind", FILLING)
@pytest.mark.parametrize("loss", ["fsc+l2", "fsc"])
def test_every_method_that_fills_the_wedge_takes_it(kind: str, loss: str) -> None:
    method = METHODS[kind](
        METHODS[kind].Config.model_validate({"kind": kind, "loss": loss, "shells": "agreeing"})
    )
    assert not method.fixes_amplitude
    assert method.learns_with_filter
    crops = sample_crops(method, crop=16)
    torch.manual_seed(0)
    network = nn.Conv3d(1, 1, 3, padding=1, bias=False)
    draws = method.draw(crops.places, torch.Generator().manual_seed(1))
    prepared = method.prepare(crops, draws)
    result = method.loss(network, prepared, draws, teacher=torch.no_grad()(network))
    squares = type(method)(method.config.model_copy(update={"loss": "l2"}))
    assert not torch.equal(result.total, squares.loss(network, prepared, draws, teacher=network).total)
    result.total.backward()
    assert network.weight.grad is not None
    assert 0 < float(network.weight.grad.abs().sum()) < np.inf


def test_shells_are_chosen_with_two_maps_alone() -> None:
    one = {"kind": "isonet", "loss": "fsc", "shells": "weighted"}
    settings = {"tomograms": [{"maps": ["one.mrc"]}], "network": {"kind": "unet"}}
    with pytest.raises(ValidationError, match="shells = 'weighted' needs two maps of one"):
        RunConfig.model_validate({**settings, "method": one})
    assert RunConfig.model_validate({**settings, "method": {**one, "shells": "equal"}})
    assert not Noise2NoiseConfig(shells="weighted").needs_half_map_fsc
