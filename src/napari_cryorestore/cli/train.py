"""``cryorestore train``: makes a run folder and trains in it, or goes on with one."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE, CommandError, exit_code, on_interruption, words
from napari_cryorestore.cli.run_words import headline, verdict
from napari_cryorestore.runs.events import Noted, Started
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.recorder import Request
from napari_cryorestore.runs.run_dir import RunDir, new_run_path
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.training.rank import is_supervised, own_place, ranks_first
from napari_cryorestore.training.supervision import LOST

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.runs.events import Event


def add_train_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options, which depend on the method and network that the arguments choose."""
    from napari_cryorestore.cli.recipe import add_recipe_options

    parser.usage = "cryorestore train [run.toml] --even EVEN.mrc --odd ODD.mrc [OPTION …]"
    add_recipe_options(parser, arguments)


def run_train(options: Namespace) -> int:
    """Train to the last step, an error, or a requested stop."""
    from napari_cryorestore.cli.recipe import recipe
    from napari_cryorestore.training.launch import recipe_of

    screen = LiveText(sys.stderr) if ranks_first() and not options.quiet else None
    if options.resume is not None:
        refuse_options_beside_resume(options)
        run = RunDir.open(options.resume)
        recipe_of(run)  # one that cannot be used is refused before it becomes a failure of the run
        return train_in(run.path, screen)
    config = recipe(options)
    _refuse_many_folders(config)
    path = create(config, options.run, restored_by=options.restored_by, screen=screen)
    if screen:
        screen.say(f"run folder: {path}")
    again = ["-m", "napari_cryorestore", "train", "--resume", str(path)] + ["--quiet"] * options.quiet
    if config.hardware.nodes > 1:
        print(f"start it on every node with: python {' '.join(again)}")
        return DONE
    if config.hardware.devices > 1:  # what watches over the processes needs no PyTorch
        os.execv(sys.executable, [sys.executable, *again])
    return train_in(path, screen)


def refuse_options_beside_resume(options: Namespace) -> None:
    """Raise ``ValueError`` if a recipe is typed beside a run that has its own."""
    from napari_cryorestore.cli.recipe import typed_options

    typed = typed_options(options)
    if typed:
        raise ValueError(f"--resume goes on by the run's own recipe: leave out {', '.join(typed)}")


def _refuse_many_folders(config: RunConfig) -> None:
    if own_place().count > 1 and config.hardware.devices * config.hardware.nodes > 1:
        raise ValueError(
            "several processes cannot each make the run folder: make it first ('cryorestore slurm train …' "
            "does), then start every process with --resume RUN"
        )


def create(
    config: RunConfig,
    path: Path | None = None,
    *,
    restored_by: str | None = None,
    screen: LiveText | None = None,
) -> Path:
    """Make the folder of a run, in the current folder where none is named, and return it.

    Where a run is named that restores the halves first, that is done before.
    """
    from napari_cryorestore.io.pairing import tomogram_name
    from napari_cryorestore.training.launch import create_run

    first = config.tomograms[0]
    name = first.name or tomogram_name(first.even)
    path = path or new_run_path(Path.cwd(), tomogram=name, method=config.method.kind)
    if restored_by is not None:
        from napari_cryorestore.cli.chained import create_chain

        return create_chain(config, path, restored_by, screen)
    return create_run(config, path).path


def train_in(path: Path, screen: LiveText | None) -> int:
    """Train in a run folder and show how it goes on.

    Raises
    ------
    CommandError
        With the sentence that the run folder also has.
    """
    from napari_cryorestore.training.launch import run_training

    console = ConsoleRun(path, screen)
    console.tell_recorded()
    try:
        with on_interruption(console.stop):
            run_training(console, on_event=console.show_event)
    except (Exception, KeyboardInterrupt) as error:
        lost = is_supervised() and isinstance(error, ConnectionError)
        code = LOST if lost else exit_code(error)
        raise CommandError(console.failure or words(error), code=code) from error
    finally:
        if screen:
            screen.end()
    if screen:
        state = console.state
        last = (headline(state), state.why, verdict(state), *console.warnings())
        screen.say("\n".join(line for line in last if line))
    return DONE


class ConsoleRun(RunDir):
    """Records as `RunDir` does.

    Parameters
    ----------
    path : Path
        The run folder.
    screen : LiveText, optional
        Where to show the state; nothing is shown without one.

    Attributes
    ----------
    state : RunState
        The fold of all that was ever recorded here.
    failure : str
        Why this training failed; empty if it did not, or could not even begin.
    """

    def __init__(self, path: Path | str, screen: LiveText | None = None) -> None:
        super().__init__(path)
        self.screen = screen
        self.state = RunState()
        self.state.apply(RunFollower(path).poll())
        self.failure = ""
        self._stop_requested = False

    def stop(self) -> None:
        """Request a checkpoint and the end; holds also where training has not begun to listen yet."""
        self._stop_requested = True
        if self.screen:
            self.screen.say("stopping: a checkpoint is being saved (again to end at once)")

    def request(self) -> Request:
        """Return what is requested of the loop, by a signal or by what others left in the folder."""
        request = super().request()
        return Request.STOP if self._stop_requested and request is not Request.DISCARD else request

    def record(self, event: Event) -> None:
        """Write an event down and show what it changes."""
        event = event if event.time else replace(event, time=time.time())
        super().record(event)
        self.show_event(event)

    def warnings(self) -> list[str]:
        """Return the lines of all warnings that were recorded so far, each once."""
        noted = [_line(event) for event in self.state.messages if event.level == "warning"]
        return list(dict.fromkeys(noted))

    def tell_recorded(self) -> None:
        """Show what was recorded before this training began; of one that goes on, the warnings."""
        if self.screen is None:
            return
        fresh = self.state.status() == "waiting"
        told = [_line(event) for event in self.state.messages]
        for line in told if fresh else self.warnings():
            self.screen.say(line)

    def show_event(self, event: Event) -> None:
        """Show what an event changes, whoever wrote it down."""
        self.state.apply([event])
        self.failure = self.state.error
        if self.screen is None or isinstance(event, Started):  # what it does first follows at once
            return
        if isinstance(event, Noted) and event.level != "phase":
            self.screen.say(_line(event))
        self.screen.show(headline(self.state))


def _line(event: Noted) -> str:
    """Return what was noted as findings are shown elsewhere."""
    return f"{'note' if event.level == 'info' else event.level}: {event.message}"


__all__ = [
    "ConsoleRun",
    "add_train_options",
    "create",
    "refuse_options_beside_resume",
    "run_train",
    "train_in",
]
