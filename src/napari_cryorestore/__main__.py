"""Starts the command line: ``cryorestore`` and ``python -m napari_cryorestore``."""

from __future__ import annotations

import sys

from napari_cryorestore.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
