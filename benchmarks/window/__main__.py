"""A real napari window: ``python -m benchmarks.window`` lists the parts."""

from __future__ import annotations

from benchmarks.parts import run_part

run_part("benchmarks.window")
