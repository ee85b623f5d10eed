"""Follow three journeys through the program as they really run, and say which modules each of them passes.

Run, for example::

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/journeys.py           # print them
    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/journeys.py --write   # into the architecture page

A small simulated pair is opened in a real napari window, trained on, restored and compared, while Python
tells of every call. A journey is a list of stations, such as "a file is read". When a station is reached for
the first time after the one before it, the modules on the stack are noted: who called whom, from the window
or the start of a thread down to the place where it happens. Modules of this package only; the program is
not changed for it.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripted_window import until

if TYPE_CHECKING:
    from types import CodeType, FrameType

PACKAGE = "napari_cryorestore"
ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / PACKAGE
PAGE = ROOT / "docs" / "concepts" / "architecture.md"
SIZE = (1400, 900)


@dataclass
class Station:
    """A place that a journey passes: what happens there, and the functions that do it.

    Attributes
    ----------
    what : str
    function : callable
        Which does it.
    in_window : bool
        Whether only the thread of the window counts: the engine does the same for itself.
    modules : list of str
        On the stack when it was reached, outermost first; empty until then.
    """

    what: str
    function: Any
    in_window: bool = False
    modules: list[str] = field(default_factory=list)

    @property
    def code(self) -> CodeType:
        """The code of the function itself, without what decorates it."""
        return inspect.unwrap(getattr(self.function, "__func__", self.function)).__code__


@dataclass
class Journey:
    """Stations in the order in which they are passed."""

    title: str
    stations: list[Station]
    entered: set[str] = field(default_factory=set)

    def modules(self) -> list[str]:
        """Return the modules of all stations, each where it is met first."""
        return list(dict.fromkeys(name for station in self.stations for name in station.modules))


class Tracer:
    """Notes the stack at every station of a journey, in all threads, while it is followed."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._left = list(journey.stations)

    def __enter__(self) -> None:
        threading.setprofile(self._called)
        sys.setprofile(self._called)

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)
        if self._left and error[0] is None:
            raise RuntimeError(f"{self._journey.title}: never reached: {self._left[0].what}")

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        del argument
        if event != "call":
            return
        if name := _module(frame.f_code):
            self._journey.entered.add(name)
        if not self._left or self._left[0].code is not frame.f_code:
            return
        if self._left[0].in_window and threading.current_thread() is not threading.main_thread():
            return
        self._left.pop(0).modules = _stack(frame)


def _stack(frame: FrameType | None) -> list[str]:
    names = []
    while frame is not None:
        names.append(_module(frame.f_code))
        frame = frame.f_back
    return list(dict.fromkeys(name for name in reversed(names) if name))


def _module(code: CodeType) -> str:
    """Return where in the package a piece of code stands, such as ``io/mrc.py``; empty for others."""
    path = code.co_filename
    return path.removeprefix(f"{SOURCE}/") if path.startswith(f"{SOURCE}/") else ""


# The journeys --------------------------------------------------------------------------------------------


def from_drop_to_curve(viewer: Any, folder: Path) -> Journey:
    """Open two halves, train on them with the recipe as it is offered, and see the curve."""
    from napari_cryorestore.data.crops import CropSampler
    from napari_cryorestore.examination import examine
    from napari_cryorestore.gui.dock_place import open_panel
    from napari_cryorestore.gui.monitor.model import MonitorModel
    from napari_cryorestore.gui.monitor.run_plot import CurvePlot
    from napari_cryorestore.gui.train.run_bar import RunControl
    from napari_cryorestore.io.mrc import read_mrc
    from napari_cryorestore.methods.noise2noise import Noise2Noise
    from napari_cryorestore.runs.follower import RunFollower
    from napari_cryorestore.runs.run_dir import RunDir
    from napari_cryorestore.simulation import SimulationConfig, simulate, write_pair
    from napari_cryorestore.training.complete_config import complete_config
    from napari_cryorestore.training.launch import launch

    even, odd, *_ = write_pair(folder, simulate(SimulationConfig(size=64, seed=0)))
    journey = Journey(
        "From a dropped file to a curve",
        [
            Station("a file is read", read_mrc),
            Station("what is known of the tomogram is found out", examine),
            Station("Start is clicked", RunControl.start),
            Station("the recipe is completed", complete_config),
            Station("the run folder is made", RunDir.create),
            Station("training is started", launch),
            Station("crops are cut", CropSampler.cut),
            Station("the loss is computed", Noise2Noise.loss),
            Station("an event is written", RunDir.record),
            Station("the Monitor looks", MonitorModel.poll, in_window=True),
            Station("the events are read", RunFollower.poll, in_window=True),
            Station("the curve is drawn", CurvePlot.show_curves),
        ],
    )
    with Tracer(journey):
        viewer.open([str(even), str(odd)], plugin="napari-cryorestore")
        train, monitor = (open_panel(viewer, name) for name in ("Train", "Monitor"))
        until(lambda: train.recipe is not None and not train.background.busy())
        _make_small(train.model, folder)
        until(train.bar.start.isEnabled)
        train.bar.start.click()
        until(lambda: "loss" in getattr(monitor.model.state, "curves", ()), seconds=600)
        until(lambda: monitor.model.status() == "completed", seconds=600)
    return _printed(journey)


