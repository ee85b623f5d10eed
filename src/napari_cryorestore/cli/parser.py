"""Options that are made from the fields of configurations, and errors that are one sentence."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_cryorestore.config import Setting

    _Group = argparse._ArgumentGroup  # noqa: SLF001  the type has no public name

_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_WORDS: dict[type, str] = {int: "N", float: "X", Path: "FILE"}
_LETTERS = {1: "N", 2: "LOW HIGH", 3: "Z Y X"}


_NEGATIVE = re.compile(r"-(?:\d+|\d*[.,]\d+)(?:[eE][-+]?\d+)?$")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")


class Parser(argparse.ArgumentParser):
    """Parses options in any order and raises ``ValueError`` with one sentence instead of exiting."""

    def __init__(self, prog: str, **more: Any) -> None:
        super().__init__(prog=prog, allow_abbrev=False, **more)
        self._negative_number_matcher = _NEGATIVE  # else -62,5 would be an option

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong as a ``ValueError``."""
        raise ValueError(f"{message} ('{self.prog} --help' lists the options)")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the values of the arguments, by name.

        Raises
        ------
        ValueError
            If there is no such option, or it has the wrong number of values.
        """
        options, unknown = self.parse_known_intermixed_args(arguments)
        for item in unknown:
            if item.startswith("-"):
                self._refuse(item.partition("=")[0])
        if unknown:
            self.error(f"unexpected argument {unknown[0]!r}")
        return options

    def add_settings(
        self,
        title: str,
        settings: Iterable[Setting],
        *,
        under: str = "",
        defaults: dict[str, Any] | None = None,
        repeatable: bool = False,
    ) -> _Group:
        """Add a group with one option for each setting that no option exists for yet.

        A typed value is kept in the namespace as text, under the setting's dotted path.

        Parameters
        ----------
        title : str
            Of the group.
        settings : iterable of Setting
            The fields; those called ``kind`` are left out.
        under : str
            Prefix of the path in the namespace; the option itself has none.
        defaults : dict, optional
            Nested values that the help shows in place of the fields' own defaults.
        repeatable : bool
            Whether an option may be given several times; its values are then in a list.

        Returns
        -------
        argparse group
            To which further options can be added.
        """
        group = self.add_argument_group(title)
        for setting in settings:
            if setting.path[-1] == "kind" or setting.flag in self._option_string_actions:
                continue
            path = (under, *setting.path) if under else setting.path
            extra: dict[str, Any] = {"action": "append"} if repeatable else {}
            if setting.length != 1:
                extra["nargs"] = setting.length or "+"
            group.add_argument(
                setting.flag,
                dest=".".join(path),
                default=argparse.SUPPRESS,
                type=_reader(setting),
                metavar=_metavar(setting),
                help=describe(setting, default=_default(setting, defaults or {})),
                **extra,
            )
        return group

    def accept_older_spelling(self, flag: str, older: str) -> None:
        """Accept an older spelling of an option, which the help does not mention."""
        self._option_string_actions.setdefault(older, self._option_string_actions[flag])

    def _refuse(self, flag: str) -> NoReturn:
        close = get_close_matches(flag, self._option_string_actions, n=1)
        self.error(f"there is no option {flag} here" + (f": did you mean {close[0]}?" if close else ""))


def plain_number(text: str) -> str:
    """Return a typed number as Python reads it, with - for the minus sign −.

    Raises
    ------
    argparse.ArgumentTypeError
        If the number has a decimal comma.
    """
    plain = text.replace("\N{MINUS SIGN}", "-")
    if _DECIMAL_COMMA.fullmatch(plain):
        raise argparse.ArgumentTypeError(f"write {plain.replace(',', '.')} with a point, not {text!r}")
    return plain


def typed_number(text: str) -> float:
    """Return the value of a typed number; errors as of `plain_number`, and ``ValueError`` for other text."""
    return float(plain_number(text))


def given(options: argparse.Namespace, section: str) -> dict[str, Any]:
    """Return the values typed for a section of a configuration, nested as the configuration is."""
    result: dict[str, Any] = {}
    for dotted, value in vars(options).items():
        first, *rest = dotted.split(".")
        if first != section or not rest:
            continue
        place = result
        for piece in rest[:-1]:
            place = place.setdefault(piece, {})
        place[rest[-1]] = value
    return result


def describe(setting: Setting, *, default: Any) -> str:
    """Return the help of a setting's option: its sentence with unit, bounds and default, ``%`` doubled."""
    facts = [setting.unit] if setting.unit else []
    facts += [f"{_BOUNDS[name]} {bound:g}" for name, bound in setting.bounds.items()]
    if default is not None and default is not ...:
        facts.append(f"default: {_shown(default)}")
    sentence = f"{setting.help} ({'; '.join(facts)})" if facts else setting.help
    return sentence.replace("%", "%%")


def _default(setting: Setting, defaults: dict[str, Any]) -> Any:
    value: Any = defaults
    for piece in setting.path:
        if not isinstance(value, dict) or piece not in value:
            return setting.default
        value = value[piece]
    return value


def _reader(setting: Setting) -> Callable[[str], Any]:
    """Return what turns typed text into one of the choices; the configuration reads everything else."""
    choices = {str(choice): choice for choice in setting.choices}
    if not choices and setting.item in (int, float):
        return plain_number
    return lambda text: choices.get(text, text)


def _metavar(setting: Setting) -> str | tuple[str, ...]:
    if setting.kind is bool:
        return "{true,false}"
    if setting.choices:
        return "{" + ",".join(str(choice) for choice in setting.choices) + "}"
    if setting.length in (2, 3):
        return tuple(_LETTERS[setting.length].split())
    if setting.kind is Path and setting.path[-1].endswith("folder"):
        return "FOLDER"
    return _WORDS.get(setting.item, "TEXT" if setting.length == 1 else "N")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return " ".join(_shown(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


__all__ = ["Parser", "describe", "given", "plain_number", "typed_number"]
