"""Tests of weights on disk: whole, labelled, and never executed."""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from napari_cryorestore import checkpoint as module
from napari_cryorestore.checkpoint import (
    RESUME,
    WEIGHTS,
    Checkpoint,
    Label,
    drop_resume_states,
    load_checkpoint,
    load_into,
    load_label,
    load_resume,
    save_resume,
    save_weights,
)
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.methods.noise2noise import Noise2NoiseConfig
from napari_cryorestore.networks import NETWORKS, UNetConfig, build_network
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.recording import Recording
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.trained_on import TrainedOn

SMALL = UNetConfig(features=2, levels=2)
FILTER = RadialFilter((0.9, 0.5, 0.1))


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.target),))


def saved(folder: Path, *, step: int = 5, wiener: RadialFilter | None = None) -> Label:
    folder.mkdir(parents=True, exist_ok=True)
    known = TrainedOn(Recording(voxel_size=7.5, tilt_range=(-60, 54), tilt_axis="x"), -0.4)
    label = Label(step, IcecreamConfig(input="wiener+raw"), SMALL, wiener, known)
    save_weights(folder, build_network(SMALL, channels=2, seed=step), label)
    return label


def relabelled(folder: Path, **changes: str | None) -> Path:
    """Write the file again with another label; None removes an entry."""
    label = saved(folder)
    about: dict[str, str | None] = {
        "format": "cryorestore-1",
        "step": str(label.step),
        "method": label.method.model_dump_json(),
        "network": label.network.model_dump_json(),
        **changes,
    }
    kept = {name: value for name, value in about.items() if value is not None}
    save_file(load_file(folder / WEIGHTS), folder / WEIGHTS, metadata=kept)
    return folder


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        load_checkpoint(path)
    words = str(caught.value)
    assert "\n" not in words
    assert WEIGHTS in words
    return words


@pytest.mark.parametrize("wiener", [None, FILTER])
def test_round_trip(tmp_path: Path, wiener: RadialFilter | None) -> None:
    label = saved(tmp_path, wiener=wiener)
    loaded = load_checkpoint(tmp_path)
    assert loaded.label == label == load_label(tmp_path)
    method, network = loaded.build()
    assert method.config == label.method
    assert not network.training
    for name, weight in build_network(SMALL, channels=2, seed=5).state_dict().items():
        assert torch.equal(network.state_dict()[name], weight)


def test_channels_last_weights_are_saved_whole(tmp_path: Path) -> None:
    network = build_network(SMALL, seed=1).to(memory_format=torch.channels_last_3d)
    save_weights(tmp_path, network, Label(1, Noise2NoiseConfig(), SMALL))
    assert load_checkpoint(tmp_path).build()[1].state_dict().keys() == network.state_dict().keys()


def test_a_run_folder_means_its_newest_checkpoint(tmp_path: Path) -> None:
    for step in (10, 9, 100):
        saved(tmp_path / f"checkpoints/step_{step:08d}", step=step)
    assert load_checkpoint(tmp_path).label.step == 100
    assert load_checkpoint(tmp_path / "checkpoints/step_00000009").label.step == 9
    assert load_label(tmp_path / "checkpoints/step_00000010" / WEIGHTS).step == 10


def test_where_there_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="no checkpoint at"):
            load_checkpoint(path)


def test_a_pickle_that_calls_itself_weights_executes_nothing(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(pickle.dumps(Bomb(tmp_path / "made")))
    assert "not a readable checkpoint" in refusal(tmp_path)
    torch.save({"bomb": Bomb(tmp_path / "made")}, tmp_path / WEIGHTS)
    assert "not a readable checkpoint" in refusal(tmp_path)
    assert not (tmp_path / "made").exists()


def test_a_pickle_that_calls_itself_resume_state_executes_nothing(tmp_path: Path) -> None:
    for write in (
        lambda file: torch.save({"step": Bomb(tmp_path / "made")}, file),
        lambda file: file.write_bytes(pickle.dumps(Bomb(tmp_path / "made"))),
    ):
        write(tmp_path / RESUME)
        with pytest.raises(ValueError, match="cannot be read") as caught:
            load_resume(tmp_path)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "made").exists()
    # the bomb does go off where it is lit
    pickle.loads(pickle.dumps(Bomb(tmp_path / "made")))
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("kept", [0, 4, 100, -10])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    saved(tmp_path)
    content = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(content[:kept])
    assert "choose another step" in refusal(tmp_path)


