"""``cryorestore evaluate``: measures restored volumes, side by side."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.compared_rows import RESULTS_HELP, ROW_HELP, open_rows, typed_rows, with_labels
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.outcome import DONE
from napari_cryorestore.cli.parser import given
from napari_cryorestore.config import Config, setting, settings_of
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.comparison.measurement_plan import MeasurementRequest, PickRequest
    from napari_cryorestore.comparison.measuring import Boxes
    from napari_cryorestore.comparison.number import Evaluation
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.io.particle_list import Picks

FILES = {
    "--even": "Restored halves 1; each makes a row with the one at the same place of --odd.",
    "--odd": "Restored halves 2.",
    "--picks": "Lists of particles (.star or .csv), each of which is measured.",
}


class EvaluateOptions(Config):
    """What is measured beside the volumes, and with what."""

    output: Path | None = setting(None, "The table to make, ending in .csv or .json.")
    reference: Path | None = setting(None, "A volume taken as the truth.")
    raw_even: Path | None = setting(
        None,
        "Raw half 1, with which restored halves 2 are compared; also of the rows that are made of halves.",
    )
    raw_odd: Path | None = setting(None, "Raw half 2, with which restored halves 1 are compared.")
    region: int = setting(
        256, "Edge of what is restored in the middle, for runs and the Wiener filter.", unit="voxels", ge=16
    )
    device: str = setting("auto", "What restores runs: auto, cpu, mps, cuda or cuda:1.")
    reference_picks: Path | None = setting(None, "The list of particles taken as the truth.")
    tolerance: float | None = setting(
        None,
        "How far a pick may lie from a particle of the reference; half its diameter is usual.",
        unit="Å",
        gt=0,
    )
    picks_voxel_size: float | None = setting(
        None,
        "Edge of the voxels in which lists of particles count; the first volume's if not given.",
        unit="Å",
        gt=0,
    )
    tomogram: str | None = setting(None, "Which tomogram is meant, where lists have particles of several.")
    signal: Path | None = setting(
        None, "Centres of boxes on structure (.csv, z, y, x in voxels); proposed if not given."
    )
    background: Path | None = setting(None, "Centres of boxes on background; proposed if not given.")
    box: float | None = setting(
        None, "Edge of the boxes; chosen to suit the volume if not given.", unit="Å", gt=0
    )
    bright: bool = setting(False, "Whether structure is brighter than its surroundings.")
    recording: Recording = Recording()


def add_evaluate_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    del arguments
    parser.usage = "cryorestore evaluate ROW … [--labels NAME …] [OPTION …]"
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{ROW_HELP}.")
    parser.add_argument("--results", nargs="+", default=[], metavar="FILE", help=RESULTS_HELP)
    parser.add_argument(
        "--labels", nargs="+", default=[], metavar="NAME", help="Names of the rows, in order."
    )
    for name, sentence in FILES.items():
        parser.add_argument(name, nargs="+", type=Path, default=[], metavar="FILE", help=sentence)
    own = [item for item in settings_of(EvaluateOptions) if item.path[0] != "recording"]
    parser.add_settings("evaluation", own, under="evaluation")
    parser.add_settings("recording", settings_of(Recording), under="evaluation.recording")


def run_evaluate(options: Namespace) -> int:
    """Measure, print the numbers with what they mean, and write the table."""
    from napari_cryorestore.comparison.measurement_plan import evaluate
    from napari_cryorestore.comparison.number import check_table, write_numbers

    settings = EvaluateOptions.model_validate(given(options, "evaluation"))
    if settings.output is not None:
        check_table(settings.output)
    screen = LiveText(sys.stderr)
    rows = rows_of(options, settings, screen)
    request, problems = request_of(options, settings, rows)
    try:
        found = evaluate(rows, request, progress=lambda share: screen.show(f"measuring · {share:.0%}"))
    finally:
        screen.end()
    for line in _lines(found):
        print(line)
    for problem in (*problems, *found.problems):
        print(f"warning: {problem}", file=sys.stderr)
    if settings.output is not None:
        print(write_numbers(settings.output, found))
    return DONE


def rows_of(options: Namespace, settings: EvaluateOptions, screen: LiveText) -> list[ComparedVolume]:
    """Open the volumes, then the pairs of restored halves.

    Raises
    ------
    ValueError, FileNotFoundError
        If there is none, a half has no partner, or a file is no volume.
    """
    if len(options.even) != len(options.odd):
        raise ValueError(
            f"--even names {len(options.even)} files and --odd {len(options.odd)}: give both halves of each"
        )
    if not options.rows and not options.even and not options.results:
        raise ValueError("no volume is given: name at least one, or two halves with --even and --odd")
    rows = _typed(options, settings, screen)
    rows += [_opened(settings, *pair) for pair in zip(options.even, options.odd, strict=True)]
    known = settings.recording.over(Recording(tilt_range=_tilt_range(settings, rows)))
    return _distinct([replace(row, recording=known.over(row.recording)) for row in rows])


def _typed(options: Namespace, settings: EvaluateOptions, screen: LiveText) -> list[ComparedVolume]:
    """Open the rows that were typed one by one."""
    from napari_cryorestore.comparison.comparison_config import RowConfig
    from napari_cryorestore.comparison.sources import Sources
    from napari_cryorestore.compute_config import DeviceConfig

    known = {"recording": settings.recording}
    halves = (settings.raw_even, settings.raw_odd)
    flags, results = "--raw-even and --raw-odd", options.results
    rows = typed_rows(options.rows, halves, flags=flags, say=screen.say, results=results, **known)
    configs = [RowConfig.model_validate(row) for row in with_labels(rows, options.labels)]
    return open_rows(
        configs, Sources(DeviceConfig(device=settings.device)), screen, cursor=None, region=settings.region
    )


def _opened(settings: EvaluateOptions, path: Path, odd: Path | None = None) -> ComparedVolume:
    """Open one file, or the mean of two halves."""
    from napari_cryorestore.comparison.comparison_config import RowConfig
    from napari_cryorestore.comparison.sources import open_row
    from napari_cryorestore.io.pairing import tomogram_name

    known: dict[str, Any] = {"recording": settings.recording}
    if odd is None:
        return open_row(RowConfig(name=path.stem, path=path, **known))
    return open_row(RowConfig(name=tomogram_name(path), kind="mean", even=path, odd=odd, **known))


def _tilt_range(settings: EvaluateOptions, rows: list[ComparedVolume]) -> tuple[float, float] | None:
    """Return the range that is known of the first row of which one is, or found beside the raw halves."""
    from napari_cryorestore.io.tilts_beside import tilts_beside

    found = next((tilts for row in rows if (tilts := row.recording.tilt_range)), None)
    return found if found is not None or settings.raw_even is None else tilts_beside(settings.raw_even).range


def request_of(
    options: Namespace, settings: EvaluateOptions, rows: list[ComparedVolume]
) -> tuple[MeasurementRequest, list[str]]:
    """Return what is measured of the rows, and what had to be left out.

    Raises
    ------
    ValueError, FileNotFoundError
        If the options do not fit together, or what they name is not there.
    """
    from napari_cryorestore.comparison.measurement_plan import MeasurementRequest
    from napari_cryorestore.comparison.volume import ComparedVolume
    from napari_cryorestore.io.volumes import open_volume

    _belong_together(options, settings)
    if settings.raw_even is not None and all(row.halves is None for row in rows):
        raise ValueError(
            "--raw-even and --raw-odd need restored halves to compare with: give --even and --odd, or a run"
        )
    raw, reference = None, None
    if settings.raw_even is not None and settings.raw_odd is not None:
        even, odd = (open_volume(path).data for path in (settings.raw_even, settings.raw_odd))
        raw = ComparedVolume("raw", even, rows[0].voxel_size, rows[0].corner, halves=(even, odd))
    edge = settings.recording.voxel_size or rows[0].voxel_size[0]
    if settings.reference is not None:
        given = settings.recording.model_copy(update={"voxel_size": edge})
        reference = _opened(settings.model_copy(update={"recording": given}), settings.reference)
    boxes, problems = _boxes(settings, rows[0])
    picks = _pick_request(options, settings, rows[0])
    return MeasurementRequest(raw, reference, boxes=boxes, picks=picks), problems


def _belong_together(options: Namespace, settings: EvaluateOptions) -> None:
    pairs = (
        ("--raw-even", settings.raw_even, "--raw-odd", settings.raw_odd),
        ("--signal", settings.signal, "--background", settings.background),
        ("--picks", options.picks or None, "--reference-picks", settings.reference_picks),
        ("--reference-picks", settings.reference_picks, "--tolerance", settings.tolerance),
    )
    for first, one, second, other in pairs:
        if (one is None) != (other is None):
            there, missing = (first, second) if other is None else (second, first)
            raise ValueError(f"{there} needs {missing} beside it")


def _boxes(settings: EvaluateOptions, first: ComparedVolume) -> tuple[Boxes | None, list[str]]:
    from napari_cryorestore.comparison.measuring import Boxes, proposed_boxes
    from napari_cryorestore.io.particle_list import read_picks

    edge = first.voxel_size[0]
    if settings.signal is not None and settings.background is not None:
        signal, background = (
            read_picks(path, voxel_size=edge).positions for path in (settings.signal, settings.background)
        )
        return Boxes(signal, background, settings.box or 16 * edge), []
    try:
        return proposed_boxes(first, size=settings.box, dark=not settings.bright), []
    except ValueError as error:
        return None, [str(error)]


def _pick_request(options: Namespace, settings: EvaluateOptions, first: ComparedVolume) -> PickRequest | None:
    from napari_cryorestore.comparison.measurement_plan import PickRequest

    if settings.reference_picks is None or settings.tolerance is None:
        return None
    lists = {path.name: _picks(path, settings, first) for path in options.picks}
    return PickRequest(lists, _picks(settings.reference_picks, settings, first), settings.tolerance)


def _picks(path: Path, settings: EvaluateOptions, first: ComparedVolume) -> Picks:
    from napari_cryorestore.io.particle_list import read_picks

    return read_picks(
        path,
        voxel_size=settings.picks_voxel_size or first.voxel_size[0],
        extent=[high - low for low, high in first.extent],
        tomogram=settings.tomogram,
    )


def _distinct(rows: list[ComparedVolume]) -> list[ComparedVolume]:
    names: dict[str, int] = {}
    result = []
    for row in rows:
        number = names[row.name] = names.get(row.name, 0) + 1
        result.append(row if number == 1 else replace(row, name=f"{row.name} ({number})"))
    return result


def _lines(found: Evaluation) -> Iterator[str]:
    from napari_cryorestore.comparison.number import number_words

    width = max((len(number.row) for number in found.summary), default=0)
    for number in found.summary:
        title = number_words(number.name).title
        facts = [number.region, f"against {number.against}" if number.against else ""]
        about = ", ".join(fact for fact in facts if fact)
        yield f"{number.row:{width}}  {title}{f' ({about})' if about else ''}: {found.words_of(number)}"
    if found.sentences:
        yield ""
    for title, sentence in found.sentences.items():
        yield f"{title}: {sentence}"


__all__ = ["EvaluateOptions", "add_evaluate_options", "request_of", "rows_of", "run_evaluate"]
