"""Restoring whole volumes: ``python -m benchmarks.restore`` lists the parts."""

from __future__ import annotations

from benchmarks.parts import run_part

run_part("benchmarks.restore")
