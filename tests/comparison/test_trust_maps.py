from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cryorestore.comparison import trust_maps
from napari_cryorestore.comparison.measuring import agreement_numbers
from napari_cryorestore.comparison.result_cache import Watch
from napari_cryorestore.comparison.trust_maps import (
    agreement_job,
    bands_of,
    covered_shape,
    disagreement_job,
    has_moved_off,
    parts_job,
)
from napari_cryorestore.recording import Recording

from .conftest import noise

TILTS = Recording(tilt_range=(-60.0, 60.0))


def made(job):
    return job.compute(Watch(lambda: True))


def test_the_two_parts_add_up_to_the_row(volume) -> None:
    row = volume(shape=(16, 16, 16))
    maps = made(parts_job(row, TILTS, None))
    assert maps.by_name["measured"] + maps.by_name["supplied"] == pytest.approx(row.data, abs=1e-5)
    assert 0 <= maps.by_name["share"].min() <= maps.by_name["share"].max() <= 1
    spectrum = np.abs(np.fft.fftn(maps.by_name["measured"]))
    assert spectrum[4, 3, 0] == pytest.approx(0, abs=1e-3)  # kz alone: nothing was measured there


def test_maps_need_what_they_are_made_of(volume) -> None:
    row = volume("Wiener")
    with pytest.raises(ValueError, match="The tilt range of Wiener is not known"):
        parts_job(row, None, None)
    with pytest.raises(ValueError, match="was not made from two halves"):
        disagreement_job(row, None)
    with pytest.raises(ValueError, match="was not made from two halves"):
        agreement_job(row, None, TILTS, None)
    halves = volume("Wiener", halves=(row.data, row.data))
    with pytest.raises(ValueError, match="add their mean"):
        agreement_job(halves, None, TILTS, None)


def test_halves_that_are_alike_do_not_disagree(volume) -> None:
    data = volume().data
    maps = made(disagreement_job(volume("r", halves=(data, data)), None))
    assert maps.by_name["disagreement"].max() == pytest.approx(0, abs=1e-6)


def test_agreement_is_high_where_the_data_have_the_same(volume) -> None:
    shape = (24, 24, 24)
    signal = noise(shape, 1)
    signal[:, :, 12:] = 0
    raw = tuple(signal + 0.2 * noise(shape, seed) for seed in (2, 3))
    row = volume("r", data=signal, halves=(signal, signal))
    held = volume("m", data=(raw[0] + raw[1]) / 2, halves=raw)
    found = made(agreement_job(row, held, None, None)).by_name["agreement"]
    assert found[:, :, 2:8].mean() > 0.8
    assert abs(found[:, :, 18:]).mean() < 0.3


def test_the_bands_are_those_of_the_table(volume) -> None:
    row = volume("r", shape=(16, 16, 16))
    row = volume("r", shape=(16, 16, 16), halves=(row.data, noise((16, 16, 16), 5)))
    table = [number.region for number in agreement_numbers(row, row.halves)]
    assert [str(band) for band in bands_of(row)] == table


def test_agreement_in_a_band_hears_nothing_of_other_bands(volume) -> None:
    """Halves that share what is coarse and differ in what is fine agree in the coarse band alone."""
    shape = (32, 32, 32)
    coarse = np.broadcast_to(np.sin(np.arange(32) * 2 * np.pi / 16), shape).astype(np.float32)
    fine = [np.broadcast_to((-1.0) ** np.arange(32), shape).astype(np.float32) * sign for sign in (1, -1)]
    halves = tuple(coarse + part for part in fine)
    row, raw = volume("r", data=coarse, halves=halves), volume("m", data=coarse, halves=halves)
    bands = bands_of(row)
    jobs = [agreement_job(row, raw, None, None, band=band) for band in (None, bands[1], bands[-1])]
    overall, agreeing, opposed = (made(job).by_name["agreement"].mean() for job in jobs)
    assert agreeing > 0.9
    assert opposed < -0.9
    assert -0.5 < overall < 0.5
    assert len({job.key for job in jobs}) == 3


def test_maps_of_large_rows_cover_a_block_that_moves_only_with_the_crosshair(
    volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust_maps, "MOST_EDGE", 16)
    row = volume("r", shape=(16, 48, 48))
    voxel = row.voxel_size[0]
    assert covered_shape(row) == (16, 16, 16)
    block = disagreement_job_block(row, (8 * voxel, 24 * voxel, 24 * voxel))
    assert block.shape == (16, 16, 16)
    assert not has_moved_off(row, block, (8 * voxel, 26 * voxel, 22 * voxel))
    assert not has_moved_off(row, block, (1 * voxel, 24 * voxel, 24 * voxel))  # it is that thick
    assert has_moved_off(row, block, (8 * voxel, 31 * voxel, 24 * voxel))
    narrow = volume("n", shape=(16, 16, 19))
    left = disagreement_job_block(narrow, (8 * voxel, 8 * voxel, 0.0))
    assert not has_moved_off(narrow, left, (8 * voxel, 8 * voxel, 15 * voxel))
    assert has_moved_off(narrow, left, (8 * voxel, 8 * voxel, 17.5 * voxel))
    corner = disagreement_job_block(row, (8 * voxel, 0.0, 0.0))
    assert not has_moved_off(row, corner, (8 * voxel, 6 * voxel, 0.0))


def disagreement_job_block(row, cursor):
    return made(disagreement_job(replace(row, halves=(row.data, row.data)), cursor)).block
