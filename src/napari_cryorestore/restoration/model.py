"""What restores: a method with its network, ready on a device."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from napari_cryorestore.checkpoint import Label, load_checkpoint, load_label
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.config import sentence
from napari_cryorestore.data.imaging import filtered_imaging, plain_imaging, required_wedge
from napari_cryorestore.data.network_input import Imaging, network_input
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.hardware import DTYPES, Precision, choose_device, choose_precision, use_threads
from napari_cryorestore.methods import METHODS, Method, MethodConfig, build_method
from napari_cryorestore.networks.module import channels_last

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.physics.normalize import Standardisation
    from napari_cryorestore.physics.wiener_filter import RadialFilter
    from napari_cryorestore.restore_config import ModelRef

    Filtered = Callable[[Tomogram], Imaging]


def layer_name(tomogram: str, model: ModelRef, settings: Mapping[str, Any] = {}) -> str:
    """Return what a restored tomogram is called, e.g. ``TS01 · ICECREAM @ 600``.

    Parameters
    ----------
    tomogram : str
        Its name.
    model : ModelRef
        What restores it.
    settings : mapping
        Those of the method's settings that differ from the trained ones; they become part of the name.
    """
    label = _label_of(model)
    method = method_for(model)
    step = "" if label is None else f" @ {label.step}"
    others = [
        f", {_in_words(item.label, settings[item.path[0]])}"
        for item in method.restoring_settings()
        if settings.get(item.path[0]) is not None
    ]
    return "".join((f"{tomogram} · {method.title}{step}", *others))


def method_for(model: ModelRef, settings: Mapping[str, Any] = {}) -> Method:
    """Return the method of a model, with other settings than the trained ones where such are given.

    Parameters
    ----------
    model : ModelRef
        Whose weights, if it has any, are a file, or a folder that holds one.
    settings : mapping
        By name; only those that count at restoring, ``None`` for as trained.

    Raises
    ------
    ValueError, FileNotFoundError
        If there is no such model, or the method has no such setting.
    """
    label = _label_of(model)
    kind = str(model.method) if label is None else label.method.kind
    trained = METHODS[kind].Config() if label is None else label.method
    return build_method(_changed(trained, settings))


def _label_of(model: ModelRef) -> Label | None:
    return None if model.weights is None else load_label(model.weights)


def _changed(config: MethodConfig, settings: Mapping[str, Any]) -> MethodConfig:
    """Return the settings of a method, some of them changed."""
    method = METHODS[config.kind]
    known = [item.path[0] for item in method.restoring_settings()]
    for name in settings:
        if name not in known:
            there = f"there are: {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{method.title} has no setting {name!r} that counts at restoring; {there}")
    given = {name: value for name, value in settings.items() if value is not None}
    if not given:
        return config
    try:
        return type(config).model_validate({**config.model_dump(), **given})
    except ValidationError as error:
        raise ValueError(f"{method.title}: {sentence(error)}") from error


def _in_words(label: str, value: Any) -> str:
    if isinstance(value, bool):
        return label if value else f"no {label}"
    return f"{label} {value.name if isinstance(value, Path) else value}"


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
        cls,
        model: ModelRef,
        tomogram: Tomogram,
        *,
        settings: Mapping[str, Any] = {},
        hardware: DeviceConfig = DeviceConfig(),  # noqa: B008  it is frozen
        filtered: Filtered = filtered_imaging,
    ) -> Model:
        """Load a model, ready to restore a tomogram.

        Parameters
        ----------
        model : ModelRef
            Whose weights, if it has any, are a file, or a folder that holds one.
        tomogram : Tomogram
        settings : mapping
            See `method_for`.
        hardware : DeviceConfig
        filtered : callable
            Measures a tomogram's Wiener filter, where that is needed.

        Raises
        ------
        ValueError, FileNotFoundError
            If there is no such model, or it needs what the tomogram lacks.
        """
        device = choose_device(hardware.device)
        if device.type == "cpu":
            use_threads(hardware.threads)
        method = method_for(model, settings)
        name, known = method.title, None
        if missing := method.lacks():
            raise ValueError(f"{method.title} {missing}.")
        if model.weights is None:
            network = method.pretrained()
        else:
            checkpoint = load_checkpoint(model.weights)
            name, known = f"{name} @ step {checkpoint.label.step}", checkpoint.label.wiener
            network = checkpoint.build()[1]
        precision: Precision = "32" if network is None else choose_precision(hardware.precision, device)[0]
        network = (nn.Identity() if network is None else network).eval().to(device)
        return cls(
            name=name,
            method=method,
            network=channels_last(network),
            imaging=_imaging(method, tomogram, filtered, known),
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
    """Let a network end before each of its layers if the work was cancelled.

    A large tile takes seconds on a CPU, its largest layer a fraction of one.

    Parameters
    ----------
    network : nn.Module
        No other thread uses it meanwhile.
    cancelled : callable
        Returns whether to end; called in the thread that computes.

    Raises
    ------
    Cancelled
        Where a layer is reached after `cancelled` said so.
    """

    def check(*_: object) -> None:
        if cancelled():
            raise Cancelled("The restoration was cancelled.")

    hooks = [layer.register_forward_pre_hook(check) for layer in network.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _imaging(method: Method, tomogram: Tomogram, filtered: Filtered, known: RadialFilter | None) -> Imaging:
    """Return what a method is told of a tomogram; of one map, the training's filter stands in."""
    if method.needs_filter and (tomogram.odd is not None or method.maps_to_restore > 1):
        imaging = filtered(tomogram)
    else:
        imaging = plain_imaging(tomogram, wiener=known if method.needs_filter else None)
    if method.needs_wedge:
        required_wedge(tomogram, method=method.title)
    return imaging


__all__ = ["Model", "cancellable", "layer_name", "method_for"]
