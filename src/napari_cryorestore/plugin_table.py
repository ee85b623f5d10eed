"""A table of things by name: our own, and those of other packages, which are loaded when looked up."""

from __future__ import annotations

import warnings
from collections.abc import MutableMapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from importlib.metadata import EntryPoint

Thing = TypeVar("Thing")


class PluginTable(MutableMapping[str, Thing]):
    """Methods or networks, by the ``kind`` of their configuration.

    What an entry point brings is loaded when its name is looked up, or all are listed; never before, so that
    the package that brings it may be imported first. One that cannot be used, or whose name is taken, is
    warned of once and left out.

    Parameters
    ----------
    what : str
        What the things are: ``method`` or ``network``.
    ours : iterable
        Things with a ``Config``, which come first.
    found : callable
        Returns the entry points of other packages.

    Attributes
    ----------
    what : str
        As given.
    """

    def __init__(
        self, what: str, ours: Iterable[Thing], found: Callable[[], Iterable[EntryPoint]] = tuple
    ) -> None:
        self.what, self._found = what, found
        self._things = {kind_of(thing): thing for thing in ours}
        self._packages: dict[str, str] = {}
        self._broken: dict[str, str] = {}
        self._waiting: dict[str, EntryPoint] | None = None
        self._lock = RLock()

    def __getitem__(self, name: str) -> Thing:
        with self._lock:
            if name not in self._things:
                self._load(name)
            return self._things[name]

    def __setitem__(self, name: str, thing: Thing) -> None:
        self._things[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._things[name]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            for name in tuple(self._points()):
                self._load(name)
            return iter(tuple(self._things))

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def find(self, name: object, *, package: str = "") -> Thing:
        """Return what has a name.

        Parameters
        ----------
        name : object
            As it stands in a recipe or a file, so perhaps no name at all.
        package : str
            The package that brought it where the recipe or file was written, if that is known.

        Raises
        ------
        UnknownNameError
            If there is nothing of that name, with what to do about it.
        ValueError
            If it is no name.
        """
        if not isinstance(name, str):
            raise ValueError(f"there is no {self.what} {name!r}: choose one of {', '.join(self)}")
        if name in self:
            return self[name]
        problem = self._broken.get(name, f"there is no {self.what} {name!r} here")
        if package:
            raise UnknownNameError(f"{problem}: install or update {package}, which brings it")
        known = ", ".join(self)
        raise UnknownNameError(f"{problem}: choose one of {known}, or install the package that brings it")

    @property
    def own(self) -> tuple[str, ...]:
        """The names of those of this package."""
        return tuple(name for name in self._things if name not in self._packages)

    def package_of(self, name: str) -> str:
        """Return which other package brings what has a name; empty for our own."""
        return self._packages.get(name, "")

    def _points(self) -> dict[str, EntryPoint]:
        """Return what was not looked up yet."""
        if self._waiting is None:
            self._waiting = {}
            for point in self._found():
                if point.name in self._things or point.name in self._waiting:
                    self._leave_out(point, "there is another one of that name")
                else:
                    self._waiting[point.name] = point
        return self._waiting

    def _load(self, name: str) -> None:
        point = self._points().pop(name, None)  # so that what it imports may look things up meanwhile
        if point is None:
            return
        try:
            thing = point.load()
            kind = kind_of(thing)
            _require_defaults(thing)
        except (Exception, SystemExit) as error:  # noqa: BLE001  another package must not keep ours from working
            self._broken[name] = f"the {self.what} {name!r} cannot be used here ({error})"
            self._leave_out(point, str(error) or type(error).__name__)
            return
        if kind != name:
            self._leave_out(point, f"its kind is {kind!r}, but the entry point must have the same name")
            return
        self._things[name] = thing
        self._packages[name] = point.dist.name if point.dist is not None else point.module.partition(".")[0]

    def _leave_out(self, point: EntryPoint, why: str) -> None:
        warnings.warn(
            f"The {self.what} {point.name!r} ({point.value}) cannot be used ({why}): "
            "update or remove the package it comes from.",
            stacklevel=2,
        )


@dataclass(frozen=True)
class Extra:
    """What a method or a network needs beside what this package always brings along.

    Attributes
    ----------
    module : str
        The package that must be there, by its name in Python; looking for it does not import it.
    name : str
        The extra of this package that installs it.
    """

    module: str
    name: str

    def missing(self) -> str:
        """Return in words that it is not installed, and how it comes here; empty if it is there."""
        if find_spec(self.module) is not None:
            return ""
        return f"needs the package {self.module}: install it by pip install 'napari-cryorestore[{self.name}]'"


class UnknownNameError(ValueError):
    """Nothing has that name here."""


def of_other_packages(group: str) -> Callable[[], Iterable[EntryPoint]]:
    """Return what finds the entry points of a group, when it is called."""
    return lambda: entry_points(group=group)


def kind_of(thing: Any) -> str:
    """Return the name that a method or network says it has."""
    kind: str = thing.Config.model_fields["kind"].default
    return kind


def _require_defaults(thing: Any) -> None:
    """Refuse settings that are open: lists, forms and help show the default of every one."""
    for name, field in thing.Config.model_fields.items():
        if field.is_required():
            raise ValueError(f"its setting {name!r} has no default")


__all__ = ["Extra", "PluginTable", "UnknownNameError", "kind_of", "of_other_packages"]
