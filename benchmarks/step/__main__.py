"""A training step: ``python -m benchmarks.step`` lists the parts."""

from __future__ import annotations

from benchmarks.parts import run_part

run_part("benchmarks.step")
