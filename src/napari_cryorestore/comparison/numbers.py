"""All numbers of a comparison: which measurements are made of which rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.comparison.measuring import (
    Boxes,
    agreement_numbers,
    detection_numbers,
    edge_of,
    half_numbers,
    pair_numbers,
    snr_numbers,
    spectrum_numbers,
)
from napari_cryorestore.comparison.number import Evaluation, Number
from napari_cryorestore.data.masks import structure_mask
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.metrics.picks import match_picks
from napari_cryorestore.metrics.snr import propose_boxes
from napari_cryorestore.no_data import find_no_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.io.picks import Picks

    Job = Callable[[], Iterator[Number]]

MOST_BOXES = 30


@dataclass(frozen=True, eq=False)
class PickQuestion:
    """Which lists of particles to hold against which reference.

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
class Questions:
    """What is asked about some rows, beside what every row is asked.

    Attributes
    ----------
    reference : ComparedVolume, optional
        The truth, or what is held for it.
    raw_halves : pair of array-like, optional
        Even and odd raw data, shape (z, y, x), against which the rows' halves are held.
    boxes : Boxes or None
        For the signal-to-noise ratio; `proposed_boxes` makes some.
    picks : PickQuestion, optional
        Lists of particles.
    """

    reference: ComparedVolume | None = None
    raw_halves: tuple[Any, Any] | None = None
    boxes: Boxes | None = None
    picks: PickQuestion | None = None


def evaluate(
    rows: Sequence[ComparedVolume],
    questions: Questions | None = None,
    *,
    progress: Callable[[float], None] = lambda share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Measure every number of some rows.

    Of each row: radial power, power in the wedge by band and the supplied share. Of its halves: shell
    correlation, disagreement, and agreement with raw halves. Of every two rows, and of each with the
    reference: shell correlation, everywhere, in the measured region and in the wedge. Then
    signal-to-noise ratios and picks. What cannot be measured is told and left out, and spoils nothing else.

    Parameters
    ----------
    rows : sequence of ComparedVolume
        Spectra are measured in their central blocks of at most 256³ voxels.
    questions : Questions, optional
        What else there is to measure.
    progress : callable
        Is told the share done, up to 1.
    cancelled : callable
        Is asked before every measurement.

    Returns
    -------
    Evaluation

    Raises
    ------
    Cancelled
        If `cancelled` says so.
    """
    jobs = list(_jobs(rows, questions or Questions()))
    numbers: list[Number] = []
    problems: list[str] = []
    for done, job in enumerate(jobs):
        if cancelled():
            raise Cancelled("The evaluation was cancelled.")
        progress(done / len(jobs))
        try:
            numbers += list(job())
        except ValueError as error:
            problems.append(str(error))
    progress(1.0)
    return Evaluation(tuple(numbers), tuple(dict.fromkeys(problems)))


def proposed_boxes(volume: ComparedVolume, *, size: float | None = None, dark: bool = True) -> Boxes:
    """Propose boxes on structure and on background from the local density of a volume.

    Use those of one row for all, so that the same places are compared.

    Parameters
    ----------
    volume : ComparedVolume
        The clearest row.
    size : float, optional
        Edge in Å; a quarter of the thinnest side, but 8 to 32 voxels, if not given.
    dark : bool
        Whether structure is darker than its surroundings.

    Returns
    -------
    Boxes
        At most 30 of either kind.

    Raises
    ------
    ValueError
        If there is no room for them, no structure, or nothing else.
    """
    edge, thinnest = edge_of(volume), min(volume.shape)
    voxels = min(max(8, min(32, thinnest // 4)), thinnest) if size is None else max(2, round(size / edge))
    try:
        found = find_no_data(volume.data)
        data = volume.data if found is None else found.filled(volume.data, 0)
        mask = structure_mask(data, dark=dark, no_data=found)
        centres = propose_boxes(mask, voxels, MOST_BOXES, usable=None if found is None else found.usable[:])
    except ValueError as error:
        raise ValueError(f"No boxes could be proposed in {volume.name}. {error}") from error
    signal, background = (np.asarray(volume.corner) + places * edge for places in centres)
    return Boxes(signal, background, voxels * edge)


def _jobs(rows: Sequence[ComparedVolume], questions: Questions) -> Iterator[Job]:
    for row in rows:
        yield _job(spectrum_numbers, row)
        if row.halves is not None:
            yield _job(half_numbers, row)
            if questions.raw_halves is not None:
                yield _job(agreement_numbers, row, questions.raw_halves)
        if questions.reference is not None:
            yield _job(pair_numbers, row, questions.reference, truth=True)
    for row, other in combinations(rows, 2):
        yield _job(pair_numbers, row, other)
    for row in rows if questions.boxes is not None else ():
        yield _job(snr_numbers, row, questions.boxes)
    if questions.picks is not None:
        for name, picks in questions.picks.lists.items():
            yield _job(_picks, name, picks, questions.picks)


def _job(function: Callable[..., Iterator[Number]], *given: Any, **named: Any) -> Job:
    return lambda: function(*given, **named)


def _picks(name: str, picks: Picks, question: PickQuestion) -> Iterator[Number]:
    found = match_picks(picks.positions, picks.scores, question.reference.positions, question.tolerance)
    yield from detection_numbers(name, found, against="reference picks")


__all__ = ["MOST_BOXES", "Boxes", "PickQuestion", "Questions", "evaluate", "proposed_boxes"]
