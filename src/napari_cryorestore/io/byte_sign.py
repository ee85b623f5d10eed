"""Whether the bytes of a volume run from −128 to 127 or from 0 to 255, where its header does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_cryorestore.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sign = Literal["signed", "unsigned"]
_ENDS = {"unsigned": [0, 255], "signed": [127, 128]}
_NEAR = {"unsigned": [1, 2, 3, 252, 253, 254], "signed": [124, 125, 126, 129, 130, 131]}
_SIGNS: tuple[tuple[Sign, Sign], ...] = (("unsigned", "signed"), ("signed", "unsigned"))
_RUNS_ON, _HEAPS_UP = 4, 10
_PLANES, _WIDEST = 12, 512
_CONVERT = "If that is wrong, convert it to 16 bits with the program that made it, for example to mode 1."


def read_bytes(stored: NDArray[Any], *, name: str) -> tuple[NDArray[Any], tuple[Finding, ...]]:
    """Choose the sign of bytes whose header leaves it open, from a sample of them.

    Parameters
    ----------
    stored : ndarray of int8
        (sections, rows, columns), as the header suggests.
    name : str
        File name for the findings.

    Returns
    -------
    (ndarray, tuple of Finding)
        The same bytes as int8 or uint8, and what was recognised or assumed.
    """
    counts = _histogram(stored.view(np.uint8))
    if not counts[128:].any():
        return stored, ()  # as signed as unsigned
    sign = told_by_histogram(counts)
    if sign == "unsigned":
        sentence = "Its bytes are read as 0…255: read as −128…127, as the header suggests, they would wrap."
        return stored.view(np.uint8), (Finding("note", "sign of bytes", sentence, about=name),)
    if sign == "signed":
        return stored, ()
    sentence = "The header does not say whether its bytes are −128…127 or 0…255: they are read as −128…127."
    return stored, (Finding("warning", "sign of bytes", sentence, _CONVERT, about=name),)


def told_by_histogram(counts: NDArray[np.int64]) -> Sign | None:
    """Tell the sign from how often each byte occurs.

    Parameters
    ----------
    counts : ndarray of int, shape (256,)
        Of the bytes read as 0…255.

    Returns
    -------
    {"signed", "unsigned"} or None
        None if the bytes do not tell. Values that wrap run on across the place where the wrong sign cuts
        them; values that were clipped, and masks, heap up at both ends of the right one.
    """
    for sign, other in _SIGNS:
        across, elsewhere, ends = counts[_NEAR[other]], counts[_NEAR[sign]], counts[_ENDS[sign]]
        runs_on = across.min() > 0 and across.sum() > _RUNS_ON * elsewhere.sum()
        heaps_up = ends.min() > _HEAPS_UP * max(1, elsewhere.max())
        if runs_on or heaps_up:
            return sign
    return None


def _histogram(stored: NDArray[np.uint8]) -> NDArray[np.int64]:
    sections = np.unique(np.linspace(0, stored.shape[0] - 1, _PLANES).astype(int))
    rows, columns = (_central(length) for length in stored.shape[1:])
    counts = np.zeros(256, dtype=np.int64)
    for section in sections:
        counts += np.bincount(stored[section, rows, columns].ravel(), minlength=256)
    return counts


def _central(length: int) -> slice:
    first = max(0, (length - _WIDEST) // 2)
    return slice(first, first + min(length, _WIDEST))


__all__ = ["Sign", "read_bytes", "told_by_histogram"]
