"""Tests of reading a volume until nobody wants it any more."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.data.asking import AskingView
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.physics import normalize
from napari_cryorestore.physics.normalize import measure

VOLUME = np.random.default_rng(0).normal(size=(8, 4, 4)).astype(np.float32)


def test_it_is_read_as_if_it_were_the_volume() -> None:
    view = AskingView(VOLUME, lambda: False)
    assert measure(view) == measure(VOLUME)  # type: ignore[arg-type]
    np.testing.assert_array_equal(view[2:4, 1, :3], VOLUME[2:4, 1, :3])


def test_measuring_ends_when_it_is_not_wanted_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalize, "_SLAB_VOXELS", 16)
    questions: list[int] = []
    view = AskingView(VOLUME, lambda: questions.append(1) or len(questions) > 3)
    with pytest.raises(Cancelled, match="was cancelled"):
        measure(view)  # type: ignore[arg-type]
    assert len(questions) == 4
