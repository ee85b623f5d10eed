"""Weights on disk, in a format that executes nothing when it is read."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_cryorestore.config import sentence
from napari_cryorestore.methods import METHODS, Method, MethodConfig, build_method, packages_of
from napari_cryorestore.networks import NETWORKS, NetworkConfig, build_network
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.plugin_table import PluginTable, UnknownNameError
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.restored_by import RestoredBy
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.trained_on import TrainedOn
from napari_cryorestore.safe_reading import open_regular, plain_json, require_unpacked

WEIGHTS = "weights.safetensors"
RESUME = "resume.pt"
_MARK = "cryorestore-"
_FORMAT = f"{_MARK}1"
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


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
    trained_on : TrainedOn
        How that tomogram was recorded; of old checkpoints what their run's configuration says.
    restored_by : RestoredBy or None
        What restored the maps that it was trained on, where these were no raw ones.
    """

    step: int
    method: MethodConfig
    network: NetworkConfig
    wiener: RadialFilter | None = None
    trained_on: TrainedOn = field(default_factory=TrainedOn)
    restored_by: RestoredBy | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Weights, averaged, on the CPU, and what they belong to."""

    label: Label
    weights: dict[str, Tensor]

    def build(self) -> tuple[Method, nn.Module]:
        """Return the method and its network with these weights, in evaluation mode.

        Raises
        ------
        ValueError
            If the weights are not those of the network that the label names.
        """
        method = build_method(self.label.method)
        with torch.device("meta"):  # where a network takes no memory: the label may promise a huge one
            planned = build_network(self.label.network, channels=method.channels, seed=0)
        _require_fit(planned, self, source="the checkpoint")
        network = build_network(self.label.network, channels=method.channels, seed=0)
        load_into(network, self, source="the checkpoint")
        return method, network.eval()


def save_weights(folder: Path, network: nn.Module, label: Label) -> None:
    """Write the weights with the configuration of what they belong to.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    about = {
        "format": _FORMAT,
        "step": str(label.step),
        "method": label.method.model_dump_json(),
        "network": label.network.model_dump_json(),
        "trained_on": label.trained_on.to_json(),
    }
    packages = packages_of(label.method.kind, label.network.kind)
    if packages:
        about["packages"] = json.dumps(packages)
    if label.wiener is not None:
        about["wiener"] = json.dumps(label.wiener.weights)
    if label.restored_by is not None:
        about["restored_by"] = label.restored_by.model_dump_json()
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    try:
        save_file(weights, folder / WEIGHTS, metadata=about)
    except SafetensorError as error:
        raise _not_written(folder, error) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint: its folder, its weights file, or a run folder (the newest one).

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the file is damaged, of another program, of a method or network not known here, or of a training
        that had failed.
    """
    file = weights_file(path)
    about, weights = _read(file, names=None)
    label = _label(about, file)
    if not all(value.dtype in _FLOATS and bool(value.isfinite().all()) for value in weights.values()):
        raise ValueError(
            f"The weights in {file} are not all finite numbers, so nothing can be restored with them: choose "
            "another step."
        )
    return Checkpoint(label, weights)


def load_label(path: Path) -> Label:
    """Read what a checkpoint belongs to, without its weights; paths and errors as for `load_checkpoint`."""
    file = weights_file(path)
    about, _ = _read(file, names=())
    return _label(about, file)


def load_into(network: nn.Module, checkpoint: Checkpoint, *, source: Path | str) -> None:
    """Put the weights of a checkpoint into a network that may be built from another configuration.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    _require_fit(network, checkpoint, source=source)
    network.load_state_dict(checkpoint.weights)


def save_resume(folder: Path, state: dict[str, Any]) -> None:
    """Write all that is needed to go on training: tensors and plain values.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    try:
        torch.save(state, folder / RESUME)
    except RuntimeError as error:  # what torch makes of a full disk
        raise _not_written(folder, error) from error


def load_resume(folder: Path, *, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read what `save_resume` wrote; tensors and plain values only, nothing is executed.

    Raises
    ------
    ValueError
        If the file is damaged, holds anything else, or lacks something that is needed.
    """
    try:
        with open_regular(folder / RESUME) as file:
            require_unpacked(file)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{folder / RESUME} cannot be read ({type(error).__name__}), so training cannot go on from it: "
            "start a new run from the weights beside it."
        ) from error
    if not isinstance(state, dict) or not state.keys() >= set(needed):
        raise not_resumable(folder)
    return state


