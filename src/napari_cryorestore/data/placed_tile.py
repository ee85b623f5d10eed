"""A tile at its place in a volume: which voxels it has a part in, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cryorestore.data.corners import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cryorestore.data.corners import Triple

    Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PlacedTile:
    """One of the tiles of a plan.

    Attributes
    ----------
    start : (int, int, int)
        Its first voxel; may lie before the volume's.
    weights : three arrays
        How much it counts along z, y and x.
    """

    start: Triple
    weights: tuple[Floats, Floats, Floats]

    @property
    def sizes(self) -> Triple:
        """Its sizes (z, y, x) in voxels."""
        z, y, x = self.weights
        return len(z), len(y), len(x)

    def within(self, box: Box) -> Box | None:
        """Return the voxels of a box that it covers, counted as the box is; ``None`` if there are none."""
        first = [max(low, start) for low, start in zip(box.start, self.start, strict=True)]
        last = [min(n, a + size) for n, a, size in zip(box.stop, self.start, self.sizes, strict=True)]
        if any(stop <= start for start, stop in zip(first, last, strict=True)):
            return None
        return Box((first[0], first[1], first[2]), (last[0], last[1], last[2]))

    def window(self, box: Box) -> tuple[tuple[slice, slice, slice], Floats]:
        """Return where a box of voxels that it covers lies in it, and how much it counts there (z, y, x)."""
        here = _moved(box, self.start)
        z, y, x = (weight[part] for weight, part in zip(self.weights, here, strict=True))
        return here, z[:, None, None] * (y[:, None] * x)

    def add_to(self, out: Floats, values: Floats, *, corner: Triple = (0, 0, 0)) -> None:
        """Add its weighted values (z, y, x) to an array whose first voxel is `corner`."""
        z, y, x = corner
        box = self.within(Box(corner, (z + out.shape[0], y + out.shape[1], x + out.shape[2])))
        if box is not None:
            here, window = self.window(box)
            out[_moved(box, corner)] += values[here] * window


def _moved(box: Box, origin: Triple) -> tuple[slice, slice, slice]:
    z, y, x = (slice(a - o, b - o) for a, b, o in zip(box.start, box.stop, origin, strict=True))
    return z, y, x


__all__ = ["PlacedTile"]
