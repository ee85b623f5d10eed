"""What every method of the table promises, and that a broken promise is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from torch import nn

from napari_cryorestore.data.crops import Crops
from napari_cryorestore.methods import METHODS, build_method
from napari_cryorestore.methods.base import StepLoss
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.methods.wiener import Wiener
from napari_cryorestore.testing import Check, method_checks

from ..topaz_weights import install

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from napari_cryorestore.data.crops import Places
    from napari_cryorestore.methods import Method
    from napari_cryorestore.methods.base import Draws, Network

EVERY = sorted(METHODS.own)
MakeBatch = Callable[..., Crops]


@pytest.fixture(autouse=True)
def topaz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the weights that one of them takes from another package."""
    install(tmp_path / "site-packages", monkeypatch)


@pytest.mark.parametrize(
    "check", [check for name in EVERY for check in method_checks(METHODS[name])], ids=str
)
def test_a_promise_is_kept(check: Check) -> None:
    check()


WITHOUT_MARGIN = [name for name in EVERY if build_method(METHODS[name].Config()).cut_size(16) == 16]


@pytest.mark.parametrize("name", WITHOUT_MARGIN)
def test_prepared_crops_keep_their_shape_and_pairs(name: str, make_batch: MakeBatch) -> None:
    batch = make_batch(count=8)
    method = build_method(METHODS[name].Config())
    turned = method.prepare(batch, method.draw(batch.places, torch.Generator().manual_seed(0)))
    assert turned.even.shape == batch.even.shape
    # what was a pair still is: the same voxels, only elsewhere or exchanged
    before = (batch.even * batch.odd).sum(dim=(1, 2, 3, 4))
    after = (turned.even * turned.odd).sum(dim=(1, 2, 3, 4))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-3)


class Broken(Noise2Noise):
    """Noise2Noise with one thing wrong, which its name says."""

    wrong: ClassVar[str]

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        draws = super().draw(places, generator)
        if self.wrong == "draws tensors for every crop":
            draws["one"] = torch.zeros(1)
        return draws

    def prepare(self, crops: Crops, draws: Draws) -> Crops:
        if self.wrong == "prepares crops of one size":
            return crops.map(lambda voxels: voxels[..., 1:])
        if self.wrong == "takes no memory where there is none" and bool(draws["exchanged"].any()):
            return crops
        return super().prepare(crops, draws)

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        total = super().loss(network, crops, draws, teacher=teacher).total
        changed: dict[str, Callable[[], Tensor]] = {
            "trains every weight": lambda: total.detach() + 0 * network(crops.even_input).sum(),
            "is a function of what was drawn": lambda: total + torch.rand(()),
            "lowers its loss": lambda: 2 * total.detach() - total,
            "computes its loss in 32 bits": lambda: network(crops.even_input).square().mean().bfloat16(),
        }
        return StepLoss(changed.get(self.wrong, lambda: total)())

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Any) -> Tensor:
        if self.wrong == "restores crops of any size":
            return super().restore_crop(network, inputs, imaging)[..., 1:]
        if self.wrong == "may restore in inference mode first":
            KEPT.append(inputs.mean() + 1)
        return super().restore_crop(network, inputs, imaging)

    def to_restore(self, maps: int) -> tuple[tuple[int, ...], ...]:
        return () if self.wrong == "groups the maps" else super().to_restore(maps)


KEPT: list[Tensor] = []


class Keeping(Broken):
    """Keeps something of restoring for training."""

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        total = super().loss(network, crops, draws, teacher=teacher).total
        return StepLoss(total * KEPT[-1] if KEPT else total)


class Holding(Broken):
    """Holds more than its settings."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.step = 0


class Training(Wiener):
    """Is not trained, and has a loss."""

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        return StepLoss(network(crops.even_input).mean())


class Forgetting(Wiener):
    """Brings other weights every time."""

    def pretrained(self) -> nn.Module:
        return nn.Conv3d(1, 1, 3, padding=1).eval()


def broken(promise: str) -> type[Method]:
    """Return a method that breaks one promise."""
    bases = {
        "holds nothing but its settings": Holding,
        "may restore in inference mode first": Keeping,
        "says that it is not trained": Training,
        "brings the same weights every time": Forgetting,
    }
    wrong: dict[str, Any] = {
        "says what it is": {"title": ""},
        "has presets that are valid": {"presets": {"quick-look": {"network": {"features": 8}}}},
    }.get(promise, {})
    return type("Wrong", (bases.get(promise, Broken),), {"wrong": promise, **wrong})


PROMISES = {
    str(check).partition(" ")[2] for method in (Noise2Noise, Wiener) for check in method_checks(method)
}


@pytest.mark.parametrize("promise", sorted(PROMISES))
def test_a_broken_promise_is_found(promise: str) -> None:
    KEPT.clear()
    kept, failed = [], []
    for check in method_checks(broken(promise)):
        try:
            check()
            kept.append(str(check).partition(" ")[2])
        except (AssertionError, ValueError, RuntimeError):
            failed.append(str(check).partition(" ")[2])
    assert promise in failed
    assert kept
