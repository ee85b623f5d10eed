"""Restoring a region: the same numbers as the whole restoration holds there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.comparison import region as module
from napari_cryorestore.comparison.region import Region, RegionRestorer
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.restoration import Model, ModelRef, restore

from ..restoring import restoration

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.physics.normalize import Standardisation


CPU = DeviceConfig(device="cpu", threads=1)


def model_of(source: Path | str, **more: Any) -> ModelRef:
    return ModelRef(method=source) if isinstance(source, str) else ModelRef(weights=source, **more)


def restore_region(
    source: Path | str, tomogram: Tomogram, region: Region, *, step: int | None = None
) -> ComparedVolume:
    more = {} if step is None else {"step": step}
    return RegionRestorer(tomogram, CPU).restore(model_of(source, **more), region)


@pytest.fixture
def tomogram(pair: tuple[Path, Path]) -> Tomogram:
    return open_tomogram(pair, name="TS")


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let tiles be so small that the tomogram takes several; return how many were given at once."""
    monkeypatch.setattr("napari_cryorestore.restoration.tiling.CPU_TILES", (48, 40))
    restore_tiles, batches = Model.restore, []

    def counting(model: Model, tiles: Tensor, scale: Standardisation) -> Tensor:
        batches.append(len(tiles))
        return restore_tiles(model, tiles, scale)

    monkeypatch.setattr(Model, "restore", counting)
    return batches


@pytest.mark.parametrize("source", ["run", "wiener"])
@pytest.mark.parametrize("centre", [(12, 30, 26), (0, 59, 51)])
def test_a_region_is_part_of_the_whole_restoration(
    source: str,
    centre: tuple[int, int, int],
    run: Path,
    centred_pair: tuple[Path, Path],
    small_tiles: list[int],
    tmp_path: Path,
) -> None:
    model: Any = run if source == "run" else "wiener"
    even, odd = centred_pair
    wanted = restoration(model, even, tmp_path / "whole.mrc", odd, device="cpu", threads=1)
    whole = open_volume(restore(wanted)).data
    assert sum(small_tiles) > 2  # several tiles of each half, so that they are blended
    tomogram = open_tomogram((even, odd), name="TS")
    part = restore_region(model, tomogram, Region(centre, 20))
    box = Region(centre, 20).within(tomogram.shape)
    assert part.shape == (20, 20, 20)
    assert part.index_of(part.corner) == (0, 0, 0)
    assert part.corner == tuple((start + 0.5) * 8.0 for start in box.start)
    spread = float(whole.std())
    np.testing.assert_allclose(part.data, whole[box.slices], rtol=0, atol=1e-4 * spread)


def test_the_halves_come_with_it_and_their_mean_is_the_volume(run: Path, tomogram: Tomogram) -> None:
    part = restore_region(run, tomogram, Region((12, 30, 26), 16), step=100)
    assert part.halves is not None
    np.testing.assert_allclose((part.halves[0] + part.halves[1]) / 2, part.data, rtol=1e-5)
    assert (part.recording.tilt_range, part.recording.axis) == ((-50.0, 60.0), "y")
    assert part.name.startswith("TS · ")
    assert part.name.endswith("@ step 100")


def test_one_half_alone_is_restored(run: Path, pair: tuple[Path, Path]) -> None:
    part = restore_region(run, open_tomogram(pair[0]), Region((12, 30, 26), 16))
    assert part.halves is None
    assert abs(float(part.data.mean()) - 100) < 20


def test_steps_differ_and_without_scores_the_newest_is_taken(run: Path, tomogram: Tomogram) -> None:
    restorer = RegionRestorer(tomogram, CPU)
    place = Region((12, 30, 26), 16)
    first, last, newest = (
        restorer.restore(model_of(run, step=step), place) for step in (100, 600, "suggested")
    )
    assert not np.allclose(first.data, last.data)
    np.testing.assert_array_equal(last.data, newest.data)
    assert first.key != last.key


def test_what_holds_for_the_whole_tomogram_is_measured_once(
    run: Path, tomogram: Tomogram, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for name in ("grouped_maps", "filtered_imaging"):
        original = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda *args, f=original, name=name, **more: (calls.append(name), f(*args, **more))[1],
        )
    restorer = RegionRestorer(tomogram, CPU)
    for place in (Region((5, 5, 5), 16), Region((9, 30, 30), 16)):
        restorer.restore(model_of(run), place)
        restorer.restore(model_of("wiener"), place)
    assert sorted(calls) == ["filtered_imaging", "grouped_maps"]


@pytest.mark.parametrize(
    ("centre", "start", "shape"),
    [
        ((12, 30, 26), (0, 14, 10), (24, 32, 32)),
        ((0, 0, 0), (0, 0, 0), (24, 32, 32)),
        ((23, 59, 51), (0, 28, 20), (24, 32, 32)),
        ((-9, 99, 26), (0, 28, 10), (24, 32, 32)),
    ],
)
def test_regions_are_moved_into_the_tomogram(
    centre: tuple[int, int, int], start: tuple[int, int, int], shape: tuple[int, int, int]
) -> None:
    box = Region(centre, 32).within((24, 60, 52))
    assert (box.start, box.shape) == (start, shape)


def test_a_method_without_an_amplitude_is_put_on_the_raw_scale(
    run: Path, tomogram: Tomogram, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Model.of

    def without(*args: Any, **more: Any) -> Model:
        model = original(*args, **more)
        monkeypatch.setattr(type(model.method), "fixes_amplitude", False)
        monkeypatch.setattr(
            Model, "restore", lambda self, tiles, scale: 7 * scale.apply(tiles) - 3, raising=True
        )
        return model

    monkeypatch.setattr(Model, "of", without)
    part = restore_region(run, tomogram, Region((12, 30, 26), 24))
    box = Region((12, 30, 26), 24).within(tomogram.shape)
    raw = (tomogram.even[box.slices] + tomogram.odd[box.slices]) / 2  # type: ignore[index]
    assert abs(float(part.data.mean() - raw.mean())) < 0.1
    assert np.corrcoef(part.data.ravel(), raw.ravel())[0, 1] > 0.9


def test_progress_is_told_and_cancelling_heeded(run: Path, tomogram: Tomogram) -> None:
    told: list[float] = []
    restorer = RegionRestorer(tomogram, CPU)
    restorer.restore(model_of(run), Region((12, 30, 26), 16), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(Cancelled):
        restorer.restore(model_of(run), Region((12, 30, 26), 16), cancelled=lambda: True)
    restorer.restore(model_of(run), Region((12, 30, 26), 16))  # it can still be used


def test_a_step_without_weights_and_a_folder_without_a_run_are_told(run: Path, tomogram: Tomogram) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint of step 300 in .*; there are: 100, 600"):
        restore_region(run, tomogram, Region((0, 0, 0), 16), step=300)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        restore_region(Path("gone"), tomogram, Region((0, 0, 0), 16), step=300)
    with pytest.raises(FileNotFoundError, match="There is no checkpoint"):
        restore_region(Path("gone"), tomogram, Region((0, 0, 0), 16))