def test_weights_of_another_program_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(3)}, tmp_path / WEIGHTS)
    assert "another program" in refusal(tmp_path)
    save_file({"x": torch.zeros(3)}, tmp_path / WEIGHTS, metadata={"format": "pt"})
    assert "another program" in refusal(tmp_path)


def test_a_newer_format_calls_for_an_update(tmp_path: Path) -> None:
    assert "update napari-cryorestore" in refusal(relabelled(tmp_path, format="cryorestore-2"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": '{"kind": "later"}'}, "no method 'later' here: choose one of noise2noise"),
        ({"network": '{"kind": "gan"}'}, "install the package that brings it."),
        (
            {"network": '{"kind": "gan"}', "packages": '{"network": "ganner"}'},
            "cannot be used: there is no network 'gan' here: install or update ganner, which brings it.",
        ),
        ({"packages": "[]"}, "damaged"),
        ({"method": '{"kind": "icecream", "new_knob": 1}'}, "new_knob"),
        ({"method": "["}, "damaged"),
        ({"method": "[]"}, "damaged"),
        ({"step": "many"}, "damaged"),
        ({"step": None}, "damaged"),
        ({"step": "-5"}, "damaged"),
        ({"step": "9" * 5000}, "damaged"),
        ({"wiener": '["a", "b"]'}, "damaged"),
        ({"wiener": '"ab"'}, "damaged"),
        ({"wiener": "[1, 2" + "0" * 400 + "]"}, "damaged"),
        ({"wiener": "[" * 99_999}, "damaged"),
        ({"method": "[" * 99_999}, "damaged"),
        ({"network": '{"kind": []}'}, "damaged"),
    ],
)
def test_a_label_that_is_not_understood_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    assert words in refusal(relabelled(tmp_path, **change))


def test_the_label_says_which_package_brings_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS._packages, "unet", "nets")
    saved(tmp_path)
    with safe_open(tmp_path / WEIGHTS, framework="pt") as opened:
        assert opened.metadata()["packages"] == '{"network": "nets"}'


def test_weights_that_do_not_fit_name_what_they_were_trained_with(tmp_path: Path) -> None:
    saved(tmp_path)
    for network in (
        build_network(UNetConfig(features=4, levels=2), channels=2, seed=0),
        build_network(SMALL, channels=1, seed=0),
    ):
        with pytest.raises(ValueError, match=r"do not fit.*features=2.*wiener\+raw") as caught:
            load_into(network, load_checkpoint(tmp_path), source=tmp_path)
        assert "\n" not in str(caught.value)
    strange = Checkpoint(load_label(tmp_path), {"x": torch.zeros(1)})
    with pytest.raises(ValueError, match="do not fit"):
        strange.build()


def test_resume_state_round_trip(tmp_path: Path) -> None:
    state = {
        "step": 3,
        "generator": torch.Generator().get_state(),
        "optimiser": {"parts": [{"a": [1.5, None]}]},
    }
    save_resume(tmp_path, state)
    loaded = load_resume(tmp_path, needed=("step", "generator"))
    assert torch.equal(loaded.pop("generator"), state.pop("generator"))  # type: ignore[arg-type]
    assert loaded == state


@pytest.mark.parametrize("content", [{"step": 3}, [1, 2], torch.zeros(2)])
def test_a_resume_state_that_lacks_something_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / RESUME)
    with pytest.raises(ValueError, match="holds no state of this training"):
        load_resume(tmp_path, needed=("step", "network"))


def test_a_truncated_or_missing_resume_state_is_refused(tmp_path: Path) -> None:
    save_resume(tmp_path, {"step": 3})
    content = (tmp_path / RESUME).read_bytes()
    (tmp_path / RESUME).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="training cannot go on from it"):
        load_resume(tmp_path)
    (tmp_path / RESUME).unlink()
    with pytest.raises(ValueError, match="FileNotFoundError"):
        load_resume(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
def test_a_full_disk_is_named_when_the_resume_state_is_written(tmp_path: Path) -> None:
    (tmp_path / RESUME).symlink_to("/dev/full")
    with pytest.raises(OSError, match="could not be written"):
        save_resume(tmp_path, {"x": torch.zeros(100_000)})


def test_a_full_disk_is_named_when_weights_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match=r"step_00000005 could.*No space left.*free some space"):
        saved(tmp_path / ".step_00000005.123")


