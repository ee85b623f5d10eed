"""``cryorestore demo``: the whole way on the real half tomograms of the package, without a screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE
from napari_cryorestore.runs.run_dir import RunDir, new_run_path

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.run_config import RunConfig

METHOD, YARDSTICK, NAME = "icecream", "wiener", "mycoplasma"
FOLDER = Path("cryorestore-demo")
STEPS, PREVIEWS = 160, 4


def add_demo_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    del arguments
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="Where to put the run.",
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, metavar="N", help=f"Training steps (default: {STEPS})."
    )
    parser.add_argument("--device", default="auto", metavar="TEXT", help="auto, cpu, mps, cuda or cuda:1.")


def run_demo(options: Namespace) -> int:
    """Train, restore, draw, and tell where everything lies."""
    from napari_cryorestore.cli.train import create, train_in

    screen = LiveText(sys.stderr)
    config = demo_config(steps=options.steps, device=options.device)
    path = create(config, new_run_path(options.folder, tomogram=NAME, method=METHOD))
    screen.say(f"training on a real tomogram, run folder: {path}")
    train_in(path, screen)
    restored = _restore(RunDir(path), screen)
    figure = _draw(RunDir(path), restored)
    print(f"restored  {list(restored.values())[-1]}\nfigure    {figure}\nrun       {path}")
    return DONE


def demo_config(*, steps: int, device: str = "auto") -> RunConfig:
    """Return the recipe of the demonstration."""
    from napari_cryorestore.presets import merged, preset
    from napari_cryorestore.run_config import RunConfig
    from napari_cryorestore.samples import real_pair

    even, odd = real_pair()
    ours: dict[str, Any] = {
        "tomograms": [{"even": even, "odd": odd, "name": NAME}],
        "schedule": {"steps": steps, "batch": 1},
        "snapshots": {"every": max(1, steps // PREVIEWS)},
        "hardware": {"device": device, "threads": os.cpu_count() or 1},
    }
    return RunConfig.model_validate(merged(preset("quick-look", METHOD), ours))


def _restore(run: RunDir, screen: LiveText) -> dict[str, Path]:
    """Restore with the model just trained and with the yardstick, and return the files by name."""
    from napari_cryorestore.cli.restore import restore_with_progress
    from napari_cryorestore.io.volumes import result_suffix
    from napari_cryorestore.methods import METHODS
    from napari_cryorestore.restoration import ModelRef, RestoreConfig, with_chosen_weights
    from napari_cryorestore.run_config import RunConfig

    config = RunConfig.from_toml(run.config_text())
    models = {METHODS[YARDSTICK].title: ModelRef(method=YARDSTICK)}
    models[METHODS[METHOD].title] = ModelRef(weights=run.path)
    made = {}
    for name, model in models.items():
        restoration = RestoreConfig.model_validate(
            {
                "model": model,
                "tomogram": config.tomograms[0],
                "hardware": config.hardware.model_dump(include={"device", "threads"}),
                "output": run.restored_dir / f"{NAME}_{name.split()[0].lower()}{result_suffix()}",
            }
        )
        restoration, chosen = with_chosen_weights(restoration)
        if chosen is not None:
            screen.say(chosen.sentence)
        made[name] = restore_with_progress(restoration, screen, chosen=chosen)
    return made


def _draw(run: RunDir, restored: dict[str, Path]) -> Path:
    from napari_cryorestore.comparison.comparison_config import RowConfig
    from napari_cryorestore.comparison.figure import comparison_figure, save_figure
    from napari_cryorestore.comparison.sources import open_row
    from napari_cryorestore.samples import real_pair

    even, odd = real_pair()
    rows = [RowConfig(name="Input", kind="mean", even=even, odd=odd)]
    rows += [RowConfig(name=name, path=path) for name, path in restored.items()]
    figure = comparison_figure([open_row(row) for row in rows])
    return save_figure(run.restored_dir / f"{NAME}.png", figure)


__all__ = ["FOLDER", "add_demo_options", "demo_config", "run_demo"]
