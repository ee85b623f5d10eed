"""Tests of how PyTorch's threads wait in napari's process: passively, unless the user sets otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, timeout=300, env={**environment, **settings},
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="reads the settings of the OpenMP of GNU")
def test_openmp_reads_it_when_a_panel_has_pytorch_loaded() -> None:
    code = (
        "import napari, sys; from napari_cryorestore.gui.devices import list_devices;"
        "assert 'torch' not in sys.modules; list_devices()"
    )
    done = run(code, OMP_DISPLAY_ENV="true")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr


def test_what_the_user_has_set_stays() -> None:
    code = "import napari_cryorestore.gui, os; print(os.environ['OMP_WAIT_POLICY'])"
    assert run(code, OMP_WAIT_POLICY="active").stdout == "active\n"
    assert run(code).stdout == "passive\n"
