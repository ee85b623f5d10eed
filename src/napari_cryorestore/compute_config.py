"""On what device, in which portions and into what to compute; needs no PyTorch."""

from __future__ import annotations

from typing import Literal

from napari_cryorestore.config import Config, setting


class DeviceConfig(Config):
    """The device to compute on, and its arithmetic."""

    device: str = setting("auto", "auto, cpu, mps, cuda or cuda:1.", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    precision: Literal["auto", "32", "bf16", "fp16"] = setting(
        "auto", "Arithmetic of the network; 'auto' takes the fastest that passes a self-test."
    )
    threads: int = setting(0, "CPU threads; 0: all cores but two.", ge=0, advanced=True)


class TilingConfig(Config):
    """The blocks in which a tomogram is restored."""

    tile: int | None = setting(
        None,
        "Edge of the blocks that are restored one by one; chosen to suit the device if not given. Smaller "
        "ones need less memory.",
        unit="voxels",
        ge=1,
    )
    batch: int | None = setting(None, "Tiles at once; chosen to suit the device if not given.", ge=1)


class ResultConfig(Config):
    """What becomes of what was restored."""

    add_back: bool = setting(
        False,
        "Of a model that learned from binned maps: put what it restored back under the fine detail of the "
        "raw tomogram, at its own voxel size, instead of writing binned voxels.",
    )


__all__ = ["DeviceConfig", "ResultConfig", "TilingConfig"]
