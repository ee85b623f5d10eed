"""The demonstration, with a single step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryorestore import samples
from napari_cryorestore.cli import demo
from napari_cryorestore.cli.main import main
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    import pytest

SHAPE = (40, 48, 64)


def test_the_recipe_is_a_quick_look_on_the_real_pair() -> None:
    config = demo.demo_config(steps=50, device="cpu")
    assert (config.method.kind, config.schedule.steps, config.snapshots.every) == ("icecream", 50, 12)
    assert all(
        path is not None and path.is_file() for path in (config.tomograms[0].even, config.tomograms[0].odd)
    )


def test_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cropped = tuple(crop(path, tmp_path) for path in samples.real_pair())
    monkeypatch.setattr(samples, "real_pair", lambda: cropped)
    assert main(["demo", "shown", "--steps", "1", "--device", "cpu"]) == 0
    made = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    run = Path(made["run"])
    assert run.parent == Path("shown")
    assert made["restored"] == str(run / "restored" / "mycoplasma_icecream.mrc")
    assert open_volume(made["restored"]).data.shape == SHAPE
    assert (run / "restored" / "mycoplasma_wiener.mrc").is_file()
    assert Path(made["figure"]).read_bytes().startswith(b"\x89PNG")


def crop(path: Path, folder: Path) -> Path:
    """Write a corner of a volume, with the tilt file beside it."""
    (folder / "mpn40_A.tlt").write_bytes(path.with_name("mpn40_A.tlt").read_bytes())
    z, y, x = SHAPE
    return write_volume(folder / path.name, open_volume(path).data[:z, :y, :x], voxel_size=40.0, label="")
