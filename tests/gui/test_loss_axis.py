"""Tests of the ticks of a logarithmic axis."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.gui.loss_axis import LossAxis, log_ticks


@pytest.mark.parametrize(
    ("ends", "most", "numbers"),
    [
        ((0.09, 2.1), 8, [0.1, 0.2, 0.5, 1, 2]),
        ((0.09, 2.1), 4, [0.1, 0.3, 1]),
        ((1e-6, 1), 7, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]),
        ((0.515, 0.61), 5, [0.52, 0.54, 0.56, 0.58, 0.6]),
    ],
)
def test_ticks_are_round_and_few(ends, most, numbers):
    ticks = log_ticks(*np.log10(ends), most=most)
    np.testing.assert_allclose(10 ** np.array(ticks), numbers)


@pytest.mark.parametrize("decades", [0.01, 0.5, 1, 3, 12, 40])
def test_never_more_ticks_than_there_is_room_for(decades):
    ticks = log_ticks(-1.3, -1.3 + decades, most=6)
    assert 1 <= len(ticks) <= 7
    assert all(-1.31 <= tick <= -1.3 + decades + 0.01 for tick in ticks)


def test_the_axis_writes_numbers(qapp):
    axis = LossAxis()
    axis.setLogMode(x=False, y=True)
    (_, ticks), *_ = axis.tickValues(-1.0, 0.4, 200)
    assert axis.logTickStrings(ticks, 1, None) == ["0.1", "0.2", "0.5", "1", "2"]
    assert not axis.autoSIPrefix
