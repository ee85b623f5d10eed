"""A check of one promise, and what the checks of methods and networks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cryorestore.config import Config, settings_of
from napari_cryorestore.run_config import ScheduleConfig, SnapshotsConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

ROUNDING_16_BITS = 0.03
"""What computing in 16 bits may change, as a share."""


@dataclass(frozen=True)
class Check:
    """One promise; calling it raises ``AssertionError``, with a sentence, if it is not kept."""

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Check it."""
        self.run()

    def __str__(self) -> str:
        return self.name


def require(kept: bool, sentence: str) -> None:
    """Raise ``AssertionError`` with the sentence unless it is kept."""
    if not kept:
        raise AssertionError(sentence)


def introduces_itself(title: str, summary: str, config: type[Config]) -> None:
    """Check what a user reads: a title, a sentence, and a sentence for every setting."""
    kind = config().model_dump()["kind"]
    require(bool(kind) and isinstance(kind, str), f"its kind must be its name, not {kind!r}")
    require(bool(title), "it has no title")
    require(summary.endswith("."), f"its summary must be a sentence: {summary!r}")
    for item in settings_of(config):
        if item.path != ("kind",):
            require(item.help.endswith("."), f"the help of {item.path[-1]} must be a sentence: {item.help!r}")


def presets_are_valid(
    presets: Mapping[str, dict[str, Any]], kind: str, own: Mapping[str, type[Config]]
) -> None:
    """Check that presets set what is there; `own` is the section of the method or network itself."""
    sections: dict[str, type[Config]] = {**own, "schedule": ScheduleConfig, "snapshots": SnapshotsConfig}
    for name, settings in presets.items():
        for section, values in settings.items():
            known = f"only {', '.join(sections)}"
            require(section in sections, f"the preset {name!r} may set {known}, not {section!r}")
            kinds = {"kind": kind} if section in own else {}
            sections[section].model_validate({**values, **kinds})


def require_gradients(network: nn.Module) -> None:
    """Check that a backward pass left a gradient at every weight.

    Raises
    ------
    AssertionError
        If one has none, or one that is zero or not finite.
    """
    for name, weight in network.named_parameters():
        found = weight.grad is not None and bool(weight.grad.isfinite().all()) and bool(weight.grad.any())
        require(found, f"the weight {name} gets no gradient, or one that is zero or not finite")


__all__ = [
    "ROUNDING_16_BITS",
    "Check",
    "introduces_itself",
    "presets_are_valid",
    "require",
    "require_gradients",
]
