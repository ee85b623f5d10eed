"""Whether two half tomograms belong together, judged from a sample of their voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cryorestore.findings import Finding, gravest_first, problems
from napari_cryorestore.io.joint_sample import JointSample, sampled, shift_of
from napari_cryorestore.io.masks import with_data
from napari_cryorestore.io.sampling import sample_slabs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.io.masks import Inside

SAME_VOLUME = 0.999
MOST_NO_DATA = 0.6
"""Share of a tomogram without data, beyond which somebody should say that this is meant."""
LEAST_OF_MASK = 0.05
"""Share of a mask with data, below which nothing can be learned from it."""
UNEQUAL = 2.0
"""Ratio of the spreads of two maps of a tomogram beyond which they have no common scale."""
_WEAK = 0.05
_CLEAR = 0.1
_STANDARD_ERRORS = 4.0
_TOLD = 0.005


@dataclass(frozen=True)
class HalvesCheck:
    """What a sample of two halves says about them.

    Attributes
    ----------
    correlation : float
        Correlation of the voxels that hold data; NaN where it could not be measured.
    coarse_correlation : float
        The same for averages over blocks of 4 to 16 voxels a side, without their slow background: shared
        structure shows here even where the noise of single voxels hides it.
    no_data : float
        Share of the voxels that hold no data, see `find_no_data`.
    message : str
        Size, voxel size, agreement and share without data in one line.
    findings : tuple of Finding
        What looks wrong, the gravest first; with a problem among them, nothing sensible comes of the halves.
    """

    correlation: float
    coarse_correlation: float
    no_data: float
    message: str
    findings: tuple[Finding, ...] = ()

    @property
    def warning(self) -> str | None:
        """What looks wrong, but does not prevent going on, in one line."""
        texts = [finding.text for finding in self.findings if finding.severity == "warning"]
        return " ".join(texts) or None


def check_halves(
    even: NDArray[Any], odd: NDArray[Any], *, voxel_size: float = 0.0, mask: Inside | None = None
) -> HalvesCheck:
    """Compare two half tomograms, in a second or two.

    Parameters
    ----------
    even, odd : ndarray
        Voxels (z, y, x); memory maps are read in at most twelve slabs of four planes, and a block of at most
        128³ voxels.
    voxel_size : float
        Å, for the message; 0 if unknown.
    mask : Inside, optional
        What somebody means to learn from, who so knows how much of the tomogram holds data.

    Returns
    -------
    HalvesCheck
        Numbers, and what to tell: problems if the halves differ in shape, are the same volume, one is
        constant or not finite, or hardly anything holds data, of them or of the mask.
    """
    size = describe_size(even.shape, voxel_size)
    try:
        require_equal_shapes(even, odd)
        first, second = (sampled(half, name) for half, name in ((even, "even"), (odd, "odd")))
    except ValueError as error:
        return HalvesCheck(math.nan, math.nan, 0.0, size, (_problem(str(error)),))
    sample = JointSample(first, second)
    findings = [*_sample_findings(sample), *_no_data_findings(sample, mask)]
    if not problems(tuple(findings)):
        findings += _relation(sample, even, odd)
    agree = not any(finding.topic == "halves" for finding in findings)
    message = f"{size}, {'halves agree' if agree else 'halves do not agree'} (r = {sample.correlation:.2g})"
    if sample.no_data >= _TOLD:
        message += f", {100 * sample.no_data:.0f} % no data"
    return HalvesCheck(
        sample.correlation, sample.coarse[0], sample.no_data, message, gravest_first(tuple(findings))
    )


def check_maps(
    maps: Sequence[NDArray[Any]], *, voxel_size: float = 0.0, mask: Inside | None = None
) -> HalvesCheck | None:
    """Compare every map of a tomogram with the one before, as `check_halves` compares two halves.

    Of any other two it is only said whether they are the same volume, in other units, or share noise.

    Returns
    -------
    HalvesCheck or None
        That of the two maps that agree least, with what is found of all; ``None`` for a single map.
    """
    pairs = list(pairwise(maps))
    checks = [check_halves(one, other, voxel_size=voxel_size, mask=mask) for one, other in pairs]
    if len(checks) < 2:
        return checks[0] if checks else None
    found = [
        replace(finding, sentence=f"Maps {place} (even) and {place + 1} (odd): {finding.sentence}")
        for place, checked in enumerate(checks, start=1)
        for finding in checked.findings
    ]
    found += [] if problems(tuple(found)) else _found_of_others(maps)
    least = min(checks, key=lambda checked: np.nan_to_num(checked.correlation, nan=-1.0))
    return replace(least, findings=gravest_first(tuple(found)))


def _found_of_others(maps: Sequence[NDArray[Any]]) -> list[Finding]:
    """Return what samples alone tell of two maps that do not follow one another."""
    samples = [sampled(one, f"map {number}") for number, one in enumerate(maps, start=1)]
    return [
        replace(finding, sentence=f"Maps {one + 1} (even) and {other + 1} (odd): {finding.sentence}")
        for one, other in combinations(range(len(maps)), 2)
        if other > one + 1
        for finding in _sample_findings(JointSample(samples[one], samples[other]))
    ]


def require_maps(
    maps: Sequence[NDArray[Any]], *, name: str = "", mask: Inside | None = None
) -> tuple[Finding, ...]:
    """Compare the maps of a tomogram, return what is found, and refuse those with a problem.

    Parameters
    ----------
    maps, mask
        As of `check_maps`.
    name : str
        What to call the tomogram in the sentence.

    Raises
    ------
    ValueError
        If there is a problem, with what to do about it.
    """
    checked = check_maps(maps, mask=mask)
    findings = () if checked is None else checked.findings
    for problem in problems(findings):
        raise ValueError(f"{name}: {problem.text}" if name else problem.text)
    return findings


def require_equal_shapes(even: NDArray[Any], odd: NDArray[Any]) -> None:
    """Refuse halves of different size.

    Parameters
    ----------
    even, odd : ndarray
        Voxels (z, y, x).

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if even.shape != odd.shape:
        raise ValueError(
            f"The halves differ in size: even is {_size(even.shape)}, odd is {_size(odd.shape)} (z×y×x); "
            "choose two halves of the same tomogram."
        )


