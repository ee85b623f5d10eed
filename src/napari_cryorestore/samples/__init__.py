"""A small real tomogram for trying things out; README.md beside it tells where it comes from."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def real_pair() -> tuple[Path, Path]:
    """Return the half tomograms of part of a *Mycoplasma pneumoniae* cell.

    Returns
    -------
    tuple of Path
        The halves from even and odd tilts: 64 × 76 × 162 voxels (z, y, x) of 40 Å, protein dark; the tilt
        angles lie beside them.
    """
    return _FOLDER / "mpn40_A_even.mrc", _FOLDER / "mpn40_A_odd.mrc"
