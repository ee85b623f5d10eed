"""What every method promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.data.crops import Crops, Places
from napari_cryorestore.data.network_input import Imaging, network_input
from napari_cryorestore.networks import NETWORKS, UNetConfig, build_network, sizes_of
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.testing.promises import (
    ROUNDING_16_BITS,
    Check,
    introduces_itself,
    presets_are_valid,
    require,
    require_gradients,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.data.network_input import InputKind
    from napari_cryorestore.methods import Method, MethodConfig, StepLoss
    from napari_cryorestore.networks import NetworkConfig


LATE, MOST_APART = 1_000_000, 100
"""A step by which methods put something down for their places at least once in so many steps."""


def method_checks(method: type[Method], *, network: NetworkConfig | None = None, **knobs: Any) -> list[Check]:
    """Return what a method must do, as its attributes describe it.

    Parameters
    ----------
    method : type
        It need not be in the table.
    network : NetworkConfig, optional
        The network to try it with; a small U-Net, or the first that the method names.
    **knobs
        Settings of the method that are not the defaults.

    Returns
    -------
    list of Check
        For each of them, its name says what is promised.
    """
    kind = method.Config.model_fields["kind"].default
    case = _Case(method, method.Config.model_validate({"kind": kind, **knobs}), network or _network(method))
    checks: dict[str, Callable[[_Case], None]] = {
        "says what it is": _method_says_what_it_is,
        "has presets that are valid": _method_presets_are_valid,
        "holds nothing but its settings": _holds_its_settings,
        "groups the maps": _groups_are_of_the_maps,
        "restores crops of any size": _restores_every_size,
        "may restore in inference mode first": _inference_mode_spoils_nothing,
    }
    if method.trainable:
        checks |= {
            "draws tensors for every crop": _draws_are_tensors,
            "prepares crops of one size": _prepared_crops_have_one_size,
            "trains every weight": _loss_trains_every_weight,
            "is a function of what was drawn": _draws_decide,
            "lowers its loss": _loss_falls,
            "computes its loss in 32 bits": _loss_has_32_bits,
            "takes no memory where there is none": _step_is_planned_without_values,
        }
    else:
        checks["says that it is not trained"] = _training_is_refused
        checks["brings the same weights every time"] = _own_weights_are_the_same
    return [Check(f"{kind} {name}", partial(run, case)) for name, run in checks.items()]


def sample_crops(
    method: Method, *, count: int = 2, crop: int = 16, wedge: Wedge | None = None, seed: int = 0
) -> Crops:
    """Return random crops with a common signal, as training would cut them for a method.

    Parameters
    ----------
    method : Method
        Says how many maps there are, how large what is cut is, and what the network sees of it.
    count, crop : int
        How many, and their edge in voxels.
    wedge : Wedge, optional
        ±60° unless it is given; a method that needs none is given none.
    seed : int
        Of the voxels.
    """
    edge, maps = method.cut_size(crop), method.maps if isinstance(method.maps, int) else 3
    generator = torch.Generator().manual_seed(seed)
    signal, *noise = torch.randn(1 + maps, count, 1, edge, edge, edge, generator=generator)
    wedge = (wedge or Wedge(-60, 60)) if method.needs_wedge else None
    imaging = Imaging(wedge=wedge, wiener=RadialFilter((1.0, 0.6, 0.1)), voxel_size=10.0)
    crops = [signal + one for one in noise]
    inputs = [network_input(one, imaging, kind=method.input_kind) for one in crops]
    corners = torch.zeros(count, 3, dtype=torch.int32)
    made = Crops.of(crops, inputs, Places(0, corners, imaging, maps, size=edge, indices=torch.arange(count)))
    return replace(made, refilled=made.maps[:, : method.refill_maps]) if method.refill_places else made


@dataclass(frozen=True)
class _Case:
    """A method with settings and a network to try it with."""

    method: type[Method]
    config: MethodConfig
    network: NetworkConfig

    def made(self, kind: InputKind | None = None) -> Method:
        """Return the method, with another input if that is given."""
        return self.method(self.config if kind is None else self.config.model_copy(update={"input": kind}))

    def built(self, method: Method) -> Any:
        """Return the network: the method's own, where it brings one."""
        return method.pretrained() or build_network(self.network, channels=method.channels, seed=0)

    def kinds(self) -> tuple[InputKind | None, ...]:
        """Return every input that there is to choose."""
        return self.method.input_kinds() if hasattr(self.config, "input") else (None,)


