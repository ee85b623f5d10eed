"""What ways to turn crops by any angle do to each frequency: gain, error and time.

Run, for example::

    OMP_NUM_THREADS=1 python -m benchmarks.quality turns

Plane waves, whose turned values are known, are turned at random. The gain is how much of a wave comes out, by
regression on the exact one: what a network learns whose target was turned so. The error is what differs,
relative to the wave. Both within the Nyquist sphere, under a Hann window. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_cryorestore.physics import turning
from napari_cryorestore.physics.fourier import hann_window, hermitian_weight, nyquist_ball, rfft

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Turn = Callable[[Tensor, Tensor, int], Tensor]

FREQUENCIES = (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
MARGIN = 8


def linear(volumes: Tensor, rotations: Tensor, size: int) -> Tensor:
    """Interpolate linearly."""
    return _linear(volumes, turning.sources_of(rotations, size, volumes.shape[-1]))


def linear_on_twice(volumes: Tensor, rotations: Tensor, size: int) -> Tensor:
    """Interpolate linearly on a grid twice as fine, which zeros around the spectrum make."""
    edge, axes = volumes.shape[-1], (-3, -2, -1)
    spectrum = torch.fft.rfftn(volumes, dim=axes)
    wide = spectrum.new_zeros(*volumes.shape[:2], 2 * edge, 2 * edge, edge + 1)
    low, high = slice(0, edge // 2), slice(-(edge // 2), None)
    for z in (low, high):
        for y in (low, high):
            wide[..., z, y, low] = spectrum[..., z, y, low]
    finer = torch.fft.irfftn(wide, s=(2 * edge,) * 3, dim=axes) * 8
    return _linear(finer, 2 * turning.sources_of(rotations, size, edge))


def _linear(volumes: Tensor, sources: Tensor) -> Tensor:
    grid = sources.flip(-1) * (2 / (volumes.shape[-1] - 1)) - 1
    return functional.grid_sample(volumes, grid, padding_mode="reflection", align_corners=True)


def cubic(volumes: Tensor, rotations: Tensor, size: int) -> Tensor:
    """Interpolate by cubic splines that pass through the voxels."""
    edge = volumes.shape[-1]
    place = torch.arange(edge, dtype=torch.float64)
    cosines = torch.cos(math.pi / (edge - 1) * place[:, None] * place)
    gain = 3 / (2 + torch.cos(math.pi * place / (edge - 1)))
    matrix = (cosines * gain @ torch.linalg.inv(cosines)).float()
    return turning.splines_read(turning.along_every_axis(volumes, matrix), rotations, size)


WAYS: dict[str, Turn] = {
    "linear": linear,
    "linear on a grid twice as fine": linear_on_twice,
    "cubic through the voxels": cubic,
    "cubic, sharpened (used)": turning.turned_freely,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--crop", type=int, default=32)
    parser.add_argument("--waves", type=int, default=24)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {name: {str(f): _measured(way, f, options) for f in FREQUENCIES} for name, way in WAYS.items()}
    seconds = {name: _seconds(way, options.crop) for name, way in WAYS.items()}
    for name, row in rows.items():
        words = "  ".join(f"{f}: {gain:.3f} ± {error:.3f}" for f, (gain, error) in row.items())
        print(f"{name}: {words}; {1000 * seconds[name]:.0f} ms for 4 pairs")
    print(json.dumps({"benchmark": "turns", **vars(options), "rows": rows, "seconds": seconds}))


def _measured(way: Turn, frequency: float, options: argparse.Namespace) -> tuple[float, float]:
    """Return gain and relative error at a frequency in cycles per voxel."""
    generator, size = torch.Generator().manual_seed(0), options.crop
    k = frequency * functional.normalize(torch.randn(options.waves, 3, generator=generator))
    phases = torch.rand(options.waves, generator=generator)
    rotations = turning.drawn_rotations(options.waves, generator)
    seen = _waves(turning.size_to_turn(size) + MARGIN, k, phases)
    turned, exact = way(seen, rotations, size), _waves(size, (rotations @ k[..., None])[..., 0], phases)
    shape = exact.shape[-3:]
    weight = hermitian_weight(shape) * nyquist_ball(shape)
    ours, theirs = (rfft(one * hann_window(shape)) for one in (turned, exact))
    power = float((theirs.abs().square() * weight).sum())
    gain = float(((ours * theirs.conj()).real * weight).sum()) / power
    return round(gain, 4), round(math.sqrt(float(((ours - theirs).abs().square() * weight).sum()) / power), 4)


def _waves(size: int, k: Tensor, phases: Tensor) -> Tensor:
    along = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    r = torch.stack(torch.meshgrid(along, along, along, indexing="ij"), -1)
    angle = torch.einsum("zyxd,nd->nzyx", r, k.double()) + phases.double()[:, None, None, None]
    return (2 * math.pi * angle).cos().float()[:, None]


def _seconds(way: Turn, size: int) -> float:
    """Return CPU seconds for the crops of both halves at four places."""
    generator = torch.Generator().manual_seed(0)
    edge = turning.size_to_turn(size)
    volumes, rotations = torch.randn(4, 2, edge, edge, edge), turning.drawn_rotations(4, generator)
    times = []
    for _ in range(5):
        start = time.process_time()
        way(volumes, rotations, size)
        times.append(time.process_time() - start)
    return round(min(times), 4)
