"""What a comparison consists of: the one truth that is shown, saved to TOML and opened again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import ValidationError, field_validator, model_validator

from napari_cryorestore.config import Config, sentence, setting
from napari_cryorestore.recording import Recording, with_recording
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.safe_reading import read_regular
from napari_cryorestore.whole_file import require_new, write_text

if TYPE_CHECKING:
    from collections.abc import Callable

Column = Literal["XY", "XZ", "YZ", "|F|xy", "|F|xz", "|F|yz"]
Kind = Literal["file", "layer", "run", "live", "method", "mean", "result"]
Position = tuple[float, float, float]

COLUMNS: tuple[Column, ...] = ("XY", "XZ", "YZ", "|F|xy", "|F|xz", "|F|yz")
"""Sections in real space, then slices of the Fourier magnitude."""
RESTORED: tuple[Kind, ...] = ("run", "method")
"""Kinds of rows of which only the region around the crosshair is made."""
MOST_ROWS = 8
FORMAT: Literal[1] = 1


class RowConfig(Config):
    """One row: which volume it shows, and under what name."""

    name: str = setting(help="What stands beside the row.", min_length=1)
    kind: Kind = setting(
        "file",
        "A file, a layer, a run at a step, the newest preview of a run, what is made of two halves "
        "(restored by a method that needs no training, or averaged), or the result of another program.",
    )
    method: str | None = setting(None, "The method that needs no training.")
    program: str | None = setting(
        None, "The program that made a result; what its header and its name say if not given."
    )
    path: Path | None = setting(None, "The file, or the folder of the run; of a layer the file it came from.")
    even: Path | None = setting(
        None, "Half map 1, where the row is made from two halves, or a result is compared with them."
    )
    odd: Path | None = setting(None, "Half map 2, likewise.")
    layer: str | None = setting(None, "The layer's name.")
    step: int | None = setting(
        None, "The step of the run; the one that its held-out numbers suggest if not given.", ge=0
    )
    recording: Recording = Recording()
    hidden: bool = setting(False, "Whether the row is left out of the picture.")
    limits: tuple[float, float] | None = setting(None, "Black and white, where contrast is set by hand.")

    @model_validator(mode="before")
    @classmethod
    def _of_older_comparisons(cls, values: Any) -> Any:
        """Read rows of older comparisons, whose kind is the name of a method and which have no recording."""
        values = with_recording(values)
        kind = values.get("kind") if isinstance(values, dict) else None
        if not isinstance(kind, str) or kind in get_args(Kind) or values.get("even") is None:
            return values
        return {**values, "kind": "method", "method": kind}

    @model_validator(mode="after")
    def _names_its_volume(self) -> RowConfig:
        if self.kind in ("file", "run", "live", "result") and self.path is None:
            thing = "the folder of a run" if self.kind in ("run", "live") else "a file"
            raise ValueError(f"the row {self.name!r} needs the path of {thing}")
        if self.kind == "layer" and self.layer is None:
            raise ValueError(f"the row {self.name!r} needs the name of a layer")
        if self.kind == "mean" and (self.even is None or self.odd is None):
            raise ValueError(f"the row {self.name!r} needs both half maps")
        if self.kind == "method" and (self.method is None or self.even is None):
            raise ValueError(f"the row {self.name!r} needs the name of a method, and a map")
        if self.limits is not None and self.limits[0] >= self.limits[1]:
            raise ValueError(f"black must lie below white in the row {self.name!r}, not {self.limits}")
        return self


class FourierConfig(Config):
    """How the Fourier magnitudes are shown."""

    window: bool = setting(True, "Fade the volume out towards its borders, which removes the axis cross.")
    flat_field: bool = setting(
        False,
        "Divide by the mean at each distance from the centre, so that frequencies are equally bright.",
    )
    decades: float = setting(
        3.0, "How far black lies below the brightest; half as far with a flat field.",
        unit="decades", gt=0, le=12,
    )  # fmt: skip
    rings: bool = setting(True, "Draw circles labelled with their resolution in Å.")
    wedge: bool = setting(True, "Draw the borders of the missing wedge, where the tilt range is known.")
    zoom: float | None = setting(None, "Highest frequency that is shown; all if not given.", unit="1/Å", gt=0)
    offset: Position = setting(
        (0.0, 0.0, 0.0), "Where the slices cut kz, ky and kx; 0 is through the centre.", unit="1/Å"
    )


class ComparisonConfig(Config):
    """Everything that decides how a comparison looks."""

    format: Literal[1] = FORMAT
    rows: tuple[RowConfig, ...] = setting((), "The volumes, from top to bottom.", max_length=MOST_ROWS)
    columns: tuple[Column, ...] = setting(
        COLUMNS, "The pictures of a row, from left to right; Fxz stands for |F|xz.", min_length=1
    )
    cursor: Position | None = setting(
        None, "Where the sections cut: z, y, x; the middle if not given.", unit="Å"
    )
    slab: int = setting(0, "Planes averaged on either side of the section.", unit="planes", ge=0, le=64)
    region: int = setting(
        128, "Edge of what is restored around the crosshair for a run at a step.", unit="voxels", ge=16
    )
    contrast: Literal["row", "linked", "manual"] = setting(
        "row", "Black and white from each row's own values, from those of all rows, or set by hand."
    )
    percentiles: tuple[float, float] = setting(
        (0.5, 99.5), "Percentiles of the voxels at which black and white lie.", unit="%"
    )
    inverted: bool = setting(False, "Invert dark and bright.")
    colormap: str = setting("gray", "Colour map of the sections.")
    fourier_colormap: str = setting("magma", "Colour map of the Fourier magnitudes.")
    zoom: float | None = setting(
        None, "Width of the part of the sections that is shown; all of it if not given.", unit="Å", gt=0
    )
    centre: Position | None = setting(
        None, "Centre of the part that is shown: z, y, x; the crosshair if not given.", unit="Å"
    )
    fourier: FourierConfig = FourierConfig()
    tilt_range: tuple[float, float] | None = setting(
        None, "Lowest and highest tilt, for the wedge that is drawn; each row's own if not given.", unit="°"
    )
    tilt_axis: Literal["y", "x"] = setting("y", "Axis about which the specimen was tilted.")

    @field_validator("columns", mode="before")
    @classmethod
    def _without_bars(cls, value: Any) -> Any:
        """Let Fxz stand for |F|xz, whose bars mean something else on a command line."""
        if isinstance(value, list | tuple):
            bare = [isinstance(item, str) and item.startswith("F") for item in value]
            return tuple(
                f"|F|{item[1:]}" if is_bare else item for item, is_bare in zip(value, bare, strict=True)
            )
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> ComparisonConfig:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"the percentiles must rise within 0 to 100, not {low:g} to {high:g}")
        if self.tilt_range is not None and not -90 <= self.tilt_range[0] < self.tilt_range[1] <= 90:
            raise ValueError(
                f"the tilt range {self.tilt_range[0]:g} to {self.tilt_range[1]:g}° must rise within ±90°: "
                "give the lowest tilt first"
            )
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"a column can be shown once only: {', '.join(self.columns)}")
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError(f"two rows have the same name: {', '.join(names)}")
        return self


_PATHS = ("path", "even", "odd")


def save_comparison(config: ComparisonConfig, path: Path | str) -> Path:
    """Write a comparison to a new file, which appears whole or not at all.

    Paths within the file's folder are written relative to it, so that the folder can be moved; others are
    written in full.

    Parameters
    ----------
    config : ComparisonConfig
        What to write.
    path : Path or str
        Ending in .toml; it must not exist yet.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the name ends otherwise.
    FileExistsError, FileNotFoundError
        If the file exists, or its folder does not.
    OSError
        If it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".toml":
        raise ValueError(f"{path.name} is not a name for a comparison: end it in .toml.")
    require_new(path)
    folder = path.resolve().parent
    rows = tuple(_with_paths(row, lambda item: _seen_from(folder, item)) for row in config.rows)
    write_text(path, config.model_copy(update={"rows": rows}).to_toml())
    return path


