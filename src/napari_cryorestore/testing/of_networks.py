"""What every network promises."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.networks.module import channels_last, network_of
from napari_cryorestore.testing.promises import (
    ROUNDING_16_BITS,
    Check,
    introduces_itself,
    presets_are_valid,
    require,
    require_gradients,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from napari_cryorestore.networks import NetworkConfig, NetworkEntry
    from napari_cryorestore.networks.module import Network

_ROUNDING = 1e-5
"""Of the norm: what another order of additions may change."""
_FARTHEST = 64
"""Voxels of reach up to which it is measured whether a network keeps to it."""


def network_checks(entry: NetworkEntry, **knobs: Any) -> list[Check]:
    """Return what a network must do, as its line of the table describes it.

    Parameters
    ----------
    entry : NetworkEntry
        It need not be in the table.
    **knobs
        Settings of the network, for checks that take a moment: choose few features.

    Returns
    -------
    list of Check
        For each of them, its name says what is promised.
    """
    config = entry.Config.model_validate({"kind": entry.Config.model_fields["kind"].default, **knobs})
    checks: dict[str, Callable[[NetworkEntry, NetworkConfig], None]] = {
        "says what it is": _network_says_what_it_is,
        "says which sizes it takes": _sizes_make_sense,
        "has presets that are valid": _network_presets_are_valid,
        "returns one channel of the same size": _one_channel_of_the_same_size,
        "refuses crops that are too small": _refuses_small_crops,
        "learns with every weight": _every_weight_learns,
        "reaches no farther than it says": _keeps_to_its_reach,
        "scales what it returns as its input is scaled": _is_scale_equivariant,
        "computes alike in other layouts and 16 bits": _layout_and_bits_change_rounding_only,
        "begins as the seed says": _weights_depend_on_the_seed_alone,
        "is its weights": _weights_are_all,
        "takes no memory where there is none": _is_planned_without_values,
    }
    return [Check(f"{config.kind} {name}", partial(run, entry, config)) for name, run in checks.items()]


def _network_says_what_it_is(entry: NetworkEntry, config: NetworkConfig) -> None:
    introduces_itself(entry.title, entry.summary, entry.Config)
    read = type(config).from_toml(config.to_toml())
    require(read == config, f"read from TOML, its configuration is {read!r} instead of {config!r}")


def _sizes_make_sense(entry: NetworkEntry, config: NetworkConfig) -> None:
    sizes = entry.sizes(config)
    require(sizes.multiple >= 1, f"size_multiple must be at least 1, not {sizes.multiple}")
    require(sizes.minimum >= 1, f"minimum_size must be at least 1, not {sizes.minimum}")
    require(sizes.reach is None or sizes.reach >= 0, f"reach must not be negative, as {sizes.reach} is")
    floats = sizes.floats_per_voxel
    require(floats is None or floats > 0, f"floats_per_voxel must be positive, not {floats}")
    made = _made(entry, config).sizes
    require(made == sizes, f"the network that is made says {made}, its line of the table {sizes}")


def _network_presets_are_valid(entry: NetworkEntry, config: NetworkConfig) -> None:
    own = {"network": entry.Config}
    presets_are_valid(entry.presets, config.kind, own)


# What a network computes -----------------------------------------------------------------------------


def _made(entry: NetworkEntry, config: NetworkConfig, *, channels: int = 1, seed: int = 0) -> Network:
    return network_of(entry, config, channels, seed=seed)


def _inputs(entry: NetworkEntry, config: NetworkConfig, *, channels: int = 1, more: int = 0) -> Tensor:
    """Return two random crops of about the size that the network uses best, and not all axes alike."""
    sizes = entry.sizes(config)
    edge = -(-max(sizes.minimum, 2 * sizes.multiple, 8) // sizes.multiple) * sizes.multiple + more
    return torch.randn(2, channels, edge, edge + more, edge, generator=torch.Generator().manual_seed(3))


def _one_channel_of_the_same_size(entry: NetworkEntry, config: NetworkConfig) -> None:
    for channels in (1, 2):
        network = _made(entry, config, channels=channels).eval()
        for more in (0, 1):
            inputs = _inputs(entry, config, channels=channels, more=more)
            with torch.inference_mode():
                shape = tuple(network(inputs).shape)
            expected = (2, 1, *inputs.shape[2:])
            require(shape == expected, f"crops {tuple(inputs.shape)} must become {expected}, not {shape}")


def _refuses_small_crops(entry: NetworkEntry, config: NetworkConfig) -> None:
    network, least = _made(entry, config).eval(), entry.sizes(config).minimum
    with torch.inference_mode():
        network(torch.ones(1, 1, least, least, least))
        if least == 1:
            return
        try:
            network(torch.ones(1, 1, least, least - 1, least))
        except ValueError as error:
            require(
                f"at least {least} voxels" in str(error), f"the refusal must name {least} voxels: {error}"
            )
            return
    raise AssertionError(f"a crop below {least} voxels must be refused: call require_size in forward")


def _every_weight_learns(entry: NetworkEntry, config: NetworkConfig) -> None:
    for channels in (1, 2):
        network = _made(entry, config, channels=channels)
        network(_inputs(entry, config, channels=channels)).float().square().mean().backward()
        require_gradients(network)


def _keeps_to_its_reach(entry: NetworkEntry, config: NetworkConfig) -> None:
    sizes = entry.sizes(config)
    beyond = entry.traits(config).content_independent is False
    if beyond or sizes.reach is None or sizes.reach > _FARTHEST:
        return
    edge = -(-max(sizes.minimum, 8) // sizes.multiple) * sizes.multiple
    along = -(-(2 * sizes.reach + 2 * sizes.multiple + edge) // sizes.multiple) * sizes.multiple
    network = _made(entry, config).double().eval()
    inputs = torch.randn(1, 1, edge, edge, along, dtype=torch.double, requires_grad=True)
    centre = along // 2
    (gradient,) = torch.autograd.grad(network(inputs)[..., centre].sum(), inputs)
    touched = gradient.abs().amax((0, 1, 2, 3)).nonzero()[:, 0]
    farthest = int((touched - centre).abs().max())
    require(farthest <= sizes.reach, f"a voxel depends on others {farthest} voxels away, not {sizes.reach}")


def _is_scale_equivariant(entry: NetworkEntry, config: NetworkConfig) -> None:
    if not entry.traits(config).scale_equivariant:
        return
    network, inputs = _made(entry, config).double().eval(), _inputs(entry, config).double()
    with torch.inference_mode():
        once, scaled = network(inputs), network(100 * inputs) / 100
    apart = float((scaled - once).norm() / once.norm())
    require(apart < _ROUNDING, f"of an input 100 times as strong it makes another by {apart:.2g} of its norm")


def _layout_and_bits_change_rounding_only(entry: NetworkEntry, config: NetworkConfig) -> None:
    network, inputs = _made(entry, config).eval(), _inputs(entry, config)
    with torch.inference_mode():
        expected = network(inputs)
        channels_last(network)
        layout = inputs.to(memory_format=torch.channels_last_3d)
        others = {"channels_last_3d": (network(layout), _ROUNDING)}
        with torch.autocast("cpu", torch.bfloat16):
            others["bfloat16"] = (network(layout).float(), ROUNDING_16_BITS)
    for name, (result, most) in others.items():
        apart = float((result - expected).norm() / expected.norm())
        require(apart < most, f"in {name} the result is another by {apart:.2g} of its norm")


def _weights_depend_on_the_seed_alone(entry: NetworkEntry, config: NetworkConfig) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = _made(entry, config, seed=5)
    require(torch.equal(torch.get_rng_state(), before), "making it changes torch's random state")
    torch.manual_seed(12)
    again, other = _made(entry, config, seed=5), _made(entry, config, seed=6)
    require(_same_weights(first, again), "one seed must give the same weights, but they differ")
    require(not _same_weights(first, other), "two seeds must give two networks, but give the same")


def _same_weights(one: Network, two: Network) -> bool:
    pairs: Iterator[tuple[Any, Any]] = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def _weights_are_all(entry: NetworkEntry, config: NetworkConfig) -> None:
    one, two = _made(entry, config, seed=0).eval(), _made(entry, config, seed=1).eval()
    inputs = _inputs(entry, config)
    two.load_state_dict(one.state_dict())
    with torch.inference_mode():
        expected = one(inputs)
        require(torch.equal(expected, two(inputs)), "what was saved and loaded computes something else")
        require(torch.equal(expected, deepcopy(one)(inputs)), "a copy computes something else")


def _is_planned_without_values(entry: NetworkEntry, config: NetworkConfig) -> None:
    with torch.device("meta"):
        network = _made(entry, config)
        inputs = torch.empty(_inputs(entry, config).shape)
    shape = tuple(network(inputs).shape)
    require(shape == (*inputs.shape[:1], 1, *inputs.shape[2:]), f"on the meta device it returns {shape}")


__all__ = ["network_checks"]
