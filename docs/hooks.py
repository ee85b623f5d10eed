"""Writes the reference tables and the picture of the storeys from the code, as the pages are built.

A page says ``<!-- generated: settings method.icecream -->``; the first word names the table, the others what
it is about. A block of text right below the marker is for readers of the file: a picture takes its place.
mkdocs calls the functions that begin with ``on_``.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tomllib
from contextlib import redirect_stdout
from dataclasses import fields
from html import escape
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from napari_cryorestore.cli.main import COMMANDS
from napari_cryorestore.cli.main import main as command_line
from napari_cryorestore.comparison.number import NUMBER_WORDS
from napari_cryorestore.compute_config import TilingConfig
from napari_cryorestore.config import Setting, settings_of
from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.presets import network_for, preset, presets_of
from napari_cryorestore.restore_config import ModelRef
from napari_cryorestore.run_config import HardwareConfig, ScheduleConfig, SnapshotsConfig, TomogramConfig
from napari_cryorestore.runs.events import EVENTS, Event
from napari_cryorestore.runs.metric_words import METRIC_WORDS
from napari_cryorestore.simulation import SimulationConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari_cryorestore.config import Config

MARKER = re.compile(
    r"^([ ]*)<!-- generated: ([\w-]+)(?: (.+?))? -->$(?:\n```text\n(?:(?!```).*\n)*```$)?", re.MULTILINE
)
ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "napari_cryorestore"
NAVIGATION = {
    "Methods": {METHODS[name].title: f"methods/{name}.md" for name in METHODS.own},
    "Networks": {NETWORKS[name].title: f"networks/{name}.md" for name in NETWORKS.own},
}
"""Sections of the navigation, and the pages that they get: one for every method and network of ours."""

_SECTIONS: dict[str, type[Config]] = {
    "tomogram": TomogramConfig,
    "schedule": ScheduleConfig,
    "snapshots": SnapshotsConfig,
    "hardware": HardwareConfig,
    "model": ModelRef,
    "tiling": TilingConfig,
    "simulation": SimulationConfig,
    **{f"method.{name}": METHODS[name].Config for name in METHODS.own},
    **{f"network.{name}": NETWORKS[name].Config for name in NETWORKS.own},
}
_WITHOUT_PREFIX = ("tomogram", "simulation")
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_WIDTH = "100"


def on_config(config: Any) -> Any:
    """List the pages of methods and networks in the navigation, by their own titles."""
    for section in config["nav"]:
        for name, pages in NAVIGATION.items():
            if name in section:
                section[name] += [{title: page} for title, page in pages.items()]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put tables in the place of their markers."""
    return expanded(markdown)


def expanded(markdown: str) -> str:
    """Return a page with its tables.

    Raises
    ------
    KeyError
        If a marker names a table or a subject that is not there.
    """

    def table(marker: re.Match[str]) -> str:
        indent, name, about = marker.groups()
        lines = TABLES[name](*(about or "").split()).splitlines()
        return "\n".join(f"{indent}{line}".rstrip() for line in lines)

    return MARKER.sub(table, markdown)


def settings(section: str) -> str:
    """Return a section's settings: name, default, what may be given, and what it does."""
    prefix = () if section in _WITHOUT_PREFIX else (section.partition(".")[0],)
    rows = [
        (f"`{'.'.join(item.path)}`", _default(item), _allowed(item), item.help + _advanced(item))
        for item in settings_of(_SECTIONS[section], prefix)
        if item.path[-1] != "kind"
    ]
    return _table(("setting", "default", "allowed", "meaning"), rows) if rows else "There are none."


def methods() -> str:
    """Return every method with what it does and needs."""
    rows = [
        (f"[{METHODS[name].title}]({name}.md)", f"`{name}`", METHODS[name].summary, _needs(name))
        for name in METHODS.own
    ]
    return _table(("method", "name", "what it does", "what it needs"), rows)


def networks() -> str:
    """Return every network with what it does and what it says of sizes, with its defaults."""
    rows = []
    for name in NETWORKS.own:
        entry = NETWORKS[name]
        sizes = entry.sizes(entry.Config())
        facts = f"multiples of {sizes.multiple}, at least {sizes.minimum} voxels"
        rows.append((f"[{entry.title}]({name}.md)", f"`{name}`", entry.summary, facts))
    return _table(("network", "name", "what it does", "crops and tiles"), rows)


def presets(method: str) -> str:
    """Return what each preset sets for a method, and the default where it leaves a setting alone."""
    network = network_for(method)
    names = presets_of(method, network)
    columns = [dict(_leaves(preset(name, method, network))) for name in names]
    config = {"method": METHODS[method].Config, "network": NETWORKS[network].Config, **_SECTIONS}
    defaults = {
        ".".join(item.path): _default(item)
        for section in ("method", "network", "schedule", "snapshots")
        for item in settings_of(config[section], (section,))
    }
    paths = [path for path in defaults if any(path in column for column in columns)]
    rows = [
        (f"`{path}`", *(_value(column[path]) if path in column else defaults[path] for column in columns))
        for path in paths
        if not path.endswith(".kind")
    ]
    return _table(("setting", *names), rows)


def metrics() -> str:
    """Return every quality number with the sentence that the monitor shows for it."""
    return _table(
        ("number", "name", "how to read it"),
        [(f"**{words.title}**", f"`{name}`", words.sentence) for name, words in METRIC_WORDS.items()],
    )


def numbers() -> str:
    """Return every number of a comparison with the sentence that goes with it."""
    return _table(
        ("number", "name", "what it can and cannot tell"),
        [(f"**{words.title}**", f"`{name}`", words.sentence) for name, words in NUMBER_WORDS.items()],
    )


