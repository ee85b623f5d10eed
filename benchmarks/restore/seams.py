"""What tiles change, compared with a restoration in one piece.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.restore seams --weights CHECKPOINT --even EVEN --odd ODD

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.data.tile_plan import axis_weights
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.restoration import Model, ModelRef

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

MARGINS = (0, 4, 8, 12, 16, 24, 32)
TILE, LENGTH, EDGE = 96, 128, 40
TOTAL = EDGE + LENGTH + TILE  # so that tiles of any margin end inside


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--weights", type=Path, required=True, help="a checkpoint")
    parser.add_argument("--even", type=Path, required=True)
    parser.add_argument("--odd", type=Path, required=True)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    about = {"precision": options.precision, "torch": torch.__version__}
    print(json.dumps({"benchmark": "seams", **about, **seams(options)}))


def seams(options: argparse.Namespace) -> dict[str, Any]:
    """Restore a bar of the tomogram along x in one piece and in tiles, and compare the inner part.

    Printed are the greatest and the root mean square difference, in standard deviations of the restored
    volume, and the steps: of all planes across x, the greatest r.m.s. of the difference's change from one
    plane to the next, over the r.m.s. change of the restored volume itself. A step well below 1 is lost in
    what is there anyway.
    """
    hardware = DeviceConfig(device="cpu", precision=options.precision, threads=options.threads)
    tomogram = open_tomogram((options.even, options.odd))
    scale = measure(tomogram.even)
    half = np.asarray(tomogram.even, dtype=np.float32)[:TILE, :TILE]
    more = TOTAL - half.shape[2]
    folded = np.pad(half, [(0, 0), (0, 0), (EDGE, max(0, more - EDGE))], mode="reflect")
    bar = torch.from_numpy(folded[..., :TOTAL].copy())[None, None]
    result: dict[str, Any] = {}
    for passes in (1, 2):
        model = Model.of(
            ModelRef(weights=options.weights), tomogram, settings={"passes": passes}, hardware=hardware
        )
        whole = model.restore(bar, scale)[0, 0].numpy()
        for margin in MARGINS:
            starts = _starts(margin)
            tiles = [model.restore(bar[..., start : start + TILE], scale)[0, 0].numpy() for start in starts]
            for blended in (True, False):
                name = (
                    f"{passes} pass{'es' * (passes > 1)}, margin {margin}, {'blended' if blended else 'cut'}"
                )
                result[name] = _compared(_joined(tiles, starts, margin, blended=blended), whole)
                print(f"{name}: {result[name]}", flush=True)
    return {"seams": result}


def _starts(margin: int) -> list[int]:
    """Return the tiles around the inner part; all start at multiples of the coarsest voxel."""
    stride, first = (TILE - 2 * margin) // 8 * 8, (EDGE - margin) // 8 * 8
    count = -(-(EDGE + LENGTH + margin - first - TILE) // stride) + 1
    return [first + index * stride for index in range(count)]


def _joined(tiles: list[Floats], starts: list[int], margin: int, *, blended: bool) -> Floats:
    if blended:
        weights = axis_weights(starts, TILE, TOTAL, margin)
    else:  # each voxel from the tile whose edge is farther away
        depth = np.full((len(starts), TOTAL), -1)
        ramp = np.minimum(np.arange(TILE), np.arange(TILE)[::-1])
        for row, start in zip(depth, starts, strict=True):
            row[start : start + TILE] = ramp
        owner = depth.argmax(0)
        weights = [
            (owner[start : start + TILE] == index).astype(np.float32) for index, start in enumerate(starts)
        ]
    joined = np.zeros((*tiles[0].shape[:2], TOTAL), dtype=np.float32)
    for tile, start, weight in zip(tiles, starts, weights, strict=True):
        joined[..., start : start + TILE] += tile * weight
    return joined


def _compared(tiled: Floats, whole: Floats) -> dict[str, float]:
    tiled, whole = (volume[..., EDGE : EDGE + LENGTH] for volume in (tiled, whole))
    difference = (tiled - whole) / whole.std()
    steps = np.sqrt(np.square(np.diff(difference, axis=2)).mean((0, 1)))
    usual = np.sqrt(np.square(np.diff(whole / whole.std(), axis=2)).mean())
    return {
        "max": round(float(np.abs(difference).max()), 4),
        "rms": round(float(np.sqrt(np.square(difference).mean())), 4),
        "step": round(float(steps.max() / usual), 3),
    }
