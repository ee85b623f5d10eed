"""The figure from the command line."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.comparison import figure as drawing
from napari_cryorestore.comparison import sources
from napari_cryorestore.comparison.comparison_config import open_comparison
from napari_cryorestore.io.volume_output import write_volume

FAST = ["--device", "cpu", "--dpi", "30", "--columns", "XY", "Fxz"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Note what is drawn: the volumes, the settings and the rest."""
    seen: list[tuple[Any, Any, dict[str, Any]]] = []
    original = drawing.comparison_figure

    def noted(volumes: Any, config: Any, **more: Any) -> Any:
        seen.append((volumes, config, more))
        return original(volumes, config, **more)

    monkeypatch.setattr(drawing, "comparison_figure", noted)
    return seen


def test_files_are_drawn_under_their_labels_at_the_place(
    tiny_pair: tuple[Path, Path], drawn: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(path) for path in tiny_pair]
    given = ["compare", *files, "--labels", "one", "two", "--at", "3,4,5", "--output", "fig.pdf", *FAST]
    assert main(given) == 0
    assert capsys.readouterr().out == "fig.pdf\n"
    assert Path("fig.pdf").read_bytes().startswith(b"%PDF")
    volumes, config, more = drawn[0]
    assert [volume.name for volume in volumes] == ["one", "two"]
    assert volumes[0].index_of(config.cursor) == (3, 4, 5)
    assert config.columns == ("XY", "|F|xz")
    assert volumes[0].recording.tilt_range is not None
    assert more["detected"] == ()


