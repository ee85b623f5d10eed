"""Restoring whole tomograms: tiles through a trained network or the Wiener filter, blended, out of core."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from napari_cryorestore.checkpoint import Checkpoint, load_checkpoint, load_label
from napari_cryorestore.data.imaging import filtered_imaging, plain_imaging, required_wedge
from napari_cryorestore.data.inputs import Imaging, network_input
from napari_cryorestore.data.sinks import AddingSink, FittingSink
from napari_cryorestore.data.tiles import Cancelled, TilePlan, fit_tile, process_tiles
from napari_cryorestore.hardware import (
    DTYPES,
    Precision,
    choose_device,
    choose_precision,
    is_out_of_memory,
    release_memory,
    use_threads,
)
from napari_cryorestore.io.mrc_output import open_output, unique_path
from napari_cryorestore.io.tomogram import Tomogram, open_tomogram
from napari_cryorestore.methods import METHODS, Method
from napari_cryorestore.physics.normalize import Standardisation, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Filtered = Callable[[Tomogram], Imaging]

MARGIN = 16
"""Voxels that neighbouring tiles share on either side of their seam."""
TILES = (128, 96, 64)
"""Tile edges tried in turn where memory runs out; CPUs start with the second."""


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
        In degrees, where there is no ``.tlt`` beside the tomogram.
    tilt_axis : {"y", "x"}
        Axis of tilting.
    device, precision : str
        As in a run's configuration.
    passes : {1, 2}, optional
        Network passes, for methods that have such a knob; as trained if not given.
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
    tilt_axis: Literal["y", "x"] = "y"
    device: str = "auto"
    precision: str = "auto"
    passes: Literal[1, 2] | None = None
    tile: int | None = None
    batch: int | None = None
    threads: int = 0


def restore(
    request: RestoreRequest,
    *,
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Restore a tomogram into an MRC file, which appears whole or not at all.

    Every half given is restored by itself, put back on its own scale, and the mean is written.

    Parameters
    ----------
    request : RestoreRequest
        What to restore with what.
    progress : callable
        Is told the share done, 0 to 1.
    cancelled : callable
        Is asked about once per batch of tiles.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Cancelled
        If `cancelled` says so; nothing is left behind.
    ValueError, OSError, MemoryError
        If the input, the model, the output or the device cannot be used, with what to do about it.
    """
    tomogram = open_tomogram(
        request.even,
        odd=request.odd,
        voxel_size=request.voxel_size,
        tilt_range=request.tilt_range,
        tilt_axis=request.tilt_axis,
    )
    model = Model.of(request, tomogram)
    with open_output(
        request.output,
        tomogram.even.shape,
        voxel_size=tomogram.voxel_size,
        origin=tomogram.header.origin,
        start=tomogram.header.start,
        label=f"cryorestore: {model.name}",
    ) as out:
        restore_into(out, tomogram, model, request, progress=progress, cancelled=cancelled)
    progress(1.0)
    return request.output


def layer_name(tomogram: str, source: Path | Literal["wiener"]) -> str:
    """Return what a restored tomogram is called, e.g. ``TS01 · ICECREAM @ 600``."""
    if source == "wiener":
        return f"{tomogram} · {METHODS['wiener'].title}"
    label = load_label(source)
    return f"{tomogram} · {METHODS[label.method.kind].title} @ {label.step}"


