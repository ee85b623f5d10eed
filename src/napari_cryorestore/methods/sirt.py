"""The SIRT-like filter: what a few iterations of a reconstruction would have left of each frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import Method, MethodConfig

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Network

LONGEST = 512
"""Voxels: detail as coarse as this is complete after one iteration."""


class SirtConfig(MethodConfig):
    """The knobs of the SIRT-like filter."""

    kind: Literal["sirt"] = "sirt"
    iterations: int = setting(
        10, "Iterations to stand for: few keep coarse detail only, many keep everything.", ge=1, le=10_000
    )


class Sirt(Method):
    """H(k) = 1 − (1 − min(1, 1 / (512 k)))ⁿ, k the frequency across the tilt axis in cycles/voxel."""

    Config = SirtConfig
    title = "SIRT-like filter"
    summary = (
        "Weights frequencies as a few iterations of a reconstruction would have; no training, a yardstick."
    )
    trainable = False
    config: SirtConfig

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return the filtered crops; the network is not used."""
        from napari_cryorestore.physics.fourier import frequencies, irfft, rfft

        del network
        shape = inputs.shape[-3:]
        kz, ky, kx = frequencies(shape, device=inputs.device)
        across = ky if imaging.wedge is not None and imaging.wedge.tilt_axis == "x" else kx
        k = (kz.square() + across.square()).sqrt()
        missing = 1 - (1 / (LONGEST * k).clamp(min=1))  # after one iteration
        return irfft(rfft(inputs[:, :1]) * (1 - missing**self.config.iterations), shape)
