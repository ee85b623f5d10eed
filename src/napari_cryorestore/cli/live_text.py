"""Lines that are redrawn in place on a terminal and appended anywhere else."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CLEAR_LINE = "\x1b[K"
_CLEAR_BELOW = "\x1b[J"


class LiveText:
    """Shows how something goes on.

    Parameters
    ----------
    stream
        Where to write.
    interval : float
        Seconds between two appended states where the stream is no terminal.

    Attributes
    ----------
    is_gone : bool
        Whether nobody reads any more: the terminal was closed, or the program at the pipe's other end ended.
        Nothing is written from then on, and the work goes on.
    """

    def __init__(self, stream: TextIO, *, interval: float = 10.0) -> None:
        self.stream, self.interval = stream, interval
        self.in_place = stream.isatty()
        self.is_gone = False
        self._drawn = 0
        self._last = -interval

    def show(self, *lines: str) -> None:
        """Show the present state, in place of the one shown before."""
        if not self.in_place:
            if time.monotonic() - self._last >= self.interval:
                self._last = time.monotonic()
                self._write("".join(f"{line}\n" for line in lines))
            return
        width = shutil.get_terminal_size().columns - 1
        drawn = "\n".join(line[:width] + _CLEAR_LINE for line in lines)
        self._write(self._home() + drawn + _CLEAR_BELOW)
        self._drawn = len(lines)

    def say(self, line: str) -> None:
        """Write a line that stays, above what is shown."""
        self._write(f"{self._home()}{line}{_CLEAR_LINE}\n{_CLEAR_BELOW}" if self._drawn else f"{line}\n")
        self._drawn = 0

    def end(self) -> None:
        """Leave what is shown standing."""
        if self._drawn:
            self._write("\n")
        self._drawn = 0

    def _home(self) -> str:
        up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
        return f"\r{up}" if self._drawn else ""

    def _write(self, text: str) -> None:
        if self.is_gone:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:
            self.is_gone = True


__all__ = ["LiveText"]
