"""Other processors: what depends on arithmetic is tested with the instructions of older ones too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
NUMERIC = [
    str(HERE / part)
    for part in (
        "networks",
        "methods/test_icecream.py",
        "methods/test_noise2noise.py",
        "physics/test_filtering.py",
        "physics/test_fourier.py",
        "physics/test_fourier_slices.py",
        "physics/test_fsc.py",
        "physics/test_normalize.py",
        "physics/test_rotation.py",
        "physics/test_turning.py",
        "physics/test_wiener_filter.py",
        "comparison/test_region.py::test_a_region_is_part_of_the_whole_restoration",
        "training/test_optimiser.py",
        "test_processors.py::test_the_oldest_instructions_are_used_where_they_are_requested",
    )
]
"""Tests of results that come out of kernels which PyTorch and oneDNN choose by the processor."""


@pytest.mark.skipif(
    os.environ.get("ATEN_CPU_CAPABILITY") != "default", reason="what runs below with that setting needs it"
)
def test_the_oldest_instructions_are_used_where_they_are_requested() -> None:
    assert torch.backends.cpu.get_cpu_capability() == "DEFAULT"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "setting", ["ONEDNN_MAX_CPU_ISA=AVX2", "ATEN_CPU_CAPABILITY=avx2", "ATEN_CPU_CAPABILITY=default"]
)
def test_arithmetic_is_right_with_the_instructions_of_other_processors(
    setting: str, warm_python: str
) -> None:
    name, value = setting.split("=")
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # without napari, which takes longer than the tests
    done = subprocess.run(
        [warm_python, "-m", "pytest", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider", *NUMERIC],
        env={**os.environ, **alone, name: value},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
