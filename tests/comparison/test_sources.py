"""From rows to volumes: what is opened, what is restored, what is remembered, and the sentences otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.region import RegionRestorer
from napari_cryorestore.comparison.sources import Sources, open_row
from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.data.tiles import Cancelled
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sources() -> Sources:
    return Sources(DeviceConfig(device="cpu", threads=1))


@pytest.fixture
def restorations(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note every restoration that is really made."""
    made: list[Any] = []
    original = RegionRestorer.restore
    monkeypatch.setattr(
        RegionRestorer,
        "restore",
        lambda self, *args, **more: (made.append((args, more)), original(self, *args, **more))[1],
    )
    return made


def test_a_file_is_mapped_with_what_lies_beside_it(pair: tuple[Path, Path]) -> None:
    volume = open_row(RowConfig(name="raw", path=pair[0], tilt_axis="x"))
    assert isinstance(volume.data, np.memmap)
    assert (volume.name, volume.shape, volume.voxel_size) == ("raw", (24, 60, 52), (8, 8, 8))
    assert volume.corner == (4, 4, 4)
    assert (volume.recording.tilt_range, volume.recording.axis) == ((-50, 60), "x")


def test_a_mean_comes_with_its_halves(pair: tuple[Path, Path]) -> None:
    volume = open_row(RowConfig(name="m", kind="mean", even=pair[0], odd=pair[1]))
    even, odd = (open_volume(path).data for path in pair)
    np.testing.assert_allclose(volume.data[3], (even[3] + odd[3]) / 2, rtol=1e-6)
    assert volume.halves is not None
    np.testing.assert_array_equal(volume.halves[1][5], odd[5])


def test_a_layer_is_opened_by_its_file(pair: tuple[Path, Path]) -> None:
    assert open_row(RowConfig(name="l", kind="layer", layer="TS", path=pair[0])).shape == (24, 60, 52)
    with pytest.raises(ValueError, match="The layer 'TS' was never a file: save it"):
        open_row(RowConfig(name="l", kind="layer", layer="TS"))


def test_a_run_is_restored_around_the_crosshair(run: Path, sources: Sources, restorations: list[Any]) -> None:
    row = RowConfig(name="r", kind="run", path=run, step=100)
    told: list[float] = []
    volume = sources.open_row(row, cursor=(100, 300, 60), region=16, progress=told.append)
    assert volume.shape == (16, 16, 16)
    assert volume.index_of((100, 300, 60)) is not None
    assert (volume.name, volume.recording.tilt_range) == ("r", (-50, 60))
    assert told[-1] == 1.0
    assert len(restorations) == 1


def test_a_tomogram_smaller_than_a_region_is_restored_whole(run: Path, sources: Sources) -> None:
    row = RowConfig(name="r", kind="run", path=run, step=100)
    assert sources.open_row(row, cursor=(0, 0, 0), region=48).shape == (24, 60, 52)  # 60 is more than 48


def test_regions_of_other_steps_and_places_have_other_keys(run: Path, sources: Sources) -> None:
    def at(step: int | None, cursor: Any = (100, 300, 60)) -> Any:
        return sources.open_row(
            RowConfig(name="r", kind="run", path=run, step=step), cursor=cursor, region=16
        )

    first, second, again, newest = at(100), at(600), at(100), at(None)
    assert first.key == again.key != second.key == newest.key
    assert at(100, (20, 20, 20)).key != first.key


def test_the_wiener_filter_needs_no_run(pair: tuple[Path, Path], sources: Sources) -> None:
    row = RowConfig(name="w", kind="method", method="wiener", even=pair[0], odd=pair[1])
    volume = sources.open_row(row, region=999)
    assert volume.shape == (24, 60, 52)
    raw = sources.open_row(RowConfig(name="m", kind="mean", even=pair[0], odd=pair[1]))
    assert volume.data.std() < np.asarray(raw.data).std()
    assert sources.voxel_size_of(row) == sources.voxel_size_of(RowConfig(name="e", path=pair[0])) == (8, 8, 8)


