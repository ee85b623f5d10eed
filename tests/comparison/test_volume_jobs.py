from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.result_cache import Watch
from napari_cryorestore.comparison.sources import FILTER_REGION
from napari_cryorestore.comparison.volume_jobs import VolumeJobs, memory_of, newest_preview
from napari_cryorestore.io.volume_output import write_volume


@dataclass
class FakeSources:
    opened: list[dict[str, Any]] = field(default_factory=list)

    def open_row(self, row, **more):
        self.opened.append({"row": row, **more})
        return "volume"


def step(number: int, tmp_path) -> RowConfig:
    return RowConfig(name=f"ICECREAM @ {number}", kind="run", path=tmp_path, step=number)


def test_a_job_is_the_same_while_the_same_volume_will_do(tmp_path) -> None:
    jobs = VolumeJobs(FakeSources())
    row = step(600, tmp_path)
    assert jobs.job(row, region=64).key == jobs.job(row.model_copy(update={"name": "x"}), region=64).key
    assert jobs.job(row, region=64).key != jobs.job(step(500, tmp_path), region=64).key
    assert jobs.job(row, region=64).key != jobs.job(row, region=32).key


def test_a_region_is_made_around_the_crosshair(tmp_path) -> None:
    sources = FakeSources()
    jobs = VolumeJobs(sources)
    assert jobs.look_at((1.0, 2.0, 3.0), [])
    assert jobs.job(step(600, tmp_path), region=64).compute(Watch(lambda: True)) == "volume"
    assert sources.opened[0]["cursor"] == (1.0, 2.0, 3.0)
    assert sources.opened[0]["region"] == 64
    jobs.job(
        RowConfig(name="w", kind="method", method="wiener", even=tmp_path, odd=tmp_path), region=64
    ).compute(Watch(lambda: True))
    assert sources.opened[1]["region"] == FILTER_REGION


def test_regions_stay_while_the_crosshair_is_well_within(volume) -> None:
    jobs, region = VolumeJobs(FakeSources()), volume(shape=(16, 16, 16))
    middle = (80.0, 80.0, 80.0)
    jobs.look_at(middle, [])
    assert not jobs.look_at((80.0, 110.0, 80.0), [(region, 16)])
    assert jobs.look_at((80.0, 125.0, 80.0), [(region, 16)])
    assert not jobs.look_at(None, [(region, 16)])


def test_a_side_that_shows_all_of_a_tomogram_asks_for_nothing_more(volume) -> None:
    jobs, region = VolumeJobs(FakeSources()), volume(shape=(8, 16, 16))
    jobs.look_at((40.0, 80.0, 80.0), [])
    assert not jobs.look_at((79.0, 80.0, 80.0), [(region, 16)])


def test_a_tomogram_that_was_restored_whole_is_left_as_it_is(volume) -> None:
    jobs, whole = VolumeJobs(FakeSources()), volume(shape=(8, 16, 24))
    jobs.look_at((40.0, 80.0, 80.0), [])
    assert not jobs.look_at((40.0, 80.0, 230.0), [(whole, 16)])


def test_the_first_region_is_not_made_twice(volume) -> None:
    jobs, region = VolumeJobs(FakeSources()), volume(shape=(16, 16, 16))
    assert not jobs.look_at((80.0, 85.0, 80.0), [(region, 16)])  # made before there was a crosshair


def test_a_file_that_was_written_again_is_read_again(tmp_path) -> None:
    path = write_volume(tmp_path / "a.mrc", np.ones((4, 4, 4)), voxel_size=10, label="")
    jobs, row = VolumeJobs(FakeSources()), RowConfig(name="a", path=path)
    before = jobs.job(row, region=64).key
    import os

    os.utime(path, ns=(1, 1))
    assert jobs.job(row, region=64).key != before


def test_the_newest_preview_is_found(tmp_path) -> None:
    assert newest_preview(tmp_path) is None
    (tmp_path / "snapshots").mkdir()
    for name in ("step_00000100.npy", "step_00001000.npy", "input.npy", "step_x.npy"):
        (tmp_path / "snapshots" / name).touch()
    assert newest_preview(tmp_path) == 1000


def test_mapped_files_take_no_memory(volume, tmp_path) -> None:
    data = volume().data
    np.save(tmp_path / "a.npy", data)
    mapped = volume(data=np.load(tmp_path / "a.npy", mmap_mode="r"))
    assert memory_of(mapped) == 0
    assert memory_of(volume(halves=(data, data))) == 3 * data.nbytes
