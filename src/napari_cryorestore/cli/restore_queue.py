"""Many tomograms one after the other: what is there is kept, what fails does not end the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_cryorestore.cli.outcome import DONE, FAILED, CommandError, words
from napari_cryorestore.training.rank import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_cryorestore.cli.live_text import LiveText
    from napari_cryorestore.restore_config import RestoreConfig

ALONE = Place()


@dataclass
class Tally:
    """How a queue went: results made, results that were there, and tomograms that could not be restored."""

    made: int = 0
    kept: int = 0
    failed: int = 0

    def __str__(self) -> str:
        parts = [f"{self.made} restored"]
        parts += [f"{self.kept} done before"] if self.kept else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def restore_queue(
    configs: Sequence[RestoreConfig],
    restore: Callable[[RestoreConfig, LiveText], Path],
    screen: LiveText,
    *,
    place: Place = ALONE,
) -> int:
    """Restore all tomograms, or of several processes' work this process's share, and return the exit code.

    Parameters
    ----------
    configs : sequence of RestoreConfig
        All of them, whatever this process's share.
    restore : callable
        Restores one tomogram, showing how far it is, and returns its file.
    screen : LiveText
        For one line about every tomogram and one at the end. The names of files made are printed.
    place : Place
        Every process takes every n-th tomogram, beginning with the one that has its own number.

    Raises
    ------
    CommandError
        If the user ended it, with what was done until then.
    """
    _refuse_equal_outputs(configs)
    share = [_on_own_device(config, place) for config in configs[place.index :: place.count]]
    who = f"process {place.index + 1} of {place.count}: " if place.count > 1 else ""
    tally = Tally()
    for number, config in enumerate(share, 1):
        where = f"{who}{number} of {len(share)}, {config.output.stem}"
        try:
            _one(config, restore, screen, tally, where)
        except CommandError as error:
            told = f"{error} ({who}{tally}; the same command goes on with the rest)"
            raise CommandError(told, code=error.code) from error
        except Exception as error:  # noqa: BLE001  the others have a right to be restored
            tally.failed += 1
            screen.say(f"{where}: failed: {words(error)}")
    screen.say(f"{who}{tally}, of {len(share)}")
    return FAILED if tally.failed else DONE


def _one(
    config: RestoreConfig,
    restore: Callable[[RestoreConfig, LiveText], Path],
    screen: LiveText,
    tally: Tally,
    where: str,
) -> None:
    if config.output.exists():
        _require_same(config)
        tally.kept += 1
        screen.say(f"{where}: done before")
        return
    config.output.parent.mkdir(parents=True, exist_ok=True)
    screen.say(f"{where}: restoring")
    made = restore(config, screen)
    tally.made += 1
    print(f"{made}\n", end="", flush=True)  # in one piece, as other processes print there too


def _refuse_equal_outputs(configs: Sequence[RestoreConfig]) -> None:
    seen: dict[Path, Path] = {}
    for config in configs:
        other = seen.setdefault(config.output, config.tomogram.even)
        if other is not config.tomogram.even:
            raise ValueError(
                f"{other} and {config.tomogram.even} would both become {config.output.name}: "
                "give every tomogram a --name of its own"
            )


def _require_same(config: RestoreConfig) -> None:
    """Refuse to take for done what was made of something else."""
    from napari_cryorestore.restoration import require_same

    require_same(config)


def _on_own_device(config: RestoreConfig, place: Place) -> RestoreConfig:
    """Give every process of a computer a GPU of its own, where the user leaves that open."""
    if place.count == 1 or config.hardware.device not in ("auto", "cuda"):
        return config
    import torch

    there = torch.cuda.device_count()
    if not there:
        return config
    own = config.hardware.model_copy(update={"device": f"cuda:{place.local % there}"})
    return config.model_copy(update={"hardware": own})


__all__ = ["Tally", "restore_queue"]
