"""A second opinion on a run, or the next link of a chain: what it shares with that run; free of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.train.recipes import Recipes
    from napari_cryorestore.run_config import RunConfig

_SHARED = ("seed", "crop")
"""Settings of the schedule that are named one by one."""


@dataclass(frozen=True)
class Opinion:
    """The run that another method or network is to be tried beside.

    Attributes
    ----------
    run : Path
        Its folder.
    config : RunConfig
        Its recipe.
    step : int or None
        The step of that run whose restored halves are learned from; ``None`` for the same maps as there.
    """

    run: Path
    config: RunConfig
    step: int | None = None

    @property
    def title(self) -> str:
        """What stands over the form."""
        if self.step is None:
            return f"Second opinion on {self.run.name}"
        return f"Fill the wedge of {self.run.name} @ {self.step}"

    @property
    def restored_by(self) -> tuple[Path, int | None] | None:
        """The weights whose restored halves are learned from, and their step; nothing for raw ones."""
        if self.step is not None:
            return self.run, self.step
        chain = self.config.restored_by
        weights = None if chain is None else chain.within(self.run).weights
        return None if weights is None else (weights, None)

    def beside(self, recipes: Recipes, method: str, network: str) -> dict[str, Config]:
        """Return a method and a network as they were there, or as they usually are with the same input."""
        usual, there = recipes.preset("standard", method, network), self.config
        kept = recipes.shared_settings(there.method, method)
        return {
            "method": there.method
            if method == there.method.kind
            else usual["method"].model_copy(update=kept),
            "network": there.network if network == there.network.kind else usual["network"],
        }

    def sentence(self, recipe: Mapping[str, Any]) -> str:
        """Return what is the same, what no longer is, and what is to be chosen.

        Parameters
        ----------
        recipe : mapping
            The values of a `RunConfig` as they are chosen now.
        """
        changed = self.differences(recipe)
        if changed:
            return f"Not the same as there: {', '.join(changed)}. So the two cannot be compared fairly."
        if self.step is not None:
            return (
                f"Learns from what that run makes of each half at step {self.step}, which is restored first; "
                "the held-out block, seed, crop and schedule are as they were there."
            )
        if (recipe["method"], recipe["network"]) == (self.config.method, self.config.network):
            return "Everything is as it was there: choose another method or network, or another loss."
        return "The data, the held-out block, seed, crop and schedule are as they were there."

    def differences(self, recipe: Mapping[str, Any]) -> list[str]:
        """Return in words what is not as it was in that run, method and network apart."""
        ours, theirs = recipe["schedule"], self.config.schedule
        rest = dict.fromkeys(_SHARED)
        found = {
            "data": [_resolved(maps) for maps in recipe["maps"]]
            != [_resolved(item.maps) for item in self.config.tomograms],
            "held-out block": not self._is_same_block(recipe["snapshots"]),
            **{name: getattr(ours, name) != getattr(theirs, name) for name in _SHARED},
            "schedule": ours.model_copy(update=rest) != theirs.model_copy(update=rest),
        }
        return [name for name, differs in found.items() if differs]

    def _is_same_block(self, chosen: Mapping[str, Any]) -> bool:
        there = self.config.snapshots
        if there.held_out == "none" or chosen["held_out"] == "none":
            return there.held_out == chosen["held_out"]
        return (chosen["position"], chosen["size"]) == (there.position, there.size)


def _resolved(maps: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(path.expanduser().resolve() for path in maps)


__all__ = ["Opinion"]
