"""What a network sees of a half: its channels, made with what is known of the imaging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.physics.wedge import Wedge
    from napari_cryorestore.physics.wiener_filter import RadialFilter

InputKind = Literal["raw", "wiener+raw"]

PADDING = 8
"""Voxels to cut around a crop, and to trim off again, when it is to be Wiener filtered."""

RAW_SHARE = 0.2
"""How strongly the raw map stands beside its filtered version, whose noise is weaker."""


@dataclass(frozen=True)
class Imaging:
    """How a tomogram was recorded, as far as methods need it.

    Attributes
    ----------
    wedge : Wedge or None
        The measured part of Fourier space, where the tilt range is known.
    wiener : RadialFilter or None
        The Wiener filter of one half, where the network's input has a filtered channel.
    voxel_size : float
        Edge of a voxel in Å; 0 where it is unknown.
    """

    wedge: Wedge | None = None
    wiener: RadialFilter | None = None
    voxel_size: float = 0.0


def input_margin(kind: InputKind) -> int:
    """Return how many voxels to cut around a crop, and to trim off its input, on every side."""
    return 0 if kind == "raw" else PADDING


def network_input(crops: Tensor, imaging: Imaging, *, kind: InputKind) -> Tensor:
    """Make the network's input from crops y of one half.

    Parameters
    ----------
    crops : Tensor, shape (b, 1, z, y, x)
        In standard deviations about the tomogram's mean; for ``"wiener+raw"`` with `PADDING` voxels on every
        side to trim off afterwards, as the filter is circular.
    imaging : Imaging
        With a Wiener filter W for ``"wiener+raw"``.
    kind : {"raw", "wiener+raw"}
        y itself, or the channels W y and 0.2 y. Both are linear, so scale equivariance is kept.

    Returns
    -------
    Tensor, shape (b, 1 or 2, z, y, x)

    Raises
    ------
    ValueError
        If the kind needs the Wiener filter and the imaging has none.
    """
    if kind == "raw":
        return crops
    return torch.cat([required_filter(imaging).apply(crops), RAW_SHARE * crops], 1)


def required_filter(imaging: Imaging) -> RadialFilter:
    """Return the Wiener filter, or raise ValueError if there is none."""
    if imaging.wiener is None:
        raise ValueError(
            "The input 'wiener+raw' needs a Wiener filter, which is measured between two halves; "
            "give both halves or use the input 'raw'."
        )
    return imaging.wiener


def second_pass_input(restored: Tensor, *, channels: int) -> Tensor:
    """Make the input of a second network pass x from a restored crop, unfiltered.

    Parameters
    ----------
    restored : Tensor, shape (b, 1, z, y, x)
    channels : int
        1 gives x, 2 gives x and 0.2 x.

    Returns
    -------
    Tensor, shape (b, channels, z, y, x)

    Raises
    ------
    ValueError
        If there is no input with that many channels.
    """
    if channels not in (1, 2):
        raise ValueError(f"A network's input has 1 or 2 channels, not {channels}.")
    return restored if channels == 1 else torch.cat([restored, RAW_SHARE * restored], 1)


def trim(crops: Tensor, margin: int) -> Tensor:
    """Take `margin` voxels off every side of crops (..., z, y, x); a view."""
    if margin == 0:
        return crops
    inner = slice(margin, -margin)
    return crops[..., inner, inner, inner]


__all__ = [
    "PADDING",
    "RAW_SHARE",
    "Imaging",
    "InputKind",
    "input_margin",
    "network_input",
    "required_filter",
    "second_pass_input",
    "trim",
]
