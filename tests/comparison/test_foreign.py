"""Results of other programs: who made them, and what is told and put right beside the raw tomogram."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_cryorestore.cli.main import main
from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.programs import PROGRAMS, program_of
from napari_cryorestore.comparison.recorded import is_raw
from napari_cryorestore.comparison.sources import open_row
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE, VOXEL = (24, 32, 40), 13.68


@pytest.fixture(scope="module")
def truth() -> NDArray[np.float64]:
    noise = np.random.default_rng(0).standard_normal(SHAPE)
    smooth = gaussian_filter(noise, 2)
    return smooth / smooth.std()


@pytest.fixture(scope="module")
def halves(truth: NDArray[np.float64], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, random = tmp_path_factory.mktemp("raw"), np.random.default_rng(1)
    even, odd = (
        write_volume(
            folder / f"TS01_{name}.mrc",
            5 - 2 * truth + random.standard_normal(SHAPE),
            voxel_size=VOXEL,
            label="",
        )
        for name in ("even", "odd")
    )
    (folder / "TS01.tlt").write_text("-60\n0\n60\n")
    return even, odd


def of_another(path: Path, voxels: NDArray[Any], *, voxel_size: float = VOXEL, label: str = "") -> Path:
    """Write a volume as other programs do."""
    with mrcfile.new(path, voxels.astype(np.float32), overwrite=True) as file:
        file.voxel_size = voxel_size
        if label:
            file.add_label(label)
    return path


def shown(path: Path, halves: tuple[Path, Path], **more: Any) -> tuple[Any, str]:
    row = RowConfig(name="it", kind="result", path=path, even=halves[0], odd=halves[1], **more)
    volume = open_row(row)
    return volume, " ".join(finding.text for finding in volume.findings)


@pytest.mark.parametrize(
    ("name", "label", "program", "words"),
    [
        ("TS01_cryolithe.mrc", "", "CryoLithe", "as its name says. It fills the missing wedge"),
        (
            "TS01.mrc",
            "CryoSamba inference",
            "CryoSamba",
            "as its header says. It removes noise",
        ),
        ("TS01_topaz.mrc", "IsoNet refine", "IsoNet", "as its header says. It fills"),
        ("TS01_ddw.mrc", "", "DeepDeWedge", "It fills the missing wedge"),
        ("TS01_out.mrc", "", "", "does not say which program made it. Whether its missing wedge was filled"),
    ],
)
def test_the_program_is_read_from_header_or_name(
    name: str, label: str, program: str, words: str, tmp_path: Path, truth: NDArray[np.float64]
) -> None:
    volume = open_volume(of_another(tmp_path / name, truth, label=label))
    found, finding = program_of(volume)
    assert found == program
    assert words in finding.sentence
    assert name in finding.sentence
    assert is_raw(volume) is (not program)
    assert "was made by IsoNet. It fills" in program_of(volume, "isonet")[1].sentence
    assert program_of(volume, "Other")[0] == "Other"


def test_every_program_finds_itself() -> None:
    for program in PROGRAMS:
        found = [item.name for item in PROGRAMS if re.search(item.pattern, program.name, re.IGNORECASE)]
        assert found == [program.name]


def test_what_is_as_large_gets_voxel_size_tilts_and_scale_of_the_raw_tomogram(
    halves: tuple[Path, Path], truth: NDArray[np.float64], tmp_path: Path
) -> None:
    volume, told = shown(of_another(tmp_path / "isonet.mrc", -0.1 * truth + 3, voxel_size=1.0), halves)
    assert volume.voxel_size == pytest.approx((VOXEL,) * 3)
    assert "Its header says 1 Å, but it has as many voxels as the raw tomogram: 13.68 Å is taken." in told
    assert volume.recording.tilt_range == (-60, 60)
    assert not volume.raw
    np.testing.assert_allclose(volume.data, 5 - 2 * truth, atol=0.1)  # of 24³ voxels of noise
    assert "To be on the raw tomogram's scale" in told
    assert "inverted" not in told


def test_inverted_contrast_is_put_right(
    halves: tuple[Path, Path], truth: NDArray[np.float64], tmp_path: Path
) -> None:
    volume, told = shown(of_another(tmp_path / "out.mrc", truth), halves)
    assert "Its contrast is inverted" in told
    np.testing.assert_allclose(volume.data, 5 - 2 * truth, atol=0.1)
    assert "It fills" in shown(tmp_path / "out.mrc", halves, program="CryoLithe")[1]


@pytest.mark.parametrize("flip", [(-1, 1, 1), (1, -1, 1), (-1, 1, -1)])
def test_what_lies_flipped_is_flipped_back(
    flip: tuple[int, int, int], halves: tuple[Path, Path], truth: NDArray[np.float64], tmp_path: Path
) -> None:
    z, y, x = flip
    volume, told = shown(of_another(tmp_path / "out.mrc", -truth[::z, ::y, ::x]), halves)
    axes = " and ".join(axis for axis, step in zip("zyx", flip, strict=True) if step < 0)
    assert f"It lies flipped along {axes}, and is shown flipped back." in told
    np.testing.assert_allclose(volume.data, 5 - 2 * truth, atol=0.1)


def test_a_binned_result_has_voxels_as_much_larger(
    halves: tuple[Path, Path], truth: NDArray[np.float64], tmp_path: Path
) -> None:
    binned = truth.reshape(12, 2, 16, 2, 20, 2).mean(axis=(1, 3, 5))
    volume, told = shown(of_another(tmp_path / "out.mrc", -binned, voxel_size=0), halves)
    assert volume.voxel_size == pytest.approx((2 * VOXEL,) * 3)
    assert "Its header says no voxel size, but it is binned by 2: 27.36 Å is taken." in told
    np.testing.assert_allclose(volume.data, 5 - 2 * binned, atol=0.1)


def test_what_cannot_be_put_right_is_told(
    halves: tuple[Path, Path], truth: NDArray[np.float64], tmp_path: Path
) -> None:
    other = np.random.default_rng(5).standard_normal(SHAPE)
    volume, told = shown(of_another(tmp_path / "other.mrc", other), halves)
    assert "It does not resemble the raw tomogram (correlation" in told
    np.testing.assert_array_equal(volume.data, other.astype(np.float32))
    assert "Check that nothing was cut off" in shown(of_another(tmp_path / "cut.mrc", truth[2:]), halves)[1]
    turned = of_another(tmp_path / "turned.mrc", truth.transpose(1, 0, 2))
    assert "Turn it first, so that its axes are those of the raw tomogram." in shown(turned, halves)[1]


def test_the_command_line_takes_results(
    halves: tuple[Path, Path], truth: NDArray[np.float64], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [of_another(tmp_path / name, -truth) for name in ("TS01_isonet.mrc", "out.mrc")]
    given = ["--results", str(files[0]), f"CryoLithe={files[1]}"]
    words = ["compare", "mean", "--even", str(halves[0]), "--odd", str(halves[1]), *given]
    saved, figure = tmp_path / "saved.toml", tmp_path / "rows.png"
    looks = [
        "--columns",
        "XY",
        "--dpi",
        "30",
        "--device",
        "cpu",
        "--output",
        str(figure),
        "--save",
        str(saved),
    ]
    assert main([*words, *looks]) == 0
    told = capsys.readouterr().err
    assert "note: IsoNet: TS01_isonet.mrc, of" in told
    assert "CryoLithe: out.mrc, of" in told
    assert 'program = "CryoLithe"' in saved.read_text(encoding="utf-8")
    raw = ["--raw-even", str(halves[0]), "--raw-odd", str(halves[1])]
    assert main(["evaluate", "mean", *raw, *given, "--device", "cpu"]) == 0
    assert "CryoLithe" in capsys.readouterr().out
    assert main(["compare", "mean", "--results", str(tmp_path / "none.mrc")]) == 2
    assert "There is no volume at" in capsys.readouterr().err
