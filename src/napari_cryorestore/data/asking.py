"""A volume that is no longer read when nobody wants it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.data.tiles import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class AskingView:
    """Passes on whatever part of a volume is asked for, after asking whether it is still wanted.

    Measuring a large tomogram takes seconds, reading a few planes of it a fraction of one.

    Parameters
    ----------
    volume : array, shape (z, y, x)
        Memory-mapped or not.
    cancelled : callable
        Is asked before every reading.
    """

    def __init__(self, volume: NDArray[Any], cancelled: Callable[[], bool]) -> None:
        self._volume, self._cancelled = volume, cancelled
        self.shape, self.ndim = volume.shape, volume.ndim
        self.size, self.dtype = volume.size, volume.dtype

    def __getitem__(self, place: Any) -> NDArray[Any]:
        if self._cancelled():
            raise Cancelled("The restoration was cancelled.")
        part: NDArray[Any] = self._volume[place]
        return part


__all__ = ["AskingView"]
