"""What every network of the table promises, and that a broken promise is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from napari_cryorestore.networks import NETWORKS, NetworkConfig, UNetConfig, build_network
from napari_cryorestore.networks.unet import UNET
from napari_cryorestore.networks.unet_module import UNet
from napari_cryorestore.testing import Check, network_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"features": 4, "levels": 3},
    "unet-deepdewedge": {"features": 2},
    "msdnet": {"layers": 6, "width": 2, "dilations": 3},
    "scunet": {"features": 8, "levels": 1, "window": 2},
    "swinunetr": {"features": 12},
    "interpolation": {"features": 4, "levels": 2, "radius": 1},
}
TAKE_LONG = {
    f"swinunetr {promise}"
    for promise in (
        "returns one channel of the same size",
        "learns with every weight",
        "computes alike in other layouts and 16 bits",
        "begins as the seed says",
        "is its weights",
    )
}
"""Of the one that takes no crop below 64 voxels; their checks take most of a minute."""
EVERY = [
    check
    for name in NETWORKS.own
    for check in network_checks(NETWORKS[name], **SMALL.get(name, {}))
    if check.name not in TAKE_LONG
]


@pytest.mark.parametrize("check", EVERY, ids=str)
def test_a_promise_is_kept(check: Check) -> None:
    check()


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no network 'capsnet' here: choose one of .*unet"):
        build_network(NetworkConfig(kind="capsnet"), seed=0)


class Broken(UNet):
    """A U-Net with one thing wrong."""

    def __init__(self, config: UNetConfig, channels: int, wrong: str) -> None:
        super().__init__(config, channels)
        self.wrong, self.noise = wrong, torch.rand(1, device="cpu")
        if wrong == "learns with every weight":
            self.spare = nn.Linear(1, 1)
        if wrong == "begins as the seed says":
            for weight in self.parameters():
                nn.init.constant_(weight, 0.1)

    def require_size(self, inputs: Tensor) -> None:
        if self.wrong != "refuses crops that are too small":
            super().require_size(inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = super().forward(inputs)
        changed: dict[str, Callable[[], Tensor]] = {
            "returns one channel of the same size": lambda: outputs[..., 1:],
            "reaches no farther than it says": lambda: outputs + inputs.mean(),
            "scales what it returns as its input is scaled": lambda: outputs + 0.001,
            "computes alike in other layouts and 16 bits": lambda: (
                outputs + (outputs.dtype == torch.bfloat16)
            ),
            "is its weights": lambda: outputs + self.noise,
            "takes no memory where there is none": lambda: outputs + float(inputs.detach().sum()),
        }
        return changed.get(self.wrong, lambda: outputs)()


def broken(promise: str) -> Any:
    """Return the U-Net's line with one promise broken, which its name says."""
    wrong = {
        "says what it is": {"summary": "No sentence"},
        "says which sizes it takes": {"size_multiple": 0},
        "has presets that are valid": {"presets": {"quick-look": {"network": {"colour": "red"}}}},
    }
    return replace(UNET, **wrong.get(promise, {"build": lambda config, n: Broken(config, n, promise)}))


PROMISES = [check.name.partition(" ")[2] for check in network_checks(UNET)]


@pytest.mark.parametrize("promise", PROMISES)
def test_a_broken_promise_is_found(promise: str) -> None:
    kept, failed = [], []
    for check in network_checks(broken(promise), features=2, levels=2):
        try:
            check()
            kept.append(str(check))
        except (AssertionError, ArithmeticError, ValueError, RuntimeError):
            failed.append(str(check))
    assert f"unet {promise}" in failed
    assert kept


def test_presets_set_nothing_of_others() -> None:
    entry = replace(UNET, presets={"quick-look": {"method": {"passes": 2}}})
    (check,) = (one for one in network_checks(entry) if "presets" in str(one))
    with pytest.raises(AssertionError, match="may set only network, schedule, snapshots, not 'method'"):
        check()
