"""Sizes in bytes, as people say them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_words(size: float) -> str:
    """Write a number of bytes with two or three digits and its unit, for example "57.6 kB".

    Parameters
    ----------
    size : float
        Bytes.
    """
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 1 if unit and size < 99.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"


__all__ = ["size_words"]
