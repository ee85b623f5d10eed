"""Cut and mend are twins: what is done tile by tile leaves no trace of the tiles."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_cryorestore.data.corners import Box
from napari_cryorestore.data.tile_plan import axis_weights
from napari_cryorestore.data.tiles import (
    CancellableView,
    Cancelled,
    TilePlan,
    fit_tile,
    process_box,
    process_tiles,
    tile_positions,
)
from napari_cryorestore.physics import normalize
from napari_cryorestore.physics.normalize import measure

PLAN = TilePlan(tile=12, margin=3, batch=4)


def volume(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(5, 2, shape).astype(np.float32)


def processed(source: np.ndarray, plan: TilePlan, function=lambda tiles: tiles) -> np.ndarray:
    out = np.zeros(source.shape, dtype=np.float32)
    process_tiles(source, out, function, plan=plan)
    return out


def assert_same(result: np.ndarray, expected: np.ndarray) -> None:
    rounded = 32 * np.finfo(np.float32).eps * np.abs(expected).max()  # up to 8 tiles, each with 3 weights
    np.testing.assert_allclose(result, expected, rtol=0, atol=rounded)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_identity_gives_every_size_back(axis: int) -> None:
    for size in range(17, 171):
        shape = [3, 3, 3]
        shape[axis] = size
        tile = [12, 12, 12]  # one along the others
        tile[axis] = 24
        source = volume(*shape)
        assert_same(processed(source, TilePlan(tuple(tile), margin=3, batch=8)), source)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 30, 5), (13, 12, 40), (31, 29, 7)])
@pytest.mark.parametrize("margin", [0, 1, 5])
def test_the_identity_gives_every_shape_back(shape: tuple[int, int, int], margin: int) -> None:
    source = volume(*shape)
    assert_same(processed(source, TilePlan(12, margin, batch=3)), source)


@pytest.mark.parametrize("size", [1, 5, 12, 17, 18, 19, 50, 171])
def test_weights_sum_to_one_at_every_voxel_and_vanish_outside(size: int) -> None:
    starts = tile_positions((size, size, size), 12, 3)[0]
    total = np.zeros(size + 40)
    for start, weight in zip(starts, axis_weights(starts, 12, size, 3), strict=True):
        assert (weight >= 0).all()
        total[20 + start : 32 + start] += weight
    np.testing.assert_allclose(total[20:-20], 1, atol=1e-6)
    assert not total[:20].any()
    assert not total[-20:].any()


@pytest.mark.parametrize("size", [7, 18, 19, 100])
def test_tiles_overlap_by_twice_the_margin_and_reach_over_the_borders(size: int) -> None:
    starts = tile_positions((size, 6, 6), 12, 3)[0]
    assert starts[0] <= -3 or len(starts) == 1
    assert starts[-1] + 12 >= size + 2
    assert all(0 < after - before <= 6 for before, after in pairwise(starts))


@pytest.mark.parametrize("size", [1, 23, 47, 72, 73, 128, 463])
def test_aligned_tiles_lie_multiples_apart_and_cover_all(size: int) -> None:
    plan = TilePlan(fit_tile((size,) * 3, tile=48, margin=4, size_multiple=8), 4, align=8)
    starts, tile = plan.positions((size,) * 3)[0], plan.sizes[0]
    assert all((after - before) % 8 == 0 for before, after in pairwise(starts))
    assert starts[0] <= -4
    assert starts[-1] + tile >= size + 4
    total = np.zeros(size + 2 * tile)
    weights = {tile.start[2]: tile.weights[2] for tile in plan.tiles((size,) * 3)}
    for start, weight in weights.items():
        total[tile + start : 2 * tile + start] += weight
    np.testing.assert_allclose(total[tile:-tile], 1, atol=1e-6)


def test_tiles_of_a_network_that_halves_its_maps_agree_where_they_overlap() -> None:
    """What depends on the place within a coarse voxel comes out right only if tiles are aligned."""
    source = volume(20, 8, 60)

    def coarse(tiles: torch.Tensor) -> torch.Tensor:
        pooled = torch.nn.functional.max_pool3d(tiles, 4)
        return torch.nn.functional.interpolate(pooled, scale_factor=4, mode="nearest")

    aligned = TilePlan(fit_tile(source.shape, tile=24, margin=4, size_multiple=4), 4, align=4)
    start = [row[0] for row in aligned.positions(source.shape)]
    padded = [(-first, 28) for first in start]
    whole = np.pad(source, padded, mode="reflect")[tuple(slice(n // 4 * 4) for n in (48, 40, 88))]
    expected = coarse(torch.from_numpy(whole)[None, None])[0, 0].numpy()
    z, y, x = (slice(-first, -first + size) for first, size in zip(start, source.shape, strict=True))
    assert_same(processed(source, aligned, coarse), expected[z, y, x])


def test_a_function_within_the_margin_leaves_no_seams() -> None:
    """A mean over 3³ voxels, whose errors at a tile's edge the weights must hide almost wholly."""
    source = volume(40, 30, 26) - 5

    def blur(tiles: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool3d(tiles, 3, stride=1, padding=1)

    expected = blur(torch.from_numpy(np.pad(source, 1, mode="reflect"))[None, None])[
        0, 0, 1:-1, 1:-1, 1:-1
    ].numpy()
    error = np.abs(processed(source, TilePlan(20, 6, batch=4), blur) - expected)
    assert error.max() < 0.02 * np.abs(expected).max()


def test_tiles_are_float32_of_the_planned_size_in_batches() -> None:
    seen = []

    def look(tiles: torch.Tensor) -> torch.Tensor:
        seen.append((len(tiles), tuple(tiles.shape[1:]), tiles.dtype))
        return tiles.half()

    source = (volume(20, 20, 20) * 10).astype(np.int16)
    result = processed(source, TilePlan((10, 12, 14), 2, batch=5), look)
    assert {(shape, dtype) for _, shape, dtype in seen} == {((1, 10, 12, 14), torch.float32)}
    assert max(count for count, *_ in seen) == 5
    np.testing.assert_allclose(result, source, rtol=1e-3)


def test_it_reads_and_writes_memory_maps(tmp_path) -> None:
    source = np.lib.format.open_memmap(tmp_path / "in.npy", "w+", np.dtype(">f4"), (15, 16, 17))
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, (15, 16, 17))
    source[:] = volume(15, 16, 17)
    process_tiles(source, out, lambda tiles: 2 * tiles, plan=PLAN)
    assert_same(np.asarray(out), 2 * np.asarray(source, dtype=np.float32))


