"""``cryorestore restore``: whole tomograms, by a trained model or a method that needs no training."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.named_run import run_and_step
from napari_cryorestore.cli.outcome import DONE, FAILED, INTERRUPTED, CommandError, on_interruption, words
from napari_cryorestore.cli.parser import Parser
from napari_cryorestore.cli.restore_request import OutputOptions, restorations_of
from napari_cryorestore.cli.run_words import duration
from napari_cryorestore.config import settings_of
from napari_cryorestore.training.rank import Place, own_place

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from napari_cryorestore.findings import Finding
    from napari_cryorestore.methods import MethodConfig
    from napari_cryorestore.restore_config import RestoreConfig
    from napari_cryorestore.runs.chosen_step import ChosenStep

ALONE = Place()


def add_restore_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options, of which some depend on the method of the model that the arguments name."""
    from napari_cryorestore.methods import METHODS

    parser.usage = "cryorestore restore RUN [--even EVEN.mrc --odd ODD.mrc | --pairs FOLDER] [OPTION …]"
    first = Parser(parser.prog, add_help=False)
    _add_fields(first)
    for method in METHODS.values():
        _add_method(first, method.Config())
    first.add_argument("-h", "--help", "--debug", dest="ignored", action="store_true")
    model = _model_typed(first, arguments)
    _add_fields(parser)
    for config in [method.Config() for method in METHODS.values()] if model is None else [model]:
        _add_method(parser, config)


def run_restore(options: Namespace) -> int:
    """Restore, showing how far it is, and print the files' names."""
    work = restorations_of(options)
    place = own_place()
    screen = LiveText(sys.stderr)
    if work.chosen is not None and place.index == 0:
        screen.say(work.chosen.sentence)
    restore = partial(restore_with_progress, chosen=work.chosen, known=set())
    if work.is_queue:
        return restore_queue(work.configs, restore, screen, place=place)
    print(restore(work.configs[0], screen))
    return DONE


def _add_fields(parser: Parser) -> None:
    """Add an option for every field of a `RestoreConfig` but the method's settings."""
    from napari_cryorestore.cli.tomograms import add_tomogram_options
    from napari_cryorestore.compute_config import DeviceConfig, ResultConfig, TilingConfig
    from napari_cryorestore.methods import untrained_methods
    from napari_cryorestore.restore_config import ModelRef

    parser.add_argument(
        "run",
        nargs="?",
        type=Path,
        metavar="RUN",
        help="A run folder, or RUN@suggested, RUN@newest or RUN@600; a checkpoint folder or weights file.",
    )
    parser.add_argument(
        "--method", choices=untrained_methods(), help="Take a method that needs no training, and no run."
    )
    steps = [item for item in settings_of(ModelRef) if item.path == ("step",)]
    parser.add_settings("model", steps, under="model")
    parser.add_settings("result", settings_of(OutputOptions), under="output")
    parser.add_settings("result", settings_of(ResultConfig), under="result")
    add_tomogram_options(parser)
    parser.add_settings("tiles", settings_of(TilingConfig), under="tiling")
    parser.add_settings("hardware", settings_of(DeviceConfig), under="hardware")


def _add_method(parser: Parser, config: MethodConfig) -> None:
    """Add the method's settings that count at restoring; as trained if not given.

    Their names alone, which is how they were once spelt, are still understood.
    """
    from napari_cryorestore.methods import METHODS

    found = METHODS[config.kind].restoring_settings()
    if not found:
        return
    settings = [replace(item, path=("method", *item.path)) for item in found]
    defaults: dict[str, Any] = {"method": config.model_dump()}
    parser.add_settings(f"method {config.kind} (as trained if not given)", settings, defaults=defaults)
    for old, new in zip(found, settings, strict=True):
        parser.accept_older_spelling(new.flag, old.flag)


def _model_typed(parser: Parser, arguments: Sequence[str]) -> MethodConfig | None:
    """Return the settings of the method that will restore; ``None`` where the arguments name none."""
    from napari_cryorestore.methods import METHODS

    try:
        options = parser.parse(arguments)
        if options.method is not None:
            return METHODS[options.method].Config()
        if options.run is None:
            return None
        from napari_cryorestore.checkpoint import load_label
        from napari_cryorestore.restoration.weights import chosen_weights

        run, step = run_and_step(str(options.run))
        return load_label(chosen_weights(run, step or "newest")[0]).method
    except (ValueError, OSError):
        return None  # whoever reads the arguments next says what is wrong


