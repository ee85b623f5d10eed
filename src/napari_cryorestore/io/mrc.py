"""MRC volumes: memory-mapped where possible, read in every dialect met in practice, written in one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from napari_cryorestore.findings import Finding
from napari_cryorestore.io.byte_sign import read_bytes
from napari_cryorestore.io.file_contents import file_contents, require_whole
from napari_cryorestore.io.foreign import foreign_format
from napari_cryorestore.io.volume_format import LABEL_LENGTH, Volume, VolumeFormat, as_label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cryorestore.io.volume_format import Grid, Statistics

HEADER_BYTES = 1024
IMOD_STAMP = 1146047817
MODE_DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_MODE_NAMES = {
    3: "complex 16-bit integers",
    4: "complex 32-bit floats",
    16: "RGB colours",
    101: "4-bit integers",
}
_MODE_ADVICE = {
    3: "transform it back to real space first",
    4: "transform it back to real space first",
    101: "convert it to 16-bit integers or 32-bit floats first, for example with IMOD's newstack",
}
_DEFAULT_AXES = (1, 2, 3)
_LABELS = 10
_MRC2014 = 20141
_BIG_ENDIAN = 0x11
_SIGNED_BYTES, _ORIGIN_AS_MRC2014 = 1, 4  # IMOD's flags
ByteOrder = Literal["<", ">"]


def read_mrc(path: Path) -> Volume:
    """Open an MRC file.

    Parameters
    ----------
    path : Path
        A file of mode 0, 1, 2, 6 or 12, of either byte order, possibly compressed with gzip or bzip2.
        A compressed file is loaded whole; any other is memory-mapped.

    Returns
    -------
    Volume
        Voxels (z, y, x) with voxel size, origin and start.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        As `file_contents`.
    ValueError
        As `file_contents`, or if the file is truncated, of another format, or of a mode that holds no real
        volume.
    """
    content, findings = file_contents(
        path, header_bytes=HEADER_BYTES, bytes_needed=lambda header: _layout(header, path=path).bytes_needed
    )
    layout, noticed = _located(_layout(content[:HEADER_BYTES].tobytes(), path=path), content, path=path)
    findings += noticed
    size = math.prod(layout.shape) * layout.dtype.itemsize
    stored = content[layout.offset : layout.offset + size].view(layout.dtype).reshape(layout.shape)
    if layout.sign_is_open:
        stored, noticed = read_bytes(stored, name=path.name)
        findings += noticed
    return Volume(
        data=stored.transpose(layout.order),
        path=path,
        voxel_sizes=layout.voxel_sizes,
        origin=layout.origin,
        start=layout.start,
        labels=layout.labels,
        stored_as=f"mode {layout.mode}",
        findings=findings,
    )


def _layout(first_bytes: bytes, *, path: Path) -> Layout:
    try:
        if len(first_bytes) < HEADER_BYTES:
            raise ValueError(
                f"{path.name} is not an MRC file: it has {len(first_bytes)} bytes, "
                f"but an MRC header alone has {HEADER_BYTES}."
            )
        return parse_layout(first_bytes, name=path.name)
    except ValueError as error:
        foreign = foreign_format(path, first_bytes)
        if foreign is None:
            raise
        raise ValueError(foreign) from error


def _located(layout: Layout, content: NDArray[np.uint8], *, path: Path) -> tuple[Layout, tuple[Finding, ...]]:
    """Return where the voxels truly are; raises ValueError if some are missing."""
    announced = layout.offset - HEADER_BYTES
    if announced and content.size == layout.bytes_needed - announced:
        sentence = (
            f"The header announces {announced:,} bytes of extended header that are not there; "
            "all voxels are, and were read."
        )
        return replace(layout, offset=HEADER_BYTES), (
            Finding("note", "extended header", sentence, about=path.name),
        )
    require_whole(content, layout.bytes_needed, path=path)
    return layout, ()


@dataclass(frozen=True)
class Layout:
    """Where and how an MRC file stores its voxels.

    Attributes
    ----------
    shape : tuple of int
        Sections, rows, columns, as stored.
    axes : tuple of int
        Which of x = 1, y = 2, z = 3 runs along sections, rows, columns.
    dtype : numpy.dtype
        Type of a stored voxel, byte order included.
    mode : int
        The MRC mode.
    offset : int
        Bytes before the first voxel.
    voxel_sizes : tuple of float
        Å along z, y, x; 0 where the file does not say.
    origin : tuple of float
        Where the first voxel lies along x, y, z in Å, as MRC2014 defines it.
    start : tuple of int
        Index of the first voxel along x, y, z.
    labels : tuple of str
        The text labels of the file, without empty ones.
    sign_is_open : bool
        Whether the header leaves it open if bytes are signed.
    """

    shape: tuple[int, int, int]
    axes: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    mode: int
    offset: int
    voxel_sizes: tuple[float, float, float]
    origin: tuple[float, float, float]
    start: tuple[int, int, int]
    labels: tuple[str, ...]
    sign_is_open: bool = False

    @property
    def bytes_needed(self) -> int:
        """Size that the whole file must have at least."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize

    @property
    def order(self) -> tuple[int, int, int]:
        """Transposition that turns the stored axes into (z, y, x)."""
        return (self.axes.index(3), self.axes.index(2), self.axes.index(1))


