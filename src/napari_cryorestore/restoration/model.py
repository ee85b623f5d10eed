"""What restores: a method with its network, ready on a device."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from napari_cryorestore.checkpoint import Checkpoint, load_checkpoint, load_label
from napari_cryorestore.data.imaging import filtered_imaging, plain_imaging, required_wedge
from napari_cryorestore.data.inputs import Imaging, network_input
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.hardware import DTYPES, Precision, choose_device, choose_precision, use_threads
from napari_cryorestore.methods import METHODS, Method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.physics.normalize import Standardisation
    from napari_cryorestore.restoration.request import RestoreRequest

    Filtered = Callable[[Tomogram], Imaging]


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
        method = as_wished(method, passes=request.passes, average_flips=request.average_flips)
        precision, _ = choose_precision(request.precision, device)
        return cls(
            name=f"{method.title} @ step {checkpoint.label.step}",
            method=method,
            network=network.to(device).to(memory_format=torch.channels_last_3d),  # type: ignore[call-overload]
            imaging=_imaging(checkpoint, tomogram, filtered),
            device=device,
            precision=precision,
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


@contextmanager
def cancellable(network: nn.Module, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Let a network ask before each of its layers whether it is still wanted.

    A large tile takes seconds on a CPU, its largest layer a fraction of one.

    Parameters
    ----------
    network : nn.Module
        No other thread uses it meanwhile.
    cancelled : callable
        Is asked; in the thread that computes.

    Raises
    ------
    Cancelled
        Where a layer is reached after `cancelled` said so.
    """

    def ask(*_: object) -> None:
        if cancelled():
            raise Cancelled("The restoration was cancelled.")

    hooks = [layer.register_forward_pre_hook(ask) for layer in network.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def as_wished(method: Method, **knobs: Any) -> Method:
    """Return the method with the knobs that are given and that it has."""
    given = {
        name: value for name, value in knobs.items() if value is not None and hasattr(method.config, name)
    }
    return type(method)(method.config.model_copy(update=given)) if given else method


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


__all__ = ["Model", "as_wished", "cancellable", "layer_name"]
