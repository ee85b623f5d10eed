"""What restores: a method with its network, ready on a device."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from napari_cryorestore.checkpoint import Label, load_checkpoint, load_label, weights_file
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.config import sentence
from napari_cryorestore.data.imaging import filtered_imaging, halves_of, plain_imaging, required_wedge
from napari_cryorestore.data.network_input import Imaging, network_input
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.hardware import DTYPES, Precision, choose_device, choose_precision, use_threads
from napari_cryorestore.methods import METHODS, Method, MethodConfig, build_method
from napari_cryorestore.networks.module import channels_last

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_cryorestore.data.crops import Groups
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
    first = "" if label is None or label.restored_by is None else f"{label.restored_by.model} → "
    others = [
        f", {_in_words(item.label, settings[item.path[0]])}"
        for item in method.restoring_settings()
        if settings.get(item.path[0]) is not None
    ]
    return "".join((f"{tomogram} · {first}{method.title}{step}", *others))


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
    """A method, its network and what it knows of the tomogram, on a device.

    Attributes
    ----------
    first : Model or None
        What every half goes through before: where the network learned from halves that this one had restored.
    gain, offset : float
        What makes of the first one's output what the network learned from, both in standard deviations.
    """

    name: str
    method: Method
    network: nn.Module
    imaging: Imaging
    device: torch.device
    precision: Precision
    first: Model | None = None
    gain: float = 1.0
    offset: float = 0.0

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
        made = cls(
            name=name,
            method=method,
            network=channels_last(network),
            imaging=_imaging(method, tomogram, filtered, known),
            device=device,
            precision=precision,
        )
        before = first_model(model)
        if before is None:
            return made
        return _behind(cls.of(before, tomogram, hardware=hardware, filtered=filtered), made, model)

    @torch.inference_mode()
    def restore(self, tiles: Tensor, scale: Standardisation) -> Tensor:
        """Restore tiles (b, 1, z, y, x) of one half, in the half's own units."""
        return scale.invert(self.restored(scale.apply(tiles.to(self.device))))

    def groups(self, maps: int) -> tuple[Groups, Groups]:
        """Return by which of a tomogram's maps the units are measured, and what is restored by itself.

        See `Method.to_learn_from` and `Method.to_restore`. Where the network learned from restored halves,
        every half goes through both networks by itself, whatever the method.
        """
        if self.first is None:
            return self.method.to_learn_from(maps), self.method.to_restore(maps)
        return halves_of(maps), halves_of(maps)

    def restored(self, crops: Tensor) -> Tensor:
        """Restore crops (b, 1, z, y, x) in standard deviations."""
        if self.first is None:
            return self._restored_by_this(crops)
        before = self.gain * self.first.restored(crops) + self.offset
        return (self._restored_by_this(before) - self.offset) / self.gain

    def _restored_by_this(self, crops: Tensor) -> Tensor:
        inputs = network_input(crops, self.imaging, kind=self.method.input_kind)
        half = self.precision != "32"
        autocast = torch.autocast(self.device.type, dtype=DTYPES[self.precision]) if half else nullcontext()
        with autocast:
            return self.method.restore_crop(self.network, inputs, self.imaging)


def _behind(first: Model, second: Model, model: ModelRef) -> Model:
    """Return a model behind the one that restored what it learned from."""
    link = None if model.weights is None else load_label(model.weights).restored_by
    assert link is not None
    name = f"{first.name} → {second.name}"
    return replace(second, name=name, first=first, gain=link.gain, offset=link.offset)


def first_model(model: ModelRef) -> ModelRef | None:
    """Return what restored the maps that a model learned from; ``None`` where these were raw.

    Parameters
    ----------
    model : ModelRef
        Whose weights, if it has any, are a file, or a folder that holds one.

    Raises
    ------
    FileNotFoundError, ValueError
        If its weights are not in the run folder any more, or one of both cannot be read.
    """
    label = _label_of(model)
    if model.weights is None or label is None or label.restored_by is None:
        return None
    weights = label.restored_by.beside(weights_file(model.weights))
    return type(model)(weights=weights, method=label.restored_by.method)


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


__all__ = ["Model", "cancellable", "first_model", "layer_name", "method_for"]
