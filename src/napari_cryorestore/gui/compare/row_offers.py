"""What can become a row: what is made of halves without training, steps and previews of runs, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cryorestore.comparison.comparison_config import MOST_ROWS, RowConfig
from napari_cryorestore.gui.layers import origin_of, paired_layers, path_of, volumes_in, voxel_size_of
from napari_cryorestore.gui.model_choice import (
    load_methods,
    loaded_methods,
    loaded_untrained_methods,
    loss_of,
    method_name_of,
    network_words_of,
)
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.chosen_step import step_of_run
from napari_cryorestore.runs.family import family_of
from napari_cryorestore.runs.restored_by import first_link
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari.layers import Layer


def rows_without_training(layers: Iterable[Layer]) -> list[RowConfig]:
    """Return what can be made without training of every pair of halves among some layers, and of single maps.

    Of a restored tomogram nothing is made.
    """
    layers, rows = list(layers), []
    pairs = paired_layers(layers)
    for even, odd in pairs:
        paths = path_of(even), path_of(odd)
        if paths[0] is not None and paths[1] is not None:
            rows += rows_of_maps(paths[0], paths[1], voxel_size=voxel_size_of(even))
    for layer in volumes_in(layers):
        path, origin = path_of(layer), origin_of(layer)
        is_restored = origin is not None and bool(origin.label)
        if path is not None and not is_restored and not any(layer in pair for pair in pairs):
            rows += rows_of_maps(path, voxel_size=voxel_size_of(layer))
    return rows


def rows_of_maps(even: Path, odd: Path | None = None, *, voxel_size: float | None = None) -> list[RowConfig]:
    """Return the mean of two halves, and what the methods loaded make of them that need no training.

    Of one map, only what is made of one.
    """
    name, count = tomogram_name(even), 1 if odd is None else 2
    maps = {"even": even, "odd": odd, "recording": Recording(voxel_size=voxel_size)}
    rows = [RowConfig(name=f"{name} · mean", kind="mean", **maps)] if odd is not None else []
    for kind, method in loaded_untrained_methods().items():
        if method.maps_to_restore <= count and not method(method.Config()).lacks():
            rows.append(RowConfig(name=f"{name} · {method.title}", kind="method", method=kind, **maps))
    return rows


def family_rows(run: Path, known: Iterable[Path]) -> tuple[list[RowConfig], list[Path]]:
    """Return the raw data, the Wiener filter, and the runs that can be compared fairly with a run.

    Parameters
    ----------
    run : Path
        A run folder.
    known : iterable of Path
        Runs that are open; those beside the run are looked for.

    Returns
    -------
    list of RowConfig
        As many as there can be: the run itself, and the newest others, each at its suggested step.
    list of Path
        Runs without a row: they have no weights yet, or are too many.
    """
    rows = _rows_of_run(run)
    family = family_of(run, known)
    usable = [member for member in family if RunDir(member).checkpoint_steps()]
    newest = [member for member in usable if member != run][::-1]
    chosen = {run, *newest[: MOST_ROWS - len(rows) - 1]}
    runs = [member for member in usable if member in chosen]
    rows += [step_row(member, step_of_run(RunDir(member)).step) for member in runs]
    return rows, [member for member in family if member not in runs]


def _rows_of_run(run: Path) -> list[RowConfig]:
    """Return what can be made, without training, of the first tomogram that a run learned from."""
    first = next(iter(RunDir(run).recipe().tomograms), None)
    if first is None:
        return []
    if first.odd is None:
        name = first.name or tomogram_name(first.even)
        return [RowConfig(name=name, kind="file", path=first.even, recording=first.recording)]
    load_methods()
    rows = [
        row.model_copy(update={"recording": first.recording}) for row in rows_of_maps(first.even, first.odd)
    ]
    return [row for row in rows if row.kind == "mean" or row.method == "wiener"]


def step_row(run: Path, step: int) -> RowConfig:
    """Return the row of a run at a step."""
    return RowConfig(name=step_name(run, step), kind="run", path=run, step=step)


def step_name(run: Path, step: int) -> str:
    """Return what a step of a run is called: ``ICECREAM @ 600``, ``Noise2Noise FSC, MS-D Net @ 600``.

    What restored the maps that it learned from comes first: ``Noise2Noise @ step 300 → IsoNet @ 600``.
    """
    kind = method_name_of(run)
    method = load_methods().get(kind)  # whoever shows a step restores with it, which takes PyTorch too
    loss = loss_of(run)
    usual = method.Config.model_fields["loss"].default if method and loss else ""
    title = method.title if method else kind or run.name
    title += f" {loss.upper()}" if loss != usual else ""
    first = first_link(RunDir(run))
    return f"{f'{first} → ' if first else ''}{title}{network_words_of(run)} @ {step}"


def refusals(row: RowConfig) -> dict[str, str]:
    """Return which actions of a heading make no sense for a row, and why."""
    if row.kind not in ("run", "live") or row.path is None:
        return {
            "opinion": "Only a run can have a second opinion: this row was not trained here.",
            "fill": "Only what a run restores can be filled: this row was not trained here.",
        }
    why = _cannot_be_filled(row, row.path)
    return {"fill": why} if why else {}


def _cannot_be_filled(row: RowConfig, run: Path) -> str:
    """Return why the wedge of what a run restores cannot be filled, in one sentence; empty if it can."""
    recipe, method = RunDir(run).recipe(), loaded_methods().get(method_name_of(run))
    first = next(iter(recipe.tomograms), None)
    if row.step is None:
        return "Add a step of this run first: a preview is only a part of the tomogram."
    if method is not None and method.fills_wedge:
        return f"{method.title} has filled the wedge already."
    if first_link(RunDir(run)):
        return "This run learned from restored maps already: a chain has two links."
    if first is None or first.recording.tilt_range is None:
        return "The tilt range is unknown: train with it first."
    return ""


def live_row(run: Path) -> RowConfig:
    """Return the row that shows the newest preview of a run."""
    return RowConfig(name=f"{run.name} · preview", kind="live", path=run)


def file_row(path: Path) -> RowConfig:
    """Return the row that shows a file."""
    return RowConfig(name=path.stem, kind="file", path=path)


def result_row(path: Path, raw: RowConfig | None) -> RowConfig:
    """Return the row that shows what another program made, beside the maps that a row is made of."""
    from napari_cryorestore.comparison.programs import program_of
    from napari_cryorestore.io.volumes import open_volume

    name = program_of(open_volume(path))[0] or path.stem
    if raw is None:
        return RowConfig(name=name, kind="result", path=path)
    return RowConfig(name=name, kind="result", path=path, even=raw.even, odd=raw.odd, recording=raw.recording)


__all__ = [
    "family_rows",
    "file_row",
    "live_row",
    "result_row",
    "rows_of_maps",
    "rows_without_training",
    "step_name",
    "step_row",
]