def parse_layout(raw: bytes, *, name: str) -> Layout:
    """Read the first 1024 bytes of an MRC file.

    Parameters
    ----------
    raw : bytes
        At least 1024 bytes.
    name : str
        File name for the error messages.

    Returns
    -------
    Layout
        Where the voxels are and what they measure.

    Raises
    ------
    ValueError
        If the bytes are no MRC header, or one of a mode or an axis order that cannot be shown.
    """
    record, byte_order = _plausible_record(raw, name=name)
    axes = _axes(record, name=name)
    _refuse_volume_stack(record, name=name)
    flags = _imod_flags(raw, byte_order=byte_order)
    mode = _readable_mode(record, name=name)
    signed = _bytes_are_signed(record, flags) if mode == 0 else True
    origin = _origin(record, turned=flags is not None and not flags & _ORIGIN_AS_MRC2014)
    return Layout(
        shape=(int(record["nz"]), int(record["ny"]), int(record["nx"])),
        axes=axes,
        dtype=np.dtype("u1" if signed is False else MODE_DTYPES[mode]).newbyteorder(byte_order),
        mode=mode,
        offset=HEADER_BYTES + max(0, int(record["nsymbt"])),
        voxel_sizes=_voxel_sizes(record),
        origin=origin,
        start=_start(record, axes),
        labels=_labels(record),
        sign_is_open=signed is None,
    )


def _plausible_record(raw: bytes, *, name: str) -> tuple[np.void, ByteOrder]:
    little_first: tuple[ByteOrder, ByteOrder] = ("<", ">")
    for byte_order in reversed(little_first) if raw[212] == _BIG_ENDIAN else little_first:
        record = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(byte_order), count=1)[0]
        if _is_plausible(record):
            return record, byte_order
    raise ValueError(
        f"{name} is not an MRC file: its first bytes hold no plausible image size and mode; "
        "open a .mrc, .rec, .map, .st, .ali or .mrcs file."
    )


def _is_plausible(record: np.void) -> bool:
    sizes_fit = all(0 < int(record[axis]) < 1_000_000 for axis in ("nx", "ny", "nz"))
    axes_fit = all(0 <= int(record[axis]) <= 3 for axis in ("mapc", "mapr", "maps"))
    return sizes_fit and axes_fit and 0 <= int(record["mode"]) <= 255 and int(record["nsymbt"]) >= 0


def _axes(record: np.void, *, name: str) -> tuple[int, int, int]:
    columns, rows, sections = (int(record[axis]) for axis in ("mapc", "mapr", "maps"))
    if (columns, rows, sections) == (0, 0, 0):
        columns, rows, sections = _DEFAULT_AXES
    if {columns, rows, sections} != set(_DEFAULT_AXES):
        raise ValueError(
            f"{name} names its axes {columns}, {rows}, {sections}, but each of 1 (x), 2 (y) and 3 (z) must "
            "appear once: repair the header (fields MAPC, MAPR, MAPS)."
        )
    return (sections, rows, columns)


def _refuse_volume_stack(record: np.void, *, name: str) -> None:
    sections, depth = int(record["nz"]), int(record["mz"])
    if 401 <= int(record["ispg"]) <= 630 and 0 < depth < sections:
        raise ValueError(
            f"{name} is a stack of {sections // depth} volumes, but a single one is expected: split it first."
        )


def _readable_mode(record: np.void, *, name: str) -> int:
    mode = int(record["mode"])
    if mode not in MODE_DTYPES:
        kind = _MODE_NAMES.get(mode, "an unknown voxel type")
        advice = _MODE_ADVICE.get(mode, "convert it to mode 2, 32-bit floats")
        raise ValueError(
            f"{name} has MRC mode {mode} ({kind}), but modes 0, 1, 2, 6 and 12 can be read: {advice}."
        )
    return mode