def test_runs_steps_halves_and_the_wiener_filter_are_rows(
    trained: Path, tiny_pair: tuple[Path, Path], drawn: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["mean", "wiener", f"{trained}@2", str(trained), str(tiny_pair[0])]
    more = ["--at", "9", "8", "7", "--region", "16", "--save", "c.toml"]
    assert main(["compare", *rows, *more, *FAST]) == 0
    printed = capsys.readouterr()
    assert printed.out == "compared.png\nc.toml\n"
    assert "run: Step 4 is taken, which scores best; it is the newest." in printed.err
    assert [row.step for row in open_comparison("c.toml").rows] == [None, None, 2, 4, None]
    volumes = drawn[0][0]
    assert [volume.name for volume in volumes] == [
        "Input",
        "Wiener filter",
        "run @ 2",
        "run @ 4",
        "tiny_even",
    ]
    assert [volume.shape[0] for volume in volumes] == [32, 16, 16, 16, 32]
    assert not np.allclose(volumes[2].data, volumes[3].data)
    assert all(volume.index_of(volumes[0].position_of((9, 8, 7))) is not None for volume in volumes)


def test_a_saved_comparison_is_drawn_again_with_what_is_typed_over_it(
    tiny_pair: tuple[Path, Path], drawn: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = (str(path) for path in tiny_pair)
    first = ["compare", even, odd, "--save", "c.toml", "--inverted", "true", "--tilt-range", "-40", "50"]
    assert main([*first, "--at", "3", "4", "5", *FAST]) == 0
    assert main(["compare", "c.toml", "--slab", "2", "--labels", "a", "b", "--output", "again.svg"]) == 0
    assert capsys.readouterr().out == "compared.png\nc.toml\nagain.svg\n"
    before, after = drawn[0][1], drawn[1][1]
    assert after == before.model_copy(update={"slab": 2, "rows": after.rows})
    assert [row.name for row in after.rows] == ["a", "b"]
    assert (after.inverted, after.tilt_range) == (True, (-40, 50))
    assert open_comparison("c.toml").rows[0].path == Path(even)


def test_hidden_rows_are_left_out_and_equal_names_numbered(
    tiny_pair: tuple[Path, Path], drawn: list[Any]
) -> None:
    even = str(tiny_pair[0])
    assert main(["compare", even, even, even, "--save", "c.toml", *FAST]) == 0
    assert [volume.name for volume in drawn[0][0]] == ["tiny_even", "tiny_even (2)", "tiny_even (3)"]
    text = Path("c.toml").read_text(encoding="utf-8")
    Path("c.toml").write_text(text.replace("hidden = false", "hidden = true", 1), encoding="utf-8")
    assert main(["compare", "c.toml", "--output", "2.png", "--dpi", "30"]) == 0
    assert len(drawn[1][0]) == 2


def test_arrows_and_the_wedge_found_are_drawn(tiny_pair: tuple[Path, Path], drawn: list[Any]) -> None:
    Path("picks.csv").write_text("z,y,x\n16,8,24\n", encoding="utf-8")
    even = str(tiny_pair[0])
    assert main(["compare", even, "--arrows", "picks.csv", "--detect-wedge", "--tilt-axis", "x", *FAST]) == 0
    volumes, _, more = drawn[0]
    assert volumes[0].index_of(more["arrows"][0]) == (16, 8, 24)
    assert len(more["detected"]) == 1
    assert volumes[0].recording.axis == "x"


def test_holes_are_drawn_and_told(
    tiny_pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shutil.copy(tiny_pair[0], tmp_path / "holes.mrc")
    with path.open("r+b") as file:
        file.seek(1024 + 32 * 32 * 4 * 16)
        file.write(np.full((32, 32), np.nan, np.float32).tobytes())
    assert main(["compare", str(path), *FAST]) == 0
    told = capsys.readouterr().err
    assert "warning: 100 % of this section of holes is NaN or infinite and left blank." in told
    assert "3.1 % of the voxels are NaN or infinite" in told


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["EVEN", "gone.mrc"], "There is no run or volume at gone.mrc"),
        (["gone", "mean"], "There is no run or volume at gone"),
        (["gone@600", "mean"], "There is no run or volume at gone:"),
        (["RUN@best", "mean"], "names no step: write suggested, newest or a number"),
        (["RUN@3"], "there is no checkpoint of step 3 in"),
        (["empty"], "holds no run"),
        (["mean"], "the row mean is made of two halves: give --even and --odd"),
        (["EVEN", "--labels", "a", "b"], "--labels gives 2 names for 1 rows"),
        (["EVEN", "--at", "1", "2"], "--at needs three numbers, z y x, not '1 2'"),
        (["EVEN", "--at", "99,1,1"], "cut at 1990 Å along z"),
        (["EVEN", "--output", "fig.jpg"], "fig.jpg is not a figure"),
        (["EVEN", "--output", "EVEN"], "is not a figure"),
        (["EVEN", "--columns", "ZZ"], "columns.0: "),
        (["EVEN", "c.toml"], "c.toml is a saved comparison: name it alone"),
        (["c.toml"], "There is no comparison c.toml"),
        (["EVEN", "--arrows", "gone.csv"], "gone.csv does not exist"),
        (["EVEN", "--tilt-range", "60", "-60"], "must rise within ±90°"),
        (["FLAT"], "flat is a single image"),
        (["NOSIZE"], "has no voxel size in its header: give it in Å"),
        (["EVEN"] * 9, "rows: "),
    ],
)
def test_bad_input_is_one_sentence(
    given: list[str],
    sentence: str,
    trained: Path,
    tiny_pair: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flat = write_volume(tmp_path / "flat.mrc", np.zeros((1, 9, 9), np.float32), voxel_size=5, label="")
    sizeless = shutil.copy(tiny_pair[0], tmp_path / "sizeless.mrc")
    with sizeless.open("r+b") as file:
        file.seek(40)
        file.write(bytes(12))
    (tmp_path / "empty").mkdir()
    places = {"EVEN": str(tiny_pair[0]), "FLAT": str(flat), "NOSIZE": str(sizeless), "RUN@3": f"{trained}@3"}
    places["RUN@best"] = f"{trained}@best"
    assert main(["compare", *(places.get(item, item) for item in given), "--device", "cpu"]) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("*.png"))


def test_ctrl_c_leaves_nothing_behind(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = sources.Sources.open_row

    def interrupted(self: Any, row: Any, **more: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return original(self, row, **more)

    monkeypatch.setattr(sources.Sources, "open_row", interrupted)
    assert main(["compare", str(trained), "--device", "cpu"]) == 1
    assert "cancelled: nothing was made" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
