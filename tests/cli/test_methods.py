"""The list of what can be chosen."""

from __future__ import annotations

import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.presets import PRESETS


@pytest.mark.usefixtures("plugins")
def test_presets_of_other_packages_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    assert "  membranes (with Picky)" in capsys.readouterr().out.splitlines()


def test_everything_that_can_be_chosen_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, method in METHODS.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert f"  {method.title}: {method.summary}" in line
        assert ("the tilt range" in line) == method.needs_wedge
        assert ("Not trained" in line) == (not method.trainable)
    for name, entry in NETWORKS.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert line.endswith(f"  {entry.title}: {entry.summary}")
    assert f"  {', '.join(PRESETS)}" in lines