def _imod_flags(raw: bytes, *, byte_order: ByteOrder) -> int | None:
    """Return what IMOD says of its dialect, None if the file does not come from IMOD."""
    stamp, flags = np.frombuffer(raw, f"{byte_order}i4", count=2, offset=152)
    return int(flags) if int(stamp) == IMOD_STAMP else None


def _bytes_are_signed(record: np.void, flags: int | None) -> bool | None:
    """Tell it from IMOD's flag or the statistics; None where the bytes themselves have to tell."""
    if flags is not None:
        return bool(flags & _SIGNED_BYTES)
    # Before the flags existed only the statistics told: no signed byte exceeds 127.
    return False if float(record["dmin"]) >= 0 and 127 < float(record["dmax"]) <= 255 else None


def _voxel_sizes(record: np.void) -> tuple[float, float, float]:
    def size(axis: str) -> float:
        cell, samples = float(record["cella"][axis]), int(record[f"m{axis}"])
        known = samples > 0 and math.isfinite(cell) and cell > 0
        # Single precision in the file: more digits than these are noise.
        return round(cell / samples, 5) if known else 0.0

    return (size("z"), size("y"), size("x"))


def _origin(record: np.void, *, turned: bool) -> tuple[float, float, float]:
    """Return where the first voxel lies; IMOD's own definition, the older one, has the opposite sign."""
    # A file older than the MAP id keeps other things in these bytes.
    if not bytes(record["map"]).startswith(b"MAP"):
        return (0.0, 0.0, 0.0)
    x, y, z = (float(record["origin"][axis]) * (-1 if turned else 1) + 0.0 for axis in "xyz")
    return (x, y, z) if all(map(math.isfinite, (x, y, z))) else (0.0, 0.0, 0.0)


def _start(record: np.void, axes: tuple[int, int, int]) -> tuple[int, int, int]:
    stored = (int(record["nzstart"]), int(record["nystart"]), int(record["nxstart"]))
    by_axis = dict(zip(axes, stored, strict=True))
    return (by_axis[1], by_axis[2], by_axis[3])


def _labels(record: np.void) -> tuple[str, ...]:
    count = min(max(int(record["nlabl"]), 0), _LABELS)
    texts = (bytes(label).decode("latin-1").strip(" \0") for label in record["label"][:count])
    return tuple(text for text in texts if text)


def _mrc_header(grid: Grid, labels: Sequence[str], statistics: Statistics | None) -> bytes:
    """Return the header of a volume of 32-bit floats; it has ten labels at most, of 80 characters each.

    Parameters
    ----------
    grid : Grid
        Where its voxels lie.
    labels : sequence of str
        What it is.
    statistics : Statistics or None
        Of its voxels, None while they are not known.
    """
    record = np.zeros(1, HEADER_DTYPE.newbyteorder("<"))
    for axis, size, first, zero in zip("xyz", reversed(grid.shape), grid.start, grid.origin, strict=True):
        record[f"n{axis}"] = record[f"m{axis}"] = size
        record[f"n{axis}start"] = first
        record["cella"][axis] = size * grid.voxel_size
        record["origin"][axis] = zero
    record["mode"], record["ispg"], record["nversion"] = 2, 1, _MRC2014
    record["cellb"] = (90.0, 90.0, 90.0)
    record["mapc"], record["mapr"], record["maps"] = 1, 2, 3
    record["map"], record["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    record["nlabl"] = len(labels[:_LABELS])
    for number, label in enumerate(labels[:_LABELS]):
        record["label"][:, number] = as_label(label).encode("ascii")[:LABEL_LENGTH].ljust(LABEL_LENGTH)
    if statistics is not None:
        record["dmin"], record["dmax"] = statistics.minimum, statistics.maximum
        record["dmean"], record["rms"] = statistics.mean, statistics.deviation
    return record.tobytes()


MRC = VolumeFormat(
    title="MRC volume",
    suffixes=(".mrc", ".rec", ".map"),
    stack_suffixes=(".st", ".ali", ".mrcs"),
    read=read_mrc,
    header=_mrc_header,
)


__all__ = [
    "HEADER_BYTES",
    "IMOD_STAMP",
    "MODE_DTYPES",
    "MRC",
    "ByteOrder",
    "Layout",
    "parse_layout",
    "read_mrc",
]
