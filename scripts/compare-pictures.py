"""Compare the real pair with what was trained on it, and take the pictures of docs/compare.md.

Run, for example::

    xvfb-run -a -s "-screen 0 1600x1300x24" python scripts/compare-pictures.py RUN RUN RUN

Each RUN is the folder of a run on the sample pair; its suggested step becomes a row. With ``--methods`` one
picture is taken, of eight rows: raw, Wiener filter, five runs, and the filter that makes it look like SIRT's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from scripted_window import dismiss_messages, take_pictures, until, wait

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SIZE = (1400, 1220)
PANEL = 760
PLACE = (1540.0, 1360.0, 3900.0)
"""Where the crosshair is put, z, y, x in Å: among ribosomes, near the membrane."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--methods", action="store_true", help="take the picture of a second opinion")
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_CONFIG"] = f"{scratch}/settings.yaml"
        pictures = Pictures(options.images)
        pictures.take_methods(options.runs) if options.methods else pictures.take(options.runs)


class Pictures:
    """One napari window with the Compare panel in it."""

    def __init__(self, images: Path) -> None:
        import napari

        from napari_cryorestore.gui.dock_place import open_panel
        from napari_cryorestore.samples import real_pair

        self.images = images
        self.viewer = napari.Viewer(title="CryoRestore")
        self.viewer.window.resize(*SIZE)
        self.viewer.open([str(path) for path in real_pair()], plugin="napari-cryorestore")
        self.panel = open_panel(self.viewer, "Compare")
        wait(0.5)

    def take(self, runs: list[Path]) -> None:
        """Add rows, then show pictures, curves, and what was supplied."""
        from napari_cryorestore.gui.compare.row_offers import rows_without_training

        for row in rows_without_training(self.viewer.layers):
            self.panel.rows.add(row)
        for run in runs:
            self.panel.rows.add_step(run)
        self.panel.model.set_cursor(PLACE)
        self.settle()
        self.panel.grid.show_all()
        dismiss_messages()
        self.make_room()
        take_pictures(self.viewer, self.images, "compare")
        self.panel.bar.numbers.click()
        self.settle()
        take_pictures(self.viewer, self.images, "compare-curves")
        self.panel.model.choose(self.panel.model.entries[-1].number)
        self.panel.lower_tabs.setCurrentWidget(self.panel.lower_tabs.trust)
        for what in ("parts", "share"):
            self.panel.lower_tabs.trust.buttons[what].click()
        self.settle()
        take_pictures(self.viewer, self.images, "compare-trust")
        self.viewer.close()

    def take_methods(self, runs: list[Path]) -> None:
        """Show raw data, what needs no training, and what was trained, in eight rows."""
        from napari_cryorestore.gui.compare.row_offers import rows_without_training
        from napari_cryorestore.gui.model_choice import load_methods

        load_methods()
        rows = {row.method or row.kind: row for row in rows_without_training(self.viewer.layers)}
        for name in ("mean", "wiener"):
            self.panel.rows.add(rows[name])
        for run in runs:
            self.panel.rows.add_step(run)
        self.panel.rows.add(rows["sirt"])
        self.panel.model.set_cursor(PLACE)
        self.settle()
        self.panel.grid.show_all()
        dismiss_messages()
        self.make_room()
        self.panel.message.say("")
        take_pictures(self.viewer, self.images, "compare-methods")
        self.viewer.close()

    def make_room(self) -> None:
        """Give the panel most of the window."""
        from qtpy.QtCore import Qt

        self.panel.window().resizeDocks([self.panel.parent()], [PANEL], Qt.Orientation.Vertical)
        self.settle()

    def settle(self) -> None:
        """Let the window live until nothing is computed any more."""
        panel = self.panel
        parts = (panel.pictures, panel.rows.sources, panel.lower_tabs)
        wait(0.6)
        until(lambda: not any(part.busy for part in parts), seconds=900)
        wait(0.6)


if __name__ == "__main__":
    main()
