"""``cryorestore restore``: a whole tomogram, by a trained model or by the Wiener filter."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.cli.interruption import on_interruption
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE, CommandError
from napari_cryorestore.cli.parser import given
from napari_cryorestore.cli.run_words import duration
from napari_cryorestore.config import Config, setting, settings_of
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import CONFIG_FILE, RunDir
from napari_cryorestore.runs.state import RunState

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.restoration import RestoreRequest
    from napari_cryorestore.run_config import TomogramConfig

WIENER: Literal["wiener"] = "wiener"


class RestoreOptions(Config):
    """What is asked for beside the tomogram and the device."""

    output: Path | None = setting(
        None, "The MRC file to make; in the run's folder 'restored' or here if not given."
    )
    step: int | None = setting(None, "Which checkpoint of the run; the newest if not given.", ge=0)
    tile: int | None = setting(
        None, "Edge of a tile; chosen to suit the device if not given.", unit="voxels", ge=1
    )
    batch: int | None = setting(None, "Tiles at once; chosen to suit the device if not given.", ge=1)
    passes: Literal[1, 2] | None = setting(
        None, "Network passes, for methods that have such a knob; as trained if not given."
    )


def add_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    from napari_cryorestore.cli.recipe import add_tomogram_options
    from napari_cryorestore.run_config import HardwareConfig

    del arguments
    parser.usage = "cryorestore restore RUN [--even EVEN.mrc --odd ODD.mrc] [OPTION …]"
    parser.add_argument(
        "run", nargs="?", type=Path, metavar="RUN", help="A run folder, checkpoint folder or weights file."
    )
    parser.add_argument("--method", choices=[WIENER], help="Take the Wiener filter, which needs no run.")
    parser.add_settings("restoration", settings_of(RestoreOptions), under="restoration")
    add_tomogram_options(parser, without=("mask",))
    used = [
        item for item in settings_of(HardwareConfig) if item.path[0] in ("device", "precision", "threads")
    ]
    parser.add_settings("hardware", used, under="hardware")


def run(options: Namespace) -> int:
    """Restore, showing how far it is, and print the file's name."""
    request, screen = request_of(options), LiveText(sys.stderr)
    better = _better_step(options.run) if request.source == options.run else None
    if better is not None:
        screen.say(f"the newest step is taken, but the held-out numbers suggest --step {better}")
    print(restore_shown(request, screen))
    return DONE


def restore_shown(request: RestoreRequest, screen: LiveText) -> Path:
    """Restore and show the share done and the time left; Ctrl-C leaves nothing behind."""
    from napari_cryorestore.restoration import Cancelled, restore

    cancel = threading.Event()
    started = time.monotonic()

    def show(share: float) -> None:
        passed = time.monotonic() - started
        left = f" · {duration(passed / share * (1 - share))} left" if share > 0 else ""
        screen.show(f"restoring {request.even.name} · {share:.0%}{left}")

    try:
        with on_interruption(cancel.set):
            return restore(request, progress=show, cancelled=cancel.is_set)
    except Cancelled:
        raise CommandError(f"cancelled: {request.output} was not made") from None
    finally:
        screen.end()


def request_of(options: Namespace) -> RestoreRequest:
    """Return what the options ask for.

    Raises
    ------
    ValueError, FileNotFoundError
        If the options contradict each other, or what they name is not there.
    """
    from napari_cryorestore.checkpoint import checkpoint_at
    from napari_cryorestore.restoration import RestoreRequest
    from napari_cryorestore.run_config import HardwareConfig

    if (options.run is None) == (options.method is None):
        raise ValueError("give either a run to restore with, or --method wiener")
    wishes = RestoreOptions.model_validate(given(options, "restoration"))
    hardware = HardwareConfig.model_validate(given(options, "hardware"))
    tomogram = _tomogram(options)
    low, high = tomogram.tilt_min, tomogram.tilt_max
    source = WIENER if options.run is None else checkpoint_at(options.run, wishes.step)
    return RestoreRequest(
        source=source,
        even=tomogram.even,
        odd=tomogram.odd,
        output=wishes.output or _output(options, source, tomogram),
        voxel_size=tomogram.voxel_size,
        tilt_range=None if low is None or high is None else (low, high),
        tilt_axis=tomogram.tilt_axis,
        device=hardware.device,
        precision=hardware.precision,
        tile=wishes.tile,
        batch=wishes.batch,
        passes=wishes.passes,
        threads=hardware.threads,
    )


def _better_step(run: Path) -> int | None:
    """Return the step that a run's held-out numbers suggest, if that is not its newest."""
    state = RunState()
    state.apply(RunFollower(run).poll())
    suggested, newest = state.suggested_step, max(state.checkpoints, default=None)
    return suggested if suggested in state.checkpoints and suggested != newest else None


def _tomogram(options: Namespace) -> TomogramConfig:
    """Return the tomogram typed, or else the one that the run learned from."""
    from napari_cryorestore.cli.recipe import typed_tomogram
    from napari_cryorestore.presets import merged
    from napari_cryorestore.run_config import RunConfig, TomogramConfig

    typed = typed_tomogram(options)
    own = None if options.run is None else options.run / CONFIG_FILE
    if "even" in typed or own is None or not own.is_file():
        if "even" not in typed:
            raise ValueError("no tomogram is given: name it with --even, and its other half with --odd")
        return TomogramConfig.model_validate(typed)
    learned = RunConfig.from_toml(own.read_text(encoding="utf-8")).tomograms[0]
    return TomogramConfig.model_validate(merged(learned.model_dump(), typed))


def _output(options: Namespace, source: Path | Literal["wiener"], tomogram: TomogramConfig) -> Path:
    from napari_cryorestore.checkpoint import load_checkpoint
    from napari_cryorestore.io.mrc_output import unique_path
    from napari_cryorestore.io.pairing import tomogram_name

    name = tomogram.name or tomogram_name(tomogram.even)
    if source == WIENER:
        return unique_path(Path(f"{name}_{WIENER}.mrc"))
    label = load_checkpoint(source).label
    folder = RunDir(options.run).restored_dir
    return unique_path(
        (folder if folder.is_dir() else Path()) / f"{name}_{label.method.kind}_{label.step}.mrc"
    )


__all__ = ["RestoreOptions", "add_options", "request_of", "restore_shown", "run"]
