"""A killed restoration goes on where it was, and ends in the very same file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.checkpoint import Label, save_weights
from napari_cryorestore.io.part_file import locked, part_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.methods.noise2noise import Noise2NoiseConfig
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.restoration import RestoreConfig, restore

from ..restoring import changed, restoration

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = UNetConfig(features=2, levels=2)
FLAT = (16, 56, 48)
SCRIPT = """
import json, os, random, signal, sys, time
import torch
from pathlib import Path
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.restoration.model import Model

torch.set_num_threads(1)
source, even, odd, output = map(Path, sys.argv[1:5])
request = RestoreConfig.model_validate({
    "model": {"weights": source}, "output": output, "tiling": {"tile": 32},
    "tomogram": {"maps": [even, odd], "recording": {"tilt_range": [-60, 60]}},
    "hardware": {"device": "cpu", "precision": "32", "threads": 1},
})
moments, kills, begun = random.Random(int(sys.argv[5])), 0, []
state = Path(f"{output}.part.json")
unhurried = Model.restore
def slowly(self, tiles, scale):  # so that there is time to be killed, however late the killer comes
    time.sleep(0.005)
    while kills < 8 and done() > last + 2:
        time.sleep(0.005)
    return unhurried(self, tiles, scale)
Model.restore = slowly
def done():
    return json.loads(state.read_text())["done"] if state.exists() else 0
def alive():
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
while True:
    early, pause, last = moments.random() < 0.3, moments.uniform(0.0, 0.1), max(begun, default=0)
    child = os.fork()
    if child == 0:
        said = []
        restore(request, say=said.append)
        os._exit(42 if any("going on" in words for words in said) else 0)
    if kills < 8:
        while not early and done() <= last and alive():
            time.sleep(0.002)
        time.sleep(4 * pause if early else pause)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status):
        break
    kills += 1
    begun.append(done())
print(json.dumps({"status": os.WEXITSTATUS(status), "begun": begun}))
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return written(tmp_path_factory.mktemp("pair"), (40, 56, 48))


