"""Learning from maps that another model restored: they are opened in place of the raw ones, which judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_cryorestore.data.crops import StoredMap, TrainingVolume
from napari_cryorestore.data.imaging import grouped_maps, halves_of, scales_of
from napari_cryorestore.io.halves import require_equal_shapes
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.physics.normalize import Standardisation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.methods import Method
    from napari_cryorestore.run_config import RunConfig


@dataclass(frozen=True)
class Judged:
    """By what held-out numbers are measured where a run learns from restored halves.

    Attributes
    ----------
    restored, raw : TrainingVolume
        The restored halves, each by itself in the units in which they are learned from, and the raw halves:
        of the first tomogram, on disk.
    """

    restored: TrainingVolume
    raw: TrainingVolume


def learned_from(tomograms: Sequence[Tomogram], config: RunConfig) -> list[Tomogram]:
    """Return the tomograms with the maps that are learned from: restored ones where the recipe names such.

    Raises
    ------
    ValueError, OSError
        If the restored maps cannot be read, or do not fit.
    """
    chain = config.restored_by
    if chain is None:
        return list(tomograms)
    if len(chain.maps) != len(tomograms):
        raise ValueError(
            f"The recipe has restored maps of {len(chain.maps)} tomograms, but names {len(tomograms)}: begin "
            "a new run."
        )
    return [_with_maps(one, paths) for one, paths in zip(tomograms, chain.maps, strict=True)]


def _with_maps(tomogram: Tomogram, paths: Sequence[Path]) -> Tomogram:
    opened = open_tomogram(paths, recording=tomogram.recording)
    require_equal_shapes(tomogram.maps[0], opened.maps[0])
    return replace(tomogram, maps=opened.maps, files=opened.files)


def scales_in_training(tomogram: Tomogram, method: Method) -> list[Standardisation]:
    """Return each map's units: its own mean, and the spread by which a method learns from it."""
    maps, no_data = tomogram.maps, tomogram.no_data()
    groups = method.to_learn_from(len(maps))
    units = grouped_maps(maps, no_data, learned=groups, taken=groups)
    means = [scale.mean for scale in scales_of(maps, no_data=no_data)]
    spreads = [units[min(index, len(units) - 1)].scale.std for index in range(len(maps))]
    return [Standardisation(mean, spread) for mean, spread in zip(means, spreads, strict=True)]


def judged_halves(raw: Tomogram, restored: Tomogram, method: Method, *, volume: TrainingVolume) -> Judged:
    """Return the restored and the raw halves of the first tomogram, whose training volume is given."""
    halves, no_data = halves_of(len(raw.maps)), raw.no_data()
    before = grouped_maps(raw.maps, no_data, learned=halves, taken=halves)
    scales = scales_in_training(restored, method)
    return Judged(
        replace(volume, maps=tuple(map(StoredMap, restored.maps, scales))),
        replace(volume, maps=tuple(StoredMap(one.filled, one.scale) for one in before)),
    )


__all__ = ["Judged", "judged_halves", "learned_from", "scales_in_training"]
