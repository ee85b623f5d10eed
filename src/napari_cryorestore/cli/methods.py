"""``cryorestore methods``: the methods, networks and presets that can be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.outcome import DONE

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.methods import Method


def add_methods_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add nothing: the command has no options."""
    del parser, arguments


def run_methods(options: Namespace) -> int:
    """List methods, networks and presets."""
    from napari_cryorestore.methods import METHODS
    from napari_cryorestore.networks import NETWORKS
    from napari_cryorestore.presets import PRESETS

    del options
    width = max(map(len, (*METHODS, *NETWORKS))) + 2
    print("methods:")
    for name, method in METHODS.items():
        print(f"  {name:{width}}{method.title}: {method.summary} {_needs(method)}".rstrip())
    print("networks:")
    for name, entry in NETWORKS.items():
        print(f"  {name:{width}}{entry.title}: {entry.summary}")
    print(f"presets:\n  {', '.join(PRESETS)}")
    every: list[Any] = [*METHODS.values(), *NETWORKS.values()]
    for item in every:
        own = [name for name in item.presets if name not in PRESETS]
        if own:
            print(f"  {', '.join(own)} (with {item.title})")
    print("'cryorestore train --method NAME --help' lists the settings of a method.")
    return DONE


def _needs(method: type[Method]) -> str:
    needs = method.needs()
    training = "" if method.trainable else " Not trained: use it with 'restore'."
    return f"Needs {' and '.join(needs)}.{training}" if needs else training.strip()


__all__ = ["add_methods_options", "run_methods"]
