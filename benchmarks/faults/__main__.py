"""What goes wrong: ``python -m benchmarks.faults`` lists the parts."""

from __future__ import annotations

from benchmarks.parts import run_part

run_part("benchmarks.faults")
