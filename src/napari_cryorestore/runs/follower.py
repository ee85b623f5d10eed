"""Reads the history of a run while somebody else writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from napari_cryorestore.runs.events import Noted, from_json
from napari_cryorestore.runs.run_dir import EVENTS_FILE
from napari_cryorestore.safe_reading import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_cryorestore.runs.events import Event

LONGEST = 1 << 20
"""Bytes that a line may have, and that are read at once."""
_LEFT_OUT = f"Damaged lines of {EVENTS_FILE} were left out: what they told is missing here."


class RunFollower:
    """Hands out each event of a run once, from a byte offset, whole lines only.

    Lines that are damaged, e.g. cut off by a crash, are passed over, and a `Noted` says so once.

    Parameters
    ----------
    path
        The run folder; neither it nor its history need exist yet.

    Attributes
    ----------
    skipped : int
        Lines that were damaged.
    unknown : int
        Events of kinds that a newer version wrote.
    replaced : int
        How often the file was found shortened or exchanged; reading then starts again from its beginning.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.skipped = 0
        self.unknown = 0
        self.replaced = 0
        self._offset = 0
        self._in_long_line = False
        self._identity: tuple[int, int] | None = None
        self._time = 0.0
        self._warned = False

    def poll(self, *, limit: int | None = None) -> list[Event]:
        """Return what is new.

        Parameters
        ----------
        limit : int, optional
            About how many bytes to read at most; the rest comes with the next calls.
        """
        try:
            with open_regular(self.path / EVENTS_FILE) as file:
                self._notice_replacement(file)
                file.seek(self._offset)
                lines = self._lines(file, limit)
                events = [event for line in lines if (event := self._event(line)) is not None]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (ValueError, IsADirectoryError) as error:
            return self._warning(str(error))
        self._time = events[-1].time if events else self._time
        return events + self._warning(_LEFT_OUT) if self.skipped else events

    def _notice_replacement(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        identity = (status.st_dev, status.st_ino)
        if self._identity is not None and (identity != self._identity or status.st_size < self._offset):
            self.replaced += 1
            self._offset, self._in_long_line = 0, False
        self._identity = identity

    def _lines(self, file: BinaryIO, limit: int | None) -> Iterator[bytes]:
        begin = self._offset
        while limit is None or self._offset - begin < limit:
            block = file.read(LONGEST if limit is None else min(limit, LONGEST))
            if b"\n" not in block:
                block += file.read(LONGEST - len(block))
            whole = block.rfind(b"\n") + 1
            if not whole and len(block) < LONGEST:
                return  # the rest of the line is still to come
            self._offset += whole or len(block)
            file.seek(self._offset)
            lines = block[:whole].splitlines()
            if self._in_long_line and lines:
                del lines[0]
                self.skipped += 1
            self._in_long_line = not whole
            yield from lines

    def _event(self, line: bytes) -> Event | None:
        if not line.strip():
            return None
        try:
            event = from_json(line.decode())  # decoding first spares json a guess
        except ValueError:
            self.skipped += 1
            return None
        self.unknown += event is None
        return event

    def _warning(self, message: str) -> list[Event]:
        warned, self._warned = self._warned, True
        return [] if warned else [Noted(level="warning", message=message, time=self._time)]


__all__ = ["LONGEST", "RunFollower"]
