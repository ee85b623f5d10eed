"""What a restored volume was made of and what speaks against it: said in its header, and read from there."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch

from napari_cryorestore.checkpoint import load_label, weights_file
from napari_cryorestore.data.binning import binned_for
from napari_cryorestore.data.imaging import recorded
from napari_cryorestore.examination import examine
from napari_cryorestore.io.input_stamps import changed_inputs
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_format import label_lines
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.restoration.model import first_model, method_for
from napari_cryorestore.restoration.weights import with_chosen_weights
from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir
from napari_cryorestore.runs.trained_on import misfits
from napari_cryorestore.safe_reading import open_regular, plain_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.examination import Examination
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restore_config import ModelRef, RestoreConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep

_SHORT = 12
_BLOCK = 1 << 20  # bytes
_FOLDERS_UP = 3  # from the weights to the run: step, checkpoints, run


@dataclass(frozen=True)
class MadeOf:
    """What decides the voxels, each by a hash; as a string a label of a header, with twelve letters of each.

    Attributes
    ----------
    weights : str
        Of the file's content, in whatever order its header names it.
    settings : str
        Of the method's settings, the requested arithmetic, voxel size and tilts.
    inputs : str
        Of names, sizes and times of change.
    """

    weights: str
    settings: str
    inputs: str

    def __str__(self) -> str:
        return "made of: " + " ".join(f"{name} {part[:_SHORT]}" for name, part in asdict(self).items())


_SAID = re.compile("made of: " + " ".join(f"{item.name} ([0-9a-f]{{{_SHORT}}})" for item in fields(MadeOf)))


def examined_tomogram(config: RestoreConfig) -> Examination:
    """Open and examine the tomogram that is to be restored.

    Parameters
    ----------
    config : RestoreConfig
        Which tomogram, and what restores it.

    Returns
    -------
    Examination
        The tomogram with the tilts in force, binned as the model learned, and what the user should know about
        it.

    Raises
    ------
    ValueError, OSError
        If it cannot be used, with what to do about it.
    """
    found = _examined(config)
    for finding in found.problems:
        if finding.topic != "halves":  # each half is restored by itself
            raise ValueError(finding.text)
    return found


def _examined(config: RestoreConfig) -> Examination:
    item, method = config.tomogram, method_for(config.model)
    tomogram = open_tomogram(item.maps, mask=item.mask, recording=item.recording)
    weights = config.model.weights
    learned = None if weights is None else load_label(weights).trained_on
    found = examine(tomogram, needs_wedge=method.needs_wedge, learned=learned)
    return replace(found, tomogram=binned_for(found.tomogram, learned))


def made_of(config: RestoreConfig, tomogram: Tomogram) -> MadeOf:
    """Return what tells weights, settings and inputs from others.

    The device and the tiles, on which the voxels hardly depend, are left out, as is the folder that inputs
    lie in.
    """
    item = config.tomogram
    inputs = [_stamp(path) for path in (*item.maps, item.mask) if path is not None]
    settings = _settings(config, tomogram)
    said = (json.dumps(part, sort_keys=True).encode() for part in (settings, inputs))
    return MadeOf(_weights(config), *(hashlib.sha256(part).hexdigest() for part in said))


def require_same(config: RestoreConfig) -> None:
    """Refuse to take a file that is there for what is to be made, if it was made of something else.

    Raises
    ------
    FileExistsError
        If it was, or does not say; the sentence tells what is different.
    FileNotFoundError, PermissionError, ValueError
        If the file, the tomogram or the weights cannot be read.
    """
    config, _ = with_chosen_weights(config)
    path = config.output
    found = next((said for label in open_volume(path).labels if (said := _SAID.fullmatch(label))), None)
    if found is None:
        raise FileExistsError(
            f"{path} does not say what it was made of: remove it, or choose another folder or name"
        )
    now = asdict(made_of(config, _examined(config).tomogram))
    others = [
        f"other {name}"
        for (name, part), other in zip(now.items(), found.groups(), strict=True)
        if part[:_SHORT] != other
    ]
    if others:
        raise FileExistsError(
            f"{path} was made with {' and '.join(others)} than requested now: remove it, or choose another "
            "folder or name"
        )


def _settings(config: RestoreConfig, tomogram: Tomogram) -> list[Any]:
    method = _of_method(config)
    recording = tomogram.recording
    tilts = [*(recording.tilt_range or (None, None)), recording.axis]
    half = [] if config.half is None else [f"half {config.half}"]
    back = ["added back"] if config.add_back else []
    return [method, config.hardware.precision, tomogram.voxel_size, *tilts, *half, *back]


def _of_method(config: RestoreConfig) -> dict[str, Any]:
    """Return the settings of the method; of weights, those that they were saved with.

    So what came to a method since then, and is as it always was, makes no difference.
    """
    settings = method_for(config.model, config.method).config.model_dump(mode="json")
    if config.model.weights is None:
        return settings
    saved = load_label(config.model.weights).method.model_fields_set | {"kind", *config.method}
    return {name: value for name, value in settings.items() if name in saved}


def _weights(config: RestoreConfig) -> str:
    """Return the hash of a file of weights, or of those that a method brings: sorted names, then numbers."""
    model, found = config.model, hashlib.sha256()
    if model.weights is not None:
        with open_regular(weights_file(model.weights)) as file:
            header = plain_json(file.read(int.from_bytes(file.read(8), "little")))
            found.update(json.dumps(header, sort_keys=True).encode())
            while block := file.read(_BLOCK):
                found.update(block)
        if (first := first_model(model)) is not None:
            found.update(_weights(config.model_copy(update={"model": first, "method": {}})).encode())
    elif (network := method_for(model, config.method).pretrained()) is not None:
        for name, value in sorted(network.state_dict().items()):
            found.update(name.encode())
            found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _stamp(path: Path) -> list[Any]:
    facts = path.stat()
    return [path.name, facts.st_size, facts.st_mtime_ns]


def misfits_of(config: RestoreConfig, tomogram: Tomogram) -> tuple[Finding, ...]:
    """Return what speaks against a model, whose weights, if it has any, are a file.

    Errors are those of `load_label`.
    """
    method = method_for(config.model, config.method)
    remarks = method.remarks(tomogram.voxel_size)
    if config.model.weights is None:
        return remarks
    found = misfits(
        load_label(config.model.weights).trained_on,
        recorded(tomogram),
        lacks_half=tomogram.odd is None and method.maps != 1,
        wedge=method.needs_wedge,
    )
    return found + remarks


def changed_since_training(model: ModelRef, files: Sequence[Path]) -> tuple[Finding, ...]:
    """Tell which files have changed since the model's run began; nothing of others than its own.

    Parameters
    ----------
    model : ModelRef
        Whose weights are a file.
    files : sequence of Path
        The maps of a tomogram.

    Returns
    -------
    tuple of Finding
        See `changed_inputs`.
    """
    if model.weights is None:
        return ()
    above = weights_file(model.weights).absolute().parents[:_FOLDERS_UP]
    run = next((RunDir(folder) for folder in above if (folder / CONFIG_FILE).is_file()), None)
    if run is None:
        return ()
    return changed_inputs(run.environment().get("inputs"), files)


def header_lines(
    name: str, facts: Sequence[str], chosen: ChosenStep | None, findings: Sequence[Finding]
) -> list[str]:
    """Return the labels of a restored volume: by what, facts, why this step, and what to mind."""
    why = [] if chosen is None else [chosen.sentence]
    sentences = [*why, *(f"{finding.severity}: {finding.sentence}" for finding in findings)]
    wrapped = [line for words in sentences for line in label_lines(words)]
    return [f"cryorestore: {name}", *facts, *wrapped]


__all__ = [
    "MadeOf",
    "changed_since_training",
    "examined_tomogram",
    "header_lines",
    "made_of",
    "misfits_of",
    "require_same",
]
