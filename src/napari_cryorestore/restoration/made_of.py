"""What a restored volume was made of, said in its header, by which one that is done is known again."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from napari_cryorestore.checkpoint import load_label
from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.methods import build_method
from napari_cryorestore.restoration.model import as_wished
from napari_cryorestore.restoration.resuming import stamp, weights_digest

if TYPE_CHECKING:
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.restoration.request import RestoreRequest

_PARTS = ("weights", "settings", "inputs")
_SAID = re.compile("made of: " + " ".join(f"{part} ([0-9a-f]{{12}})" for part in _PARTS))


def opened(request: RestoreRequest) -> Tomogram:
    """Open the tomogram that a request names; errors as of `open_tomogram`."""
    return open_tomogram(
        request.even,
        odd=request.odd,
        mask=request.mask,
        voxel_size=request.voxel_size,
        tilt_range=request.tilt_range,
        tilt_axis=request.tilt_axis,
    )


def made_of(request: RestoreRequest, tomogram: Tomogram) -> str:
    """Return one label that tells weights, settings and inputs from others, each by twelve letters.

    Inputs are known by name, size and time of change. The device and the tiles, on which the voxels hardly
    depend, are left out, as is the folder that inputs lie in.
    """
    hashes = _hashes(request, tomogram)
    return "made of: " + " ".join(f"{name} {part}" for name, part in zip(_PARTS, hashes, strict=True))


def require_same(request: RestoreRequest) -> None:
    """Refuse to take a file that is there for what is asked for, if it was made of something else.

    Raises
    ------
    FileExistsError
        If it was, or does not say; the sentence tells what is different.
    FileNotFoundError, PermissionError, ValueError
        If the file, the tomogram or the weights cannot be read.
    """
    path = request.output
    found = next((said for label in read_volume(path).labels if (said := _SAID.fullmatch(label))), None)
    if found is None:
        raise FileExistsError(
            f"{path} does not say what it was made of: remove it, or choose another folder or name"
        )
    wanted = _hashes(request, opened(request))
    others = [
        f"other {part}"
        for part, one, other in zip(_PARTS, found.groups(), wanted, strict=True)
        if one != other
    ]
    if others:
        raise FileExistsError(
            f"{path} was made with {' and '.join(others)} than asked for now: remove it, or choose another "
            "folder or name"
        )


def _hashes(request: RestoreRequest, tomogram: Tomogram) -> list[str]:
    inputs = [stamp(path) for path in (request.even, request.odd, request.mask) if path is not None]
    parts = (weights_digest(request), _settings(request, tomogram), inputs)
    return [hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:12] for part in parts]


def _settings(request: RestoreRequest, tomogram: Tomogram) -> list[Any]:
    wishes = {"passes": request.passes, "average_flips": request.average_flips}
    method: Any = None
    if request.source != "wiener":
        method = as_wished(build_method(load_label(request.source).method), **wishes).config
        method = method.model_dump(mode="json")
    tilts = [tomogram.tilt_min, tomogram.tilt_max, tomogram.tilt_axis]
    return [method, request.precision, tomogram.voxel_size, *tilts]


__all__ = ["made_of", "opened", "require_same"]
