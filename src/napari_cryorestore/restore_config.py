"""All that decides a restoration: by what model, of which tomogram, where, and into which file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator, model_validator

from napari_cryorestore.compute_config import DeviceConfig, ResultConfig, TilingConfig
from napari_cryorestore.config import Config, setting
from napari_cryorestore.methods import METHODS, untrained_methods
from napari_cryorestore.run_config import TomogramConfig


class ModelRef(Config):
    """What restores: trained weights, or a method that needs no training."""

    weights: Path | None = setting(None, "A run folder, a checkpoint's folder or a weights file.")
    step: int | Literal["suggested", "newest"] = setting(
        "suggested", "Which step of the run: suggested (by its held-out numbers), newest, or a number."
    )
    method: str | None = setting(None, "A method that needs no training, instead of weights.")

    @field_validator("step", mode="before")
    @classmethod
    def _number_or_word(cls, value: Any) -> Any:
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            return int(value)
        if isinstance(value, str) and value not in ("suggested", "newest"):
            raise ValueError(f"{value!r} names no step: write suggested, newest or a number")
        return value

    @field_validator("method")
    @classmethod
    def _needs_no_training(cls, value: str | None) -> str | None:
        if value is not None and value not in untrained_methods():
            why = (
                f"{METHODS[value].title} is trained" if value in METHODS else f"there is no method {value!r}"
            )
            raise ValueError(f"{why}; without training there are: {', '.join(untrained_methods())}")
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> ModelRef:
        if (self.weights is None) == (self.method is None):
            raise ValueError("give either weights to restore with, or a method that needs no training")
        return self


class RestoreConfig(ResultConfig):
    """How a tomogram is restored."""

    model: ModelRef
    method: dict[str, Any] = setting(
        {}, "Settings of the method, by name, that are to differ from those that it was trained with."
    )
    tomogram: TomogramConfig
    half: int | None = setting(
        None, "The half to restore by itself, 1 or 2, instead of the mean of both restored.", ge=1, le=2
    )
    tiling: TilingConfig = TilingConfig()
    hardware: DeviceConfig = DeviceConfig()
    output: Path = setting(help="The file to make.")


__all__ = ["ModelRef", "RestoreConfig"]
