"""Where the command line begins: a command is chosen, and an error becomes one sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from argparse import RawDescriptionHelpFormatter
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING

from napari_cryorestore.cli.outcome import exit_code, words
from napari_cryorestore.cli.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "train": "Train a restoration model on half tomograms.",
    "watch": "Follow a run while it trains, or look at one that has ended.",
    "restore": "Restore whole tomograms with a trained model, or a method that needs no training.",
    "evaluate": "Measure restored volumes, and say what each number can and cannot tell.",
    "compare": "Draw volumes and runs side by side, in real and Fourier space.",
    "slurm": "Print a job script for training, or for restoring many tomograms, on a cluster.",
    "simulate": "Simulate half tomograms whose truth is known.",
    "demo": "Train, restore and compare on the real half tomograms that come with the package.",
    "methods": "List the methods, networks and presets.",
    "info": "Show what a volume file holds and what lies beside it, or what is installed here.",
}
"""Every command with its sentence; the module of this name has ``add_NAME_options`` and ``run_NAME``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``cryorestore``; those that this program was started with by default.

    Returns
    -------
    int
        0 if done or stopped by request, 2 if the input is wrong, 130 if interrupted before the end,
        1 if anything else failed.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads crawl where others use the cores
    name = given[0] if given and given[0] in COMMANDS else ""
    try:
        return _command(name, given[1:]) if name else _help(given)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the last place that can say what is wrong
        if "--debug" in given:
            traceback.print_exc()
        with suppress(OSError):  # where the terminal was closed
            print(f"{f'cryorestore {name}'.strip()}: {words(error)}", file=sys.stderr)
        return exit_code(error)


def _command(name: str, arguments: list[str]) -> int:
    """Carry out a command, importing only what this one needs."""
    command = importlib.import_module(f"napari_cryorestore.cli.{name}")
    parser = Parser(f"cryorestore {name}", description=COMMANDS[name])
    parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
    getattr(command, f"add_{name}_options")(parser, arguments)
    code: int = getattr(command, f"run_{name}")(parser.parse(arguments))
    return code


def _help(arguments: list[str]) -> int:
    from importlib.metadata import version

    parser = Parser(
        "cryorestore",
        usage="cryorestore COMMAND …",
        description="Self-supervised restoration of cryo-electron tomograms.",
        epilog="commands:\n"
        + "".join(f"  {name:10}{sentence}\n" for name, sentence in COMMANDS.items())
        + "\n'cryorestore COMMAND --help' lists the options of a command.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("napari-cryorestore"))
    if arguments and not arguments[0].startswith("-"):
        close = get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(COMMANDS)}"
        raise ValueError(f"there is no command {arguments[0]!r}; {hint}")
    parser.parse(arguments)
    parser.print_help()
    return 0


__all__ = ["COMMANDS", "main"]
