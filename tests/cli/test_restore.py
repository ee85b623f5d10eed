"""Restoring from the command line."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore import restoration
from napari_cryorestore.cli.main import main
from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.runs.events import Evaluated
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = ["--device", "cpu", "--precision", "32", "--threads", "1"]


def test_a_run_restores_what_it_learned_from(run_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", str(run_copy), *CPU]) == 0
    printed = capsys.readouterr()
    path = Path(printed.out.strip())
    assert path == run_copy / "restored" / "tiny_icecream_4.mrc"
    assert read_volume(path).data.shape == (32, 32, 32)
    assert "restoring tiny_even.mrc · " in printed.err


def test_step_output_tile_and_batch_are_heeded(
    trained: Path, tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = tiny_pair
    given = ["--even", str(even), "--odd", str(odd), "--step", "2", "--tile", "64", "--batch", "2"]
    assert main(["restore", str(trained), *given, "--output", "a.mrc", *CPU]) == 0
    assert main(["restore", str(trained), "--output", "b.mrc", *CPU]) == 0
    first, second = read_volume("a.mrc"), read_volume("b.mrc")
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
        assert read_volume(name).data.shape == (32, 32, 32)


def test_a_checkpoint_folder_will_do(trained: Path, tiny_pair: tuple[Path, Path]) -> None:
    folder = trained / "checkpoints" / "step_00000002"
    assert main(["restore", str(folder), "--even", str(tiny_pair[0]), *CPU]) == 0
    assert Path("tiny_icecream_2.mrc").is_file()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "give either a run to restore with, or --method wiener"),
        (["RUN", "--method", "wiener"], "give either a run to restore with, or --method wiener"),
        (["RUN", "--step", "3"], "there is no checkpoint of step 3 in RUN; there are: 2, 4"),
        (["RUN", "--even", "gone.mrc"], "gone.mrc"),
        (["gone"], "no tomogram is given: name it with --even"),
        (["gone", "--even", "EVEN"], "There is no checkpoint at gone"),
        (["--method", "wiener", "--even", "EVEN"], "both half maps"),
        (["RUN", "--output", "EVEN"], "exists"),
        (["RUN", "--batch", "0"], "batch: Input should be greater than or equal to 1 (given: '0')"),
        (["RUN", "--device", "tpu"], "device: "),
        (["RUN", "--mask", "m.mrc", "--output-folder", "x"], "--mask is for one tomogram"),
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

    def interrupted(request: restoration.RestoreRequest, **more: Callable[..., object]) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return original(request, **more)  # type: ignore[arg-type]

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
    def slow(request: restoration.RestoreRequest, *, progress: Callable[[float], None], **_: object) -> Path:
        progress(0.5)
        return request.output

    monkeypatch.setattr(restoration, "restore", slow)
    assert main(["restore", str(trained), "--output", "out.mrc"]) == 0
    assert re.fullmatch(r"restoring tiny_even\.mrc · 50% · 0:0\d left\n", capsys.readouterr().err)


def test_one_that_goes_on_says_so_and_counts_only_its_own_pace(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(
        request: restoration.RestoreRequest,
        *,
        progress: Callable[[float], None],
        say: Callable[[str], None],
        **_: object,
    ) -> Path:
        say("it goes on")
        progress(0.9)
        return request.output

    monkeypatch.setattr(restoration, "restore", slow)
    assert main(["restore", str(trained), "--output", "out.mrc"]) == 0
    assert capsys.readouterr().err == "it goes on\nrestoring tiny_even.mrc · 90%\n"


def test_passes_are_handed_on(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[restoration.RestoreRequest] = []
    monkeypatch.setattr(
        restoration, "restore", lambda request, **_: requests.append(request) or request.output
    )
    for extra in ([], ["--passes", "1"]):
        assert main(["restore", str(trained), "--output", "out.mrc", *extra]) == 0
    assert [request.passes for request in requests] == [None, 1]


def test_a_mask_is_handed_on(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[restoration.RestoreRequest] = []
    monkeypatch.setattr(
        restoration, "restore", lambda request, **_: requests.append(request) or request.output
    )
    assert main(["restore", str(trained), "--output", "out.mrc", "--mask", "lamella.mrc"]) == 0
    assert requests[0].mask == Path("lamella.mrc")


def test_a_better_step_is_pointed_out(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(restoration, "restore", lambda request, **_: request.output)
    given = ["restore", str(run_copy), "--output", "out.mrc"]
    assert main(given) == 0
    assert "suggest" not in capsys.readouterr().err
    run = RunDir(run_copy)
    for step, value in ((1, 0.4), (2, 0.5), (3, 0.4), (4, 0.1)):
        run.record(Evaluated(step=step, metrics={"n2n": value, "fill": 0.0}))
    assert main(given) == 0
    assert "the held-out numbers suggest --step 2" in capsys.readouterr().err
