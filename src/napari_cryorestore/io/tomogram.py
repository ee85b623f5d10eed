"""A tomogram with its maps, mask and recording: the only object that knows the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.findings import Finding, gravest_first
from napari_cryorestore.io.halves import HalvesCheck, check_halves, require_equal_shapes
from napari_cryorestore.io.masks import Inside, inside_of
from napari_cryorestore.io.pairing import tomogram_name
from napari_cryorestore.io.sampling import require_finite, require_ordinary
from napari_cryorestore.io.tilt_series import stack_doubts
from napari_cryorestore.io.tilts_beside import TiltsBeside, tilts_beside
from napari_cryorestore.io.volume_format import ISOTROPY_TOLERANCE, Volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.no_data import find_no_data
from napari_cryorestore.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_cryorestore.no_data import NoData
    from napari_cryorestore.recording import TomogramConfig

__all__ = ["HalvesCheck", "Tomogram", "check_halves", "open_configured", "open_tomogram", "voxel_size_doubts"]


@dataclass(frozen=True)
class Tomogram:
    """A tomogram, memory-mapped.

    Attributes
    ----------
    maps : tuple of ndarray
        Voxels (z, y, x) of each of its maps: two halves, more parts, or one; read-only, type as on disk.
    recording : Recording
        Voxel size and tilts in force, as far as they are known; a tilt axis that nobody gave is open until
        `examine` looks.
    mask : Inside or None
        True (z, y, x) where training crops may be taken and the tomogram is restored.
    name : str
        What to call it.
    given : Recording
        What somebody gave of how it was recorded; the rest was read, or seen.
    origin, start : tuple
        Origin in Å and index of the first voxel, along x, y, z, which an output takes over.
    findings : tuple of Finding
        What the user should know about the way its files were read.
    tilts : TiltsBeside or None
        What files beside it say about the tilt range; None where the range was given.
    files : tuple of str
        The names of the files of its maps; empty if they are not files.
    whole : Tomogram or None
        Of a binned tomogram (see `data.binning`): the one with the voxels of the files.
    binning : int
        How many of its voxels became one, along each axis.
    """

    maps: tuple[NDArray[Any], ...]
    recording: Recording
    mask: Inside | None
    name: str
    given: Recording = Recording()
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    start: tuple[int, int, int] = (0, 0, 0)
    findings: tuple[Finding, ...] = ()
    tilts: TiltsBeside | None = None
    files: tuple[str, ...] = ()
    whole: Tomogram | None = None
    binning: int = 1
    _looked: list[NoData | None] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def even(self) -> NDArray[Any]:
        """Its first map."""
        return self.maps[0]

    @property
    def odd(self) -> NDArray[Any] | None:
        """Its second map, where there is one."""
        return self.maps[1] if len(self.maps) > 1 else None

    @property
    def voxel_size(self) -> float:
        """Edge of a voxel in Å; 0 where it is unknown."""
        return self.recording.voxel_size or 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size (z, y, x) in voxels."""
        depth, height, width = self.maps[0].shape
        return (depth, height, width)

    def no_data(self, *, through: Callable[[NDArray[Any]], Any] = lambda one: one) -> NoData | None:
        """Find where it holds no data, reading it whole at the first call; see `find_no_data`.

        Parameters
        ----------
        through : callable
            Makes of each map what it is read through, for example something that can be cancelled.
        """
        if not self._looked:
            if self.whole is None:
                self._looked.append(find_no_data(*map(through, self.maps)))
            else:
                empty = self.whole.no_data(through=through)
                self._looked.append(None if empty is None else empty.binned(self.binning))
        return self._looked[0]

    @property
    def in_files(self) -> Tomogram:
        """The tomogram with the voxels of the files: itself unless it is binned."""
        return self.whole or self


