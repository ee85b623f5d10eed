"""Results of other programs beside the raw tomogram: what does not match is told, or put right if exact."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.comparison.comparison_config import Position

_BLOCK, _SLABS = 4, 12
_SAME = 1e-3
"""Share by which voxel sizes may differ that count as equal."""
_CLEAR, _DEVIATIONS, _ENOUGH = 0.05, 8.0, 0.6
"""A correlation with the raw tomogram is believed from the first one on, if it is so many times what chance
gives, or beyond the last one."""
_OUTSTANDING = 3.0
"""How many times better a turned volume must correlate than it does as it is."""


@dataclass(frozen=True, eq=False)
class OnLine:
    """A volume of which every voxel v is slope · v + offset, read piece by piece.

    Attributes
    ----------
    volume : array-like, shape (z, y, x)
        Memory-mapped or not.
    slope, offset : float
    """

    volume: Any
    slope: float
    offset: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (z, y, x) in voxels."""
        return tuple(self.volume.shape)

    @property
    def ndim(self) -> int:
        """Three."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is read."""
        return np.dtype(np.float32)

    def __getitem__(self, place: Any) -> NDArray[np.float32]:
        part = np.asarray(self.volume[place], dtype=np.float32)
        return part * np.float32(self.slope) + np.float32(self.offset)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy
        return np.asarray(self[:], dtype=dtype)


@dataclass(frozen=True)
class Line:
    """How a result and the raw tomogram correlate, and the line from the one to the other."""

    correlation: float
    slope: float
    offset: float
    count: int

    @property
    def is_clear(self) -> bool:
        """Whether the correlation is more than chance."""
        by_chance = _DEVIATIONS / max(self.count, 1) ** 0.5
        return bool(abs(self.correlation) > max(_CLEAR, min(by_chance, _ENOUGH)))


def voxel_sizes(
    header: Position, shape: Sequence[int], raw_size: float, raw_shape: Sequence[int]
) -> tuple[Position, list[Finding]]:
    """Return the voxel size of a result, and what there is to say of it and of its shape.

    Parameters
    ----------
    header : tuple of float
        Å, as its file says; 0 where it does not.
    shape : sequence of int
        Its own (z, y, x).
    raw_size, raw_shape
        Those of the raw tomogram.

    Returns
    -------
    sizes : tuple of float
        Å; those that the shapes prove, where the result is as large as the raw tomogram, binned or not.
    findings : list of Finding
    """
    binned = binning(shape, raw_shape)
    if binned is None:
        return header, [_other_shape(shape, raw_shape)]
    expected = raw_size * binned
    how = f"is binned by {binned}" if binned > 1 else "has as many voxels as the raw tomogram"
    if all(abs(size - expected) <= _SAME * expected for size in header):
        return header, []
    said = f"{header[2]:.4g} Å" if all(header) else "no voxel size"
    sentence = f"Its header says {said}, but it {how}: {expected:.4g} Å is taken."
    return (expected,) * 3, [Finding("note", "voxel size", sentence)]


def binning(shape: Sequence[int], raw_shape: Sequence[int]) -> int | None:
    """Return by which whole number a raw shape was binned to become another; ``None`` if it was not so."""
    factor = round(raw_shape[2] / shape[2])
    apart = [abs(raw - factor * size) for size, raw in zip(shape, raw_shape, strict=True)]
    return factor if factor >= 1 and max(apart) < factor else None


def matched(data: Any, raw: Any) -> tuple[Any, list[Finding]]:
    """Return a result as the raw tomogram lies and with its grey values, and what was changed.

    Flipping and changing all voxels by one line lose nothing. The line is that of least squares from the
    result to the raw tomogram, over blocks of 4³ voxels; where its slope is negative, contrast was inverted.

    Parameters
    ----------
    data, raw : array-like, shapes (z, y, x)
        The raw one as large, or as much larger as `binning` says; memory-mapped or not.
    """
    found: list[Finding] = []
    line = line_between(data, raw)
    if not line.is_clear:
        flips = [item for item in product((1, -1), repeat=3) if item != (1, 1, 1)]
        turned = {flip: line_between(_flipped(data, flip), raw) for flip in flips}
        best = max(turned, key=lambda flip: abs(turned[flip].correlation))
        far = abs(turned[best].correlation) > _OUTSTANDING * abs(line.correlation)
        if not (far and turned[best].is_clear):
            sentence = f"It does not resemble the raw tomogram (correlation {line.correlation:.2f})."
            remedy = "Check that it was made of this tomogram, and that its axes are not exchanged."
            return data, [Finding("warning", "resemblance", sentence, remedy)]
        data, line = _flipped(data, best), turned[best]
        axes = " and ".join(axis for axis, step in zip("zyx", best, strict=True) if step < 0)
        found.append(Finding("warning", "axes", f"It lies flipped along {axes}, and is shown flipped back."))
    if line.slope < 0:
        sentence = "Its contrast is inverted; its grey values were multiplied by a negative number."
        found.append(Finding("warning", "contrast", sentence))
    change = f"{line.slope:.4g} v + {line.offset:.4g}"
    sentence = f"To be on the raw tomogram's scale, its grey values v became {change}."
    return OnLine(data, line.slope, line.offset), [*found, Finding("note", "scale", sentence)]


def line_between(data: Any, raw: Any) -> Line:
    """Return the line of least squares from a volume to the raw one, over blocks in a few slabs of planes."""
    factor = binning(data.shape, raw.shape) or 1
    starts = np.linspace(0, max(0, data.shape[0] - _BLOCK), min(_SLABS, max(1, data.shape[0] // _BLOCK)))
    ours, theirs = (
        np.stack([_averaged(one, round(start) * by, _BLOCK * by) for start in starts])
        for one, by in ((data, 1), (raw, factor))
    )
    rows, columns = (min(pair) for pair in zip(ours.shape[1:], theirs.shape[1:], strict=True))
    ours, theirs = (means[:, :rows, :columns].ravel() for means in (ours, theirs))
    usable = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[usable], theirs[usable]
    if not ours.size or ours.std() == 0 or theirs.std() == 0:
        return Line(0.0, 1.0, 0.0, ours.size)
    correlation = float(np.corrcoef(ours, theirs)[0, 1])
    slope = correlation * float(theirs.std() / ours.std())
    return Line(correlation, slope, float(theirs.mean() - slope * ours.mean()), ours.size)


def _averaged(volume: Any, first: int, edge: int) -> NDArray[np.float64]:
    """Return the means over blocks of a slab that is one block high."""
    slab = np.asarray(volume[first : first + edge], dtype=np.float64).mean(axis=0)
    rows, columns = (size // edge for size in slab.shape)
    cut = slab[: rows * edge, : columns * edge].reshape(rows, edge, columns, edge)
    means: NDArray[np.float64] = cut.mean(axis=(1, 3))
    return means


def _flipped(data: Any, flip: Sequence[int]) -> Any:
    z, y, x = flip
    return data[::z, ::y, ::x]


def _other_shape(shape: Sequence[int], raw_shape: Sequence[int]) -> Finding:
    ours, theirs = ("×".join(map(str, sizes)) for sizes in (shape, raw_shape))
    sentence = (
        f"It has {ours} voxels, the raw tomogram {theirs}: the first voxel of both is laid at one place."
    )
    remedy = "Check that nothing was cut off at that side."
    if sorted(shape) == sorted(raw_shape):
        remedy = "Turn it first, so that its axes are those of the raw tomogram."
    return Finding("warning", "shape", sentence, remedy)


__all__ = ["Line", "OnLine", "binning", "line_between", "matched", "voxel_sizes"]
