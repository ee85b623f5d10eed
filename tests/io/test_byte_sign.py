"""The sign of bytes is told by what they would look like with the wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.io.byte_sign import read_bytes, told_by_histogram

RNG = np.random.default_rng(0)


def histogram(values: np.ndarray) -> np.ndarray:
    return np.bincount(np.round(values).astype(np.int64).ravel() % 256, minlength=256)


def bell(mean: float, spread: float) -> np.ndarray:
    return RNG.normal(mean, spread, 200_000)


@pytest.mark.parametrize("spread", [3, 10, 25, 45])
def test_values_that_run_on_across_the_cut(spread: float) -> None:
    assert told_by_histogram(histogram(bell(128, spread).clip(0, 255))) == "unsigned"
    assert told_by_histogram(histogram(bell(0, spread).clip(-128, 127))) == "signed"


def test_clipped_values_and_blank_borders() -> None:
    wide = bell(128, 90).clip(0, 255)
    assert told_by_histogram(histogram(wide)) == "unsigned"
    assert told_by_histogram(histogram(wide - 128)) == "signed"
    blank = np.concatenate([bell(140, 20).clip(0, 255), np.zeros(100_000)])
    assert told_by_histogram(histogram(blank)) == "unsigned"


@pytest.mark.parametrize(
    ("values", "sign"),
    [
        ([0, 255], "unsigned"),  # a mask
        ([-128, 127], "signed"),
        ([0, 1], None),
        ([-100, 100], None),
        ([-1, 0, 1], None),
    ],
)
def test_masks_and_labels(values: list[int], sign: str | None) -> None:
    assert told_by_histogram(histogram(RNG.choice(values, 10_000))) == sign


def test_values_on_one_side_tell_nothing() -> None:
    assert told_by_histogram(histogram(bell(200, 5))) is None
    assert told_by_histogram(histogram(bell(-200, 0.3).round())) is None


def test_large_volumes_are_read_in_a_dozen_planes() -> None:
    class Counted(np.ndarray):
        read = 0

        def ravel(self, *args: object) -> np.ndarray:  # type: ignore[override]
            Counted.read += self.size
            return np.asarray(self).ravel()

    stored = np.broadcast_to(np.uint8(130).view(np.int8), (400, 600, 600)).view(Counted)
    _, (told,) = read_bytes(stored, name="a.mrc")
    assert told.severity == "warning"
    assert 0 < Counted.read <= 12 * 512 * 512


def test_bytes_up_to_127_need_no_sign() -> None:
    stored = RNG.integers(0, 128, (4, 5, 6), dtype=np.int8)
    same, findings = read_bytes(stored, name="a.mrc")
    assert same is stored
    assert findings == ()
