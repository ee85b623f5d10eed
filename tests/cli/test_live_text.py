"""Redrawing on a terminal, appending elsewhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from napari_cryorestore.cli.live_text import LiveText

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen_of(written: str) -> list[str]:
    """Return what a terminal shows after these characters, as far as `LiveText` uses them."""
    lines, at = [""], 0
    for piece in written.replace("\x1b", "\0\x1b").split("\0"):
        text = piece
        if piece.startswith("\x1b["):
            end = next(i for i, letter in enumerate(piece) if letter in "AKJ")
            code, text = piece[2 : end + 1], piece[end + 1 :]
            if code.endswith("A"):
                at -= int(code[:-1])
            elif code == "J":
                del lines[at + 1 :]
        for part in text.splitlines(keepends=True):
            if part.startswith("\r"):
                lines[at] = ""
            stripped = part.strip("\r\n")
            lines[at] = stripped or lines[at]
            if part.endswith("\n"):
                at += 1
                lines += [""] * (at + 1 - len(lines))
    return lines


def test_a_terminal_is_redrawn() -> None:
    stream = Terminal()
    screen = LiveText(stream)
    screen.show("one", "two", "three")
    screen.show("four", "five")
    assert screen_of(stream.getvalue()) == ["four", "five"]


def test_a_said_line_stays_above() -> None:
    stream = Terminal()
    screen = LiveText(stream)
    screen.show("state 1", "more")
    screen.say("warning")
    screen.show("state 2")
    screen.end()
    screen.say("done")
    assert screen_of(stream.getvalue()) == ["warning", "state 2", "done", ""]


def test_lines_are_cut_to_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    stream = Terminal()
    LiveText(stream).show("x" * 30)
    assert screen_of(stream.getvalue()) == ["x" * 9]


def test_elsewhere_states_are_appended_now_and_then() -> None:
    stream = io.StringIO()
    screen = LiveText(stream, interval=1000.0)
    screen.show("one")
    screen.show("two")
    screen.say("said")
    screen.end()
    assert stream.getvalue() == "one\nsaid\n"


def test_without_an_interval_everything_is_appended() -> None:
    stream = io.StringIO()
    screen = LiveText(stream, interval=0.0)
    screen.show("one")
    screen.show("two", "three")
    assert stream.getvalue() == "one\ntwo\nthree\n"


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    screen = LiveText(Closed())
    screen.say("one")
    screen.show("two")
    screen.end()
    assert screen.is_gone