def test_only_one_resume_state_is_kept(tmp_path: Path) -> None:
    for name in ("step_1", "step_2", "step_3"):
        (tmp_path / name).mkdir()
        save_resume(tmp_path / name, {"name": name})
    drop_resume_states(tmp_path, keep="step_2")
    assert [file.parent.name for file in tmp_path.glob(f"*/{RESUME}")] == ["step_2"]


def test_the_label_is_readable_json(tmp_path: Path) -> None:
    saved(tmp_path, wiener=FILTER)
    raw = (tmp_path / WEIGHTS).read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["method"])["kind"] == "icecream"
    assert json.loads(header["__metadata__"]["wiener"]) == list(FILTER.weights)


def test_a_label_that_promises_a_huge_network_takes_no_memory(tmp_path: Path) -> None:
    huge = UNetConfig(features=256, levels=5)
    checkpoint = load_checkpoint(relabelled(tmp_path, network=huge.model_dump_json()))
    before = psutil.Process().memory_info().rss
    with pytest.raises(ValueError, match="do not fit this network"):
        checkpoint.build()
    assert psutil.Process().memory_info().rss - before < 300e6  # it would be 4 GB


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    network = build_network(SMALL, seed=0)
    next(iter(network.parameters())).data[0] = value
    save_weights(tmp_path, network, Label(1, Noise2NoiseConfig(), SMALL))
    assert "not all finite numbers" in refusal(tmp_path)


def test_weights_of_whole_numbers_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with safe_open(tmp_path / WEIGHTS, framework="pt") as opened:
        about = opened.metadata()
    whole = {name: value.long() for name, value in load_file(tmp_path / WEIGHTS).items()}
    save_file(whole, tmp_path / WEIGHTS, metadata=about)
    assert "not all finite numbers" in refusal(tmp_path)


def test_a_resume_state_that_unpacks_to_more_than_its_size_is_refused(tmp_path: Path) -> None:
    save_resume(tmp_path, {"step": 3, "zeros": torch.zeros(1_000_000)})
    with zipfile.ZipFile(tmp_path / RESUME) as plain:
        contents = {name: plain.read(name) for name in plain.namelist()}
    with zipfile.ZipFile(tmp_path / RESUME, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)
    with pytest.raises(ValueError, match="cannot be read"):
        load_resume(tmp_path)


def test_the_newest_checkpoint_is_a_step_and_has_weights(tmp_path: Path) -> None:
    saved(tmp_path / "checkpoints/step_00000010", step=10)
    saved(tmp_path / "checkpoints/step_old", step=99)
    (tmp_path / "checkpoints/step_00000020").mkdir()
    assert load_label(tmp_path).step == 10


def test_labels_of_old_say_what_their_run_says(tmp_path: Path) -> None:
    """Weights that were saved without how their tomogram was recorded, in a run and by themselves."""
    config = (
        '[[tomograms]]\neven = "e.mrc"\nvoxel_size = 7.5\n'
        'tilt_min = -57.0\ntilt_max = 63.0\ntilt_axis = "x"\n'
    )
    run = RunDir.create(tmp_path / "run", config=config, environment={})

    def write(folder: Path) -> None:
        network = build_network(SMALL, channels=1, seed=0)
        save_weights(folder, network, Label(3, Noise2NoiseConfig(), SMALL))
        with safe_open(folder / WEIGHTS, framework="pt") as opened:
            about = dict(opened.metadata())
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  no dict
        del about["trained_on"]
        save_file(weights, folder / WEIGHTS, metadata=about)

    run.write_checkpoint(3, write)
    assert load_label(run.path).trained_on == TrainedOn(
        Recording(voxel_size=7.5, tilt_range=(-57, 63), tilt_axis="x")
    )
    alone = tmp_path / "alone.safetensors"
    shutil.copy(run.checkpoint_path(3) / WEIGHTS, alone)
    assert load_label(alone).trained_on == TrainedOn()
