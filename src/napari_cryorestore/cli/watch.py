"""``cryorestore watch``: a run as a table that grows, while somebody else trains it."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE, CommandError
from napari_cryorestore.cli.run_words import header, headline, legend, row, table_steps, verdict
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser

POLL_EVERY = 0.5
"""Seconds between two looks at the run."""
_ENDED = ("completed", "stopped", "failed")
_LEAST_ROWS = 5


def add_watch_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    del arguments
    parser.add_argument("run", type=Path, metavar="RUN", help="The run folder.")
    parser.add_argument("--once", action="store_true", help="Show the whole table once and end.")


def run_watch(options: Namespace) -> int:
    """Show a run until it ends."""
    folder = RunDir.open(options.run)
    follower, state = RunFollower(folder.path), RunState()
    if options.once:
        _look(folder, follower, state)
        print("\n".join(table(state, rows=len(table_steps(state)))))
    else:
        try:
            _follow(folder, follower, state, LiveText(sys.stdout))
        except KeyboardInterrupt:
            return DONE
    if state.status() == "failed":
        raise CommandError(f"the run failed: {state.error}")
    return DONE


def table(state: RunState, *, rows: int) -> list[str]:
    """Return a run as lines: how it is, the latest steps that were previewed, advice and the last warning."""
    lines = [_headline(state)]
    steps = table_steps(state)[-rows:] if rows else []
    if steps:
        lines += [header(state), *(row(state, step) for step in steps), legend(state)]
    warnings = [f"warning: {note.message}" for note in state.messages if note.level == "warning"][-1:]
    return [line for line in (*lines, state.why, verdict(state), *warnings) if line]


def _look(folder: RunDir, follower: RunFollower, state: RunState) -> None:
    state.apply(follower.poll())
    state.notice_weights(folder.checkpoint_steps())


def _follow(folder: RunDir, follower: RunFollower, state: RunState, screen: LiveText) -> None:
    printed = _Printed()
    while True:
        _look(folder, follower, state)
        if screen.in_place:
            screen.show(*table(state, rows=max(_LEAST_ROWS, shutil.get_terminal_size().lines - 7)))
        else:
            printed.catch_up(state, screen)
        if state.status() in _ENDED or screen.is_gone:
            screen.end()
            return
        time.sleep(POLL_EVERY)


class _Printed:
    """What was printed already, where nothing can be redrawn."""

    def __init__(self) -> None:
        self.status, self.header, self.step = "", "", -1

    def catch_up(self, state: RunState, screen: LiveText) -> None:
        for step in [step for step in table_steps(state) if step > self.step]:
            if header(state) != self.header:
                self.header = header(state)
                for line in filter(None, (legend(state), self.header)):
                    screen.say(line)
            screen.say(row(state, step))
            self.step = step
        if state.status() != self.status:
            self.status = state.status()
            for line in table(state, rows=0):
                screen.say(line)


def _headline(state: RunState) -> str:
    if state.status() == "quiet" and state.quiet_since is not None:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.quiet_since))
        return f"{headline(state)} · nothing recorded since {since}: was it killed?"
    return headline(state)


__all__ = ["POLL_EVERY", "add_watch_options", "run_watch", "table"]
