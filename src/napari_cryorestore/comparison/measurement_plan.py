"""Which measurements are made of which rows: one plan, for the panel as for the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_cryorestore.comparison.number import Evaluation
from napari_cryorestore.comparison.result_cache import Job, Watch
from napari_cryorestore.comparison.volume import overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from napari_cryorestore.comparison.measuring import Boxes
    from napari_cryorestore.comparison.number import Number
    from napari_cryorestore.comparison.result_cache import ResultCache
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.io.particle_list import Picks


@dataclass(frozen=True, eq=False)
class PickRequest:
    """Which lists of particles to compare with which reference.

    Attributes
    ----------
    lists : mapping of str to Picks
        By name.
    reference : Picks
        In the same frame.
    tolerance : float
        In Å.
    """

    lists: Mapping[str, Picks]
    reference: Picks
    tolerance: float


@dataclass(frozen=True, eq=False)
class MeasurementRequest:
    """What to measure of some rows, beside the spectrum of each and how its halves agree.

    Attributes
    ----------
    raw : ComparedVolume, optional
        Made of the two raw halves with which the rows' halves are compared.
    reference : ComparedVolume, optional
        The truth, or what stands for it, with which every row is correlated.
    other : ComparedVolume, optional
        The one of the rows with which all others are correlated.
    pairs : bool
        Whether every two rows are correlated.
    boxes : Boxes, optional
        For the signal-to-noise ratio; `proposed_boxes` makes some.
    picks : PickRequest, optional
        Lists of particles.
    overlap : bool
        Whether volumes of different shapes are compared where they overlap, instead of refused.
    """

    raw: ComparedVolume | None = None
    reference: ComparedVolume | None = None
    other: ComparedVolume | None = None
    pairs: bool = True
    boxes: Boxes | None = None
    picks: PickRequest | None = None
    overlap: bool = False


class Measurement(NamedTuple):
    """One step of the plan.

    Attributes
    ----------
    job : Job
        Makes a tuple of `Number`; its key does not depend on how rows are called.
    row, against : str
        The present names of the row and of what it is correlated with; the latter empty for other numbers.
    """

    job: Job
    row: str
    against: str = ""


def planned(rows: Sequence[ComparedVolume], request: MeasurementRequest) -> list[Measurement]:
    """Return all that is measured of some rows, in the order in which it is shown.

    Of each row: radial power, wedge power by band and the supplied share. Of its halves: shell correlation,
    disagreement, and agreement with raw halves. Of rows with the reference, and with one another: shell
    correlation, everywhere, in the measured region and in the wedge. Then signal-to-noise ratios and picks.
    """
    plan = [step for row in rows for step in _of_row(row, request)]
    pairs = list(combinations(rows, 2)) if request.pairs else []
    if request.other is not None:
        pairs += [(row, request.other) for row in rows if row is not request.other]
    plan += [_correlated(row, other, request) for row, other in pairs]
    if request.boxes is not None:
        plan += [_measurement("snr", (row,), _snr, request.boxes) for row in rows]
    if request.picks is not None:
        plan += list(_of_picks(request.picks))
    return plan


def evaluate(
    rows: Sequence[ComparedVolume],
    request: MeasurementRequest = MeasurementRequest(),
    *,
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Make every measurement of the plan; what cannot be measured is reported, and spoils nothing else.

    Parameters
    ----------
    rows : sequence of ComparedVolume
        Spectra are measured in their central blocks of at most 256³ voxels.
    request : MeasurementRequest
        What there is to measure.
    progress : callable
        Called with the share done, up to 1.
    cancelled : callable
        Called before every measurement; true to stop.

    Returns
    -------
    Evaluation

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    """
    from napari_cryorestore.data.tiles import Cancelled

    plan, watch = planned(rows, request), Watch(lambda: not cancelled())
    numbers: list[Number] = []
    problems: list[str] = []
    for done, step in enumerate(plan):
        if cancelled():
            raise Cancelled("The evaluation was cancelled.")
        progress(done / len(plan))
        try:
            numbers += step.job.compute(watch)
        except ValueError as error:
            problems.append(str(error))
    progress(1.0)
    return Evaluation(tuple(numbers), tuple(dict.fromkeys(problems)))


