"""Which tomograms a command line names: halves one by one, or folders of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.parser import Parser, given, plain_number
from napari_cryorestore.config import settings_of
from napari_cryorestore.run_config import TomogramConfig

if TYPE_CHECKING:
    from argparse import Namespace

_OWN = ("even", "odd", "mask", "name")
"""What every tomogram has for itself; the rest may be given once for all."""


def add_tomogram_options(parser: Parser, without: tuple[str, ...] = ()) -> None:
    """Add the options that name tomograms and tell how they were recorded, some fields left out."""
    left_out = ("tilt_min", "tilt_max", *without)
    settings = [item for item in settings_of(TomogramConfig) if item.path[0] not in left_out]
    title = "tomograms (for several, give the options several times)"
    group = parser.add_settings(title, settings, under="tomogram", again=True)
    group.add_argument(
        "--tilt-range",
        nargs=2,
        action="append",
        type=plain_number,
        metavar=("LOW", "HIGH"),
        help="Lowest and highest tilt angle; from a tilt file beside it or the spectrum if not given (°).",
    )
    group.add_argument(
        "--pairs",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="All pairs of half maps in folders, told by their names, instead of --even and --odd.",
    )


def typed_tomograms(options: Namespace) -> list[dict[str, Any]]:
    """Return what was typed of every tomogram, fields that were not typed left out.

    Raises
    ------
    ValueError, FileNotFoundError
        If an option does not occur as often as there are tomograms, or there are no pairs.
    """
    typed = _typed(options)
    if not typed:
        return []
    count = len(typed.get("even", ())) or 1
    return [_one_of(typed, index, count) for index in range(count)]


def _typed(options: Namespace) -> dict[str, list[Any]]:
    """Return every field with all the values typed for it."""
    typed: dict[str, list[Any]] = given(options, "tomogram")
    if options.tilt_range is not None:
        typed["tilt_range"] = options.tilt_range
    if options.pairs is None:
        return typed
    from napari_cryorestore.io.pair_search import find_pairs

    spare = [f"--{name}" for name in _OWN if name in typed]
    if spare:
        raise ValueError(f"--pairs finds the halves by itself: leave out {', '.join(spare)}")
    pairs = find_pairs(options.pairs)
    return typed | {name: [getattr(pair, name) for pair in pairs] for name in ("even", "odd", "name")}


def _one_of(typed: dict[str, list[Any]], index: int, count: int) -> dict[str, Any]:
    one: dict[str, Any] = {}
    for name, values in typed.items():
        if len(values) != count and (len(values) > 1 or name in _OWN):
            raise ValueError(_wrong_number(name, len(values), count))
        value = values[index if len(values) == count else 0]
        one |= (
            dict(zip(("tilt_min", "tilt_max"), value, strict=True)) if name == "tilt_range" else {name: value}
        )
    return one


def _wrong_number(name: str, times: int, count: int) -> str:
    flag = "--" + name.replace("_", "-")
    if count == 1:
        return f"{flag} is given {times} times for one tomogram: give every tomogram with --even"
    often = "once" if times == 1 else f"{times} times"
    wanted = "once for each, in the order of --even" + ("" if name in _OWN else ", or once for all")
    return f"{flag} is given {often} for {count} tomograms: give it {wanted}"


__all__ = ["add_tomogram_options", "typed_tomograms"]
