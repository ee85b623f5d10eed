"""Which numbers of which rows are computed, and kept under what; free of Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.compare.common_part import common_part
from napari_cryorestore.gui.compare.store import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from napari_cryorestore.comparison.measuring import Boxes
    from napari_cryorestore.comparison.number import Number
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.gui.compare.store import Store, Watch

    Numbers = tuple[Number, ...]


@dataclass(frozen=True)
class Asked:
    """What is asked about every row, beside its spectrum and its halves.

    Attributes
    ----------
    other : (str, ComparedVolume), optional
        A row, or a reference, with which each row is correlated, and its name.
    truth : bool
        Whether that is a reference.
    raw : ComparedVolume, optional
        A mean of raw halves, against which restored halves are held.
    boxes : Boxes, optional
        For the signal-to-noise ratio.
    """

    other: tuple[str, ComparedVolume] | None = None
    truth: bool = False
    raw: ComparedVolume | None = None
    boxes: Boxes | None = None


def jobs_of(volume: ComparedVolume, asked: Asked) -> list[Job]:
    """Return what it takes to answer everything about a row."""
    jobs = [_job("spectrum", (volume,), _spectrum)]
    if volume.halves is not None:
        jobs.append(_job("halves", (volume,), _halves))
        if asked.raw is not None and asked.raw is not volume:
            jobs.append(_job("agreement", (volume, asked.raw), _agreement))
    if asked.other is not None and asked.other[1] is not volume:
        jobs.append(_job("truth" if asked.truth else "pair", (volume, asked.other[1]), _pair, asked.truth))
    if asked.boxes is not None:
        jobs.append(_job("snr", (volume,), _snr, asked.boxes))
    return jobs


def numbers_of(
    store: Store, rows: Iterable[tuple[str, ComparedVolume]], asked: Asked
) -> tuple[list[Number], list[str], bool]:
    """Return the numbers that are there, under the rows' present names.

    Returns
    -------
    numbers : list of Number
    problems : list of str
        Why some could not be measured.
    complete : bool
        Whether nothing is still being computed.
    """
    numbers: list[Number] = []
    problems: list[str] = []
    complete = True
    for name, volume in rows:
        for job in jobs_of(volume, asked):
            found, failure = store.get(job.key), store.failure(job.key)
            numbers += [_renamed(number, name, asked) for number in found or ()]
            if failure is not None:
                problems.append(str(failure.error))
            complete = complete and (found is not None or failure is not None)
    return numbers, list(dict.fromkeys(problems)), complete


def _renamed(number: Number, name: str, asked: Asked) -> Number:
    against = number.against
    if asked.other is not None and against == asked.other[1].name:
        against = asked.other[0]
    return replace(number, row=name, against=against)


def _job(what: str, volumes: tuple[ComparedVolume, ...], measure: Callable[..., Any], *more: Any) -> Job:
    key: Hashable = (
        what,
        *((volume.key, volume.version, volume.shape) for volume in volumes),
        *map(id, more),
    )
    return Job(key, lambda watch: tuple(measure(watch, *volumes, *more)))


def _spectrum(watch: Watch, volume: ComparedVolume) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import spectrum_numbers

    return spectrum_numbers(volume)


def _halves(watch: Watch, volume: ComparedVolume) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import half_numbers

    return half_numbers(volume)


def _agreement(watch: Watch, volume: ComparedVolume, raw: ComparedVolume) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import agreement_numbers

    first, second = common_part(volume, raw)
    if second.halves is None:
        raise ValueError(f"{raw.name} has no halves.")
    return agreement_numbers(first, second.halves)


def _pair(watch: Watch, volume: ComparedVolume, other: ComparedVolume, truth: bool) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import pair_numbers

    first, second = common_part(volume, other)
    return pair_numbers(first, second, truth=truth)


def _snr(watch: Watch, volume: ComparedVolume, boxes: Boxes) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import snr_numbers

    return snr_numbers(volume, boxes)


__all__ = ["Asked", "jobs_of", "numbers_of"]
