"""The tables of a STAR file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD = re.compile(r"""'([^']*)'|"([^"]*)"|(\S+)""")


@dataclass(frozen=True)
class StarTable:
    """One table, in which everything is text.

    Attributes
    ----------
    name : str
        What stands behind ``data_``.
    columns : tuple of str
        Without the leading underscore.
    rows : tuple of tuple of str
        Each as long as there are columns.
    file : str
        The file's name, for error messages.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    file: str

    def texts(self, column: str) -> list[str]:
        """Return a column."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column of numbers.

        Raises
        ------
        ValueError
            If one is not a finite number.
        """
        values = np.empty(len(self.rows))
        for row, text in enumerate(self.texts(column)):
            try:
                values[row] = float(text)
            except ValueError:
                values[row] = math.nan
            if not math.isfinite(values[row]):
                raise ValueError(
                    f"{self.file} has {text!r} in row {row + 1} of {column}, instead of a number."
                )
        return values


def read_star(text: str, *, name: str) -> list[StarTable]:
    """Read all tables of a STAR file; a block without ``loop_`` is a table of one row.

    Parameters
    ----------
    text : str
        What the file holds.
    name : str
        Its name, for error messages.

    Returns
    -------
    list of StarTable
        In the order of the file.

    Raises
    ------
    ValueError
        If a row has more or fewer values than its table has columns.
    """
    blocks: list[_Block] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = [next(filter(None, found), "") for found in _WORD.findall(_without_comment(line))]
        if not words:
            continue
        if words[0].startswith("data_"):
            blocks.append(_Block(words[0].removeprefix("data_"), name))
        elif blocks:
            blocks[-1].take(words, number)
    return [StarTable(block.title, tuple(block.columns), tuple(block.rows), name) for block in blocks]


class _Block:
    """A table while it is being read."""

    def __init__(self, title: str, file: str) -> None:
        self.title, self.file = title, file
        self.columns: list[str] = []
        self.rows: list[tuple[str, ...]] = []
        self.loop = False

    def take(self, words: list[str], number: int) -> None:
        """Take one line."""
        if words[0] == "loop_":
            self.loop = True
        elif words[0].startswith("_") and (not self.loop or not self.rows):
            self.columns.append(words[0].removeprefix("_"))
            if not self.loop and len(words) > 1:
                self.rows = [(*(self.rows[0] if self.rows else ()), words[1])]
        elif len(words) != len(self.columns):
            raise ValueError(
                f"{self.file} has {len(words)} values in line {number}, but its table {self.title!r} has "
                f"{len(self.columns)} columns: the file is damaged or cut off."
            )
        else:
            self.rows.append(tuple(words))


def _without_comment(line: str) -> str:
    """Cut a comment off; a # inside a word, as in a file name, is none."""
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0]


__all__ = ["StarTable", "read_star"]