def open_tomogram(
    maps: Path | str | Sequence[Path | str],
    *,
    mask: Path | str | None = None,
    recording: Recording = Recording(),
    name: str | None = None,
) -> Tomogram:
    """Open a tomogram without reading its voxels, apart from the middle plane; a mask is looked through.

    Parameters
    ----------
    maps : Path, str or sequence of them
        The files of its maps: two halves, more parts, or one.
    mask : Path or str, optional
        Volume of the same size, above 0 where training crops may be taken and the tomogram is restored.
    recording : Recording, optional
        Voxel size and tilts, where they are given: what is open is taken from the file of the first map and
        from a tilt file beside it; an axis that is still open is left to `examine`.
    name : str, optional
        What to call it; from the file name if not given.

    Returns
    -------
    Tomogram
        Everything that training and restoration need of it.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If a file cannot be opened.
    ValueError
        If a file is no readable volume, the volumes do not fit together, or the voxel size is unknown or
        differs between the axes.
    """
    paths = [maps] if isinstance(maps, str | Path) else list(maps)
    if not paths:
        raise ValueError("No map is given: name two halves, more parts, or one map.")
    first_path, *others = paths
    first = _open_volume(first_path)
    volumes = [first]
    for path in others:
        volumes.append(_open_partner(path, volumes))
    inside, assumed = (None, ()) if mask is None else _open_mask(mask, first)
    size, doubts = _voxel_size(first, given=recording.voxel_size)
    beside = tilts_beside(first.path) if recording.tilt_range is None else None
    said = Recording(voxel_size=size, tilt_range=None if beside is None else beside.range)
    return Tomogram(
        maps=tuple(volume.data for volume in volumes),
        recording=recording.over(said),
        given=recording,
        mask=inside,
        name=name or tomogram_name(first.path),
        origin=first.origin,
        start=first.start,
        findings=gravest_first(
            (*(finding for volume in volumes for finding in volume.findings), *assumed, *doubts)
            + stack_doubts(first, beside.file if beside is not None else None)
            + (beside.findings if beside is not None else ())
        ),
        tilts=beside,
        files=tuple(volume.path.name for volume in volumes),
    )


def open_configured(config: TomogramConfig) -> Tomogram:
    """Open a tomogram as a configuration names it; errors as of `open_tomogram`."""
    return open_tomogram(config.maps, mask=config.mask, recording=config.recording, name=config.name)


def _open_volume(path: Path | str) -> Volume:
    volume = open_volume(path)
    if min(volume.data.shape) < 2:
        size = "×".join(str(length) for length in volume.data.shape)
        raise ValueError(
            f"{volume.path.name} is a single image ({size}), but a volume is needed: choose a tomogram."
        )
    middle = volume.data[volume.data.shape[0] // 2].astype("f4")
    require_finite(middle, name=volume.path.name)
    require_ordinary(middle, name=volume.path.name)
    return volume


def _open_partner(path: Path | str, there: Sequence[Volume]) -> Volume:
    """Open another map, of another file than those that are there and fitting the first of them."""
    first = there[0]
    twice = [volume for volume in there if Path(path).exists() and Path(path).samefile(volume.path)]
    if twice:
        raise ValueError(
            f"{twice[0].path.name} was given as both halves, but two different files are needed: "
            "choose the other half."
            if twice[0] is first
            else f"{twice[0].path.name} was given twice, but every map needs a file of its own."
        )
    other = _open_volume(path)
    require_equal_shapes(first.data, other.data)
    for ours, theirs in zip(first.voxel_sizes, other.voxel_sizes, strict=True):
        if ours > 0 and theirs > 0 and abs(ours - theirs) > ISOTROPY_TOLERANCE * ours:
            raise ValueError(
                f"The halves differ in voxel size: {first.path.name} has {ours:.4g} Å, {other.path.name} has "
                f"{theirs:.4g} Å; choose two halves of the same tomogram or repair the header."
            )
    return other


def _open_mask(path: Path | str, first: Volume) -> tuple[Inside, tuple[Finding, ...]]:
    mask = open_volume(path)
    inside, assumed = inside_of(mask, shape=first.data.shape)
    return inside, (*mask.findings, *assumed)


def _voxel_size(volume: Volume, *, given: float | None) -> tuple[float, tuple[Finding, ...]]:
    if given is not None:
        return given, ()
    if volume.voxel_size == 0:
        raise ValueError(f"{volume.path.name} has no voxel size in its header: give it in Å.")
    return volume.voxel_size, voxel_size_doubts(volume.voxel_size)


def voxel_size_doubts(size: float) -> tuple[Finding, ...]:
    """Return what is odd about a voxel size in Å that a header has: programs write 1 where they know none."""
    if size != 1.0:
        return ()
    sentence = "The voxel size in the header is exactly 1.00 Å: was it never set?"
    remedy = "If so, give the true one in Å (--voxel-size, or in the panel)."
    return (Finding("warning", "voxel size", sentence, remedy),)