def restore_with_progress(
    config: RestoreConfig,
    screen: LiveText,
    *,
    chosen: ChosenStep | None = None,
    known: set[Finding] | None = None,
) -> Path:
    """Restore and show the share done and the time left; Ctrl-C leaves nothing behind.

    What was found is said, unless it is known already.
    """
    from napari_cryorestore.restoration import Cancelled, restore

    cancel, pace = threading.Event(), _Pace()
    known = set() if known is None else known

    def show(share: float) -> None:
        left = pace.seconds_left(share)
        words = "" if left is None else f" · {duration(left)} left"
        screen.show(f"restoring {config.tomogram.even.name} · {share:.0%}{words}")

    def say(sentence: str) -> None:
        pace.begins_anew = True
        screen.say(sentence)

    def found(finding: Finding) -> None:
        if finding not in known:
            screen.say(finding.line)
        known.add(finding)

    try:
        with on_interruption(cancel.set):
            return restore(
                config, chosen=chosen, progress=show, cancelled=cancel.is_set, say=say, found=found
            )
    except Cancelled:
        raise CommandError(f"cancelled: {config.output} was not made", code=INTERRUPTED) from None
    except KeyboardInterrupt:
        told = f"interrupted: {config.output} was not made"
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


@dataclass
class Tally:
    """How a queue went: results made, results that were there, and tomograms that could not be restored."""

    made: int = 0
    kept: int = 0
    failed: int = 0

    def __str__(self) -> str:
        parts = [f"{self.made} restored"]
        parts += [f"{self.kept} done before"] if self.kept else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def restore_queue(
    configs: Sequence[RestoreConfig],
    restore: Callable[[RestoreConfig, LiveText], Path],
    screen: LiveText,
    *,
    place: Place = ALONE,
) -> int:
    """Restore all tomograms, or of several processes' work this process's share, and return the exit code.

    Parameters
    ----------
    configs : sequence of RestoreConfig
        All of them, whatever this process's share.
    restore : callable
        Restores one tomogram, showing how far it is, and returns its file.
    screen : LiveText
        For one line about every tomogram and one at the end. The names of files made are printed.
    place : Place
        Every process takes every n-th tomogram, beginning with the one that has its own number.

    Raises
    ------
    CommandError
        If the user ended it, with what was done until then.
    """
    _refuse_equal_outputs(configs)
    share = [_on_own_device(config, place) for config in configs[place.index :: place.count]]
    who = f"process {place.index + 1} of {place.count}: " if place.count > 1 else ""
    tally = Tally()
    for number, config in enumerate(share, 1):
        where = f"{who}{number} of {len(share)}, {config.output.stem}"
        try:
            _one(config, restore, screen, tally, where)
        except CommandError as error:
            told = f"{error} ({who}{tally}; the same command goes on with the rest)"
            raise CommandError(told, code=error.code) from error
        except Exception as error:  # noqa: BLE001  the others have a right to be restored
            tally.failed += 1
            screen.say(f"{where}: failed: {words(error)}")
    screen.say(f"{who}{tally}, of {len(share)}")
    return FAILED if tally.failed else DONE


def _one(
    config: RestoreConfig,
    restore: Callable[[RestoreConfig, LiveText], Path],
    screen: LiveText,
    tally: Tally,
    where: str,
) -> None:
    if config.output.exists():
        _require_same(config)
        tally.kept += 1
        screen.say(f"{where}: done before")
        return
    config.output.parent.mkdir(parents=True, exist_ok=True)
    screen.say(f"{where}: restoring")
    made = restore(config, screen)
    tally.made += 1
    print(f"{made}\n", end="", flush=True)  # in one piece, as other processes print there too


def _refuse_equal_outputs(configs: Sequence[RestoreConfig]) -> None:
    seen: dict[Path, Path] = {}
    for config in configs:
        other = seen.setdefault(config.output, config.tomogram.even)
        if other is not config.tomogram.even:
            raise ValueError(
                f"{other} and {config.tomogram.even} would both become {config.output.name}: "
                "give every tomogram a --name of its own"
            )


def _require_same(config: RestoreConfig) -> None:
    """Refuse to take for done what was made of something else."""
    from napari_cryorestore.restoration import require_same

    require_same(config)


def _on_own_device(config: RestoreConfig, place: Place) -> RestoreConfig:
    """Give every process of a computer a GPU of its own, where the user leaves that open."""
    if place.count == 1 or config.hardware.device not in ("auto", "cuda"):
        return config
    import torch

    there = torch.cuda.device_count()
    if not there:
        return config
    own = config.hardware.model_copy(update={"device": f"cuda:{place.local % there}"})
    return config.model_copy(update={"hardware": own})


__all__ = ["Tally", "add_restore_options", "restore_queue", "restore_with_progress", "run_restore"]
