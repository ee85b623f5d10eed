"""What restored the maps that a run learned from, where these are no raw ones: the first link of a chain."""

from __future__ import annotations

from pathlib import Path

from napari_cryorestore.config import Config, setting
from napari_cryorestore.runs.run_dir import INPUTS_FOLDER, RunDir

FIRST_WEIGHTS = f"{INPUTS_FOLDER}/restored_by.safetensors"
"""Where a run keeps the weights that restored its maps, within its folder."""
_FOLDERS_UP = 2  # from the folder of a checkpoint to that of its run


class RestoredBy(Config):
    """By what the tomograms' halves were restored, each by itself, before a run learned from them.

    The run's tomograms stay the raw ones: held-out numbers are measured on them, and what restores with this
    run begins with them.
    """

    maps: tuple[tuple[Path, ...], ...] = setting(
        (), "The restored maps of every tomogram, which are learned from; within the run folder."
    )
    model: str = setting(help="What restored them: method and step.")
    run: Path | None = setting(None, "The run or checkpoint that the weights were copied from.")
    weights: Path | None = setting(None, "The copy of these weights, within the run folder.")
    method: str | None = setting(None, "A method that needs no training, instead of weights.")
    gain: float = setting(
        1.0, "By what the output of the first network, in standard deviations, is multiplied for the second."
    )
    offset: float = setting(0.0, "And what is added to it.")

    def within(self, run: Path) -> RestoredBy:
        """Return it with the paths of a run folder, wherever that lies by now."""
        weights = None if self.weights is None else run / self.weights
        return self.model_copy(
            update={
                "weights": weights,
                "maps": tuple(tuple(run / path for path in maps) for maps in self.maps),
            }
        )

    def label(self) -> RestoredBy:
        """Return it as it goes with a checkpoint, whose run folder has the weights."""
        weights = None if self.weights is None else Path(FIRST_WEIGHTS)
        return self.model_copy(update={"maps": (), "weights": weights})

    def beside(self, checkpoint: Path) -> Path | None:
        """Return the weights that belong to a checkpoint's, by its file; ``None`` where there are none.

        Raises
        ------
        FileNotFoundError
            If the checkpoint no longer lies in its run folder.
        """
        if self.weights is None:
            return None
        folder = checkpoint.absolute().parent
        file = folder.parents[_FOLDERS_UP - 1] / self.weights
        if not file.is_file():
            raise FileNotFoundError(
                f"{checkpoint} learned from what {self.model} had restored, whose weights are not at {file}: "
                "use it where it lies in its run folder, which keeps them."
            )
        return file


def first_link(run: RunDir) -> str:
    """Return by what, in words, the maps that a run learned from were restored; empty where they were raw."""
    words = run.recipe().table("restored_by").get("model")
    return words if isinstance(words, str) else ""


__all__ = ["FIRST_WEIGHTS", "RestoredBy", "first_link"]