def kept_numbers(cache: ResultCache, plan: Iterable[Measurement]) -> Evaluation:
    """Return the numbers of a plan that a cache has, under the rows' present names, and what failed."""
    numbers: list[Number] = []
    problems: list[str] = []
    for job, row, against in plan:
        numbers += [
            replace(number, row=row, against=against or number.against) for number in cache.get(job.key) or ()
        ]
        failure = cache.failure(job.key)
        if failure is not None:
            problems.append(str(failure.error))
    return Evaluation(tuple(numbers), tuple(dict.fromkeys(problems)))


def boxes_job(volume: ComparedVolume) -> Job:
    """Return the job of proposing boxes for the signal-to-noise ratio in a row."""

    def compute(watch: Watch) -> Boxes:
        from napari_cryorestore.comparison.measuring import proposed_boxes

        return proposed_boxes(volume)

    return Job(("boxes", *volume.identity), compute)


def _of_row(row: ComparedVolume, request: MeasurementRequest) -> Iterator[Measurement]:
    yield _measurement("spectrum", (row,), _spectrum)
    if row.halves is not None:
        yield _measurement("halves", (row,), _halves)
        if request.raw is not None and request.raw is not row:
            yield _measurement("agreement", (row, request.raw), _agreement, request.overlap)
    if request.reference is not None:
        yield _correlated(row, request.reference, request)


def _of_picks(request: PickRequest) -> Iterator[Measurement]:
    for name, picks in request.lists.items():
        compared = partial(_picks, name, picks, request)
        yield Measurement(Job(("picks", name, request), compared), name)


def _correlated(row: ComparedVolume, other: ComparedVolume, request: MeasurementRequest) -> Measurement:
    truth = other is request.reference
    step = _measurement("truth" if truth else "pair", (row, other), _pair, truth, request.overlap)
    return step._replace(against=other.name)


def _measurement(
    what: str, volumes: tuple[ComparedVolume, ...], measure: Callable[..., Iterable[Number]], *more: Any
) -> Measurement:
    key = (what, *(volume.identity for volume in volumes), *more)
    return Measurement(Job(key, lambda watch: tuple(measure(*volumes, *more))), volumes[0].name)


# What imports PyTorch waits until it is needed: the panel is open by then ---------------------------


def _spectrum(row: ComparedVolume) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import spectrum_numbers

    return spectrum_numbers(row)


def _halves(row: ComparedVolume) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import half_numbers

    return half_numbers(row)


def _agreement(row: ComparedVolume, raw: ComparedVolume, overlapping: bool) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import agreement_numbers

    row, raw = overlap(row, raw) if overlapping else (row, raw)
    if raw.halves is None:
        raise ValueError(f"{raw.name} has no halves.")
    return agreement_numbers(row, raw.halves)


def _pair(row: ComparedVolume, other: ComparedVolume, truth: bool, overlapping: bool) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import pair_numbers

    row, other = overlap(row, other) if overlapping else (row, other)
    return pair_numbers(row, other, truth=truth)


def _snr(row: ComparedVolume, boxes: Boxes) -> Iterable[Number]:
    from napari_cryorestore.comparison.measuring import snr_numbers

    return snr_numbers(row, boxes)


def _picks(name: str, picks: Picks, request: PickRequest, watch: Watch) -> tuple[Number, ...]:
    from napari_cryorestore.comparison.measuring import pick_numbers

    return tuple(pick_numbers(name, picks, request.reference, request.tolerance))


__all__ = [
    "Measurement",
    "MeasurementRequest",
    "PickRequest",
    "boxes_job",
    "evaluate",
    "kept_numbers",
    "planned",
]
