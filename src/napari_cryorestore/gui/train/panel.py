"""The Train panel: sections above, buttons below, and the connections between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_cryorestore.background import Background
from napari_cryorestore.gui.dock_place import open_panel
from napari_cryorestore.gui.panel_layout import Fold, FoldedPanel, SentenceLabel
from napari_cryorestore.gui.preferences import preferences
from napari_cryorestore.gui.train import run_section
from napari_cryorestore.gui.train.data_section import DataControl, DataSection
from napari_cryorestore.gui.train.model import TrainModel
from napari_cryorestore.gui.train.more_section import MoreControl, MoreSection
from napari_cryorestore.gui.train.opinion_bar import OpinionBar
from napari_cryorestore.gui.train.preview_place import crosshair, middle_of_view
from napari_cryorestore.gui.train.recipe_section import RecipeControl, RecipeSection
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.gui.train.run_bar import RunBar, RunControl
from napari_cryorestore.gui.train.run_section import RunSection
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Layer

    from napari_cryorestore.run_config import TomogramConfig

TICK = 100
"""Milliseconds between two looks at threads and the run folder."""


class TrainPanel(FoldedPanel):
    """Chooses data and a recipe, starts training and says how it goes.

    The choices and the run belong to the viewer: closing the panel keeps both, opening it again shows both.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer, or the proxy that napari hands to plugins.

    Attributes
    ----------
    model : TrainModel
        What is chosen.
    background : Background
        What is being found out in threads.
    data, further, recipe, run, bar
        The sections from top to bottom; ``recipe`` is ``None`` until PyTorch is loaded.
    """

    display_name, first_area = "Train", "right"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._start_pending = self._load_failed = False
        self.session.closed.connect(self.leave)
        self.model = self.session.own(TrainModel)
        self.background = Background()
        self.data, self.more, self.run, self.bar = DataSection(), MoreSection(), RunSection(), RunBar()
        self.recipe: RecipeSection | None = None
        self._recipe_control: RecipeControl | None = None
        self._more_control: MoreControl | None = None
        self._loading = SentenceLabel()
        self._loading.say("Loading PyTorch…")
        self._folds = {
            "data": Fold("Data", self.data),
            "more": Fold("More tomograms", self.more),
            "run": Fold("Run", self.run),
        }
        self.opinion = OpinionBar()
        self._opinion_pending: tuple[Path, int | None] | None = None
        self.lay_out(self._folds, self.bar)
        self.sections.insertWidget(0, self.opinion)
        self.sections.insertWidget(self.sections.indexOf(self._folds["run"]), self._loading)
        self.control = RunControl(self.session, self.bar, self.background, started=self._started)
        self._data_control = DataControl(
            self.viewer, self.data, self.model, self.background, changed=self._changed
        )
        self._more_control = MoreControl(
            self.more, self.model, self.background, data=self._data_control, changed=self._changed
        )
        self._connect()
        self._changed()
        self._show_recipes()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def leave(self) -> None:
        """Stop looking at the viewer, at threads and at the run folder."""
        self.session.closed.disconnect(self.leave, missing_ok=True)
        self._timer.stop()
        self.background.forget()
        self._data_control.leave()
        self.control.leave()
        if self._recipe_control is not None:
            self._recipe_control.leave()

    def start(self) -> None:
        """Start training, as soon as PyTorch is loaded and the data are looked at, or say what forbids it."""
        if self.model.recipes is None or not self.model.is_looked_at:
            waits_for = "Loading PyTorch…" if self.model.recipes is None else "Looking at the data…"
            self._start_pending = not self._load_failed
            self.bar.say(waits_for if self._start_pending else "")
            return
        self._start_pending = False
        self._place_preview()
        problems = self.model.problems()
        self._data_control.show()
        if problems:
            self.bar.complain(problems[0].sentence)
            self._unfold(problems[0].section)
            return
        self.control.start(self.model)

    def choose_pair(self, even: Layer | None, odd: Layer | None) -> None:
        """Choose two layers as halves, unless they are gone."""
        self._data_control.choose_pair(even, odd)

    def second_opinion(self, run: Path, *, step: int | None = None) -> None:
        """Fill the form as a run was, with another method to be tried, as soon as PyTorch is loaded.

        With a step, the method is to fill the wedge of what the run restores at that step.
        """
        if self.model.recipes is None:
            self._opinion_pending = run, step
            return
        self._opinion_pending = None
        try:
            self._choose_loaded(self.model.prepare_opinion(run, step=step))
        except (ValueError, OSError) as error:
            self.bar.complain(str(error))
            return
        self.model.choose_another_method()
        self._show_all()
        self._changed()
        scroll_bar = self.area.verticalScrollBar()
        if scroll_bar is not None:
            scroll_bar.setValue(0)  # the title is to be read

    # -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.opinion.compare_requested.connect(self._compare_opinions)
        self.opinion.ended.connect(self._end_opinion)
        self.bar.chosen.connect(self._do)
        self.run.value_changed.connect(self._run_edited)
        self.run.browse_requested.connect(self._do)

    def _compare_opinions(self) -> None:
        if self.model.opinion is not None:
            self.session.compare_family.emit(self.model.opinion.run)

    def _end_opinion(self) -> None:
        self.model.opinion = None
        self._show_opinion()

    def _show_opinion(self) -> None:
        opinion = self.model.opinion
        words, is_fair = self.model.opinion_words()
        self.opinion.show_opinion(opinion.title if opinion is not None else "", words, warns=not is_fair)

    def _compare_what_is_over(self) -> None:
        """Compare all runs as soon as a second opinion is over, if it has come to anything."""
        for run in [run for run in self.model.opinions if not self.session.is_training(run)]:
            self.model.opinions.discard(run)
            if RunDir(run).checkpoint_steps():
                self.session.compare_family.emit(run)

    def _started(self) -> None:
        if self.model.opinion is not None and self.control.run is not None:
            self.model.opinions.add(self.control.run)
        self.run.show_model(self.model)  # the next run needs another folder
        open_monitor(self.viewer)

    def _load_recipes(self) -> None:
        self.background.start("recipes", Recipes, answer=self._take_recipes, failure=self._cannot_load)

    def _take_recipes(self, recipes: Recipes) -> None:
        preferred = preferences()
        self.model.runs_folder = preferred.runs_folder
        self.model.preferred_device = preferred.default_device
        self.model.preferred_preview = preferred.preview_size
        self.model.use_recipes(recipes)
        self._show_recipes()

    def _show_recipes(self) -> None:
        if self.model.recipes is None:
            return
        self._loading.say("")
        self.recipe = RecipeSection(self.model.recipes)
        self.sections.insertWidget(self.sections.indexOf(self._loading), self.recipe)
        self._recipe_control = RecipeControl(
            self.recipe,
            self.model,
            self.background,
            changed=self._recipe_changed,
            expect=self.bar.expect,
        )
        self._folds.update(self.recipe.folds)
        self._changed()
        self._data_control.show()
        if self._opinion_pending is not None:
            run, step = self._opinion_pending
            self.second_opinion(run, step=step)

    def _cannot_load(self, error: BaseException) -> None:
        self._load_failed = True
        self.bar.say("")
        self._loading.warn(f"PyTorch cannot be loaded, so nothing can be trained: {error}")

    def _recipe_changed(self) -> None:
        self._data_control.show()
        self._show_opinion()
        self.bar.show_warnings(self.model.warnings())

    def _changed(self) -> None:
        if self._recipe_control is not None:
            self._recipe_control.judge()
        self._show_more()
        self._show_opinion()
        self.run.show_model(self.model)
        self.bar.clear_problem()
        self.bar.show_warnings(self.model.warnings())

    def _show_more(self) -> None:
        if self._more_control is not None:
            self._more_control.show()
            self._folds["more"].set_summary(self._more_control.summary())

    def _run_edited(self) -> None:
        self.run.put_into(self.model)
        self.run.show_model(self.model)

    def _tick(self) -> None:
        if self.model.recipes is None and not self._load_failed and not self.background.busy("recipes"):
            self._load_recipes()  # not before the panel is there to be seen
        self.background.poll()
        if self._start_pending and self.model.recipes is not None and self.model.is_looked_at:
            self._start_after_waiting()
        self.control.tick()
        self._compare_what_is_over()

    def _start_after_waiting(self) -> None:
        """Start as requested before, unless a warning has appeared since, which nobody can have read."""
        self._start_pending = False
        self.bar.say("")
        if self.model.warnings() and not self.model.problems():
            self.bar.complain("Not started yet: read the warning, then press Start to train anyway.")
        else:
            self.start()

    def _do(self, name: str) -> None:
        actions = {
            "start": self.start,
            "save": lambda: run_section.save_recipe(self, self.model),
            "load": self._load,
            "checkpoint": lambda: run_section.choose_checkpoint(self, self.model),
            "folder": lambda: run_section.choose_run_folder(self, self.model),
        }
        if name not in actions:
            self.control.request(name)
            return
        try:
            actions[name]()
        except (ValueError, OSError) as error:
            self.bar.complain(str(error))
        if name in ("checkpoint", "folder"):
            self._folds["run"].unfold()
            self._show_all()

    def _load(self) -> None:
        tomogram = run_section.load_recipe(self, self.model)
        if tomogram is not None:
            self.model.opinion = None
            self._choose_loaded(tomogram)
            self._show_all()

    def _choose_loaded(self, tomogram: TomogramConfig) -> None:
        """Choose the files of a recipe's first tomogram, which are opened if need be."""
        for path in (tomogram.even, tomogram.odd, tomogram.mask):
            if path is not None and not self._data_control.has(path):
                self._data_control.open_file(path)
        self._data_control.choose_files(tomogram.even, tomogram.odd, tomogram.mask)
        self.model.take_recording(tomogram)
        if self.model.others:
            self._unfold("more")

    def _show_all(self) -> None:
        if self._recipe_control is not None:
            self._recipe_control.show()
        self._data_control.show()
        self._show_more()
        self.run.show_model(self.model)

    def _place_preview(self) -> None:
        layer = self._data_control.layer()
        points = {"crosshair": crosshair, "view": middle_of_view}
        if self.model.place in points and layer is not None:
            self.model.position = points[self.model.place](self.viewer, layer)

    def _unfold(self, section: str) -> None:
        if section in self._folds:
            self._folds[section].unfold()


def open_monitor(viewer: Viewer) -> None:
    """Open the Monitor panel, or bring it to the front."""
    open_panel(viewer, "Monitor")


__all__ = ["TrainPanel", "open_monitor"]
