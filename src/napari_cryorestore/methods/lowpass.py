"""The low-pass filter: no training, one number, what every program can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import Method, MethodConfig

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Network


_USUAL = 4.0  # voxels


class LowpassConfig(MethodConfig):
    """The knobs of the low-pass filter."""

    kind: Literal["lowpass"] = "lowpass"
    resolution: float | None = setting(
        None,
        "Detail as fine as this passes by half, coarser detail more, finer detail less; four voxels if not "
        "given.",
        unit="Å",
        gt=0,
    )
    softness: float = setting(
        0.3,
        "Width of the soft edge, as a share of the cut-off frequency; 0 cuts sharply, which rings.",
        ge=0,
        le=2,
    )


class Lowpass(Method):
    """H(k) = 1 below the edge, 0 above, and half a period of a cosine between."""

    Config = LowpassConfig
    title = "Low-pass filter"
    summary = "Leaves out everything finer than a resolution; no training, a yardstick."
    trainable = False
    config: LowpassConfig

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return the crops without what is finer; the network is not used."""
        import torch

        from napari_cryorestore.physics.fourier import irfft, radius, rfft

        del network
        shape, cut = inputs.shape[-3:], self._cut(imaging.voxel_size)
        width = max(self.config.softness * cut, 1e-6)
        above = ((radius(shape, device=inputs.device) - cut) / width + 0.5).clamp(0, 1)
        return irfft(rfft(inputs[:, :1]) * (0.5 + 0.5 * torch.cos(torch.pi * above)), shape)

    def _cut(self, voxel_size: float) -> float:
        """Return the cut-off in cycles/voxel."""
        resolution = self.config.resolution
        if resolution is None:
            return 1 / _USUAL
        if not voxel_size:
            raise ValueError("A resolution in Å needs the voxel size: give it (--voxel-size).")
        if resolution <= 2 * voxel_size:
            raise ValueError(
                f"Voxels of {voxel_size:.4g} Å hold nothing finer than {2 * voxel_size:.4g} Å, so a "
                f"resolution of {resolution:.4g} Å leaves all as it is: give a coarser one."
            )
        return voxel_size / resolution