def _make_small(model: Any, folder: Path) -> None:
    """Choose Noise2Noise and a schedule of a few steps."""
    model.runs_folder = str(folder / "runs")
    model.choose_method("noise2noise")
    model.choose_preset("quick-look")
    for section, values in (
        ("schedule", {"steps": 20, "batch": 1, "crop": 16}),
        ("snapshots", {"every": 10}),
    ):
        model.put(section, model.sections[section].model_copy(update=values))


def from_snapshot_to_layer(viewer: Any) -> Journey:
    """Restore the whole tomogram with the suggested step, by the button of the Monitor."""
    from napari_cryorestore.checkpoint import load_checkpoint
    from napari_cryorestore.gui.layers import add_volume
    from napari_cryorestore.gui.restore.restoration import Restoration
    from napari_cryorestore.io.volume_output import create_volume
    from napari_cryorestore.methods.base import Method
    from napari_cryorestore.restoration import Model

    journey = Journey(
        "From a snapshot to a restored layer",
        [
            Station("the work begins", Restoration.__init__),
            Station("the weights are read", load_checkpoint),
            Station("the file of the result is begun", create_volume),
            Station("tiles are restored", Model.restore),
            Station("the method does it", Method.restore_crop),
            Station("the result becomes a layer", add_volume),
        ],
    )
    monitor = viewer.window.dock_widgets["Monitor (CryoRestore)"]
    with Tracer(journey):
        monitor.body.step_view.use.click()
        panel = viewer.window.dock_widgets["Restore (CryoRestore)"]
        until(panel.bar.restore.isEnabled)
        known = len(viewer.layers)
        panel.bar.restore.click()
        until(lambda: len(viewer.layers) > known, seconds=600)
    return _printed(journey)


def from_rows_to_slice(viewer: Any) -> Journey:
    """Compare what is open, and see the Fourier slices of the rows."""
    from napari_cryorestore.comparison.model import CompareModel
    from napari_cryorestore.gui.compare.cell import Cell
    from napari_cryorestore.gui.compare.painters import SpectrumPainter
    from napari_cryorestore.gui.dock_place import open_panel
    from napari_cryorestore.physics.fourier_slices import fourier_slices

    journey = Journey(
        "From rows to a Fourier slice",
        [
            Station("a row is added", CompareModel.add),
            Station("the slices are computed", fourier_slices),
            Station("they become pixels", SpectrumPainter.paint),
            Station("a cell shows them", Cell.show_picture),
        ],
    )
    with Tracer(journey):
        panel = open_panel(viewer, "Compare")
        panel.rows.add_what_is_open()
        until(lambda: all(station.modules for station in journey.stations), seconds=600)
        until(lambda: not panel.pictures.busy, seconds=600)
    return _printed(journey)


def _printed(journey: Journey) -> Journey:
    print(f"{as_text(journey)}\n", flush=True)
    return journey


# Words ---------------------------------------------------------------------------------------------------


def as_text(journey: Journey) -> str:
    """Return a journey as a title and a table; modules that were met before are in italics."""
    known: set[str] = set()
    lines = [
        f"**{journey.title}**: {len(journey.modules())} modules of {len(journey.entered)} that were entered.",
        "",
        "| what happens | modules on the way there |",
        "|---|---|",
    ]
    for station in journey.stations:
        words = [f"`{name}`" if name not in known else f"*{name}*" for name in station.modules]
        lines.append(f"| {station.what} | {' → '.join(words)} |")
        known.update(station.modules)
    return "\n".join(lines)


def written(page: str, journeys: list[Journey]) -> str:
    """Return the page with other journeys between its two markers."""
    text = "\n\n".join(map(as_text, journeys))
    return re.sub(
        r"(<!-- journeys: [^>]*-->\n).*(\n<!-- end of journeys -->)",
        lambda found: f"{found[1]}\n{text}\n{found[2]}",
        page,
        flags=re.DOTALL,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put them into the architecture page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_CONFIG"] = f"{scratch}/settings.yaml"
        import napari

        viewer = napari.Viewer(title="CryoRestore")
        viewer.window.resize(*SIZE)
        journeys = [from_drop_to_curve(viewer, Path(scratch)), from_snapshot_to_layer(viewer)]
        journeys.append(from_rows_to_slice(viewer))
        viewer.close()
    if options.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), journeys), encoding="utf-8")


if __name__ == "__main__":
    main()
