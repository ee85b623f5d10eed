"""Restoring from the command line."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore import restoration
from napari_cryorestore.cli.main import main
from napari_cryorestore.data.tile_journal import FileJournal
from napari_cryorestore.io.part_file import part_of
from napari_cryorestore.io.volumes import open_volume

from .conftest import score

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = ["--device", "cpu", "--precision", "32", "--threads", "1"]


def test_a_run_restores_what_it_learned_from(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(run_copy), *CPU]) == 0
    printed = capsys.readouterr()
    path = Path(printed.out.strip())
    assert path == run_copy / "restored" / "tiny_icecream_4.mrc"
    assert open_volume(path).data.shape == (32, 32, 32)
    assert "restoring tiny_even.mrc · " in printed.err


def test_step_output_tile_and_batch_are_heeded(
    trained: Path, tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = tiny_pair
    given = ["--even", str(even), "--odd", str(odd), "--step", "2", "--tile", "64", "--batch", "2"]
    assert main(["restore", str(trained), *given, "--output", "a.mrc", *CPU]) == 0
    assert main(["restore", str(trained), "--output", "b.mrc", *CPU]) == 0
    first, second = open_volume("a.mrc"), open_volume("b.mrc")
    assert "step 2" in first.labels[0]
    assert "step 4" in second.labels[0]
    assert not np.array_equal(first.data, second.data)
    assert capsys.readouterr().out == "a.mrc\nb.mrc\n"


def test_the_wiener_filter_needs_no_run(
    tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = tiny_pair
    for name in ("tiny_wiener.mrc", "tiny_wiener_2.mrc"):
        assert main(["restore", "--method", "wiener", "--even", str(even), "--odd", str(odd), *CPU]) == 0
        assert capsys.readouterr().out == f"{name}\n"
        assert open_volume(name).data.shape == (32, 32, 32)


def test_the_longest_name_of_a_tomogram_makes_one_of_a_file_too(
    tiny_pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = (tmp_path / f"{'T' * 240}_{half}.mrc" for half in ("even", "odd"))
    even.symlink_to(tiny_pair[0])
    odd.symlink_to(tiny_pair[1])
    for ending in ("_wiener.mrc", "_wiener_2.mrc"):
        assert main(["restore", "--method", "wiener", "--even", str(even), "--odd", str(odd), *CPU]) == 0
        name = capsys.readouterr().out.strip()
        assert name.endswith(ending)
        assert open_volume(name).data.shape == (32, 32, 32)


def test_a_checkpoint_folder_will_do(trained: Path, tiny_pair: tuple[Path, Path]) -> None:
    folder = trained / "checkpoints" / "step_00000002"
    assert main(["restore", str(folder), "--even", str(tiny_pair[0]), *CPU]) == 0
    assert Path("tiny_icecream_2.mrc").is_file()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "give either a run to restore with, or --method wiener"),
        (["RUN", "--method", "wiener"], "give either a run to restore with, or --method wiener"),
        (["--method", "wiener", "--step", "3", "--even", "EVEN"], "wiener needs no training: leave it out"),
        (["RUN", "--step", "3"], "there is no checkpoint of step 3 in RUN; there are: 2, 4"),
        (["RUN", "--even", "gone.mrc"], "gone.mrc"),
        (["gone"], "There is no run at gone: name a run folder"),
        (["gone@600"], "There is no run at gone: name a run folder"),
        (["gone", "--even", "EVEN"], "There is no run at gone: name a run folder"),
        (["."], "holds no run"),
        (["--method", "wiener", "--even", "EVEN"], "both half maps"),
        (["RUN", "--output", "EVEN"], "exists"),
        (["RUN", "--batch", "0"], "batch: Input should be greater than or equal to 1 (given: '0')"),
        (["RUN", "--device", "tpu"], "device: "),
        (["RUN", "--mask", "m.mrc", "--mask", "n.mrc"], "--mask is given 2 times for one tomogram"),
        (["RUN", "--method.flips", "true"], "there is no option --method.flips here"),
        (["RUN", "--method.passes", "3"], "passes: "),
        (["--method", "wiener", "--even", "EVEN", "--passes", "1"], "there is no option --passes here"),
    ],
)
def test_bad_input_is_one_sentence(
    given: list[str],
    sentence: str,
    trained: Path,
    tiny_pair: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"RUN": str(trained), "EVEN": str(tiny_pair[0])}
    before = tiny_pair[0].read_bytes()
    assert main(["restore", *CPU, *(places.get(item, item) for item in given)]) == 2
    told = capsys.readouterr().err.splitlines()[-1].replace(str(trained), "RUN")
    assert sentence in told
    assert tiny_pair[0].read_bytes() == before


def test_ctrl_c_leaves_nothing_behind(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = restoration.restore

    def interrupted(config: restoration.RestoreConfig, **more: Callable[..., object]) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return original(config, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(restoration, "restore", interrupted)
    assert main(["restore", str(trained), "--output", "out.mrc", *CPU]) == 130
    assert list(tmp_path.iterdir()) == []
    assert "cancelled: out.mrc was not made" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_twice_leaves_nothing_behind_either(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        for _ in range(2):
            os.kill(os.getpid(), number)

    monkeypatch.setattr("napari_cryorestore.restoration.model.Model.restore", interrupted)
    assert main(["restore", str(trained), "--output", "out.mrc", *CPU]) == 130
    assert list(tmp_path.iterdir()) == []
    told = capfd.readouterr().err
    assert told.splitlines()[-1] == "cryorestore restore: interrupted: out.mrc was not made"
    assert "Traceback" not in told


def test_progress_tells_the_time_left(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(config: restoration.RestoreConfig, *, progress: Callable[[float], None], **_: object) -> Path:
        progress(0.5)
        return config.output

    monkeypatch.setattr(restoration, "restore", slow)
    assert main(["restore", str(trained), "--output", "out.mrc"]) == 0
    told = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"restoring tiny_even\.mrc · 50% · 0:0\d left", told)


def test_one_that_goes_on_says_so_and_counts_only_its_own_pace(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(
        config: restoration.RestoreConfig,
        *,
        progress: Callable[[float], None],
        say: Callable[[str], None],
        **_: object,
    ) -> Path:
        say("it goes on")
        progress(0.9)
        return config.output

    monkeypatch.setattr(restoration, "restore", slow)
    assert main(["restore", str(trained), "--output", "out.mrc"]) == 0
    assert capsys.readouterr().err.endswith("it goes on\nrestoring tiny_even.mrc · 90%\n")


def test_settings_of_the_method_are_handed_on_in_either_spelling(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[restoration.RestoreConfig] = []
    monkeypatch.setattr(restoration, "restore", lambda config, **_: requests.append(config) or config.output)
    for extra in ([], ["--passes", "1"], ["--method.passes", "1", "--average-flips", "true"]):
        assert main(["restore", str(trained), "--output", "out.mrc", *extra]) == 0
    assert [config.method for config in requests] == [
        {},
        {"passes": 1},
        {"passes": 1, "average_flips": "true"},
    ]


def test_the_help_lists_the_settings_of_the_models_method(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    helps = []
    for words in ([], [str(trained)], ["--method", "wiener"]):
        with pytest.raises(SystemExit):
            main(["restore", *words, "--help"])
        helps.append(capsys.readouterr().out)
    assert ["--method.passes" in text for text in helps] == [True, True, False]
    assert all("--passes" not in text.replace("--method.passes", "") for text in helps)


def test_a_mask_is_handed_on(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[restoration.RestoreConfig] = []
    monkeypatch.setattr(restoration, "restore", lambda config, **_: requests.append(config) or config.output)
    assert main(["restore", str(trained), "--output", "out.mrc", "--mask", "lamella.mrc"]) == 0
    assert requests[0].tomogram.mask == Path("lamella.mrc")


# Which step ------------------------------------------------------------------------------------------


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> list[restoration.RestoreConfig]:
    """Restore nothing, and note what was to be restored."""
    requests: list[restoration.RestoreConfig] = []

    def note(config: restoration.RestoreConfig, **_: object) -> Path:
        requests.append(config)
        return config.output

    monkeypatch.setattr(restoration, "restore", note)
    return requests


OVER_FITTED = {1: 0.4, 2: 0.5, 3: 0.4, 4: 0.1}


def steps_of(requests: list[restoration.RestoreConfig]) -> list[int]:
    return [int(config.model.weights.parent.name.removeprefix("step_")) for config in requests]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("typed", "step", "sentence"),
    [
        (["RUN"], 2, "Step 2 is taken, as the held-out numbers suggest; the newest is step 4."),
        (["RUN@suggested"], 2, "Step 2 is taken, as the held-out numbers suggest; the newest is step 4."),
        (["RUN", "--step", "newest"], 4, "Step 4 is taken, the newest; the held-out numbers suggest step 2."),
        (["RUN@newest"], 4, "Step 4 is taken, the newest; the held-out numbers suggest step 2."),
        (
            ["RUN@4"],
            4,
            "Step 4 is taken, as given; the held-out numbers suggest step 2 and it is the newest.",
        ),
        (["RUN", "--step", "2"], 2, "Step 2 is taken, as given; the newest is step 4."),
    ],
)
def test_the_suggested_step_is_taken_unless_another_is_named(
    typed: list[str],
    step: int,
    sentence: str,
    run_copy: Path,
    requested: list[restoration.RestoreConfig],
    capsys: pytest.CaptureFixture[str],
) -> None:
    score(run_copy, OVER_FITTED)
    words = [word.replace("RUN", str(run_copy)) for word in typed]
    assert main(["restore", *words]) == 0
    assert steps_of(requested) == [step]
    assert sentence in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["RUN@2", "--step", "4"], "the step is given twice: by RUN@2 and by --step"),
        (["RUN", "--step", "best"], "step: 'best' names no step: write suggested, newest or a number"),
        *(
            ([f"RUN@{word}"], f"RUN@{word} names no step: write suggested, newest or a number")
            for word in ("sugested", "oldest", "", "NEWEST", "-1")
        ),
        (["RUN@3"], "there is no checkpoint of step 3 in RUN; there are: 2, 4"),
        (
            ["RUN/checkpoints/step_00000002@4", "--even", "e.mrc"],
            "is a checkpoint, which is of one step: name its run, or no",
        ),
    ],
)
def test_a_step_that_is_none_is_one_sentence(
    typed: list[str], sentence: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restore", *(word.replace("RUN", str(trained)) for word in typed)]) == 2
    assert sentence in capsys.readouterr().err.replace(str(trained), "RUN")


def test_what_speaks_against_step_and_model_is_said_and_stands_in_the_header(
    run_copy: Path, tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    score(run_copy, OVER_FITTED)
    given = ["--even", str(tiny_pair[0]), "--voxel-size", "13.48", "--output", "out.mrc"]
    assert main(["restore", f"{run_copy}@newest", *given, *CPU]) == 0
    told = capsys.readouterr().err
    labels = " ".join(open_volume("out.mrc").labels)
    for words in (
        "warning: The run over-fitted before step 4: held-out agreement is 80 % below its best, at step 2.",
        "warning: The voxel size is 13.48 ",
        "warning: One map is given instead of two halves",
    ):
        assert words in told
        assert words in labels
    assert "Step 4 is taken, the newest; the held-out numbers suggest step 2." in labels


def test_what_was_noticed_of_the_tomogram_is_said_with_its_severity(
    run_copy: Path, tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(tiny_pair[0], "same.mrc")
    given = ["--even", str(tiny_pair[0]), "--odd", "same.mrc", "--voxel-size", "20", "--output", "out.mrc"]
    assert main(["restore", str(run_copy), *given, *CPU]) == 0
    (line,) = [told for told in capsys.readouterr().err.splitlines() if "the same volume" in told]
    assert line.startswith("problem: tiny: ")


def test_a_restoration_that_was_killed_goes_on_with_its_step_while_the_run_trains_on(
    run_copy: Path, requested: list[restoration.RestoreConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    part = part_of(run_copy / "restored" / "tiny_icecream_4.mrc")
    part.write_bytes(b"")
    FileJournal(part, "mark", {}, about={"step": 4}).write()
    score(run_copy, OVER_FITTED)
    assert main(["restore", str(run_copy)]) == 0
    assert "Step 4 is taken, as when this restoration began" in capsys.readouterr().err
    assert main(["restore", str(run_copy), "--step", "suggested"]) == 0
    assert steps_of(requested) == [4, 2]
    assert requested[0].output == run_copy / "restored" / "tiny_icecream_4.mrc"


def test_a_queue_keeps_its_step_while_the_run_trains_on(
    run_copy: Path,
    three_pairs: Path,
    requested: list[restoration.RestoreConfig],
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["restore", str(run_copy), "--pairs", str(three_pairs), "--output-folder", "made"]
    assert main(given) == 0
    score(run_copy, OVER_FITTED)
    assert main(given) == 0
    assert "Step 4 is taken, as when this queue began; the held-out numbers suggest step 2" in (
        capsys.readouterr().err
    )
    assert main([*given, "--step", "suggested"]) == 0
    assert main(given) == 0
    assert steps_of(requested) == [4] * 6 + [2] * 6
    shutil.rmtree(run_copy / "checkpoints" / "step_00000002")
    assert main(given) == 0
    assert steps_of(requested)[12:] == [4] * 3
