"""Tests that a finished restoration is taken for done only by who asks for the very same."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_cryorestore.checkpoint import WEIGHTS, Label, load_checkpoint, save_weights
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.restoration import RestoreConfig, require_same
from napari_cryorestore.restoration.provenance import examined_tomogram, made_of

from ..restoring import changed, restoration

if TYPE_CHECKING:
    from pathlib import Path

SMALL = UNetConfig(features=2, levels=2)


def save(folder: Path, *, seed: int) -> Path:
    folder.mkdir(exist_ok=True)
    save_weights(folder, build_network(SMALL, channels=1, seed=seed), Label(5, IcecreamConfig(), SMALL))
    return folder


def half(path: Path, *, seed: int) -> Path:
    data = np.random.default_rng(seed).standard_normal((4, 5, 6))
    write_volume(path, data, voxel_size=7.5, label="half")
    return path


@pytest.fixture
def done(tmp_path: Path) -> RestoreConfig:
    """Return a request whose output is there."""
    even, odd = (half(tmp_path / f"{name}.mrc", seed=seed) for seed, name in enumerate(("even", "odd")))
    request = restoration(
        save(tmp_path / "c", seed=0), even, tmp_path / "out.mrc", odd, tilt_range=(-60.0, 60.0), device="cpu"
    )
    said = f"cryorestore: x\n{made_of(request, examined_tomogram(request).tomogram)}"
    write_volume(request.output, np.zeros((4, 5, 6)), voxel_size=7.5, label=said)
    return request


def test_the_order_in_a_header_makes_no_other_weights(done: RestoreConfig, tmp_path: Path) -> None:
    before = made_of(done, examined_tomogram(done).tomogram).weights
    file = tmp_path / "c" / WEIGHTS
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    turned = {name: header[name] for name in reversed(header)}
    turned["__metadata__"] = {name: turned["__metadata__"][name] for name in sorted(turned["__metadata__"])}
    for order in (turned, {name: turned[name] for name in sorted(turned)}):
        text = json.dumps(order).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
        assert load_checkpoint(file).label.step == 5
        assert made_of(done, examined_tomogram(done).tomogram).weights == before
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(len(content) - 8 - length))
    assert made_of(done, examined_tomogram(done).tomogram).weights != before


def test_the_label_fits_into_a_header(done: RestoreConfig) -> None:
    (label,) = open_volume(done.output).labels[1:]
    assert len(label) <= 80
    assert label == str(made_of(done, examined_tomogram(done).tomogram))


def test_the_same_request_is_done_whatever_the_device_the_tiles_and_the_folder(
    done: RestoreConfig, tmp_path: Path
) -> None:
    require_same(done)
    require_same(changed(done, device="auto", tile=40, batch=3, threads=1))
    require_same(changed(done, voxel_size=7.5, passes=IcecreamConfig().passes))  # as it was anyway
    moved = tmp_path / "moved"
    moved.mkdir()
    paths = [
        path.rename(moved / path.name) for path in (done.tomogram.even, done.tomogram.odd) if path is not None
    ]
    require_same(changed(done, maps=paths))


@pytest.mark.parametrize(
    "change",
    [
        {"passes": 1},
        {"average_flips": True},
        {"precision": "32"},
        {"tilt_range": (-50.0, 60.0)},
        {"tilt_axis": "x"},
        {"voxel_size": 8.0},
    ],
)
def test_other_settings_are_told(done: RestoreConfig, change: dict[str, Any]) -> None:
    with pytest.raises(FileExistsError, match=r"out\.mrc was made with other settings than requested now"):
        require_same(changed(done, **change))


def test_other_weights_of_the_same_name_are_told(done: RestoreConfig, tmp_path: Path) -> None:
    before = (tmp_path / "c" / "weights.safetensors").stat().st_mtime_ns
    save(tmp_path / "c", seed=1)
    os.utime(tmp_path / "c" / "weights.safetensors", ns=(before, before))  # as copied from elsewhere
    with pytest.raises(FileExistsError, match="made with other weights than requested"):
        require_same(done)
    with pytest.raises(FileExistsError, match="made with other weights and other settings than"):
        require_same(changed(done, model={"method": "wiener"}))


@pytest.mark.parametrize("change", ["even", "odd", "mask"])
def test_other_inputs_are_told(done: RestoreConfig, tmp_path: Path, change: str) -> None:
    if change == "mask":
        done = changed(done, mask=half(tmp_path / "mask.mrc", seed=3))
    else:
        os.utime(tmp_path / f"{change}.mrc", ns=(0, 12345))
    with pytest.raises(FileExistsError, match="made with other inputs than requested"):
        require_same(done)


def test_a_tilt_file_that_came_later_is_another_setting(done: RestoreConfig, tmp_path: Path) -> None:
    asked = changed(done, tilt_range=None)
    with pytest.raises(FileExistsError, match="other settings"):
        require_same(asked)
    (tmp_path / "even.tlt").write_text("-60\n0\n60\n", encoding="utf-8")
    require_same(asked)


def test_a_file_that_does_not_say_is_nobodys(done: RestoreConfig) -> None:
    done.output.unlink()
    write_volume(done.output, np.zeros((4, 5, 6)), voxel_size=7.5, label="by another program")
    with pytest.raises(FileExistsError, match="does not say what it was made of: remove it"):
        require_same(done)


def test_a_file_that_is_cut_off_is_not_taken_for_done(done: RestoreConfig) -> None:
    done.output.write_bytes(done.output.read_bytes()[:-4])
    with pytest.raises(ValueError, match="truncated"):
        require_same(done)