@dataclass(frozen=True)
class Model:
    """A method, its network and what it knows of the tomogram, on a device."""

    name: str
    method: Method
    network: nn.Module
    imaging: Imaging
    device: torch.device
    precision: Precision
    size_multiple: int = field(default=8)

    @classmethod
    def of(
        cls, request: RestoreRequest, tomogram: Tomogram, *, filtered: Filtered = filtered_imaging
    ) -> Model:
        """Load what a request names; `filtered` measures a tomogram's Wiener filter, where that is needed.

        Raises
        ------
        ValueError, FileNotFoundError
            If there is no such model, or it needs what the tomogram lacks.
        """
        device = choose_device(request.device)
        if device.type == "cpu":
            use_threads(request.threads)
        if request.source == "wiener":
            imaging = filtered(tomogram)
            mean = Imaging(imaging.wedge, imaging.wiener.for_mean() if imaging.wiener else None)
            method = METHODS["wiener"](METHODS["wiener"].Config())
            return cls(method.title, method, nn.Identity(), mean, device, "32")
        checkpoint = load_checkpoint(request.source)
        method, network = checkpoint.build()
        if request.passes is not None and hasattr(method.config, "passes"):
            method = type(method)(method.config.model_copy(update={"passes": request.passes}))
        precision, _ = choose_precision(request.precision, device)
        return cls(
            name=f"{method.title} @ step {checkpoint.label.step}",
            method=method,
            network=network.to(device).to(memory_format=torch.channels_last_3d),  # type: ignore[call-overload]
            imaging=_imaging(checkpoint, tomogram, filtered),
            device=device,
            precision=precision,
            size_multiple=int(getattr(network, "size_multiple", 8)),
        )

    @torch.inference_mode()
    def restore(self, tiles: Tensor, scale: Standardisation) -> Tensor:
        """Restore tiles (b, 1, z, y, x) of one half, in the half's own units."""
        crops = scale.apply(tiles.to(self.device))
        inputs = network_input(crops, self.imaging, kind=self.method.input_kind)
        half = self.precision != "32"
        autocast = torch.autocast(self.device.type, dtype=DTYPES[self.precision]) if half else nullcontext()
        with autocast:
            restored = self.method.restore_crop(self.network, inputs, self.imaging)
        return scale.invert(restored)


def restore_into(
    out: NDArray[np.float32],
    tomogram: Tomogram,
    model: Model,
    request: RestoreRequest,
    *,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> None:
    """Fill `out` (z, y, x) with the mean of the restored halves."""
    halves = [tomogram.even] if tomogram.odd is None else [tomogram.even, tomogram.odd]
    plan = fitting_plan(tomogram.shape, model, request)
    fits = []
    for index, half in enumerate(halves):
        sink = AddingSink(out, share=1 / len(halves))
        if not model.method.fixes_amplitude:
            sink = FittingSink(out, share=1 / len(halves), target=halves[index - 1])
            fits.append(sink)
        with memory_explained(model, plan):
            process_tiles(
                half,
                sink,
                partial(model.restore, scale=measure(half)),
                plan=plan,
                progress=partial(_part_of, progress, index / len(halves), len(halves)),
                cancelled=cancelled,
            )
    if fits:
        slope, offset = np.mean([sink.line() for sink in fits], axis=0)
        for plane in out:
            plane *= slope
            plane += offset


@contextmanager
def memory_explained(model: Model, plan: TilePlan) -> Iterator[None]:
    """Turn running out of memory into a ``MemoryError`` that says what to do about it."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"The device {model.device} has too little memory for a tile of {plan.sizes} voxels: "
            "choose smaller tiles, or another device."
        ) from error


def fitting_plan(shape: tuple[int, ...], model: Model, request: RestoreRequest) -> TilePlan:
    """Return the largest tiles that the device can restore, found by trying one on a GPU."""
    on_gpu = model.device.type == "cuda"
    batch = request.batch or (4 if on_gpu else 1)
    sizes = (request.tile,) if request.tile else TILES if on_gpu else TILES[1:]
    for size in sizes:
        tile = fit_tile(shape, tile=size, margin=MARGIN, size_multiple=model.size_multiple)
        if not on_gpu or size == sizes[-1] or _fits(model, tile):
            break
        release_memory()
    return TilePlan(tile, MARGIN, batch=batch)


def _fits(model: Model, tile: tuple[int, int, int]) -> bool:
    try:
        model.restore(torch.zeros(1, 1, *tile), Standardisation(0.0, 1.0))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _part_of(progress: Callable[[float], None], before: float, parts: int, share: float) -> None:
    progress(before + share / parts)


def _imaging(checkpoint: Checkpoint, tomogram: Tomogram, filtered: Filtered) -> Imaging:
    method = METHODS[checkpoint.label.method.kind]
    wants_filter = getattr(checkpoint.label.method, "input", "raw") == "wiener+raw"
    if wants_filter and tomogram.odd is not None:
        imaging = filtered(tomogram)
    else:
        imaging = plain_imaging(tomogram, wiener=checkpoint.label.wiener if wants_filter else None)
    if method.needs_wedge:
        required_wedge(tomogram, method=method.title)
    return imaging


__all__ = [
    "Cancelled", "Model", "RestoreRequest", "fitting_plan", "layer_name", "memory_explained", "restore",
    "restore_into", "unique_path",
]  # fmt: skip
