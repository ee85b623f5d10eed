"""``cryorestore restore``: whole tomograms, by a trained model or by the Wiener filter."""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.interruption import on_interruption
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE, INTERRUPTED, CommandError
from napari_cryorestore.cli.restore_queue import restore_queue
from napari_cryorestore.cli.restore_request import WIENER, RestoreOptions, requests_of
from napari_cryorestore.cli.run_words import duration
from napari_cryorestore.config import settings_of
from napari_cryorestore.training.rank import own_place

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.restoration import RestoreRequest


def add_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    from napari_cryorestore.cli.tomograms import add_tomogram_options
    from napari_cryorestore.run_config import HardwareConfig

    del arguments
    parser.usage = "cryorestore restore RUN [--even EVEN.mrc --odd ODD.mrc | --pairs FOLDER] [OPTION …]"
    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        metavar="RUN",
        help="A run folder, or RUN@suggested, RUN@newest or RUN@600; a checkpoint folder or weights file.",
    )
    parser.add_argument("--method", choices=[WIENER], help="Take the Wiener filter, which needs no run.")
    parser.add_settings("restoration", settings_of(RestoreOptions), under="restoration")
    add_tomogram_options(parser, without=("mask",))
    used = [
        item for item in settings_of(HardwareConfig) if item.path[0] in ("device", "precision", "threads")
    ]
    parser.add_settings("hardware", used, under="hardware")


def run(options: Namespace) -> int:
    """Restore, showing how far it is, and print the files' names."""
    requests, queue = requests_of(options)
    place = own_place()
    screen = LiveText(sys.stderr)
    chosen = requests[0].chosen
    if chosen is not None and place.index == 0:
        screen.say(chosen.sentence)
    restore = partial(restore_shown, known=set())
    if queue:
        return restore_queue(requests, restore, screen, place=place)
    print(restore(requests[0], screen))
    return DONE


def restore_shown(request: RestoreRequest, screen: LiveText, *, known: set[Finding] | None = None) -> Path:
    """Restore and show the share done and the time left; Ctrl-C leaves nothing behind.

    What was found is said, unless it is known already.
    """
    from napari_cryorestore.restoration import Cancelled, restore

    cancel, pace = threading.Event(), _Pace()
    known = set() if known is None else known

    def show(share: float) -> None:
        left = pace.seconds_left(share)
        words = "" if left is None else f" · {duration(left)} left"
        screen.show(f"restoring {request.even.name} · {share:.0%}{words}")

    def say(sentence: str) -> None:
        pace.begins_anew = True
        screen.say(sentence)

    def found(finding: Finding) -> None:
        if finding not in known:
            screen.say(finding.line)
        known.add(finding)

    try:
        with on_interruption(cancel.set):
            return restore(request, progress=show, cancelled=cancel.is_set, say=say, found=found)
    except Cancelled:
        raise CommandError(f"cancelled: {request.output} was not made", code=INTERRUPTED) from None
    except KeyboardInterrupt:
        told = f"interrupted: {request.output} was not made"
        raise CommandError(told, code=INTERRUPTED) from None
    finally:
        screen.end()


class _Pace:
    """How fast it goes, not counting what an interrupted restoration had done."""

    def __init__(self) -> None:
        self.begins_anew = False
        self._since, self._before = time.monotonic(), 0.0

    def seconds_left(self, share: float) -> float | None:
        if self.begins_anew:
            self._since, self._before, self.begins_anew = time.monotonic(), share, False
        done = share - self._before
        return (time.monotonic() - self._since) / done * (1 - share) if done > 0 else None


__all__ = ["RestoreOptions", "add_options", "restore_shown", "run"]
