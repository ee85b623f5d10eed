"""Batches of tiny crops for the methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_cryorestore.data.crops import Crops, Places
from napari_cryorestore.data.network_input import Imaging, network_input
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SYMMETRIC = Wedge(-60, 60)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_batch() -> Callable[..., Crops]:
    """Make a batch of random pairs with a common signal."""

    def make(
        *,
        count: int = 2,
        size: int = 16,
        kind: str = "raw",
        wedge: Wedge | None = SYMMETRIC,
        seed: int = 0,
    ) -> Crops:
        generator = torch.Generator().manual_seed(seed)
        signal, first, second = torch.randn(3, count, 1, size, size, size, generator=generator)
        imaging = Imaging(wedge=wedge, wiener=RadialFilter((1.0, 0.6, 0.1)))
        even, odd = signal + first, signal + second
        inputs = [network_input(half, imaging, kind=kind) for half in (even, odd)]  # type: ignore[arg-type]
        places = Places(0, torch.zeros(count, 3, dtype=torch.int32), imaging, 2)
        return Crops.of((even, odd), inputs, places)

    return make