def _network(method: type[Method]) -> NetworkConfig:
    if method.networks is None:
        return UNetConfig(features=2, levels=2)
    entry = NETWORKS.find(method.networks[0])
    return entry.Config.model_validate({"kind": method.networks[0]})


def _step(method: Method, network: Any, crops: Crops, *, seed: int = 0) -> StepLoss:
    """Return the loss of a step whose draws come from a seed."""
    draws = method.draw(crops.places, torch.Generator().manual_seed(seed))
    return method.loss(network, method.prepare(crops, draws), draws, teacher=torch.no_grad()(network))


def _method_says_what_it_is(case: _Case) -> None:
    method = case.method
    introduces_itself(method.title, method.summary, method.Config)
    require(method.maps in (1, 2, "K"), f"maps must be 1, 2 or 'K', not {method.maps!r}")
    require(
        not method.fills_wedge or method.needs_wedge, "what fills the wedge needs to know it: needs_wedge"
    )
    require(method.networks is None or len(method.networks) > 0, "networks must name some, or be None")
    made = case.made()
    require(made.cut_size(32) >= 32, f"cut_size must not cut less than the crop: {made.cut_size(32)} for 32")
    for kind in case.kinds():
        made, channels = case.made(kind), 2 if kind == "wiener+raw" else 1
        require(made.channels == channels, f"with input {kind!r} it must have {channels} channels")


def _method_presets_are_valid(case: _Case) -> None:
    presets_are_valid(case.method.presets, case.config.kind, {"method": case.method.Config})


def _holds_its_settings(case: _Case) -> None:
    held = sorted(vars(case.made()))
    require(held == ["config"], f"a method holds its settings alone, this one holds {', '.join(held)}")


def _groups_are_of_the_maps(case: _Case) -> None:
    method = case.made()
    for count in {1: (1, 2), 2: (2,), "K": (2, 3, 5)}[method.maps]:
        for name, groups in (
            ("to_learn_from", method.to_learn_from(count)),
            ("to_restore", method.to_restore(count)),
        ):
            numbers = [number for group in groups for number in group]
            whole = bool(groups) and all(groups) and set(numbers) <= set(range(count))
            require(whole, f"{name}({count}) must return groups of 0 to {count - 1}, not {groups}")


def _restores_every_size(case: _Case) -> None:
    for kind in case.kinds():
        method = case.made(kind)
        network, imaging = case.built(method).eval(), sample_crops(method).imaging
        least = sizes_of(case.network).minimum
        for shape in ((2, 1, *(max(16, least),) * 3), (1, 1, *(max(size, least) for size in (12, 17, 20)))):
            crops = torch.randn(shape, generator=torch.Generator().manual_seed(0))
            with torch.inference_mode():
                inputs = network_input(crops, imaging, kind=method.input_kind)
                restored = method.restore_crop(network, inputs, imaging)
            found = (tuple(restored.shape), restored.dtype)
            require(
                found == (shape, torch.float32), f"crops {shape} must come back in 32 bits, not as {found}"
            )


def _inference_mode_spoils_nothing(case: _Case) -> None:
    # what it keeps between calls, such as masks, must serve training too
    method, edge = case.made(), max(18, sizes_of(case.network).minimum)
    crops = sample_crops(method, crop=edge)
    with torch.inference_mode():
        for size in (edge, 2 * edge):
            inputs = torch.randn(1, method.channels, size, size, size)
            method.restore_crop(case.built(method).eval(), inputs, crops.imaging)
    if method.trainable:
        _step(method, case.built(method), crops).total.backward()  # type: ignore[no-untyped-call]


def _crops_for(case: _Case, method: Method, *, count: int = 2, seed: int = 0) -> Crops:
    crop = max(16, sizes_of(case.network).minimum)
    return sample_crops(method, count=count, crop=crop, seed=seed)


def _draws_are_tensors(case: _Case) -> None:
    method = case.made()
    crops = _crops_for(case, method, count=3)
    for name, one in method.draw(crops.places, torch.Generator().manual_seed(0)).items():
        found = isinstance(one, torch.Tensor) and one.device.type == "cpu" and len(one) == 3
        require(found, f"the draw {name!r} must be a tensor on the CPU with one row for every crop")


def _prepared_crops_have_one_size(case: _Case) -> None:
    method = case.made()
    crops = _crops_for(case, method)
    prepared = method.prepare(crops, method.draw(crops.places, torch.Generator().manual_seed(0)))
    edge = max(16, sizes_of(case.network).minimum)
    shape = tuple(prepared.maps.shape)
    expected = (*crops.maps.shape[:2], edge, edge, edge)
    require(shape == expected, f"for a crop of {edge} prepare must return maps {expected}, not {shape}")
    shape = tuple(prepared.inputs.shape[3:])
    require(shape == (edge,) * 3, f"for a crop of {edge} prepare must return inputs as large, not {shape}")


