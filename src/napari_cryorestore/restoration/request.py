"""What a user asks for who wants a tomogram restored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class RestoreRequest:
    """What to restore with what.

    Attributes
    ----------
    source : Path or "wiener"
        A checkpoint folder, weights file or run folder (its newest checkpoint); or the Wiener filter.
    even, odd : Path
        The half maps; a trained model restores one alone too.
    output : Path
        The MRC file to make.
    voxel_size : float, optional
        In Å, where the header has none.
    tilt_range : (float, float), optional
        In degrees; from a file beside the tomogram, or else its spectrum, if not given.
    tilt_axis : {"auto", "y", "x"}
        Axis of tilting; "auto" takes what the spectrum shows, or else y.
    device, precision : str
        As in a run's configuration.
    passes : {1, 2}, optional
        Network passes, for methods that have such a knob; as trained if not given.
    average_flips : bool, optional
        Whether to restore four flips that keep the wedge and average, for methods that have such a knob; as
        trained if not given.
    mask : Path, optional
        A volume, above 0 where restoring is worth it; other tiles get the halves' mean value.
    tile, batch : int, optional
        Edge of a tile in voxels, and tiles at once; chosen to suit the device if not given.
    threads : int
        CPU threads; 0 for all but two.
    """

    source: Path | Literal["wiener"]
    even: Path
    output: Path
    odd: Path | None = None
    voxel_size: float | None = None
    tilt_range: tuple[float, float] | None = None
    tilt_axis: Literal["auto", "y", "x"] = "auto"
    device: str = "auto"
    precision: str = "auto"
    passes: Literal[1, 2] | None = None
    average_flips: bool | None = None
    mask: Path | None = None
    tile: int | None = None
    batch: int | None = None
    threads: int = 0


__all__ = ["RestoreRequest"]
