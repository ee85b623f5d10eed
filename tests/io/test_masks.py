"""A mask's voxels are inside above 0, however they are stored, and an empty mask is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.io.masks import Inside, inside_of
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (8, 10, 12)
PART = np.zeros(SHAPE, bool)
PART[:, :4, 3:] = True


def mask_file(folder: Path, values: np.ndarray[Any, Any], *, imod_flags: int | None = None) -> Path:
    """Write a mask; one of bytes with IMOD's stamp if flags are given."""
    folder.mkdir(exist_ok=True)
    path = folder / "mask.mrc"
    write_volume(path, values.astype(np.float32), voxel_size=10, label="mask")
    if values.dtype.itemsize > 1:
        return path
    header = bytearray(path.read_bytes()[:1024])
    header[12:16] = bytes(4)
    if imod_flags is not None:
        header[152:160] = np.array([1146047817, imod_flags], "<i4").tobytes()
    path.write_bytes(bytes(header) + values.tobytes())
    return path


@pytest.mark.parametrize(
    "values",
    [
        PART.astype(np.int8),
        PART.astype(np.float32) * 0.01,
        np.where(PART, 7, -1).astype(np.float32),
    ],
)
def test_inside_is_above_zero(tmp_path: Path, values: np.ndarray[Any, Any]) -> None:
    inside, assumed = inside_of(open_volume(mask_file(tmp_path, values)), shape=SHAPE)
    np.testing.assert_array_equal(inside[:], values > 0)
    np.testing.assert_array_equal(inside[2:5, 3, :6], (values > 0)[2:5, 3, :6])
    assert (inside.shape, inside.ndim, inside.size, inside.dtype) == (SHAPE, 3, 960, bool)
    assert assumed == ()


@pytest.mark.parametrize("top", [1, 200, 255])
def test_signed_bytes_of_imod_begin_at_minus_128(tmp_path: Path, top: int) -> None:
    stored = (PART.astype(np.int16) * top - 128).astype(np.int8)
    inside, (note,) = inside_of(open_volume(mask_file(tmp_path, stored, imod_flags=1)), shape=SHAPE)
    np.testing.assert_array_equal(inside[:], PART)
    assert note.severity == "note"
    assert "−128" in note.sentence


@pytest.mark.parametrize("imod_flags", [None, 0])
def test_unsigned_bytes_reach_255(tmp_path: Path, imod_flags: int | None) -> None:
    stored = PART.astype(np.uint8) * 255
    inside, _ = inside_of(open_volume(mask_file(tmp_path, stored, imod_flags=imod_flags)), shape=SHAPE)
    np.testing.assert_array_equal(inside[:], PART)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (PART * np.float32(0), "every voxel is 0"),
        (PART * np.float32(-1), "its values go from −1 to 0"),
        (np.full(SHAPE, -128, np.int8), "every voxel is −128"),
    ],
)
def test_an_empty_mask_is_refused_with_its_values(
    tmp_path: Path, tiny_pair: tuple[Path, Path], values: np.ndarray[Any, Any], words: str
) -> None:
    path = mask_file(tmp_path / "small", values)
    with pytest.raises(ValueError, match=f"The mask mask.mrc is empty: {words}, but inside"):
        inside_of(open_volume(path), shape=SHAPE)
    whole = np.broadcast_to(values[:1, :1, :1], (32, 32, 32))
    with pytest.raises(ValueError, match="is empty"):
        open_tomogram(tiny_pair[0], mask=mask_file(tmp_path, np.ascontiguousarray(whole)))


def test_a_tomogram_takes_its_mask_by_the_rule(tmp_path: Path, tiny_pair: tuple[Path, Path]) -> None:
    values = np.full((32, 32, 32), -1, np.float32)
    values[:5] = 2
    tomogram = open_tomogram(tiny_pair[0], mask=mask_file(tmp_path, values))
    assert isinstance(tomogram.mask, Inside)
    assert tomogram.mask[:5].all()
    assert not tomogram.mask[5:].any()


def test_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose the mask made for this tomogram"):
        inside_of(open_volume(mask_file(tmp_path, PART.astype(np.float32))), shape=(8, 10, 13))
