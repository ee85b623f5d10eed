"""What a user asks for who wants a tomogram restored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.data.journal import begun_with
from napari_cryorestore.io.part_file import part_of
from napari_cryorestore.restoration.weights import chosen_weights
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.runs.chosen_step import ChosenStep, WhichStep


@dataclass(frozen=True)
class RestoreRequest:
    """What to restore with what.

    Attributes
    ----------
    source : Path or "wiener"
        A checkpoint folder, weights file or run folder; or the Wiener filter.
    even, odd : Path
        The half maps; a trained model restores one alone too.
    output : Path
        The file to make; its suffix says the format.
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
        A volume, above 0 where the tomogram is restored; other tiles get the halves' mean value.
    tile, batch : int, optional
        Edge of a tile in voxels, and tiles at once; chosen to suit the device if not given.
    threads : int
        CPU threads; 0 for all but two.
    step : int, "suggested" or "newest"
        Which step of a run folder; see `RunDir.chosen_step`.
    chosen : ChosenStep or None
        The step that was chosen, where `source` is its checkpoint already; `resolved` sets it.
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
    step: WhichStep = "suggested"
    chosen: ChosenStep | None = None


def resolved(request: RestoreRequest) -> RestoreRequest:
    """Return the request with the weights file that it means, so that it is chosen once only.

    Of a restoration that was killed, the step is kept with which it began, even if the run has trained on
    since then and suggests another one.

    Raises
    ------
    FileNotFoundError, ValueError
        If there are no such weights.
    """
    if request.source == "wiener" or request.chosen is not None:
        return request
    begun = begun_with(part_of(request.output)).get("step")
    which, why = request.step, "as given"
    if isinstance(which, str) and begun in RunDir(request.source).checkpoint_steps():
        which, why = int(begun), "as when this restoration began"
    file, chosen = chosen_weights(request.source, which, why=why)
    return replace(request, source=file, chosen=chosen)


__all__ = ["RestoreRequest", "resolved"]
