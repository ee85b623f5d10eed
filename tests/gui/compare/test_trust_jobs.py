from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.compare.spectrum_jobs import Tilts
from napari_cryorestore.gui.compare.store import Watch
from napari_cryorestore.gui.compare.trust_jobs import agreement_job, disagreement_job, parts_job

from .conftest import noise

TILTS = Tilts(-60.0, 60.0)


def made(job):
    return job.compute(Watch(lambda: True))


def test_the_two_parts_add_up_to_the_row(volume) -> None:
    row = volume(shape=(16, 16, 16))
    maps = made(parts_job(row, TILTS, None))
    assert maps.by_name["seen"] + maps.by_name["supplied"] == pytest.approx(row.data, abs=1e-5)
    assert 0 <= maps.by_name["share"].min() <= maps.by_name["share"].max() <= 1
    spectrum = np.abs(np.fft.fftn(maps.by_name["seen"]))
    assert spectrum[4, 3, 0] == pytest.approx(0, abs=1e-3)  # kz alone: nothing was seen there


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
