"""What a restored volume was made of, said in its header, by which one that is done is known again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from napari_cryorestore.checkpoint import load_label, weights_file
from napari_cryorestore.examination import examine
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import METHODS, build_method
from napari_cryorestore.plain_values import plain_json
from napari_cryorestore.recording import Recording
from napari_cryorestore.regular_file import open_regular
from napari_cryorestore.restoration.model import as_wished
from napari_cryorestore.restoration.request import resolved

if TYPE_CHECKING:
    from pathlib import Path

    from napari_cryorestore.examination import Examination
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restoration.request import RestoreRequest

_SHORT = 12
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class MadeOf:
    """What decides the voxels, each by a hash; as a string a label of a header, with twelve letters of each.

    Attributes
    ----------
    weights : str
        Of the file's content, in whatever order its header names it.
    settings : str
        Of the method's, the arithmetic asked for, voxel size and tilts.
    inputs : str
        Of names, sizes and times of change.
    """

    weights: str
    settings: str
    inputs: str

    def __str__(self) -> str:
        return "made of: " + " ".join(f"{name} {part[:_SHORT]}" for name, part in asdict(self).items())


_SAID = re.compile("made of: " + " ".join(f"{item.name} ([0-9a-f]{{{_SHORT}}})" for item in fields(MadeOf)))


def opened(request: RestoreRequest) -> Examination:
    """Open and examine the tomogram that a request names.

    Parameters
    ----------
    request : RestoreRequest
        Which tomogram, and what restores it.

    Returns
    -------
    Examination
        The tomogram with the tilts in force, and what the user should know about it.

    Raises
    ------
    ValueError, OSError
        If it cannot be used, with what to do about it.
    """
    found = _examined(request)
    for finding in found.problems:
        if finding.topic != "halves":  # each half is restored by itself
            raise ValueError(finding.text)
    return found


def _examined(request: RestoreRequest) -> Examination:
    recording = Recording(
        voxel_size=request.voxel_size, tilt_range=request.tilt_range, tilt_axis=request.tilt_axis
    )
    maps = [request.even] if request.odd is None else [request.even, request.odd]
    tomogram = open_tomogram(maps, mask=request.mask, recording=recording)
    if request.source == "wiener":
        return examine(tomogram, needs_wedge=False)
    label = load_label(request.source)
    wedge = METHODS[label.method.kind].needs_wedge
    return examine(tomogram, needs_wedge=wedge, learned=label.trained_on)


def made_of(request: RestoreRequest, tomogram: Tomogram) -> MadeOf:
    """Return what tells weights, settings and inputs from others.

    The device and the tiles, on which the voxels hardly depend, are left out, as is the folder that inputs
    lie in.
    """
    inputs = [_stamp(path) for path in (request.even, request.odd, request.mask) if path is not None]
    settings = _settings(request, tomogram)
    said = (json.dumps(part, sort_keys=True).encode() for part in (settings, inputs))
    return MadeOf(_weights(request), *(hashlib.sha256(part).hexdigest() for part in said))


def require_same(request: RestoreRequest) -> None:
    """Refuse to take a file that is there for what is asked for, if it was made of something else.

    Raises
    ------
    FileExistsError
        If it was, or does not say; the sentence tells what is different.
    FileNotFoundError, PermissionError, ValueError
        If the file, the tomogram or the weights cannot be read.
    """
    request = resolved(request)
    path = request.output
    found = next((said for label in open_volume(path).labels if (said := _SAID.fullmatch(label))), None)
    if found is None:
        raise FileExistsError(
            f"{path} does not say what it was made of: remove it, or choose another folder or name"
        )
    wanted = asdict(made_of(request, _examined(request).tomogram))
    others = [
        f"other {name}"
        for (name, part), other in zip(wanted.items(), found.groups(), strict=True)
        if part[:_SHORT] != other
    ]
    if others:
        raise FileExistsError(
            f"{path} was made with {' and '.join(others)} than asked for now: remove it, or choose another "
            "folder or name"
        )


def _settings(request: RestoreRequest, tomogram: Tomogram) -> list[Any]:
    wishes = {"passes": request.passes, "average_flips": request.average_flips}
    method: Any = None
    if request.source != "wiener":
        method = as_wished(build_method(load_label(request.source).method), **wishes).config
        method = method.model_dump(mode="json")
    recording = tomogram.recording
    tilts = [*(recording.tilt_range or (None, None)), recording.axis]
    return [method, request.precision, tomogram.voxel_size, *tilts]


def _weights(request: RestoreRequest) -> str:
    """Return the hash of a file of weights: its header with sorted names, then the numbers."""
    found = hashlib.sha256()
    if request.source != "wiener":
        with open_regular(weights_file(request.source)) as file:
            header = plain_json(file.read(int.from_bytes(file.read(8), "little")))
            found.update(json.dumps(header, sort_keys=True).encode())
            while block := file.read(_BLOCK):
                found.update(block)
    return found.hexdigest()


def _stamp(path: Path) -> list[Any]:
    facts = path.stat()
    return [path.name, facts.st_size, facts.st_mtime_ns]


__all__ = ["MadeOf", "made_of", "opened", "require_same"]
