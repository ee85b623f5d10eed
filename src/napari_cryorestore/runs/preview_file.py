"""A preview on disk: a restored block (z, y, x) as float16."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cryorestore.plain_values import plain_array
from napari_cryorestore.regular_file import open_regular
from napari_cryorestore.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


def write_preview(path: Path, array: np.ndarray) -> None:
    """Write a block (z, y, x), clipped to what float16 can hold; the file appears whole or not at all."""
    limit = np.finfo(np.float16).max
    stored = np.clip(np.asarray(array), -limit, limit).astype(np.float16)
    with whole_file(path) as aside, aside.open("wb") as file:
        np.save(file, stored)


def read_preview(path: Path) -> np.ndarray:
    """Return the block (z, y, x).

    Raises
    ------
    FileNotFoundError
        If it was never written, or was thinned out.
    ValueError
        If the file is damaged.
    """
    try:
        with open_regular(path) as file:
            array: np.ndarray = plain_array(file)
        if array.ndim != 3 or array.dtype.kind != "f" or not array.size:
            raise ValueError(f"it holds {array.dtype} of shape {array.shape}")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The preview {path.name} is not there: it was thinned out or not made yet."
        ) from None
    except (ValueError, IsADirectoryError) as error:
        raise ValueError(f"The preview {path.name} is damaged and cannot be shown ({error}).") from error
    return array


__all__ = ["read_preview", "write_preview"]