def _loss_trains_every_weight(case: _Case) -> None:
    for kind in case.kinds():
        method = case.made(kind)
        network, crops = case.built(method), _crops_for(case, method)
        result = _step(method, network, crops)
        scalars = {"total": result.total, **result.parts}
        for name, part in scalars.items():
            require(part.shape == (), f"{name} of the loss must be one number, not {tuple(part.shape)}")
        if method.refill_places:
            _require_refill(method, network, crops)
        result.total.backward()  # type: ignore[no-untyped-call]
        require_gradients(network)


def _require_refill(method: Method, network: Any, crops: Crops) -> None:
    """Require that some step puts something down that fits; it may do so now and then, and late."""
    late = (
        replace(crops, places=replace(crops.places, step=step)) for step in range(LATE, LATE + MOST_APART)
    )
    with torch.no_grad():
        found = (_step(method, network, one).refill for one in late)
        refill = next((one for one in found if one is not None), None)
    require(refill is not None, "a method with refill_places must put something down: refill")
    assert crops.refilled is not None
    shapes = [tuple(one.shape) for one in (crops.refilled, refill) if one is not None]
    require(len(set(shapes)) == 1, f"what it puts down for crops {shapes[0]} must be as large: {shapes[-1]}")


def _draws_decide(case: _Case) -> None:
    method = case.made()
    network, crops = case.built(method), _crops_for(case, method)
    with torch.no_grad():
        once, again, *others = (float(_step(method, network, crops, seed=n).total) for n in (1, 1, 2, 3, 4))
    require(once == again, f"the same draws must give the same loss, not {once} and {again}")
    if method.draw(crops.places, torch.Generator()):
        require({*others} != {once}, "other draws must give another loss: what is drawn has no effect")


def _loss_falls(case: _Case) -> None:
    method = case.made()
    network, crops, losses = case.built(method), _crops_for(case, method), []
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(12):
        optimiser.zero_grad()
        loss = _step(method, network, crops).total
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    require(min(losses[-3:]) < losses[0], f"twelve steps on the same crops do not lower the loss: {losses}")


def _loss_has_32_bits(case: _Case) -> None:
    method = case.made()
    network, crops = case.built(method), _crops_for(case, method)
    with torch.no_grad():
        exact = float(_step(method, network, crops).total)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = _step(method, network, crops).total
    require(rough.dtype == torch.float32, f"the loss must have 32 bits, but is {rough.dtype}: call .float()")
    near = abs(float(rough) - exact) <= ROUNDING_16_BITS * abs(exact)
    require(near, f"with a network in 16 bits the loss must be about {exact:.3g}, but is {float(rough):.3g}")


def _step_is_planned_without_values(case: _Case) -> None:
    method = case.made()
    with torch.device("meta"):
        network = case.built(method)
    crops = _crops_for(case, method).to(torch.device("meta"))
    draws = method.draw(crops.places, torch.Generator())
    draws = {name: one.to("meta") for name, one in draws.items()}
    try:
        total = method.loss(
            network, method.prepare(crops, draws), draws, teacher=torch.no_grad()(network)
        ).total
    except (RuntimeError, NotImplementedError) as error:
        raise AssertionError(f"prepare and loss must not look at the values of tensors: {error}") from error
    require(total.device.type == "meta", f"the loss must be where the crops are, not on {total.device}")


def _own_weights_are_the_same(case: _Case) -> None:
    one, other = case.made().pretrained(), case.made().pretrained()
    if one is None or other is None:
        require(one is other, "pretrained must return a network always or never")
        return
    require(not one.training, "pretrained must return its network in evaluation mode: call .eval()")
    weights = [network.state_dict() for network in (one, other)]
    same = weights[0].keys() == weights[1].keys() and all(
        torch.equal(weight, weights[1][name]) for name, weight in weights[0].items()
    )
    require(same, "pretrained must return the same weights every time: restoring would not be repeatable")


def _training_is_refused(case: _Case) -> None:
    method = case.made()
    crops = _crops_for(case, method)
    try:
        method.loss(lambda inputs: inputs, crops, {}, teacher=lambda inputs: inputs)
    except NotImplementedError as error:
        require("not trained" in str(error), f"the refusal must say that it is not trained: {error}")
        return
    raise AssertionError("a method that is not trained must refuse to return a loss")


__all__ = ["method_checks", "sample_crops"]
