"""Which tomograms a command line names: maps one by one, or folders of pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.parser import Parser, given
from napari_cryorestore.config import settings_of
from napari_cryorestore.presets import merged
from napari_cryorestore.recording import Recording, TomogramConfig, in_format_2

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from napari_cryorestore.config import Setting

_HALVES = {
    "even": "Half map 1 (even frames or tilts): the file of a volume; without --odd the only map.",
    "odd": "Half map 2 (odd frames or tilts): the file of a volume.",
}
_OWN = ("maps", *_HALVES, "mask", "name")
"""What every tomogram has for itself; the rest may be given once for all."""


def add_tomogram_options(parser: Parser) -> None:
    """Add the options that name tomograms and tell how they were recorded."""
    settings = _settings()
    title = "tomograms (for several, give the options several times)"
    group = parser.add_settings(title, settings, under="tomogram", repeatable=True)
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
    first = "maps" if "maps" in typed else "even"
    count = len(typed.get(first, ())) or 1
    return [_one_of(typed, index, count, first) for index in range(count)]


def names_maps(typed: list[dict[str, Any]]) -> bool:
    """Tell whether what was typed names tomograms, rather than how one was recorded."""
    return any("even" in one or "maps" in one for one in typed)


def laid_over(listed: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    """Return a tomogram's plain values with what was typed in their place."""
    base = in_format_2(listed)
    maps = list(base["maps"]) if isinstance(base.get("maps"), list | tuple) else []
    for place, half in enumerate(_HALVES):
        if half in typed:
            maps[place : place + 1] = [typed[half]]
    rest = {name: value for name, value in typed.items() if name not in _HALVES}
    return merged(base, {"maps": maps}, rest)


def _settings() -> Iterator[Setting]:
    for item in settings_of(TomogramConfig):
        if item.path[0] != "recording":
            yield item
        if item.path == ("maps",):
            for half, words in _HALVES.items():
                yield replace(item, path=(half,), kind=Path, help=words, length=1)
    yield from settings_of(Recording)


def _typed(options: Namespace) -> dict[str, list[Any]]:
    """Return every field with all the values typed for it."""
    typed: dict[str, list[Any]] = given(options, "tomogram")
    halves = [f"--{name}" for name in _HALVES if name in typed]
    if "maps" in typed and halves:
        raise ValueError(f"--maps names all maps of a tomogram: leave out {', '.join(halves)}")
    if options.pairs is None:
        return typed
    from napari_cryorestore.io.pair_search import find_pairs

    spare = [f"--{name}" for name in _OWN if name in typed]
    if spare:
        raise ValueError(f"--pairs finds the halves by itself: leave out {', '.join(spare)}")
    pairs = find_pairs(options.pairs)
    return typed | {name: [getattr(pair, name) for pair in pairs] for name in ("even", "odd", "name")}


def _one_of(typed: dict[str, list[Any]], index: int, count: int, first: str) -> dict[str, Any]:
    one: dict[str, Any] = {}
    for name, values in typed.items():
        if len(values) != count and (len(values) > 1 or name in _OWN):
            raise ValueError(_wrong_number(name, len(values), count, first))
        one[name] = values[index if len(values) == count else 0]
    recorded = {name: one.pop(name) for name in Recording.model_fields if name in one}
    return one | ({"recording": recorded} if recorded else {})


def _wrong_number(name: str, times: int, count: int, first: str) -> str:
    flag = "--" + name.replace("_", "-")
    if count == 1:
        return f"{flag} is given {times} times for one tomogram: give every tomogram with --{first}"
    often = "once" if times == 1 else f"{times} times"
    times_needed = f"once for each, in the order of --{first}" + ("" if name in _OWN else ", or once for all")
    return f"{flag} is given {often} for {count} tomograms: give it {times_needed}"


__all__ = ["add_tomogram_options", "laid_over", "names_maps", "typed_tomograms"]