def test_several_volumes_give_their_mean_and_come_together() -> None:
    seen = []

    def look(tiles: torch.Tensor) -> torch.Tensor:
        seen.append(len(tiles))
        return 2 * tiles

    one, other = volume(20, 22, 24), volume(24, 22, 20).transpose(2, 1, 0)
    out = np.zeros_like(one)
    process_tiles([one, other], out, look, plan=TilePlan(12, 3, batch=4))
    assert_same(out, one + other)
    assert max(seen) == 4
    with pytest.raises(ValueError, match="Halves must have one shape"):
        process_tiles([one, one[1:]], out, look, plan=PLAN)


def test_with_a_batch_of_one_the_halves_of_a_tile_follow_each_other() -> None:
    seen = []

    def look(tiles: torch.Tensor) -> torch.Tensor:
        seen.append(len(tiles))
        return tiles

    one = volume(8, 8, 8)
    process_tiles([one, one], np.zeros_like(one), look, plan=TilePlan(12, 2))
    assert seen == [1, 1]


def test_tiles_of_one_value_are_copied_unseen() -> None:
    source = np.full((12, 12, 40), 3.0, dtype=np.float32)
    source[..., :8] = volume(12, 12, 8)
    worked: list[int] = []

    def triple(tiles: torch.Tensor) -> torch.Tensor:
        worked.append(len(tiles))
        return 3 * tiles

    result = processed(source, TilePlan((16, 16, 12), 2, batch=4), triple)
    assert sum(worked) == 2  # of five
    assert_same(result[..., 18:], source[..., 18:])