def describe_size(shape: tuple[int, ...], voxel_size: float) -> str:
    """Write a size the way people say it.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    voxel_size : float
        Å, 0 if unknown.

    Returns
    -------
    str
        For example "464×928×928, 8.0 Å".
    """
    unit = f"{voxel_size:.2f}".removesuffix("0") + " Å" if voxel_size > 0 else "voxel size unknown"
    return f"{_size(shape)}, {unit}"


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape)


def _sample_findings(sample: JointSample) -> list[Finding]:
    """Return what the sample alone tells."""
    if sample.correlation > SAME_VOLUME:
        return [
            _problem(
                f"The two halves are the same volume (correlation {sample.correlation:.4f}).",
                "Choose the tomograms made from different frames or tilts.",
            )
        ]
    found = []
    small, large = min(sample.spreads), max(sample.spreads)
    if small > 0 and large > UNEQUAL * small:
        even, odd = sample.spreads
        sentence = (
            f"The halves' grey values spread very differently: by {even:.3g} in the even one and "
            f"{odd:.3g} in the odd one (standard deviations), a factor of {_rounded(large / small)}."
        )
        remedy = (
            "Check that both were scaled alike: each is taken in units of its own, and the larger one rules "
            "their mean."
        )
        found.append(Finding("warning", "spread of the halves", sentence, remedy))
    if sample.shared_noise is not None:
        sentence = (
            "The halves seem to share noise: at the finest detail they still correlate by "
            f"{sample.shared_noise:.2f}, as no signal does."
        )
        remedy = (
            "Make them from different frames or tilts, and denoise neither: what they share passes for "
            "signal."
        )
        found.append(Finding("warning", "noise of the halves", sentence, remedy))
    return found


