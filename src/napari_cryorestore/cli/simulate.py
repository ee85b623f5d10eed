"""``cryorestore simulate``: writes half tomograms whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.outcome import DONE
from napari_cryorestore.cli.parser import given
from napari_cryorestore.config import settings_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser


def add_simulate_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    from napari_cryorestore.simulation import SimulationConfig

    del arguments
    parser.add_argument("folder", type=Path, metavar="DIR", help="The folder to write to.")
    parser.add_settings("simulation", settings_of(SimulationConfig), under="simulation")


def run_simulate(options: Namespace) -> int:
    """Simulate two halves, write them, and print the names of the files."""
    from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair

    config = SimulationConfig.model_validate(given(options, "simulation"))
    for path in write_pair(options.folder, simulate(config)):
        print(path)
    return DONE


__all__ = ["add_simulate_options", "run_simulate"]