def test_a_run_restores_another_tomogram_where_one_is_named(
    run: Path, pair: tuple[Path, Path], sources: Sources
) -> None:
    row = RowConfig(name="r", kind="run", path=run, even=pair[1])
    volume = sources.open_row(row, region=16)
    assert volume.halves is None
    assert abs(float(volume.data.mean()) + 40) < 30
    weights = RowConfig(name="c", kind="run", path=run / "checkpoints/step_00000100", even=pair[0])
    assert sources.open_row(weights, region=16).shape == (16, 16, 16)


def test_the_newest_preview_lies_where_it_was_taken(run: Path) -> None:
    volume = open_row(RowConfig(name="live", kind="live", path=run))
    assert (volume.shape, volume.version) == ((16, 24, 24), 100)
    assert volume.corner == ((12 - 8 + 0.5) * 8, (30 - 12 + 0.5) * 8, (26 - 12 + 0.5) * 8)
    assert (volume.data == 3).all()


def test_a_restoration_can_be_cancelled(run: Path, sources: Sources) -> None:
    row = RowConfig(name="r", kind="run", path=run, step=100)
    with pytest.raises(Cancelled):
        sources.open_row(row, region=16, cancelled=lambda: True)
    assert sources.open_row(row, region=16).shape == (16, 16, 16)


def test_volumes_with_holes_are_opened(tmp_path: Path) -> None:
    data = np.ones((6, 7, 8), np.float32)
    data[3] = np.nan
    paths = [
        write_volume(tmp_path / f"{name}.mrc", np.ones_like(data), voxel_size=5, label="") for name in "ab"
    ]
    for path in paths:
        with path.open("r+b") as file:
            file.seek(1024)
            file.write(data.tobytes())
    assert np.isnan(open_row(RowConfig(name="a", path=paths[0])).data[3]).all()
    mean = open_row(RowConfig(name="m", kind="mean", even=paths[0], odd=paths[1]))
    assert np.isnan(mean.data[3]).all()
    assert (mean.data[2] == 1).all()


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 7, 8), "s is a single image"), ((6, 7, 8), "s.mrc has no voxel size in its header: give it in Å")],
)
def test_files_that_cannot_be_compared_are_told(tmp_path: Path, shape: tuple[int, ...], words: str) -> None:
    path = write_volume(tmp_path / "s.mrc", np.zeros(shape, np.float32), voxel_size=5, label="")
    if shape[0] > 1:
        with path.open("r+b") as file:
            file.seek(40)
            file.write(bytes(12))
    with pytest.raises(ValueError, match=words):
        open_row(RowConfig(name="s", path=path))


def test_a_voxel_size_that_is_given_stands_over_the_header(pair: tuple[Path, Path]) -> None:
    assert open_row(RowConfig(name="a", path=pair[0], voxel_size=4.5)).voxel_size == (4.5, 4.5, 4.5)


def test_unreadable_files_and_runs_are_told(
    tmp_path: Path, run: Path, pair: tuple[Path, Path], sources: Sources
) -> None:
    (tmp_path / "text.mrc").write_text("no volume", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    other = write_volume(tmp_path / "other.mrc", np.zeros((6, 7, 8), np.float32), voxel_size=5, label="")
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"path": tmp_path / "gone.mrc"}, FileNotFoundError, "does not exist"),
        ({"path": tmp_path / "text.mrc"}, ValueError, "is not an MRC file"),
        ({"path": tmp_path}, IsADirectoryError, "is a folder"),
        ({"kind": "mean", "even": pair[0], "odd": other}, ValueError, "The halves differ in size"),
        ({"kind": "run", "path": run, "step": 300}, ValueError, "no checkpoint of step 300 in .* 100, 600"),
        (
            {"kind": "run", "path": tmp_path / "gone"},
            FileNotFoundError,
            "name the halves as well",
        ),
        ({"kind": "run", "path": tmp_path / "empty", "even": pair[0]}, FileNotFoundError, "no checkpoint"),
        ({"kind": "live", "path": tmp_path / "empty"}, FileNotFoundError, "holds no run"),
    ]
    for values, kind, words in cases:
        with pytest.raises(kind, match=words):
            sources.open_row(RowConfig(name="r", **values), region=16)


def test_a_run_without_previews_is_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes((run / "config.toml").read_bytes())
    with pytest.raises(ValueError, match="has no preview yet: wait for the first one"):
        open_row(RowConfig(name="l", kind="live", path=tmp_path))
