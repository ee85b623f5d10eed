"""CryoSamba: what lies between sections, the census, and restoring in two passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_cryorestore.methods import misfit
from napari_cryorestore.methods.cryosamba import (
    TRIPLETS,
    Cryosamba,
    CryosambaConfig,
    census_distance,
    interpolated,
)
from napari_cryorestore.networks import build_network
from napari_cryorestore.networks.interpolation import InterpolationConfig
from napari_cryorestore.networks.interpolation_module import likeness, moved

from .conftest import SYMMETRIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.data.crops import Crops


def mean_of_neighbours(inputs: torch.Tensor) -> torch.Tensor:
    """Return what a network for straight lines would make of sections."""
    if inputs.shape[2] == 1:
        return inputs
    between = (inputs[:, :, :-1] + inputs[:, :, 1:]) / 2
    return torch.cat([between, between[:, :, -1:]], 2)


def test_sections_are_moved_by_a_flow_as_numpy_does(rounding: Callable[[Any], float]) -> None:
    sections = torch.randn(1, 2, 9, 11, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(1, 2, 9, 11)
    flow[:, 0], flow[:, 1] = 1.5, -2.0  # along x, along y
    y = np.clip(np.arange(9) - 2, 0, 8)
    x = np.clip(np.arange(11) + 1.5, 0, 10)
    low = np.minimum(np.floor(x).astype(int), 9)
    plane = sections.numpy()[:, :, y]
    expected = plane[..., low] * (1 - (x - low)) + plane[..., low + 1] * (x - low)
    found = moved(sections, flow).numpy()
    np.testing.assert_allclose(found, expected, atol=10 * rounding(sections))


def test_likeness_is_largest_at_the_shift(rounding: Callable[[Any], float]) -> None:
    one = torch.randn(1, 6, 12, 12, generator=torch.Generator().manual_seed(0))
    other = one.roll((1, -2), (2, 3))
    found = likeness(one, other, 2)
    assert found.shape == (1, 25, 12, 12)
    expected = (one[0, :, 5, 6] * other[0, :, 5 + 1, 6 - 2]).mean()
    assert float(found[0, 3 * 5 + 0, 5, 6] - expected) == pytest.approx(0, abs=rounding(one))
    assert int(found.mean((0, 2, 3)).argmax()) == 3 * 5 + 0


def test_the_census_is_the_formula_and_blind_to_brightness() -> None:
    random = np.random.default_rng(0)
    one, other = random.standard_normal((2, 1, 1, 9, 10))

    def ranked(section: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(section[0, 0], (7, 7))
        difference = windows - windows[..., 3:4, 3:4]
        return difference / np.sqrt(0.81 + difference**2)

    apart = (ranked(one) - ranked(other)) ** 2
    expected = (apart / (0.1 + apart)).mean()
    found = census_distance(torch.tensor(one), torch.tensor(other))
    assert float(found) == pytest.approx(expected, rel=1e-12)
    assert float(census_distance(torch.tensor(one), torch.tensor(one) + 5)) == pytest.approx(0, abs=1e-12)


def test_sections_are_restored_from_two_passes_over_all_gaps() -> None:
    volume = torch.randn(1, 1, 7, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    expected = torch.zeros_like(volume)
    mirrored = lambda place: abs(place) if place < 7 else 12 - place  # noqa: E731
    for step in (1, 2, 3):
        for z in range(7):
            below, above = volume[:, :, mirrored(z - step)], volume[:, :, mirrored(z + step)]
            expected[:, :, z] += ((below + volume[:, :, z]) / 2 + (volume[:, :, z] + above) / 2) / 2 / 3
    torch.testing.assert_close(
        interpolated(mean_of_neighbours, volume, 3).double(), expected, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_two_passes_for_every_section_and_gap(size: int) -> None:
    passes: list[int] = []

    def counting(inputs: torch.Tensor) -> torch.Tensor:
        passes.append(inputs.shape[2] - 1)
        return mean_of_neighbours(inputs)

    restored = interpolated(counting, torch.ones(1, 1, size, 2, 2), 3)
    torch.testing.assert_close(restored, torch.ones(1, 1, size, 2, 2))
    ends = sum(min(step, size) for step in (1, 2, 3))
    assert sum(passes) == 2 * 3 * size + ends  # and one more at the end of every series


def test_triplets_lie_in_the_crop_and_what_is_between_is_the_target(make_batch: Callable[..., Crops]) -> None:
    batch, method = make_batch(count=3, size=16, wedge=SYMMETRIC), Cryosamba(CryosambaConfig(gap=5))
    places = batch.places
    draws = method.draw(places, torch.Generator().manual_seed(0)) if places.size == 16 else None
    draws = draws or {
        "gaps": torch.full((3, TRIPLETS), 2),
        "middle": torch.arange(3, 3 + TRIPLETS).expand(3, -1),
        "flips": torch.zeros(3, 3, dtype=torch.bool),
    }
    seen: list[torch.Tensor] = []

    def network(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs)
        return mean_of_neighbours(inputs)

    loss = method.loss(network, batch, draws, teacher=network)
    assert seen[0].shape == (3 * TRIPLETS, 1, 2, 16, 16)
    assert float(loss.total) == pytest.approx(float(loss.parts["charbonnier"] + 0.1 * loss.parts["census"]))


def test_its_network_serves_no_other_method() -> None:
    assert misfit("cryosamba", "interpolation") == ""
    assert misfit("noise2noise", "interpolation").endswith("the network Interpolation: choose another one")
    assert misfit("cryosamba", "unet").endswith("the network U-Net: choose interpolation")


def test_the_network_finds_what_lies_between_shifted_sections() -> None:
    network = build_network(InterpolationConfig(features=4, levels=2), seed=0)
    assert network(torch.zeros(1, 1, 3, 5, 7)).shape == (1, 1, 3, 5, 7)
    field = torch.randn(1, 1, 1, 8, 40, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(field, (1, 16, 160), mode="trilinear")
    triplet = torch.cat([smooth[..., shift : shift + 20] for shift in (0, 2, 4)], 2)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        loss = (network(triplet[:, :, ::2])[:, :, 0] - triplet[:, :, 1]).abs().mean()
        loss.backward()
        optimiser.step()
    plain = (triplet[:, :, ::2].mean(2) - triplet[:, :, 1]).abs().mean()
    assert float(loss.detach()) < 0.5 * float(plain)
