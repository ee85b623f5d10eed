"""Writes the reference tables of these pages from the code, as they are built: one truth per fact.

A page says ``<!-- generated: settings method.icecream -->``; the first word names the table, the others what
it is about. mkdocs calls the functions that begin with ``on_``.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stdout
from dataclasses import fields
from inspect import getdoc
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from napari_cryorestore.cli.main import COMMANDS
from napari_cryorestore.cli.main import main as command_line
from napari_cryorestore.comparison.number_words import NUMBER_WORDS
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

MARKER = re.compile(r"^([ ]*)<!-- generated: ([\w-]+)(?: (.+?))? -->$", re.MULTILINE)
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
