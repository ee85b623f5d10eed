"""Many tomograms: what is there is kept, what fails does not end the rest, and processes share the work."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore import restoration
from napari_cryorestore.cli.main import main
from napari_cryorestore.cli.restore import _on_own_device
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.training.rank import Place

from ..restoring import restoration as restoration_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cryorestore.restoration import RestoreConfig

CPU = ["--device", "cpu", "--precision", "32", "--threads", "1"]
Out = pytest.CaptureFixture[str]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[RestoreConfig]:
    """Write an empty file instead of restoring, and note what was requested."""
    requested: list[RestoreConfig] = []

    def restore(request: RestoreConfig, **more: object) -> Path:
        requested.append(request)
        if "TS2" in request.tomogram.even.name and "bad" in request.tomogram.even.parent.name:
            raise ValueError("TS2 cannot be read")
        request.output.touch()
        return request.output

    monkeypatch.setattr(restoration, "restore", restore)
    return requested


def test_a_folder_is_restored_and_again_only_what_lacks(
    trained: Path, three_pairs: Path, capsys: Out
) -> None:
    command = ["restore", str(trained), "--pairs", str(three_pairs), "--output-folder", "made/here", *CPU]
    assert main(command) == 0
    names = [f"made/here/TS{number}_icecream_4.mrc" for number in (1, 2, 3)]
    told = capsys.readouterr()
    assert told.out.split() == names
    assert told.err.splitlines()[-1] == "3 restored, of 3"
    assert {open_volume(name).data.shape for name in names} == {(32, 32, 32)}
    Path(names[1]).unlink()
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out.split() == names[1:2]
    assert "1 of 3, TS1_icecream_4: done before" in told.err
    assert told.err.splitlines()[-1] == "1 restored, 2 done before, of 3"


def test_each_tomogram_has_its_own_tilt_file(
    trained: Path, three_pairs: Path, quick: list[RestoreConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["restore", str(trained), "--pairs", str(three_pairs), "--output-folder", "made"]) == 0
    assert [request.tomogram.recording.tilt_range for request in quick] == [
        None
    ] * 3  # so that each file decides
    assert len({request.model.weights for request in quick}) == 1  # whatever training adds meanwhile


def test_a_failure_does_not_end_the_rest(
    trained: Path, three_pairs: Path, quick: list[RestoreConfig], tmp_path: Path, capsys: Out
) -> None:
    shutil.copytree(three_pairs, tmp_path / "bad")
    assert main(["restore", str(trained), "--pairs", "bad", "--output-folder", "made"]) == 1
    told = capsys.readouterr()
    assert told.out.split() == ["made/TS1_icecream_4.mrc", "made/TS3_icecream_4.mrc"]
    assert "2 of 3, TS2_icecream_4: failed: TS2 cannot be read" in told.err
    assert told.err.splitlines()[-1] == "2 restored, 1 failed, of 3"


def test_a_result_of_another_request_is_not_taken_for_done(
    run_copy: Path, three_pairs: Path, tmp_path: Path, capsys: Out
) -> None:
    pairs = shutil.copytree(three_pairs, tmp_path / "pairs")
    command = ["restore", str(run_copy), "--pairs", str(pairs), "--output-folder", "made", *CPU]
    assert main(command) == 0
    before = Path("made/TS2_icecream_4.mrc").read_bytes()
    shutil.copy(pairs / "TS2_even.mrc", pairs / "TS2_odd.mrc")
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "TS2_icecream_4.mrc was made with other inputs than requested now: remove it" in told
    assert told.splitlines()[-1] == "0 restored, 2 done before, 1 failed, of 3"
    assert Path("made/TS2_icecream_4.mrc").read_bytes() == before
    assert main([*command, "--passes", "2"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "0 restored, 3 failed, of 3"


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_queue(
    times: int, trained: Path, three_pairs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    original = restoration.restore

    def interrupted(request: RestoreConfig, **more: Callable[..., object]) -> Path:
        for _ in range(times if "TS2" in request.tomogram.even.name else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return original(request, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(restoration, "restore", interrupted)
    command = ["restore", "--method", "wiener", "--pairs", str(three_pairs), "--output-folder", "made", *CPU]
    assert main(command) == 130
    told = capsys.readouterr()
    assert told.out.split() == ["made/TS1_wiener.mrc"]
    assert "TS2_wiener.mrc was not made (1 restored; the same command goes on with the rest)" in told.err
    assert [path.name for path in Path("made").iterdir()] == ["TS1_wiener.mrc"]


def test_a_run_on_several_tomograms_restores_all_of_them(
    run_copy: Path, three_pairs: Path, quick: list[RestoreConfig], capsys: Out
) -> None:
    more = f'[[tomograms]]\neven = "{three_pairs}/TS2_even.mrc"\nodd = "{three_pairs}/TS2_odd.mrc"\n'
    with (run_copy / "config.toml").open("a", encoding="utf-8") as config:
        config.write(more)
    assert main(["restore", str(run_copy)]) == 0
    assert [request.output.parent for request in quick] == [run_copy / "restored"] * 2
    assert [request.tomogram.even.name for request in quick] == ["tiny_even.mrc", "TS2_even.mrc"]


def test_tomograms_of_one_name_are_told_apart_by_their_folders(
    three_pairs: Path, quick: list[RestoreConfig], tmp_path: Path
) -> None:
    command = ["restore", "--method", "wiener", "--output-folder", "made", *CPU]
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        for half in ("even", "odd"):
            shutil.copy(three_pairs / f"TS1_{half}.mrc", tmp_path / folder)
            command += [f"--{half}", str(tmp_path / folder / f"TS1_{half}.mrc")]
    assert main(command) == 0
    assert [request.output.name for request in quick] == ["A_TS1_wiener.mrc", "B_TS1_wiener.mrc"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["RUN", "--pairs", "PAIRS", "--output", "a.mrc"], "--output names one file"),
        (
            ["RUN", "--even", "E1", "--even", "E2", "--name", "a", "--name", "a"],
            "would both become a_icecream_4",
        ),
        (["RUN", "--pairs", "gone", "--output-folder", "made"], "gone does not exist"),
    ],
)
def test_bad_input_is_one_sentence(
    given: list[str],
    sentence: str,
    trained: Path,
    three_pairs: Path,
    quick: list[RestoreConfig],
    capsys: Out,
) -> None:
    places = {"RUN": trained, "PAIRS": three_pairs}
    places |= {f"E{number}": three_pairs / f"TS{number}_even.mrc" for number in (1, 2)}
    assert main(["restore", *(str(places.get(item, item)) for item in given)]) == 2
    assert sentence in capsys.readouterr().err
    assert not quick


# Several processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "taken"), [(0, [1, 3]), (1, [2])])
def test_processes_share_the_tomograms(
    index: int,
    taken: list[int],
    trained: Path,
    three_pairs: Path,
    quick: list[RestoreConfig],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Out,
) -> None:
    """See test_slurm.py for two real processes."""
    monkeypatch.setenv("SLURM_PROCID", str(index))
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    assert main(["restore", str(trained), "--pairs", str(three_pairs), "--output-folder", "made"]) == 0
    assert [request.tomogram.even.name for request in quick] == [f"TS{number}_even.mrc" for number in taken]
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"process {index + 1} of 2: {len(taken)} restored, of {len(taken)}"


def test_one_tomogram_is_restored_by_one_of_several_processes(
    trained: Path, quick: list[RestoreConfig], monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert main(["restore", str(trained), "--output", "a.mrc"]) == 0
    assert not quick
    assert "process 2 of 2: 0 restored, of 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "place", "taken"),
    [
        ("auto", Place(5, 8, 1), "cuda:1"),
        ("cuda", Place(7, 8, 3), "cuda:1"),
        ("cuda:0", Place(5, 8, 1), "cuda:0"),
        ("cpu", Place(5, 8, 1), "cpu"),
        ("auto", Place(0, 1, 0), "auto"),
    ],
)
def test_every_process_of_a_computer_has_a_gpu(
    device: str, place: Place, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    request = restoration_of("wiener", Path("e.mrc"), Path("out.mrc"), device=device)
    assert _on_own_device(request, place).hardware.device == taken


def test_a_name_leads_to_no_other_folder(
    tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    halves = ["--even", str(tiny_pair[0]), "--odd", str(tiny_pair[1])]
    given = [*halves, "--name", "../../x", "--tilt-range", "-60", "60", "--output-folder", "deep/out"]
    assert main(["restore", "--method", "wiener", *given]) == 0
    assert [file.name for file in Path("deep/out").glob("*.mrc")] == [".._.._x_wiener.mrc"]
    assert capsys.readouterr().out.split() == ["deep/out/.._.._x_wiener.mrc"]