def test_reading_goes_ahead_of_the_work_and_writing_follows_it() -> None:
    """While the function works on a tile, the next one is read and the one before is added."""
    source = volume(8, 8, 60)
    began, read = threading.Event(), threading.Event()

    class Watched:
        shape = source.shape
        reads = 0

        def __getitem__(self, place: tuple[slice, slice, slice]) -> np.ndarray:
            self.reads += 1
            if self.reads == 2:
                assert began.wait(300)
                read.set()
            return source[place]

    def wait(tiles: torch.Tensor) -> torch.Tensor:
        began.set()
        assert read.wait(300)
        return tiles

    out = np.zeros_like(source)
    process_tiles(Watched(), out, wait, plan=TilePlan((12, 12, 16), 2))
    assert_same(out, source)


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    source = volume(20, 20, 20)
    process_tiles(source, np.zeros_like(source), lambda tiles: tiles, plan=PLAN, progress=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < 0.5
    assert told[-1] == 1


def test_cancelling_stops_before_the_next_batch() -> None:
    calls: list[int] = []

    def count(tiles: torch.Tensor) -> torch.Tensor:
        calls.append(len(tiles))
        return tiles

    source = volume(20, 20, 20)
    with pytest.raises(Cancelled, match="cancelled"):
        process_tiles(source, np.zeros_like(source), count, plan=PLAN, cancelled=lambda: len(calls) == 2)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("full"), RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)")]
)
def test_without_memory_the_batch_is_halved(error: Exception) -> None:
    sizes: list[int] = []

    def narrow(tiles: torch.Tensor) -> torch.Tensor:
        sizes.append(len(tiles))
        if len(tiles) > 3:
            raise error
        return tiles

    source = volume(20, 22, 24)
    out = np.zeros_like(source)
    assert process_tiles(source, out, narrow, plan=TilePlan(12, 3, batch=8)) == 2
    assert sizes[:3] == [8, 4, 2]
    assert max(sizes[3:]) == 2
    assert_same(out, source)


