"""Maps of what was measured, what was supplied, and how far data confirm it: jobs for the result cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cryorestore.comparison.result_cache import Job
from napari_cryorestore.comparison.volume import block_around, overlap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cryorestore.comparison.comparison_config import Position
    from napari_cryorestore.comparison.result_cache import Watch
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.metrics.bands import Band
    from napari_cryorestore.physics.wedge import Wedge
    from napari_cryorestore.recording import Recording

    Volume = NDArray[np.float32]

MOST_EDGE = 256
"""Voxels along an edge around the crosshair that maps are made of, where a volume is larger."""
WINDOW = 1.5
"""Standard deviation in voxels of the window in which disagreement is averaged."""
NO_WEDGE = "The tilt range of {} is not known: give it under Fourier ▾."
NO_HALVES = "{} was not made from two halves: choose a row of a run, of a method or of the mean of halves."
NO_DATA = "There is no row of raw halves to compare it with: add their mean, under Rows ▾."


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of a row, with the block that they belong to.

    Attributes
    ----------
    block : ComparedVolume
        The part of the row, around the crosshair where the row is larger than `MOST_EDGE`.
    by_name : dict
        Volumes (z, y, x) of the block's shape: ``measured``, ``supplied`` and ``share``; or ``agreement``; or
        ``disagreement``.
    """

    block: ComparedVolume
    by_name: dict[str, Volume]


def parts_job(volume: ComparedVolume, tilts: Recording | None, cursor: Position | None) -> Job:
    """Return the job of splitting a row into what was measured and what was supplied, with its local share.

    Raises
    ------
    ValueError
        If the tilt range is not known.
    """
    if tilts is None:
        raise ValueError(NO_WEDGE.format(volume.name))
    block = block_around(volume, cursor, MOST_EDGE)

    def compute(watch: Watch) -> Maps:
        from napari_cryorestore.comparison.measured_split import share_volume, split_volume

        measured, supplied = split_volume(
            block.data, _wedge(tilts), progress=watch.progress, cancelled=watch.cancelled
        )
        share = share_volume(measured, supplied, cancelled=watch.cancelled)
        return Maps(block, {"measured": measured, "supplied": supplied, "share": share})

    return Job(("parts", *block.identity, tilts), compute, size=_bytes)


def agreement_job(
    volume: ComparedVolume,
    raw: ComparedVolume | None,
    tilts: Recording | None,
    cursor: Position | None,
    *,
    band: Band | None = None,
) -> Job:
    """Return the job of correlating a row's halves with the other raw half, place by place, in a band.

    Raises
    ------
    ValueError
        If there are no halves of either.
    """
    if volume.halves is None:
        raise ValueError(NO_HALVES.format(volume.name))
    if raw is None or raw.halves is None or raw is volume:
        raise ValueError(NO_DATA)
    block, data = overlap(block_around(volume, cursor, MOST_EDGE), raw)

    def compute(watch: Watch) -> Maps:
        from napari_cryorestore.comparison.measuring import voxel_edge
        from napari_cryorestore.metrics.trust import agreement

        even, odd = (_tensor(half) for half in block.halves or ())
        raw_even, raw_odd = (_tensor(half) for half in data.halves or ())
        wedge = None if tilts is None else _wedge(tilts)
        within: dict[str, Any] = {} if band is None else {"band": band, "voxel_size": voxel_edge(block)}
        first = agreement(even, raw_odd, wedge, **within)
        watch.progress(0.5)
        return Maps(block, {"agreement": ((first + agreement(odd, raw_even, wedge, **within)) / 2).numpy()})

    return Job(("agreement map", *block.identity, *data.identity, tilts, band), compute, size=_bytes)


def disagreement_job(volume: ComparedVolume, cursor: Position | None) -> Job:
    """Return the job of measuring how far a row's halves differ, place by place.

    Raises
    ------
    ValueError
        If it has no halves.
    """
    if volume.halves is None:
        raise ValueError(NO_HALVES.format(volume.name))
    block = block_around(volume, cursor, MOST_EDGE)

    def compute(watch: Watch) -> Maps:
        from napari_cryorestore.metrics.trust import half_disagreement

        even, odd = (_tensor(half) for half in block.halves or ())
        return Maps(block, {"disagreement": half_disagreement(even, odd, window=WINDOW).numpy()})

    return Job(("disagreement map", *block.identity), compute, size=_bytes)


def bands_of(volume: ComparedVolume) -> tuple[Band, ...]:
    """Return the bands that the table has for a row, coarse detail first."""
    from napari_cryorestore.metrics.bands import octaves

    return octaves(volume.voxel_size[0])


def covered_shape(volume: ComparedVolume) -> tuple[int, ...]:
    """Return the voxels (z, y, x) of a row that maps cover; fewer than it has where it is large."""
    return tuple(min(size, MOST_EDGE) for size in volume.shape)


def has_moved_off(volume: ComparedVolume, block: ComparedVolume, cursor: Position | None) -> bool:
    """Tell whether the crosshair is so far from the middle of a block that another one is needed."""
    needed = block_around(volume, cursor, MOST_EDGE)
    shifts = zip(needed.corner, block.corner, needed.shape, needed.voxel_size, strict=True)
    is_outside = cursor is not None and block.index_of(cursor) is None
    limit = 0.0 if is_outside else 0.25
    return any(abs(new - old) > max(limit * size, 0.5) * voxel for new, old, size, voxel in shifts)


def _wedge(tilts: Recording) -> Wedge:
    from napari_cryorestore.physics.wedge import Wedge

    wedge = Wedge.of(tilts)
    assert wedge is not None
    return wedge


def _tensor(data: Any) -> Any:
    import numpy as np
    import torch

    return torch.from_numpy(np.array(data[:], dtype=np.float32))


def _bytes(maps: Maps) -> int:
    return sum(volume.nbytes for volume in maps.by_name.values())


__all__ = [
    "MOST_EDGE",
    "Maps",
    "agreement_job",
    "bands_of",
    "covered_shape",
    "disagreement_job",
    "has_moved_off",
    "parts_job",
]
