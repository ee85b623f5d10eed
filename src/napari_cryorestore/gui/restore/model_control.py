"""Connects the viewer's runs, the Model section and the model."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.devices import Device, list_devices
from napari_cryorestore.gui.model_choice import (
    ModelChoice,
    known_methods,
    load_methods,
    method_of,
    untrained_methods,
)
from napari_cryorestore.gui.preferences import preferences
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.restore.model import RestoreModel
    from napari_cryorestore.gui.restore.model_section import ModelSection
    from napari_cryorestore.gui.viewer_session import ViewerSession
    from napari_cryorestore.runs.chosen_step import ChosenStep

_DEVICES = {"auto": "automatic", "cpu": "cpu", "cuda": "cuda", "mps": "mps"}
"""What is offered until PyTorch is there to say what there is."""


class ModelControl:
    """Offers runs, steps and devices.

    Parameters
    ----------
    session : ViewerSession
        The viewer's.
    section : ModelSection
    model : RestoreModel
    background : Background
        Where devices are asked for.
    changed : callable
        Called after another model was chosen.
    complain : callable
        Called with a sentence if a folder is no run.
    """

    def __init__(
        self,
        session: ViewerSession,
        section: ModelSection,
        model: RestoreModel,
        background: Background,
        *,
        changed: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        self._session, self._section, self._model, self._background = session, section, model, background
        self._changed, self._complain = changed, complain
        self._knows_devices = False
        self._warned_of: ChosenStep | None = None
        section.offer_devices(_DEVICES, self._first_device())
        section.value_changed.connect(self._edited)
        section.open_requested.connect(self.open)
        session.run_added.connect(self._run_added)
        session.use_step.connect(self.use_step)

    def begin(self) -> None:
        """Choose what the Monitor chose last, or the latest run."""
        if self._session.chosen is not None:
            self.use_step(*self._session.chosen)
        elif self._session.current is not None and self._model.wishes.model.path is None:
            self.choose(ModelChoice(self._session.current))
        else:
            self.show()
        if known_methods():
            self._methods_known()
        else:
            self._background.start(
                "methods",
                load_methods,
                answer=lambda _: self._methods_known(),
                failure=lambda error: self._complain(str(error)),
            )

    def use_step(self, run: Path, step: int) -> None:
        """Restore with a step of a run."""
        self.choose(ModelChoice(run, step))

    def choose(self, model: ModelChoice) -> None:
        """Restore with this, or say why not."""
        try:
            self._model.choose(model)
        except FileNotFoundError as error:
            self._complain(str(error))
        self.show()
        self._changed()

    def open(self, kind: str) -> None:
        """Ask for a run folder (``run``) or a file of weights (``weights``)."""
        path = dialogs.choose_run(self._section) if kind == "run" else dialogs.choose_weights(self._section)
        if path is None:
            return
        try:
            self._model.open(ModelChoice(run=path) if kind == "run" else ModelChoice(weights=path))
        except FileNotFoundError as error:
            self._complain(str(error))
        self.show()
        self._changed()

    def show(self) -> None:
        """Show what is chosen and what there is to choose from."""
        model, runs = self._model, reversed(self._session.paths)
        ours = [ModelChoice(method=name) for name in untrained_methods()]
        ours += [ModelChoice(path) for path in runs]
        chosen = replace(model.wishes.model, step=None)
        others = [choice for choice in (*model.opened, chosen) if choice not in (*ours, ModelChoice())]
        self._section.offer(list(dict.fromkeys((*ours, *others))), model.wishes.model)
        self._section.offer_steps(model.steps.words() if model.steps else {}, model.wishes.model.step)
        self._section.line.say(self._words())
        self.warn()

    def refresh(self) -> None:
        """Look for new steps of a run that trains, and for devices once PyTorch is there."""
        steps = self._model.steps
        if steps is not None:
            steps.refresh()
            if self._model.wishes.model.step is None and steps.steps:
                self.choose(self._model.wishes.model)
            self._section.offer_steps(steps.words(), self._model.wishes.model.step)
            if self._model.chosen_step() != self._warned_of:
                self.warn()
        if not self._knows_devices and "torch" in sys.modules:
            self._knows_devices = True
            self._background.start(
                "devices",
                list_devices,
                answer=self._take_devices,
                failure=lambda error: self._complain(str(error)),
            )

    def warn(self) -> None:
        """Say what speaks against this model and step, for the tomograms that would be restored."""
        self._warned_of = self._model.chosen_step()
        findings = self._model.findings()
        self._section.warning.warn("\n⚠ ".join(finding.text for finding in findings))

    def leave(self) -> None:
        """Listen to the viewer's runs no longer."""
        self._session.run_added.disconnect(self._run_added)
        self._session.use_step.disconnect(self.use_step)

    def _run_added(self, path: Path) -> None:
        if self._model.wishes.model.path is None:
            self.choose(ModelChoice(path))
        else:
            self.show()

    def _methods_known(self) -> None:
        """Offer the methods that need no training, and the settings of the model's method."""
        first = next(iter(untrained_methods()), None)
        if self._model.wishes.model == ModelChoice() and first is not None:
            self.choose(ModelChoice(method=first))
        else:
            self.show()
            self._changed()

    def _edited(self) -> None:
        self._take_device(self._section.chosen_device())
        chosen = self._section.value()
        if chosen.run != self._model.wishes.model.run:
            chosen = replace(chosen, step=None)  # the step shown is another run's
        self.choose(chosen)

    def _take_devices(self, devices: tuple[Device, ...]) -> None:
        titles = {device.name: device.title for device in devices}
        self._section.offer_devices(titles, self._model.wishes.hardware.device)

    def _first_device(self) -> str:
        if self._model.wishes.hardware.device == "auto":
            self._take_device(preferences().default_device)
        return self._model.wishes.hardware.device

    def _take_device(self, device: str) -> None:
        hardware = self._model.wishes.hardware.model_copy(update={"device": device})
        self._model.wishes = replace(self._model.wishes, hardware=hardware)

    def _words(self) -> str:
        run = self._model.wishes.model.run
        if run is None:
            return ""
        names = [item.name or tomogram_name(item.even) for item in RunDir(run).recipe().tomograms]
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        learned = [f"learned from {name}{others}" for name in names[:1]]
        return " · ".join([part for part in (method_of(run), *learned) if part])


__all__ = ["ModelControl"]
