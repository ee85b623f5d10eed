"""The 3D convolution of networks, which is fast for a single crop on a CPU too."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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


__all__ = ["Convolution", "is_slow_alone"]