def test_a_single_tile_without_memory_and_other_errors_are_raised() -> None:
    calls: list[int] = []

    def fail(tiles: torch.Tensor) -> torch.Tensor:
        calls.append(len(tiles))
        raise torch.OutOfMemoryError("full")

    def crash(tiles: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    source = volume(20, 20, 20)
    with pytest.raises(torch.OutOfMemoryError, match="full"):
        processed(source, PLAN, fail)
    assert calls == [4, 2, 1]
    with pytest.raises(RuntimeError, match="shapes do not match"):
        processed(source, PLAN, crash)


@pytest.mark.parametrize(
    ("elsewhere", "factor"), [(None, 1.0), (torch.zeros_like, 0.0)], ids=["copied", "zero"]
)
def test_tiles_outside_the_mask_are_left_alone(elsewhere, factor: float) -> None:
    source = volume(12, 12, 60)
    mask = np.zeros(source.shape, dtype=bool)
    mask[5, 5, :10] = True
    worked: list[int] = []

    def triple(tiles: torch.Tensor) -> torch.Tensor:
        worked.append(len(tiles))
        return 3 * tiles

    plan = TilePlan((18, 18, 12), 3, batch=4, mask=mask, elsewhere=elsewhere)
    result = processed(source, plan, triple)
    assert sum(worked) == sum(start < 10 for start in tile_positions(source.shape, plan.sizes, 3)[2])
    assert_same(result[..., :10], 3 * source[..., :10])
    assert_same(result[..., 22:], factor * source[..., 22:])


def test_an_empty_mask_needs_no_network() -> None:
    source = volume(14, 14, 14)
    plan = TilePlan(12, 3, batch=2, mask=np.zeros(source.shape, dtype=bool))
    assert_same(processed(source, plan, lambda tiles: pytest.fail("called")), source)


def test_what_does_not_match_is_explained() -> None:
    source = volume(8, 8, 8)
    with pytest.raises(ValueError, match=r"output must have the volume's shape \(8, 8, 8\)"):
        process_tiles(source, np.zeros((8, 8, 9)), lambda tiles: tiles, plan=PLAN)
    with pytest.raises(ValueError, match="three axes"):
        process_tiles(source[0], source[0], lambda tiles: tiles, plan=PLAN)
    with pytest.raises(ValueError, match="mask must have"):
        processed(source, TilePlan(12, 3, mask=np.ones((8, 8, 9), dtype=bool)))
    with pytest.raises(ValueError, match="must return tiles of the shape"):
        processed(source, PLAN, lambda tiles: tiles[..., 1:])
    with pytest.raises(ValueError, match="no room between margins"):
        TilePlan(12, 6)
    with pytest.raises(ValueError, match="at least one tile"):
        TilePlan(12, 3, batch=0)


@pytest.mark.parametrize(
    ("shape", "tile", "multiple", "expected"),
    [
        ((200, 900, 900), 96, 8, (96, 96, 96)),
        ((40, 900, 50), 100, 8, (64, 96, 80)),
        ((40, 900, 900), 72, 32, (64, 64, 64)),
        ((900, 900, 900), 16, 16, (48, 48, 48)),
        ((130, 105, 72), 96, 8, (96, 80, 96)),
    ],
)
def test_a_fitting_tile_is_a_multiple_and_no_larger_than_needed(shape, tile, multiple, expected) -> None:
    assert fit_tile(shape, tile=tile, margin=12, size_multiple=multiple) == expected


@pytest.mark.parametrize("shape", [(5, 30, 40), (1, 1, 1), (60, 41, 3)])
def test_a_tile_is_as_large_as_the_network_takes_however_small_the_volume(shape) -> None:
    tile = fit_tile(shape, tile=16, margin=4, size_multiple=8, minimum=39)
    assert tile == (40, 40, 40)
    source = volume(*shape)
    assert_same(processed(source, TilePlan(tile, 4, align=8)), source)


@pytest.mark.parametrize(
    "box",
    [
        Box((0, 0, 0), (40, 30, 26)),
        Box((0, 0, 0), (1, 1, 1)),
        Box((11, 7, 3), (29, 8, 24)),
        Box((39, 29, 25), (40, 30, 26)),
    ],
)
def test_a_box_holds_what_the_whole_holds_there(box: Box) -> None:
    """Even for a function that treats the edges of a tile unlike its middle."""
    source = volume(40, 30, 26)

    def uneven(tiles: torch.Tensor) -> torch.Tensor:
        return tiles * torch.linspace(0, 1, tiles.shape[-1]) + tiles.mean((-3, -2, -1), keepdim=True)

    whole = processed(source, PLAN, uneven)
    np.testing.assert_allclose(process_box(source, box, uneven, plan=PLAN), whole[box.slices], rtol=1e-6)


def test_only_the_tiles_that_touch_the_box_are_processed() -> None:
    done: list[int] = []
    told: list[float] = []

    def counted(tiles: torch.Tensor) -> torch.Tensor:
        done.append(len(tiles))
        return tiles

    process_box(volume(60, 60, 60), Box((0, 0, 0), (2, 2, 2)), counted, plan=PLAN, progress=told.append)
    assert sum(done) <= 8
    assert told[-1] == 1.0


def test_a_box_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        process_box(
            volume(20, 20, 20), Box((0, 0, 0), (20, 20, 20)), lambda x: x, plan=PLAN, cancelled=lambda: True
        )


VOLUME = np.random.default_rng(0).normal(size=(8, 4, 4)).astype(np.float32)


def test_it_is_read_as_if_it_were_the_volume() -> None:
    view = CancellableView(VOLUME, lambda: False)
    assert measure(view) == measure(VOLUME)  # type: ignore[arg-type]
    np.testing.assert_array_equal(view[2:4, 1, :3], VOLUME[2:4, 1, :3])


def test_measuring_ends_when_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalize, "_SLAB_VOXELS", 16)
    questions: list[int] = []
    view = CancellableView(VOLUME, lambda: questions.append(1) or len(questions) > 3)
    with pytest.raises(Cancelled, match="was cancelled"):
        measure(view)  # type: ignore[arg-type]
    assert len(questions) == 4
