"""Go the journey with the real pair, and take the pictures of docs/journey.md, in both themes.

Run, for example::

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/journey-pictures.py --steps 1500
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from scripted_window import dismiss_messages, take_pictures, until, wait

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZE = (1400, 900)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    options = parser.parse_args()
    options.images = options.images.resolve()
    options.images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_CONFIG"] = f"{scratch}/settings.yaml"
        Journey(Path(scratch), options.images).go(options)


class Journey:
    """One napari window with the panels in it."""

    def __init__(self, folder: Path, images: Path) -> None:
        import napari

        self.folder, self.images = folder, images
        self.viewer = napari.Viewer(title="CryoRestore")
        self.viewer.window.resize(*SIZE)

    def go(self, options: argparse.Namespace) -> None:
        """Drop, train, look, restore; a picture at every stop."""
        from napari_cryorestore.gui.dock_place import open_panel
        from napari_cryorestore.samples import real_pair

        self.viewer.open([str(path) for path in real_pair()], plugin="napari-cryorestore")
        train = open_panel(self.viewer, "Train")
        until(lambda: train.recipe is not None and not train.background.busy())
        wait(2)  # the message comes in from the side
        take_pictures(self.viewer, self.images, "journey-paired")
        dismiss_messages()
        self.prepare(train.model, options)
        train.recipe.preset_chosen.emit("")
        train.bar.start.click()
        until(lambda: "Monitor (CryoRestore)" in self.viewer.window.dock_widgets)
        monitor = self.viewer.window.dock_widgets["Monitor (CryoRestore)"]
        until(lambda: len(monitor.model.frames.steps) > 6, seconds=600)
        take_pictures(self.viewer, self.images, "journey-training")
        until(lambda: monitor.model.status() == "completed", seconds=3600)
        wait(2)
        self.leaf_through(monitor)
        self.restore(monitor)
        self.viewer.close()

    def prepare(self, model: Any, options: argparse.Namespace) -> None:
        """Choose a quick look at more steps, so that over-fitting shows."""
        os.chdir(self.folder)
        model.runs_folder = "runs"  # what the pictures show is nobody's folder
        model.choose_preset("quick-look")
        for section, values in (
            ("schedule", {"steps": options.steps}),
            ("snapshots", {"every": options.every}),
        ):
            model.put(section, model.sections[section].model_copy(update=values))

    def leaf_through(self, monitor: Any) -> None:
        """Stop at an early, at the suggested and at the last step."""
        state = monitor.model.state
        good = state.advice.suggested or monitor.model.frames.steps[-1]
        print("suggested", good, "of", monitor.model.frames.steps[-1])
        for name, step in (("early", monitor.model.frames.steps[1]), ("good", good), ("late", 10**9)):
            monitor.select(step)
            monitor.body.step_view.pin.click()
            wait(1)
            take_pictures(self.viewer, self.images, f"journey-slider-{name}")
        monitor.select(good)

    def restore(self, monitor: Any) -> None:
        """Restore the whole tomogram with the suggested step, and lay the result beside its input."""
        monitor.body.step_view.use.click()
        panel = self.viewer.window.dock_widgets["Restore (CryoRestore)"]
        wait(2)
        known = len(self.viewer.layers)
        panel.bar.restore.click()
        until(lambda: len(self.viewer.layers) > known, seconds=600)
        wait(1)
        viewer = self.viewer
        history = next(layer for layer in viewer.layers if layer.ndim == 4)
        viewer.layers.remove(history)
        viewer.layers.remove("mpn40_A_odd")
        viewer.canvas.grid.enabled = True
        viewer.layers.selection.active = viewer.layers[-1]
        viewer.fit_to_view()
        wait(1)
        take_pictures(self.viewer, self.images, "journey-restored")


if __name__ == "__main__":
    main()