def events() -> str:
    """Return the vocabulary of a run's history."""
    common = {item.name for item in fields(Event)}
    rows = []
    for kind, event in EVENTS.items():
        own = [f"`{item.name}`" for item in fields(event) if item.name not in common]
        rows.append((f"`{kind}`", ", ".join(own) or "–", (getdoc(event) or "").split("\n\n")[0]))
    return _table(("kind", "fields", "what happened"), rows)


def commands() -> str:
    """Return every command with its sentence."""
    rows = [(f"[`cryorestore {name}`](#{name})", sentence) for name, sentence in COMMANDS.items()]
    return _table(("command", "what it does"), rows)


def command(*words: str) -> str:
    """Return the help of a command, as the command itself prints it."""
    printed = io.StringIO()
    with patch.dict(os.environ, {"COLUMNS": _WIDTH}), redirect_stdout(printed):
        try:
            command_line([*words, "--help"])
        except SystemExit:
            return f"```text\n{printed.getvalue().strip()}\n```"
    raise KeyError(f"'cryorestore {' '.join(words)}' has no help")


# The storeys ---------------------------------------------------------------------------------------------


def storeys() -> str:
    """Return the picture of the storeys, drawn from the import contracts, and what each module is for."""
    bands = _storeys()
    rows = [
        (f"{name} {mark}".strip(), _first_sentence(name)) for band in bands for name, mark in band.items()
    ]
    return f"{_picture(bands)}\n\n" + _table(("module or folder", "what it is for"), rows)


def storeys_text() -> str:
    """Return the same storeys as lines of text, for the page as it lies in the repository."""
    lines = ["  " + " │ ".join(f"{name}{mark}" for name, mark in band.items()) for band in _storeys()]
    legend = [f"  {mark} {words}" for mark, words in _MARKS.items()]
    return "\n".join([*lines, "", *legend])


_MARKS = {"*": "may use Qt and napari", "°": "does without PyTorch"}
_COLOURS = {"*": "#ffb300", "°": "#43a047", "": "#607d8b"}
_LETTER, _HIGH, _GAP, _ACROSS = 7.3, 30, 8, 860
"""Pixels of the picture: a letter's width, a storey's height, what lies between two boxes, and all of it."""


def _storeys() -> list[dict[str, str]]:
    """Return the storeys from the top: names of modules, and the mark of each."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    bans = [contract for contract in contracts if contract["type"] == "forbidden"]
    (no_torch,) = (ban["source_modules"] for ban in bans if "torch" in ban["forbidden_modules"])
    (no_qt,) = (ban["source_modules"] for ban in bans if "napari" in ban["forbidden_modules"])
    return [
        {
            module.rpartition(".")[2]: "*" if module not in no_qt else "°" if module in no_torch else ""
            for module in map(str.strip, layer.split("|"))
        }
        for layer in layers
    ]


def _picture(bands: list[dict[str, str]]) -> str:
    """Return an SVG for light and dark pages: a row of boxes for every storey, and what the colours mean."""
    rows = [[(name, mark, _first_sentence(name)) for name, mark in band.items()] for band in bands]
    legend = [(words, mark, "") for mark, words in _MARKS.items()]
    shapes = []
    for index, row in enumerate([*rows, [], legend]):
        left = 0.0
        for words, mark, sentence in row:
            wide = _LETTER * len(words) + 2 * _GAP
            shapes.append(_box(left, index * (_HIGH + _GAP), wide, words, _COLOURS[mark], sentence))
            left += wide + _GAP
    words = "Folders and modules in storeys; each may import from those below it."
    return (
        f'<svg viewBox="-1 -1 {_ACROSS} {(len(rows) + 2) * (_HIGH + _GAP)}" role="img" aria-label="{words}" '
        'font-size="12" font-family="monospace" fill="currentColor" style="width: 100%">'
        f"{''.join(shapes)}</svg>"
    )


def _box(left: float, top: float, wide: float, words: str, colour: str, sentence: str) -> str:
    return (
        f'<g><title>{escape(sentence)}</title><rect x="{left:.0f}" y="{top}" width="{wide:.0f}" '
        f'height="{_HIGH}" rx="4" fill="{colour}" fill-opacity="0.3" stroke="{colour}"/>'
        f'<text x="{left + wide / 2:.0f}" y="{top + 20}" text-anchor="middle">{words}</text></g>'
    )


def _first_sentence(name: str) -> str:
    """Return what a module or folder of the package says of itself first."""
    path = ROOT / "src" / PACKAGE / name
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


TABLES: dict[str, Callable[..., str]] = {
    "settings": settings,
    "methods": methods,
    "networks": networks,
    "presets": presets,
    "metrics": metrics,
    "numbers": numbers,
    "events": events,
    "commands": commands,
    "command": command,
    "storeys": storeys,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|").replace("``", "`")


def _needs(name: str) -> str:
    method = METHODS[name]
    needs = [*method.needs(), *["training"] * method.trainable]
    return ", ".join(needs) or "nothing"


def _default(item: Setting) -> str:
    if item.default is ...:
        return "*must be given*"
    return "*not given*" if item.default is None else _value(item.default)


def _allowed(item: Setting) -> str:
    if item.choices:
        return ", ".join(f"`{_plain(choice)}`" for choice in item.choices)
    if item.kind is bool:
        return "`true`, `false`"
    facts = [f"{_BOUNDS[name]} {bound:g}" for name, bound in item.bounds.items()]
    if item.length > 1:
        facts.insert(0, f"{item.length} numbers")
    return " ".join([", ".join(facts), item.unit]).strip() or "–"


def _advanced(item: Setting) -> str:
    return " *(advanced)*" if item.advanced else ""


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value(value: Any) -> str:
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return " ".join(_plain(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
