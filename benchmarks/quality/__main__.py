"""Quality against the truth: ``python -m benchmarks.quality`` lists the parts."""

from __future__ import annotations

from benchmarks.parts import run_part

run_part("benchmarks.quality")
