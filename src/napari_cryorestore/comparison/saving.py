"""Saving a comparison as a small TOML file, and opening it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_cryorestore.comparison.config import ComparisonConfig, RowConfig
from napari_cryorestore.config import sentence
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.safe_reading import read_regular
from napari_cryorestore.whole_file import require_new, write_text

if TYPE_CHECKING:
    from collections.abc import Callable

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
        raise ValueError(f"{path.name} is no name for a comparison: let it end in .toml.")
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
            f"{path.name} is no comparison that this version can show: {sentence(error)}."
        ) from error
    except ValueError as error:  # no TOML, or no text at all
        raise ValueError(f"{path.name} is no comparison: {error}.") from error
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


__all__ = ["open_comparison", "save_comparison"]
