"""Applying a function to tiles in batches as large as the memory allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_cryorestore.hardware import is_out_of_memory, release_memory

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.tile_plan import TileFunction


class Worker:
    """Applies a function in batches that halve when memory runs out; `batch` is what has fitted so far."""

    def __init__(self, function: TileFunction, batch: int) -> None:
        self.function = function
        self.batch = batch

    def __call__(self, tiles: Tensor) -> Tensor:
        """Return the function's tiles (b, 1, z, y, x), float32 on the CPU."""
        pieces: list[Tensor] = []
        done = 0
        while done < len(tiles):
            piece = tiles[done : done + self.batch]
            result = self._attempt(piece)
            if result is None:
                self.batch = len(piece) // 2
                release_memory()
                continue
            if result.shape != piece.shape:
                raise ValueError(
                    f"The function must return tiles of the shape {tuple(piece.shape)} it is given, "
                    f"but returned {tuple(result.shape)}."
                )
            pieces.append(result)
            done += len(piece)
        return torch.cat(pieces)

    def _attempt(self, piece: Tensor) -> Tensor | None:
        """Return None when memory ran out; the failed attempt's tensors are released with this frame."""
        try:
            return self.function(piece).detach().float().cpu()
        except (RuntimeError, MemoryError) as error:
            if len(piece) == 1 or not is_out_of_memory(error):
                raise
            return None


__all__ = ["Worker"]