@pytest.fixture(scope="module")
def flat_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return what is a layer of tiles."""
    return written(tmp_path_factory.mktemp("flat"), FLAT)


def written(folder: Path, shape: tuple[int, int, int]) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    for name in ("even", "odd"):
        write_volume(folder / f"{name}.mrc", random.standard_normal(shape), voxel_size=7.5, label=name)
    return folder / "even.mrc", folder / "odd.mrc"


def weights(folder: Path, method: Any, *, seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    network = build_network(NETWORK, channels=build_method(method).channels, seed=seed)
    save_weights(folder, network, Label(3, method, NETWORK))
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")
def test_killed_at_random_moments_the_file_is_the_same(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """With a loss that leaves the amplitude open, which is put right in the end."""
    method, seed = Noise2NoiseConfig(loss="fsc"), 2
    source, out = weights(tmp_path / "c", method), tmp_path / "out"
    out.mkdir()
    arguments = [source, *pair, out / "killed.mrc", seed]
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    told = json.loads(run.stdout)
    assert told["status"] == 42, "it must have said that it goes on"
    assert sorted(told["begun"]) == told["begun"]
    assert max(told["begun"]) > 3
    assert [path.name for path in out.iterdir()] == ["killed.mrc"]
    request = restoration(
        source, pair[0], out / "whole.mrc", pair[1], tilt_range=(-60, 60), device="cpu", precision="32",
        tile=32, threads=1,
    )  # fmt: skip
    restore(request)
    assert (out / "killed.mrc").read_bytes() == (out / "whole.mrc").read_bytes()


class Killed(BaseException):
    """Stands for the end of the process."""


def leave_unfinished(request: RestoreConfig, folder: Path, *, at: float = 0.3) -> None:
    """Restore a part, and put what a kill would leave back in its place."""
    kept: dict[Path, bytes] = {}

    def progress(share: float) -> None:
        if share > at:
            kept.update({path: path.read_bytes() for path in folder.glob("*.part*")})
            raise Killed

    with pytest.raises(Killed):
        restore(request, progress=progress)
    assert len(kept) == 3
    for path, content in kept.items():
        path.write_bytes(content)


def ask_for(pair: tuple[Path, Path], source: Path, folder: Path) -> RestoreConfig:
    return restoration(
        source, pair[0], folder / "out.mrc", pair[1], device="cpu", precision="32", tile=32, threads=1
    )


def test_the_same_request_goes_on_and_says_so(pair: tuple[Path, Path], tmp_path: Path) -> None:
    request = ask_for(pair, weights(tmp_path / "c", Noise2NoiseConfig()), tmp_path)
    leave_unfinished(request, tmp_path)
    said: list[str] = []
    shares: list[float] = []
    restore(request, say=said.append, progress=shares.append)
    assert [words for words in said if "going on" in words] == [
        "out.mrc was being restored when the program was killed: going on from there."
    ]
    assert min(shares) > 0.3
    assert not list(tmp_path.glob("*.part*"))


def test_killed_at_the_last_look_nothing_is_restored_again(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask_for(pair, weights(tmp_path / "c", Noise2NoiseConfig(loss="fsc")), tmp_path)
    leave_unfinished(request, tmp_path, at=0.99)
    monkeypatch.delattr("napari_cryorestore.restoration.restore_tomogram.process_tiles")
    restore(request)
    monkeypatch.undo()
    assert not list(tmp_path.glob("*.part*"))
    fresh = restore(changed(request, output=tmp_path / "fresh.mrc"))
    assert request.output.read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize(
    "name", ["out.mrc.part", "out.mrc.part.json", "out.mrc.part.before", "out.mrc.part.json.new"]
)
def test_files_of_others_are_in_the_way_and_stay(pair: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    other = tmp_path / name
    other.write_bytes(pair[0].read_bytes())
    request = restoration("wiener", pair[0], tmp_path / "out.mrc", pair[1], device="cpu", threads=1)
    with pytest.raises(FileExistsError, match="in the way"):
        restore(request)
    assert other.read_bytes() == pair[0].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_input_is_never_written_to(pair: tuple[Path, Path], tmp_path: Path) -> None:
    even = tmp_path / "out.mrc.part"
    even.write_bytes(pair[0].read_bytes())
    request = restoration("wiener", even, tmp_path / "out.mrc", pair[1], device="cpu", threads=1)
    with pytest.raises(FileExistsError, match=r"out\.mrc\.part is in the way"):
        restore(request)
    assert even.read_bytes() == pair[0].read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="makes no links without being asked")
def test_a_link_put_in_the_place_of_what_is_written_is_not_followed(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    request = ask_for(pair, weights(tmp_path / "c", Noise2NoiseConfig()), tmp_path)
    leave_unfinished(request, tmp_path)
    part = part_of(request.output)
    part.rename(tmp_path / "precious")
    before = (tmp_path / "precious").read_bytes()
    part.symlink_to("precious")
    with pytest.raises(FileExistsError, match="in the way"):
        restore(request)
    assert (tmp_path / "precious").read_bytes() == before


@pytest.mark.parametrize("change", ["weights", "passes", "input", "tile", "mask"])
def test_another_request_begins_anew(flat_pair: tuple[Path, Path], tmp_path: Path, change: str) -> None:
    inputs = tmp_path / "even.mrc", tmp_path / "odd.mrc"
    for copy, original in zip(inputs, flat_pair, strict=True):
        copy.write_bytes(original.read_bytes())
    method = IcecreamConfig(double_size=False)
    source = weights(tmp_path / "c", method)
    request = changed(ask_for(inputs, source, tmp_path), tilt_range=(-60.0, 60.0))
    leave_unfinished(request, tmp_path)
    if change == "weights":
        weights(tmp_path / "c", method, seed=1)
    elif change == "passes":
        request = changed(request, passes=1)
    elif change == "input":
        inputs[0].write_bytes(flat_pair[1].read_bytes())
        inputs[1].write_bytes(flat_pair[0].read_bytes())
    elif change == "tile":
        request = changed(request, tile=40)
    elif change == "mask":
        write_volume(tmp_path / "mask.mrc", np.ones(FLAT), voxel_size=7.5, label="mask")
        request = changed(request, mask=tmp_path / "mask.mrc")
    said: list[str] = []
    restore(request, say=said.append)
    assert not any("going on" in words for words in said)
    fresh = restore(changed(request, output=tmp_path / "fresh.mrc"))
    assert request.output.read_bytes() == fresh.read_bytes()


def test_a_file_that_another_process_is_writing_is_left_to_it(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    request = ask_for(pair, weights(tmp_path / "c", Noise2NoiseConfig()), tmp_path)
    with locked(part_of(request.output)), pytest.raises(FileExistsError, match="written by another process"):
        restore(request)
    assert part_of(request.output).exists()
