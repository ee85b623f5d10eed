"""What networks are made of: their common class, and a convolution that is fast for one crop on a CPU too."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_cryorestore.networks.base import Sizes
from napari_cryorestore.plugin_table import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.networks.base import NetworkConfig, NetworkEntry


class Network(nn.Module):
    """Maps crops (b, c, z, y, x) to restored crops (b, 1, z, y, x).

    Attributes
    ----------
    sizes : Sizes
        What its line of the table says, once it was made from that.
    """

    sizes: Sizes = Sizes()

    def require_size(self, inputs: Tensor) -> None:
        """Refuse crops (b, c, z, y, x) that are too small.

        Raises
        ------
        ValueError
            If an axis is shorter than the network's minimum.
        """
        if min(inputs.shape[2:]) < self.sizes.minimum:
            raise ValueError(
                f"The network takes crops of at least {self.sizes.minimum} voxels per axis, but this one is "
                f"{tuple(inputs.shape[2:])}; use larger crops or fewer levels."
            )


def network_of(entry: NetworkEntry, config: NetworkConfig, channels: int, *, seed: int) -> Network:
    """Return the network that a line of the table makes of these knobs, its weights by the seed alone.

    Torch's global random state is left as it was.

    Raises
    ------
    ValueError
        If what makes the network, or something that it needs, is not installed or cannot be imported.
    """
    if missing := entry.missing():
        raise ValueError(f"the network {kind_of(entry)!r} {missing}")
    build = _builder(entry)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the GPUs too
        try:
            network: Network = build(config, channels)
        except ImportError as error:  # of what it imports no earlier than here
            raise _unusable(entry, error) from error
    network.sizes = entry.sizes(config)
    return network


def _builder(entry: NetworkEntry) -> Callable[[Any, int], Network]:
    """Return what makes a network; imported only now, so that it can fail here."""
    if not isinstance(entry.build, str):
        return entry.build
    try:
        found: Callable[[Any, int], Network] = resolve_name(entry.build)
    except (Exception, SystemExit) as error:  # as where the table loads what others bring
        raise _unusable(entry, error) from error
    return found


def _unusable(entry: NetworkEntry, error: BaseException) -> ValueError:
    what = f"the network {kind_of(entry)!r} cannot be used here ({error})"
    return ValueError(f"{what}: update or remove the package it comes from")


class ChangeNetwork(Network):
    """Predicts a change to input channel 0, in layers that only take multiples of a number of voxels.

    Axes that are no multiple are continued by their outermost voxels. Whoever derives from it says `change`.

    Attributes
    ----------
    multiple : int
        Which sizes the layers take.
    """

    multiple: int = 1

    def forward(self, inputs: Tensor) -> Tensor:
        """Restore crops.

        Parameters
        ----------
        inputs : Tensor, shape (b, c, z, y, x)

        Returns
        -------
        Tensor, shape (b, 1, z, y, x)

        Raises
        ------
        ValueError
            If an axis is shorter than the network's minimum.
        """
        self.require_size(inputs)
        z, y, x = inputs.shape[2:]
        return inputs[:, :1] + self.change(_extended(inputs, self.multiple))[:, :, :z, :y, :x]

    def change(self, inputs: Tensor) -> Tensor:
        """Return the change (b, 1, z, y, x) to inputs (b, c, z, y, x) of a size that the layers take."""
        raise NotImplementedError


def _extended(inputs: Tensor, multiple: int) -> Tensor:
    """Return crops (b, c, z, y, x), each axis continued by its outermost voxels to a multiple of so many."""
    more = [-size % multiple for size in inputs.shape[2:]]
    if not any(more):
        return inputs
    z, y, x = more
    return functional.pad(inputs, (0, x, 0, y, 0, z), mode="replicate")


_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def channels_last(network: nn.Module) -> nn.Module:
    """Let all channels of a voxel, or of a pixel, lie together in a network's weights, and return it."""
    for weight in network.parameters():
        layout = _LAYOUTS.get(weight.ndim)
        if layout is not None:
            weight.data = weight.data.contiguous(memory_format=layout)
    return network


class Convolution(nn.Conv3d):
    """`Conv3d` that always uses oneDNN on a CPU.

    For one crop in 32 bits, PyTorch chooses a loop of its own, which takes two to eight times as long.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        if isinstance(self.padding, str) or not is_slow_alone(input):
            plain: Tensor = super()._conv_forward(input, weight, bias)
            return plain
        return torch.mkldnn_convolution(
            input, weight, bias, self.padding, self.stride, self.dilation, self.groups
        )


def is_slow_alone(maps: Tensor) -> bool:
    """Tell whether PyTorch's own choice for maps (b, c, z, y, x) would be the slow loop."""
    return (
        len(maps) == 1
        and maps.device.type == "cpu"
        and maps.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    )


__all__ = ["ChangeNetwork", "Convolution", "Network", "channels_last", "is_slow_alone", "network_of"]
