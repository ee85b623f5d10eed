"""``cryorestore compare``: draws several volumes, runs or a saved comparison as a figure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.compared_rows import RESULTS_HELP, ROW_HELP, open_rows, typed_rows, with_labels
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE
from napari_cryorestore.cli.parser import given, typed_number
from napari_cryorestore.config import Config, setting, settings_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.comparison.comparison_config import ComparisonConfig, Position, RowConfig
    from napari_cryorestore.comparison.sources import Sources
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.recording import Recording

_NOT_TYPED = ("format", "rows", "cursor", "centre", "tilt_range")


class CompareOptions(Config):
    """What is requested beside the looks."""

    output: Path | None = setting(
        None, "The figure to make, ending in .png, .pdf or .svg; compared.png if not given."
    )
    save: Path | None = setting(None, "Save the comparison too, as a .toml that can be opened again.")
    even: Path | None = setting(
        None, "Half map 1 of the rows that are made of halves; a run's own if not given."
    )
    odd: Path | None = setting(None, "Half map 2.")
    arrows: Path | None = setting(
        None, "Places that arrows point at: .csv or .star, in voxels of the first volume."
    )
    voxel_size: float | None = setting(None, "Edge of a voxel; from the files if not given.", unit="Å", gt=0)
    dpi: int = setting(150, "Resolution of the pictures.", unit="dots per inch", ge=20, le=1200)
    device: str = setting("auto", "What restores runs: auto, cpu, mps, cuda or cuda:1.")


def add_compare_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    from napari_cryorestore.comparison.comparison_config import ComparisonConfig

    del arguments
    parser.usage = "cryorestore compare ROW … [--labels NAME …] [--at Z Y X] [--output FIGURE] [OPTION …]"
    parser.add_argument(
        "rows", nargs="+", metavar="ROW",
        help=f"{ROW_HELP}; or one saved comparison (.toml).",
    )  # fmt: skip
    parser.add_argument("--results", nargs="+", default=[], metavar="FILE", help=RESULTS_HELP)
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="NAME", help="Names of the rows, in order."
    )
    parser.add_argument(
        "--at", nargs="+", metavar="Z Y X",
        help="Where the sections cut, in voxels of the first volume; its middle if not given.",
    )  # fmt: skip
    parser.add_settings("comparison", settings_of(CompareOptions), under="comparison")
    looks = [item for item in settings_of(ComparisonConfig) if item.path[0] not in _NOT_TYPED]
    group = parser.add_settings("looks", looks, under="looks")
    group.add_argument(
        "--tilt-range", nargs=2, type=typed_number, metavar=("LOW", "HIGH"),
        help="Draw the wedge of these tilts; from files beside each row or its spectrum if not given (°).",
    )  # fmt: skip
    group.add_argument(
        "--detect-wedge", action="store_true", help="Draw the wedge found in each raw volume too, dotted."
    )


def run_compare(options: Namespace) -> int:
    """Open the rows, draw, and print the figure's file."""
    from napari_cryorestore.comparison.comparison_config import save_comparison
    from napari_cryorestore.comparison.figure import check_figure, comparison_figure, save_figure
    from napari_cryorestore.comparison.sources import Sources
    from napari_cryorestore.compute_config import DeviceConfig
    from napari_cryorestore.whole_file import unique_path

    settings = CompareOptions.model_validate(given(options, "comparison"))
    output = check_figure(settings.output or unique_path(Path("compared.png")))
    config, screen = requested_comparison(options, settings), LiveText(sys.stderr)
    sources = Sources(DeviceConfig(device=settings.device))
    shown = [row for row in config.rows if not row.hidden]
    config = config.model_copy(update={"cursor": _cursor(options, config, sources, shown)})
    volumes = open_rows(shown, sources, screen, cursor=config.cursor, region=config.region)
    figure = comparison_figure(
        volumes,
        config,
        arrows=_arrows(settings, volumes[0]),
        detected=_detected(volumes) if options.detect_wedge else (),
        warn=lambda sentence: screen.say(f"warning: {sentence}"),
    )
    print(save_figure(output, figure, dots_per_inch=settings.dpi))
    if settings.save is not None:
        print(save_comparison(config, settings.save))
    return DONE


def requested_comparison(options: Namespace, settings: CompareOptions) -> ComparisonConfig:
    """Return what the options say, over the saved comparison if there is one.

    Raises
    ------
    ValueError, FileNotFoundError
        If a row is none, or the options do not fit together.
    """
    from napari_cryorestore.comparison.comparison_config import ComparisonConfig, open_comparison
    from napari_cryorestore.presets import merged

    saved = [item for item in options.rows if Path(item).suffix.lower() == ".toml"]
    if saved and len(options.rows) + len(options.results) > 1:
        raise ValueError(f"{saved[0]} is a saved comparison: name it alone, or the rows one by one")
    base: dict[str, Any] = open_comparison(saved[0]).model_dump() if saved else {}
    typed = given(options, "looks")
    rows = base["rows"] if saved else _rows(options, settings, typed.get("tilt_axis", "auto"))
    if options.tilt_range is not None:
        typed["tilt_range"] = tuple(options.tilt_range)
    return ComparisonConfig.model_validate({**merged(base, typed), "rows": with_labels(rows, options.labels)})


def _rows(options: Namespace, settings: CompareOptions, tilt_axis: str) -> list[dict[str, Any]]:
    known = {"recording": {"voxel_size": settings.voxel_size, "tilt_axis": tilt_axis}}
    halves, say = (settings.even, settings.odd), LiveText(sys.stderr).say
    flags, results = "--even and --odd", options.results
    return typed_rows(options.rows, halves, flags=flags, say=say, results=results, **known)


def _cursor(
    options: Namespace, config: ComparisonConfig, sources: Sources, rows: Sequence[RowConfig]
) -> Position | None:
    """Return where the sections cut, in Å."""
    if not rows:
        raise ValueError("every row of the comparison is hidden: there is nothing to draw")
    if options.at is None:
        return config.cursor
    text = " ".join(options.at)
    try:
        z, y, x = (float(item) for item in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(f"--at needs three numbers, z y x, not {text!r}") from None
    voxel = sources.voxel_size_of(rows[0])
    return (z + 0.5) * voxel[0], (y + 0.5) * voxel[1], (x + 0.5) * voxel[2]


def _arrows(settings: CompareOptions, first: ComparedVolume) -> list[Position]:
    from napari_cryorestore.io.particle_list import read_picks

    if settings.arrows is None:
        return []
    extent = [high - low for low, high in first.extent]
    picks = read_picks(settings.arrows, voxel_size=first.voxel_size[0], extent=extent)
    return [(float(z), float(y), float(x)) for z, y, x in picks.positions]


def _detected(volumes: Sequence[ComparedVolume]) -> list[Recording | None]:
    """Return the tilts that the spectrum of each raw volume shows; nothing for restored or unclear ones."""
    from napari_cryorestore.comparison.spectra import clear_tilts
    from napari_cryorestore.physics.wedge_detection import detect_wedge

    return [clear_tilts(detect_wedge(volume.data)) if volume.raw else None for volume in volumes]


__all__ = ["CompareOptions", "add_compare_options", "requested_comparison", "run_compare"]
