"""Train every method from a real window, each as a second opinion on the first one, and compare them all.

Run, for example::

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/every-method.py --steps 30 --images /tmp/pictures
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from scripted_window import dismiss_messages, take_pictures, until, wait

PATIENCE = 3600.0
"""Seconds that one training may take."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--sizes", nargs="+", default=["1600x1000"], help="of the window, in pixels")
    parser.add_argument("--methods", nargs="*", help="those that are trained; all if none is named")
    parser.add_argument("--images", type=Path, required=True, help="where the pictures go")
    options = parser.parse_args()
    options.images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_CONFIG"] = f"{scratch}/settings.yaml"
        Window(Path(scratch), options).go()


class Window:
    """One napari window in which one method after the other is trained."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        import napari

        from napari_cryorestore.gui.dock_place import open_panel
        from napari_cryorestore.gui.viewer_session import session_of
        from napari_cryorestore.samples import real_pair

        self.options = options
        self.viewer = napari.Viewer(title="CryoRestore")
        self.resize(options.sizes[0])
        self.viewer.open([str(path) for path in real_pair()], plugin="napari-cryorestore")
        self.session = session_of(self.viewer)
        self.train = open_panel(self.viewer, "Train")
        until(lambda: self.train.recipe is not None and not self.train.background.busy())
        self.train.model.runs_folder = str(folder)

    def go(self) -> None:
        """Train the methods, and compare what came of it."""
        methods = self.options.methods or list(self.train.model.recipes.methods)
        first = self.start(methods[0])
        self.picture("first")
        self.end(first)
        for method in methods[1:]:
            self.session.second_opinion.emit(first)
            self.until_ready()
            run = self.start(method)
            if run is None:
                continue
            self.picture(method)
            self.end(run)
        self.session.compare_family.emit(first)
        self.settle()
        self.picture("compared")
        self.viewer.close()

    def start(self, method: str) -> Path | None:
        """Choose a method and press Start; say so where it cannot run."""
        section, model = self.train.recipe.method, self.train.model
        if method in model.refused()["method"]:
            print(method, "cannot run:", model.refused()["method"][method].sentence)
            return None
        section.combo.setCurrentIndex(section.combo.findData(method))
        section.combo.activated.emit(section.combo.currentIndex())
        if model.opinion is None:
            self.shorten()
        self.until_ready()
        print(method, "|", self.train.bar.expected.text(), "|", self.train.opinion.sentence.text())
        before = self.session.current
        self.train.bar.start.click()
        until(lambda: self.session.current != before or self.train.bar.problem.text(), seconds=300)
        if self.session.current == before:
            print(method, "was not started:", self.train.bar.problem.text())
            return None
        return self.session.current

    def shorten(self) -> None:
        """Take a quick look of few steps; second opinions have the same schedule."""
        model = self.train.model
        model.choose_preset("quick-look")
        few: tuple[tuple[str, dict[str, Any]], ...] = (
            ("schedule", {"steps": self.options.steps, "end": "steps"}),
            ("snapshots", {"every": max(1, self.options.steps // 3)}),
            ("hardware", {"device": "cpu", "precision": "32"}),
        )
        for section, values in few:
            model.put(section, model.sections[section].model_copy(update=values))
        self.train.recipe.preset_chosen.emit("")

    def end(self, run: Path) -> None:
        """Wait for the end of a training, and say how it was."""
        from napari_cryorestore.runs.follower import RunFollower
        from napari_cryorestore.runs.state import RunState

        until(lambda: not self.session.is_training(run), seconds=PATIENCE)
        state = RunState()
        state.apply(RunFollower(run).poll())
        numbers = {name: round(float(curve.values[-1]), 3) for name, curve in state.metrics.items()}
        print(run.name, state.status(), state.error, numbers)
        wait(1)

    def until_ready(self) -> None:
        """Wait until the form knows all it can know."""
        wait(0.5)
        until(lambda: not self.train.background.busy(), seconds=300)

    def settle(self) -> None:
        """Let the window live until the comparison is complete."""
        panel = self.viewer.window.dock_widgets["Compare (CryoRestore)"]
        wait(1)
        until(lambda: not (panel.pictures.busy or panel.rows.sources.busy), seconds=900)
        wait(1)

    def picture(self, name: str) -> None:
        """Take the window's picture in both themes and all sizes."""
        for size in self.options.sizes:
            self.resize(size)
            dismiss_messages()
            wait(1)
            take_pictures(self.viewer, self.options.images, f"{name}-{size}")

    def resize(self, size: str) -> None:
        """Give the window this size, ``1600x1000``."""
        width, height = map(int, size.split("x"))
        self.viewer.window.resize(width, height)


if __name__ == "__main__":
    main()
