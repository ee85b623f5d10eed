"""Weights on disk, in a format that executes nothing when it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_cryorestore.methods import METHODS, Method, MethodConfig, build_method
from napari_cryorestore.networks import NETWORKS, NetworkConfig, build_network
from napari_cryorestore.physics.wiener import RadialFilter

WEIGHTS = "weights.safetensors"
RESUME = "resume.pt"
_MARK = "cryorestore"


@dataclass(frozen=True)
class Label:
    """What weights belong to.

    Attributes
    ----------
    step : int
        Training steps done.
    method, network : configurations
        Of the run.
    wiener : RadialFilter or None
        The Wiener filter of the first training tomogram, for restoring where only one half is given.
    """

    step: int
    method: MethodConfig
    network: NetworkConfig
    wiener: RadialFilter | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Weights, averaged, on the CPU, and what they belong to."""

    label: Label
    weights: dict[str, Tensor]

    def build(self) -> tuple[Method, nn.Module]:
        """Return the method and its network with these weights, in evaluation mode."""
        method = build_method(self.label.method)
        network = build_network(self.label.network, channels=method.channels, seed=0)
        network.load_state_dict(self.weights)
        return method, network.eval()


def save_weights(folder: Path, network: nn.Module, label: Label) -> None:
    """Write the weights with the configuration of what they belong to."""
    about = {
        "format": f"{_MARK}-1",
        "step": str(label.step),
        "method": label.method.model_dump_json(),
        "network": label.network.model_dump_json(),
    }
    if label.wiener is not None:
        about["wiener"] = json.dumps(label.wiener.weights)
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata=about)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint: its folder, its weights file, or a run folder (the newest one).

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the file is damaged, of another program, or of a method or network not known here.
    """
    file = _weights_file(Path(path))
    try:
        with safe_open(file, framework="pt") as opened:
            about = opened.metadata() or {}
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{file} is no readable checkpoint ({error}): choose another step, or a file that is whole."
        ) from error
    if not about.get("format", "").startswith(_MARK):
        raise ValueError(
            f"{file} holds weights of another program: choose a checkpoint of a cryorestore run."
        )
    return Checkpoint(_label(about), weights)


def load_into(network: nn.Module, checkpoint: Checkpoint, *, source: Path) -> None:
    """Put the weights of a checkpoint into a network that was built from another configuration.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    try:
        network.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        label = checkpoint.label
        raise ValueError(
            f"the weights of {source} do not fit this network: they were trained with {label.network!r} "
            f"and input {getattr(label.method, 'input', 'raw')!r}; choose the same network and input."
        ) from error


def save_resume(folder: Path, state: dict[str, Any]) -> None:
    """Write all that is needed to go on training, and remove it from older checkpoints."""
    torch.save(state, folder / RESUME)


def load_resume(folder: Path) -> dict[str, Any]:
    """Read what `save_resume` wrote; tensors and plain values only, nothing is executed.

    Raises
    ------
    ValueError
        If the file is damaged or holds anything else.
    """
    try:
        state: dict[str, Any] = torch.load(folder / RESUME, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{folder / RESUME} cannot be read ({type(error).__name__}): training cannot go on from it."
        ) from error
    return state


def drop_resume_states(folder: Path, *, keep: str) -> None:
    """Remove the bulky resume states of all checkpoints but one."""
    for file in folder.glob(f"*/{RESUME}"):
        if file.parent.name != keep:
            file.unlink(missing_ok=True)


def _weights_file(path: Path) -> Path:
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    found = sorted(path.glob(f"checkpoints/step_*/{WEIGHTS}"))
    if not found:
        raise FileNotFoundError(
            f"there is no checkpoint at {path}: give a run folder, a checkpoint or {WEIGHTS}."
        )
    return found[-1]


def _label(about: dict[str, str]) -> Label:
    wiener = json.loads(about["wiener"]) if "wiener" in about else None
    return Label(
        step=int(about["step"]),
        method=_config(about["method"], {name: item.Config for name, item in METHODS.items()}, "method"),
        network=_config(about["network"], {name: item.Config for name, item in NETWORKS.items()}, "network"),
        wiener=None if wiener is None else RadialFilter(tuple(wiener)),
    )


def _config(text: str, known: dict[str, Any], what: str) -> Any:
    kind = json.loads(text).get("kind")
    if kind not in known:
        raise ValueError(f"the checkpoint needs the {what} {kind!r}, which is not installed here.")
    return known[kind].model_validate_json(text)
