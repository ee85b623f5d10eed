#!/usr/bin/env python3
"""Fills the lists of file names in napari.yaml from the table of formats, in the package and in its copy.

Run from the root of the repository, after a format was added to the table in ``io/volumes.py``::

    python scripts/manifest-patterns.py
"""

from __future__ import annotations

import re
from pathlib import Path

from napari_cryorestore.io.volumes import opened_patterns, written_suffixes

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = (ROOT / "src" / "napari_cryorestore" / "napari.yaml", ROOT / "napari.yaml")


def filled(manifest: str) -> str:
    """Return a manifest with the lists as the table of formats has them."""
    patterns = "".join(f'        - "{pattern}"\n' for pattern in opened_patterns())
    manifest = re.sub(r'(filename_patterns:\n)( *- "\*.*"\n)+', rf"\g<1>{patterns}", manifest)
    suffixes = ", ".join(f'"{suffix}"' for suffix in written_suffixes())
    return re.sub(r"filename_extensions: \[.*\]", f"filename_extensions: [{suffixes}]", manifest)


if __name__ == "__main__":
    for path in MANIFESTS:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
