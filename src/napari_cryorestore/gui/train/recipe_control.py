"""Connects the recipe's sections to the model, and asks for devices and memory in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.gui.devices import Device, list_devices
from napari_cryorestore.gui.train.memory import estimated_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_cryorestore.background import Background
    from napari_cryorestore.gui.train.model import TrainModel
    from napari_cryorestore.gui.train.recipe_section import RecipeSection


class RecipeControl:
    """Keeps section and model in step.

    Parameters
    ----------
    section, model, background
        What is connected.
    changed : callable
        Called after the model's recipe changed.
    """

    def __init__(
        self,
        section: RecipeSection,
        model: TrainModel,
        background: Background,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._section, self._model, self._background = section, model, background
        self._changed = changed
        self._devices: tuple[Device, ...] = ()
        self._estimated: Any = None
        section.method_chosen.connect(lambda kind: self._choose(model.choose_method, kind))
        section.network_chosen.connect(lambda kind: self._choose(model.choose_network, kind))
        section.preset_chosen.connect(lambda name: self._choose(model.choose_preset, name))
        section.section_edited.connect(self._edited)
        section.place_edited.connect(self._moved)
        self.show()
        background.start("devices", list_devices, answer=self._take_devices, failure=self._no_devices)

    def show(self) -> None:
        """Show the model's recipe."""
        self._section.show_model(self._model)
        self.estimate()

    def estimate(self) -> None:
        """Estimate the memory anew if something changed that it depends on."""
        model = self._model
        halves = [model.choice.even, *(item.choice.even for item in model.further_tomograms)]
        shapes = tuple(half.shape for half in halves if half is not None)
        sections = {name: model.sections[name] for name in ("method", "network", "schedule", "hardware")}
        device = self._device()
        half = getattr(model.sections["hardware"], "precision", "auto") in ("bf16", "fp16") or (
            getattr(model.sections["hardware"], "precision", "auto") == "auto" and device.half_precision
        )
        question = (shapes, tuple(sections.values()), half, device.name)
        if model.choice.even is None or question == self._estimated:
            return
        self._estimated = question
        self._background.start(
            "memory",
            lambda: estimated_memory(sections, shapes, half_precision=half),
            answer=self._say_memory,
            failure=lambda _error: self._section.memory.say(""),
        )

    def _choose(self, choose: Callable[[str], None], name: str) -> None:
        choose(name)
        self.show()
        self._changed()

    def _edited(self, section: str) -> None:
        form = self._section.forms[section]
        if form.problem:
            self._model.refuse(section, form.problem)
        else:
            self._model.put(section, form.value())
        self._section.show_preset(self._model.preset)
        self._section.show_summaries(self._model)
        self.estimate()
        self._changed()

    def _moved(self) -> None:
        self._model.place = self._section.chosen_place()
        if self._model.place == "typed":
            self._model.position = self._section.typed_position()
        self._section.show_summaries(self._model)
        self._changed()

    def _device(self) -> Device:
        wanted = getattr(self._model.sections["hardware"], "device", "auto")
        return next((device for device in self._devices if device.name == wanted), Device(wanted, wanted))

    def _take_devices(self, devices: Sequence[Device]) -> None:
        self._devices = tuple(devices)
        self._section.offer_devices(self._devices)
        self._section.show_summaries(self._model)
        self.estimate()

    def _no_devices(self, error: BaseException) -> None:
        self._section.offer_devices((Device("auto", "automatic"), Device("cpu", "CPU")))
        self._section.memory.warn(f"The devices could not be listed: {error}")

    def _say_memory(self, needed: float) -> None:
        free = self._device().free
        words = f"Training takes about {needed / 1e9:.1f} GB"
        if free and needed > free:
            self._section.memory.warn(
                f"{words}, but only {free / 1e9:.1f} GB are free: choose a smaller crop, batch or network."
            )
        else:
            self._section.memory.say(f"{words}.")


__all__ = ["RecipeControl"]