def not_resumable(folder: Path) -> ValueError:
    """Return what is said where the resume state of a checkpoint is not one that this run can go on from."""
    return ValueError(
        f"{folder / RESUME} holds no state of this training, so it cannot go on from it: "
        "start a new run from the weights beside it."
    )


def drop_resume_states(folder: Path, *, keep: str) -> None:
    """Remove the bulky resume states of all checkpoints in a folder but one; none behind a link."""
    for file in folder.glob(f"*/{RESUME}"):
        if file.parent.name != keep and not file.parent.is_symlink():
            file.unlink(missing_ok=True)


def weights_file(path: Path) -> Path:
    """Return the weights file that a path means: itself, a checkpoint's, or the newest one of a run.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    path = Path(path)
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    run = RunDir(path)
    found = [
        file for step in run.checkpoint_steps() if (file := run.checkpoint_path(step) / WEIGHTS).is_file()
    ]
    if not found:
        raise FileNotFoundError(
            f"There is no checkpoint at {path}: give a run folder, a checkpoint or {WEIGHTS}."
        )
    return found[-1]


def _require_fit(network: nn.Module, checkpoint: Checkpoint, *, source: Path | str) -> None:
    needed = {name: value.shape for name, value in network.state_dict().items()}
    if needed != {name: value.shape for name, value in checkpoint.weights.items()}:
        label = checkpoint.label
        raise ValueError(
            f"The weights of {source} do not fit this network: they were trained with {label.network!r} "
            f"and input {getattr(label.method, 'input', 'raw')!r}; choose the same network and input."
        )


def _not_written(folder: Path, error: Exception) -> OSError:
    name = folder.name.lstrip(".").partition(".")[0]  # it is filled under another name
    free = shutil.disk_usage(folder).free / 1e6
    return OSError(
        f"The checkpoint {name} could not be written, with {free:,.1f} MB of free space ({error}): "
        "free some space, then continue the run from the one before."
    )


def _read(file: Path, *, names: tuple[str, ...] | None) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as opened:
            about = opened.metadata() or {}
            chosen = opened.keys() if names is None else names
            return about, {name: opened.get_tensor(name) for name in chosen}
    except (SafetensorError, OSError, RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{file} is not a readable checkpoint ({error}): choose another step, or a file that is whole."
        ) from error


def _label(about: dict[str, str], file: Path) -> Label:
    mark = about.get("format", "")
    if not mark.startswith(_MARK):
        raise ValueError(
            f"{file} holds weights of another program: choose a checkpoint of a cryorestore run."
        )
    if mark != _FORMAT:
        raise ValueError(f"{file} was written by a newer version ({mark}): update napari-cryorestore.")
    try:
        wiener = plain_json(about["wiener"]) if "wiener" in about else None
        packages = _packages(about)
        method = _config(about["method"], METHODS, packages.get("method", ""))
        network = _config(about["network"], NETWORKS, packages.get("network", ""))
        filtering = None if wiener is None else RadialFilter(tuple(map(float, wiener)))
        if not re.fullmatch("[0-9]{1,12}", about["step"]):
            raise ValueError(f"its step is {about['step'][:20]!r}")
        known = TrainedOn.from_json(about["trained_on"]) if "trained_on" in about else _of_run(file)
        first = about.get("restored_by")
        chained = None if first is None else RestoredBy.model_validate_json(first)
        return Label(int(about["step"]), method, network, filtering, known, chained)
    except UnknownNameError as error:
        raise ValueError(f"{file} cannot be used: {error}.") from error
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        words = sentence(error) if isinstance(error, ValidationError) else error
        raise ValueError(
            f"{file} cannot be used ({words}): it is damaged, or was written by another version."
        ) from error


def _of_run(file: Path) -> TrainedOn:
    """Return what the run that a weights file lies in, if it does, says of its first tomogram."""
    run = RunDir(file.absolute().parent.parent.parent)
    return TrainedOn(next((tomogram.recording for tomogram in run.recipe().tomograms), Recording()))


def _packages(about: dict[str, str]) -> dict[str, str]:
    """Return which other packages brought the method and the network, where the label says so."""
    named = plain_json(about.get("packages", "{}"))
    return {what: str(name) for what, name in named.items()}


def _config(text: str, known: PluginTable[Any], package: str) -> Any:
    return known.find(plain_json(text).get("kind"), package=package).Config.model_validate_json(text)
