"""Numbers from the command line."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.samples import real_pair

if TYPE_CHECKING:
    from pathlib import Path

Pair = tuple["Path", "Path"]


def numbers(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_volumes_are_measured_and_explained(
    tiny_pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = map(str, tiny_pair)
    assert main(["evaluate", even, odd, "--output", "numbers.csv"]) == 0
    told = capsys.readouterr()
    assert "tiny_even  Power in the wedge (80-40 Å): " in told.out
    assert "Shell correlation falls to 0.143 (measured, against tiny_odd): " in told.out
    assert "does not prove that the detail is real" in told.out
    assert told.out.rstrip().endswith("numbers.csv")
    rows = numbers(tmp_path / "numbers.csv")
    assert {row["name"] for row in rows} >= {"fsc", "power", "wedge_power", "supplied_share"}
    assert {row["region"] for row in rows if row["name"] == "fsc"} == {"all", "measured", "wedge"}


def test_everything_at_once(tiny_pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    even, odd = map(str, tiny_pair)
    truth = str(tiny_pair[0].with_name("tiny_truth.mrc"))
    (tmp_path / "s.csv").write_text("z,y,x\n16,16,16\n12,16,16\n")
    (tmp_path / "b.csv").write_text("5,5,5\n")
    (tmp_path / "p.csv").write_text("z,y,x,score\n1,2,3,0.5\n9,9,9,0.25\n")
    (tmp_path / "r.csv").write_text("1,2,4\n20,20,20\n")
    options = [
        *("--even", even, "--odd", odd, "--raw-even", even, "--raw-odd", odd, "--reference", truth),
        *("--signal", "s.csv", "--background", "b.csv", "--box", "160"),
        *("--picks", "p.csv", "--reference-picks", "r.csv", "--tolerance", "30"),
        *("--tilt-range", "-50", "50", "--output", "n.json"),
    ]
    assert main(["evaluate", *options]) == 0
    assert "warning:" not in capsys.readouterr().err
    content = json.loads((tmp_path / "n.json").read_text(encoding="utf-8"))
    found = {(item["name"], item["against"], item["region"]): item["value"] for item in content["numbers"]}
    assert 0 < found["agreement", "raw halves", "coarser than 320 Å"] < 1
    assert found["snr_squared_boxes", "", ""] == 2
    assert found["mean_distance", "reference picks", ""] == pytest.approx(20)
    assert found["f1", "reference picks", ""] == pytest.approx(2 / 3)
    assert 0 < found["correlation", "tiny_truth", "measured"] < 1
    assert content["problems"] == []


def test_what_cannot_be_measured_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = np.random.default_rng(0).standard_normal((12, 12, 12), dtype=np.float32)
    write_volume(tmp_path / "good.mrc", data, voxel_size=10.0, label="noise")
    whole = write_volume(tmp_path / "holes.mrc", data, voxel_size=10.0, label="holes")
    data[5] = np.nan
    content = whole.read_bytes()
    whole.write_bytes(content[: -data.nbytes] + data.tobytes())
    assert main(["evaluate", "good.mrc", "holes.mrc", "good.mrc", "--output", "n.csv"]) == 0
    told = capsys.readouterr()
    assert "warning: holes cannot be measured: 8.3 % of its voxels are NaN" in told.err
    assert {row["row"] for row in numbers(tmp_path / "n.csv")} == {"good", "good (2)"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    data = np.random.default_rng(0).standard_normal((16, 16, 16), dtype=np.float32)
    write_volume(tmp_path / "a.mrc", data, voxel_size=10.0, label="noise")
    write_volume(tmp_path / "image.mrc", data[:1], voxel_size=10.0, label="one slice")
    (tmp_path / "text.mrc").write_text("hello")
    (tmp_path / "p.csv").write_text("1,2,3\n")
    (tmp_path / "bad.csv").write_text("1,two,3\n")
    (tmp_path / "there.csv").write_text("")
    assert open_volume("a.mrc").voxel_size == 10
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no volume is given: name at least one"),
        ("none.mrc", "none.mrc"),
        ("text.mrc", "text.mrc"),
        ("image.mrc", "image is a single image (1×16×16), but a volume is needed"),
        ("--even a.mrc", "--even names 1 files and --odd 0: give both halves of each"),
        ("a.mrc --raw-even a.mrc", "--raw-even needs --raw-odd beside it"),
        ("a.mrc --raw-even a.mrc --raw-odd a.mrc", "need restored halves to compare with"),
        ("a.mrc --background p.csv", "--background needs --signal beside it"),
        ("a.mrc --picks p.csv", "--picks needs --reference-picks beside it"),
        ("a.mrc --picks p.csv --reference-picks p.csv", "--reference-picks needs --tolerance beside it"),
        ("a.mrc --picks bad.csv --reference-picks p.csv --tolerance 5", "bad.csv has 'two' in line 1"),
        (
            "a.mrc --picks p.csv --reference-picks p.csv --tolerance 0",
            "tolerance: Input should be greater than 0",
        ),
        ("a.mrc --output n.txt", "end it in .csv or .json"),
        ("a.mrc --output there.csv", "exists and is never overwritten"),
        ("a.mrc --reference none.mrc", "none.mrc"),
        ("a.mrc --tilt-range 60 -60", "the tilt range 60…-60° is reversed or empty: give the lower"),
    ],
)
@pytest.mark.usefixtures("files")
def test_bad_input_is_refused_in_a_sentence(
    line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *line.split()]) == 2
    assert words in capsys.readouterr().err


def test_halves_are_rows_by_word_as_in_compare(tiny_pair: tuple[Path, Path], capsys) -> None:
    even, odd = (str(path) for path in tiny_pair)
    assert (
        main(["evaluate", "mean", "wiener", "--raw-even", even, "--raw-odd", odd, "--labels", "In", "W"]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[: lines.index("")]} == {"In", "W"}
    assert any(line.startswith("W") and "against raw halves" in line for line in lines)
    assert main(["evaluate", "wiener"]) == 2
    assert "made of two halves: give --raw-even and --raw-odd" in capsys.readouterr().err


def test_the_tilt_axis_is_that_of_the_spectrum(tmp_path: Path) -> None:
    for path, half in zip(real_pair(), ("even", "odd"), strict=True):
        turned = np.ascontiguousarray(np.asarray(open_volume(path).data).transpose(0, 2, 1))
        write_volume(tmp_path / f"TS_{half}.mrc", turned, voxel_size=40.0, label="test")
    tables = []
    for number, axis in enumerate(
        ([], ["--tilt-axis", "x"], ["--tilt-axis", "y", "--tilt-range", "-62", "62"])
    ):
        assert main(["evaluate", "TS_even.mrc", "TS_odd.mrc", *axis, "--output", f"{number}.csv"]) == 0
        tables.append([row for row in numbers(tmp_path / f"{number}.csv") if row["name"] == "wedge_power"])
    assert tables[0] == tables[1] != tables[2]