def open_comparison(path: Path | str) -> ComparisonConfig:
    """Read a comparison; the volumes that it names are not looked at yet.

    Parameters
    ----------
    path : Path or str
        A file written by `save_comparison`, or by hand.

    Returns
    -------
    ComparisonConfig
        With paths in full, and of every run the step that is shown.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no comparison, or one of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no comparison {path}: check the folder and the name.")
    try:
        config = ComparisonConfig.from_toml(read_regular(path).decode())
    except ValidationError as error:
        raise ValueError(
            f"{path.name} is not a comparison that this version can show: {sentence(error)}."
        ) from error
    except ValueError as error:  # no TOML, or no text at all
        raise ValueError(f"{path.name} is not a comparison: {error}.") from error
    folder = path.resolve().parent
    rows = tuple(_with_step(_with_paths(row, lambda item: folder / item)) for row in config.rows)
    return config.model_copy(update={"rows": rows})


def _with_paths(row: RowConfig, change: Callable[[Path], Path]) -> RowConfig:
    paths = {name: change(item) for name in _PATHS if (item := getattr(row, name)) is not None}
    return row.model_copy(update=paths)


def _with_step(row: RowConfig) -> RowConfig:
    """Choose the step of a run's row that has none, once, so that it is saved with the row."""
    if row.kind != "run" or row.step is not None or row.path is None:
        return row
    try:
        return row.model_copy(update={"step": step_of_run(RunDir(row.path)).step})
    except (OSError, ValueError):
        return row  # whoever opens the row says what is wrong


def _seen_from(folder: Path, path: Path) -> Path:
    path = path.resolve()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


__all__ = [
    "COLUMNS",
    "MOST_ROWS",
    "RESTORED",
    "Column",
    "ComparisonConfig",
    "FourierConfig",
    "Kind",
    "Position",
    "RowConfig",
    "open_comparison",
    "save_comparison",
]