def _no_data_findings(sample: JointSample, mask: Inside | None) -> list[Finding]:
    if mask is not None:
        _, share = with_data(np.concatenate(list(sample_slabs(mask))) > 0, sample.found)
        if share < LEAST_OF_MASK:
            return [_problem(*empty_mask_words(sample.no_data, share), topic="no data")]
    if sample.no_data < _TOLD:
        return []
    sentence = (
        f"{100 * sample.no_data:.0f} % of the tomogram holds no data: there a half is constant, or both are "
        "the same."
    )
    if sample.no_data <= MOST_NO_DATA or mask is not None:
        remedy = "It is left out of training and of every number, and stays as it is in what is restored."
        return [Finding("note", "no data", sentence, remedy), *_alone(sample.alone)]
    remedy = (
        "Check that both files were written completely; if this is meant, give a mask of what to learn from "
        "with --mask (in the Train panel: Mask)."
    )
    return [_problem(sentence, remedy, topic="no data"), *_alone(sample.alone)]


def empty_mask_words(no_data: float, share: float) -> tuple[str, str]:
    """Say that a mask holds next to no data, and what to do about it.

    Parameters
    ----------
    no_data : float
        Share of the tomogram without data.
    share : float
        Share of the mask with data.
    """
    sentence = (
        f"The mask holds next to no data: {100 * no_data:.0f} % of the tomogram holds none, and "
        f"{100 * (1 - share):.0f} % of the mask lies there."
    )
    return sentence, "Give a mask that lies where both halves hold data, or none."


def _alone(shares: tuple[float, ...]) -> list[Finding]:
    """Tell a part that one of the halves alone lacks."""
    names = ("even", "odd")
    return [
        Finding(
            "warning",
            "no data",
            f"A part of the {name} half ({100 * share:.0f} %) is constant where the {other} half is not.",
            f"Check that the {name} half was written completely; nothing is learned from that part.",
        )
        for name, other, share in zip(names, names[::-1], shares, strict=True)
        if share >= _TOLD
    ]


def _relation(sample: JointSample, even: NDArray[Any], odd: NDArray[Any]) -> list[Finding]:
    """Tell halves that are shifted, inverted or unrelated."""
    shift = shift_of(even, odd)
    if any(shift):
        z, y, x = (f"{step:d}".replace("-", "−") for step in shift)
        sentence = (
            f"The odd half is shifted against the even one, by {z}, {y} and {x} voxels along z, y and x."
        )
        remedy = "Reconstruct both halves with one alignment, or shift one of them back before training."
        return [Finding("warning", "halves", sentence, remedy)]
    coarse, error = sample.coarse
    limit = max(_WEAK, _STANDARD_ERRORS * error)
    if coarse < -limit:
        sentence = (
            f"The halves have opposite contrast (coarse correlation {coarse:.2f}): one of them is inverted."
        )
        return [Finding("warning", "halves", sentence, "Invert it back before training.")]
    if coarse < limit and sample.correlation < _CLEAR:
        numbers = f"correlation {sample.correlation:.3f}, {coarse:.3f} for coarse structure"
        sentence = f"The halves seem unrelated ({numbers})."
        remedy = "Check that both belong to the same tomogram, and that neither is flipped."
        return [Finding("warning", "halves", sentence, remedy)]
    return []


def _rounded(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def _problem(sentence: str, remedy: str = "", *, topic: str = "halves") -> Finding:
    return Finding("problem", topic, sentence, remedy)


__all__ = [
    "LEAST_OF_MASK",
    "MOST_NO_DATA",
    "UNEQUAL",
    "HalvesCheck",
    "check_halves",
    "check_maps",
    "describe_size",
    "empty_mask_words",
    "require_equal_shapes",
    "require_maps",
]
