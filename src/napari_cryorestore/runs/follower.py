"""Reads the history of a run while somebody else writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.runs.events import from_json
from napari_cryorestore.runs.run_dir import EVENTS_FILE

if TYPE_CHECKING:
    from io import BufferedReader

    from napari_cryorestore.runs.events import Event


class RunFollower:
    """Hands out each event of a run once, from a byte offset, whole lines only.

    Parameters
    ----------
    path
        The run folder; neither it nor its history need exist yet.

    Attributes
    ----------
    skipped : int
        Lines that were damaged, e.g. cut off by a crash.
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
        self._identity: tuple[int, int] | None = None

    def poll(self, *, limit: int | None = None) -> list[Event]:
        """Return what is new.

        Parameters
        ----------
        limit : int, optional
            About how many bytes to read at most; the rest comes with the next calls.
        """
        try:
            with (self.path / EVENTS_FILE).open("rb") as file:
                self._notice_replacement(file)
                file.seek(self._offset)
                lines = _whole_lines(file, limit)
        except (FileNotFoundError, NotADirectoryError):
            return []
        self._offset += len(lines)
        return [event for line in lines.splitlines() if (event := self._event(line)) is not None]

    def _notice_replacement(self, file: BufferedReader) -> None:
        status = os.fstat(file.fileno())
        identity = (status.st_dev, status.st_ino)
        if self._identity is not None and (identity != self._identity or status.st_size < self._offset):
            self.replaced += 1
            self._offset = 0
        self._identity = identity

    def _event(self, line: bytes) -> Event | None:
        if not line.strip():
            return None
        try:
            event = from_json(line.decode())  # decoding first spares json a guess
        except (ValueError, TypeError, AttributeError):
            self.skipped += 1
            return None
        self.unknown += event is None
        return event


def _whole_lines(file: BufferedReader, limit: int | None) -> bytes:
    block = file.read() if limit is None else file.read(limit) + file.readline()
    return block[: block.rfind(b"\n") + 1]


__all__ = ["RunFollower"]
