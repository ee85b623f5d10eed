"""``cryorestore info``: what a volume file holds, what lies beside it, and how it was tilted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.outcome import DONE
from napari_cryorestore.io.inspection import VolumeReport, inspect_volume
from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.io.tilts import tilt_range

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from napari_cryorestore.cli.parser import Parser


def add_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    del arguments
    parser.add_argument("file", type=Path, metavar="FILE", help="A volume, such as one half of a tomogram.")


def run(options: Namespace) -> int:
    """Print the facts, those that are quick to find first."""
    report = inspect_volume(options.file)
    for name, fact in (*_header(report), *_neighbours(report), *_wedge(report)):
        print(f"{name:16}{fact}", flush=True)
    return DONE


def _header(report: VolumeReport) -> Iterator[tuple[str, str]]:
    yield "file", str(report.path)
    yield "size", f"{' × '.join(map(str, report.shape))} voxels (z, y, x)"
    sizes = set(report.voxel_sizes)
    known = " × ".join(f"{size:.4g}" for size in (sorted(sizes) if len(sizes) == 1 else report.voxel_sizes))
    yield "voxel size", f"{known} Å" if all(sizes) else "unknown: give it with --voxel-size"
    yield "voxels", f"{report.dtype} (mode {report.mode})"
    yield "values", f"{report.minimum:.4g} … {report.maximum:.4g}, mean {report.mean:.4g} (of a sample)"
    yield "origin", f"{' '.join(f'{value:g}' for value in report.origin)} Å (x, y, z)"
    yield "start", f"{' '.join(map(str, report.start))} (x, y, z)"
    for label in report.labels:
        yield "label", label
    for finding in report.findings:
        yield finding.severity, finding.text


def _neighbours(report: VolumeReport) -> Iterator[tuple[str, str]]:
    yield "other half", str(report.other_half or "none found beside it")
    if report.other_half is not None:
        from napari_cryorestore.io.halves import check_halves

        first, second = read_volume(report.path), read_volume(report.other_half)
        checked = check_halves(first.data, second.data, voxel_size=first.voxel_sizes[0])
        yield "halves", checked.warning or checked.message
    yield "tilt file", str(report.tilt_file or "none found beside it")


def _wedge(report: VolumeReport) -> Iterator[tuple[str, str]]:
    if report.tilt_file is not None:
        low, high = tilt_range(report.tilt_file)
        yield "tilt range", f"{low:g}…{high:g}°"
    from napari_cryorestore.cli.wedge_check import detected_words
    from napari_cryorestore.physics.wedge import Wedge
    from napari_cryorestore.physics.wedge_detection import detect_wedge, disagreement

    detected = detect_wedge(read_volume(report.path).data)
    yield "spectrum", detected_words(detected)
    if report.tilt_file is not None:
        warning = disagreement(Wedge(low, high, detected.wedge.tilt_axis), detected)
        if warning:
            yield "warning", warning


__all__ = ["add_options", "run"]
