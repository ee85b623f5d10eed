"""``cryorestore info``: what a volume file holds and what lies beside it, or what is installed here."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution, version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore.cli.outcome import DONE, words
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from napari_cryorestore.cli.parser import Parser
    from napari_cryorestore.io.inspection import VolumeReport
    from napari_cryorestore.io.tomogram import Tomogram
    from napari_cryorestore.physics.wedge_detection import DetectedWedge


def add_info_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add the options."""
    del arguments
    parser.usage = "cryorestore info FILE | --report"
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="A volume, such as one half of a tomogram."
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="Print versions and devices, to be pasted where a problem is reported; no paths and no names.",
    )


def run_info(options: Namespace) -> int:
    """Print the facts, those that are quick to find first."""
    if options.report == (options.file is not None):
        raise ValueError("name one volume, or give --report to print what is installed here")
    if options.report:
        for name, fact in installation():
            print(f"{name:20}{fact}")
        return DONE
    from napari_cryorestore.io.inspection import inspect_volume

    report = inspect_volume(options.file)
    for name, fact in chain(_header(report), _examined(report)):
        print(f"{name:16}{fact}", flush=True)
    return DONE


def _header(report: VolumeReport) -> Iterator[tuple[str, str]]:
    yield "file", str(report.path)
    yield "size", f"{' × '.join(map(str, report.shape))} voxels (z, y, x)"
    sizes = set(report.voxel_sizes)
    known = " × ".join(f"{size:.4g}" for size in (sorted(sizes) if len(sizes) == 1 else report.voxel_sizes))
    yield "voxel size", f"{known} Å" if all(sizes) else "unknown: give it with --voxel-size"
    yield "data type", report.dtype + (f" ({report.stored_as})" if report.stored_as else "")
    yield "values", f"{report.minimum:.4g} … {report.maximum:.4g}, mean {report.mean:.4g} (of a sample)"
    yield "origin", f"{' '.join(f'{value:g}' for value in report.origin)} Å (x, y, z)"
    yield "start", f"{' '.join(map(str, report.start))} (x, y, z)"
    for label in report.labels:
        yield "label", label


def _examined(report: VolumeReport) -> Iterator[tuple[str, str]]:
    """Examine the tomogram of the file, as training would."""
    yield "other half", str(report.other_half or "none found beside it")
    try:
        tomogram = _opened(report)
    except (OSError, ValueError) as error:
        yield from ((finding.severity, finding.text) for finding in report.findings)
        yield "problem", words(error)
        return
    from napari_cryorestore.examination import examine, range_words

    found = examine(tomogram, needs_wedge=False)
    if found.halves is not None:
        yield "halves", found.halves.message
    tilts = tomogram.tilts
    yield "tilt file", str(tilts.file if tilts and tilts.file else "none found beside it")
    if found.tilt_range is not None:
        source = "the spectrum" if found.tilt_source == "spectrum" else found.tilt_source
        yield "tilt range", f"{range_words(found.tilt_range)}, from {source}"
    yield "spectrum", detected_words(found.detected)
    # what is the same of both halves is said once
    yield from dict.fromkeys((item.severity, replace(item, about="").text) for item in found.findings)


def _opened(report: VolumeReport) -> Tomogram:
    from napari_cryorestore.io.pairing import half_of
    from napari_cryorestore.io.tomogram import open_tomogram

    halves = [path for path in (report.path, report.other_half) if path is not None]
    if half_of(report.path) == "odd":
        halves.reverse()
    known = all(report.voxel_sizes)
    tomogram = open_tomogram(halves, recording=Recording(voxel_size=None if known else 1))
    if known:
        return tomogram
    unknown = tomogram.recording.model_copy(update={"voxel_size": None})
    return replace(tomogram, recording=unknown)


def detected_words(detected: DetectedWedge) -> str:
    """Return the tilt range and axis that the spectrum shows."""
    from napari_cryorestore.examination import range_words

    wedge = detected.wedge
    if not detected.reliable:
        return "not clear"
    return f"{range_words((round(wedge.tilt_min), round(wedge.tilt_max)))}, tilt axis {wedge.tilt_axis}"


_QT = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def installation() -> Iterator[tuple[str, str]]:
    """Find the versions and devices that the report of a problem needs; no paths and no names of people."""
    yield "napari-cryorestore", version("napari-cryorestore")
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", platform.platform()
    for name in (*_required(), *_QT):
        try:
            yield name, version(name)
        except PackageNotFoundError:
            if name not in _QT:
                yield name, "not installed"
    yield from _other_packages()
    yield from _devices()


def _required() -> list[str]:
    """Return the packages that this one always needs."""
    needed = distribution("napari-cryorestore").requires or []
    names = [re.match(r"[\w.-]+", item) for item in needed if "extra ==" not in item]
    return [name.group() for name in names if name is not None]


def _other_packages() -> Iterator[tuple[str, str]]:
    """Find the packages that bring methods and networks."""
    from napari_cryorestore.methods import METHODS
    from napari_cryorestore.networks import NETWORKS

    for table in (METHODS, NETWORKS):
        for name in table:
            package = table.package_of(name)
            if package:
                yield f"{table.what} {name}", f"{package} {version(package)}"


def _devices() -> Iterator[tuple[str, str]]:
    import torch

    from napari_cryorestore.hardware import available_devices
    from napari_cryorestore.host_memory import available_memory, size_words

    for device in available_devices():
        if device.startswith("cuda"):
            facts = torch.cuda.get_device_properties(device)
            memory = size_words(facts.total_memory)
            yield device, f"{facts.name}, {memory}, CUDA {torch.version.cuda or torch.version.hip}"
        elif device == "cpu":
            isa = torch.backends.cpu.get_cpu_capability()
            yield device, f"{os.cpu_count()} cores, {size_words(available_memory())} of memory free, {isa}"
        else:
            yield device, "available"


__all__ = ["add_info_options", "detected_words", "installation", "run_info"]
