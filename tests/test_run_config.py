"""Tests of the recipe of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import ValidationError

from napari_cryorestore.config import sentence, settings_of
from napari_cryorestore.methods import METHODS
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.networks import UNetConfig
from napari_cryorestore.presets import merged, preset
from napari_cryorestore.run_config import RunConfig

LEAST: dict[str, Any] = {
    "tomograms": [{"even": "/data/e.mrc", "odd": "/data/o.mrc"}],
    "method": {"kind": "icecream"},
    "network": {"kind": "unet"},
}


def config(**changes: Any) -> RunConfig:
    return RunConfig.model_validate(merged(LEAST, changes))


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        config(**changes)
    words = sentence(caught.value)
    assert "\n" not in words
    return words


def test_settings_lie_over_a_preset() -> None:
    tomogram = {"maps": ["a_even.mrc", "a_odd.mrc"]}
    config = RunConfig.from_preset("quick-look", "icecream", tomograms=[tomogram], schedule={"seed": 7})
    assert (config.schedule.seed, config.schedule.steps, config.network.kind) == (7, 300, "unet")
    assert config.method == IcecreamConfig.model_validate(preset("quick-look", "icecream")["method"])
    with pytest.raises(ValueError, match="no preset 'quick'"):
        RunConfig.from_preset("quick", "icecream", tomograms=[tomogram])


def test_settings_of_method_and_network_lie_over_a_preset_too() -> None:
    tomograms = [{"maps": ["a_even.mrc", "a_odd.mrc"]}]
    method = {"kind": "icecream", "eq_weight": 3}
    made = RunConfig.from_preset("quick-look", method, {"features": 4}, tomograms=tomograms)
    shared = RunConfig.from_preset("quick-look", "icecream", network={"kind": "unet"}, tomograms=tomograms)
    assert made.method == shared.method.model_copy(update={"eq_weight": 3.0})
    assert made.network == shared.network.model_copy(update={"features": 4})
    assert made.schedule == shared.schedule
    with pytest.raises(ValueError, match=r"no method ''.*choose one of"):
        RunConfig.from_preset("quick-look", {"eq_weight": 3}, tomograms=tomograms)


def test_method_and_network_are_chosen_by_kind() -> None:
    made = config(method={"eq_weight": 3}, network={"features": 4})
    assert made.method == IcecreamConfig(eq_weight=3.0)
    assert made.network == UNetConfig(features=4)


def test_toml_round_trip_with_everything_given() -> None:
    made = config(
        tomograms=[
            {"even": "/e.mrc", "odd": "/o.mrc", "mask": "/m.mrc", "name": "TS «1»",
             "tilt_min": -50, "tilt_max": 60}
        ],
        schedule={"crop": 32},
        snapshots={"held_out": "manual", "position": [1, 2, 3], "size": [16, 16, 16]},
        method={"passes": 1},
        from_checkpoint="/runs/old",
    )  # fmt: skip
    again = RunConfig.from_toml(made.to_toml())
    assert again == made
    assert again.snapshots.position == (1, 2, 3)
    assert again.from_checkpoint == Path("/runs/old")
    assert isinstance(again.method, IcecreamConfig)


def test_what_is_written_holds_the_defaults_of_method_and_network() -> None:
    text = config().to_toml()
    for line in ("eq_weight = 2.0", "features = 32", "learning_rate = 0.02", "format = 2"):
        assert line in text
    assert RunConfig.from_toml(text) == config()


def test_configurations_that_are_objects_already_are_taken() -> None:
    made = RunConfig.model_validate({**LEAST, "method": IcecreamConfig(), "network": UNetConfig()})
    assert made == config()


def test_unknown_keys_are_named_where_they_stand() -> None:
    assert refusal(schedule={"stepz": 3}).startswith("schedule.stepz: ")
    assert refusal(method={"lambda": 3}).startswith("method.lambda: ")
    assert refusal(network={"depth": 3}).startswith("network.depth: ")
    assert refusal(surprise=1).startswith("surprise: ")


def test_a_wrong_value_of_the_method_is_named_where_it_stands() -> None:
    words = refusal(method={"eq_weight": -1})
    assert words == "method.eq_weight: Input should be greater than or equal to 0 (given: -1)"


def test_unknown_method_and_network_list_the_known_ones() -> None:
    words = refusal(method={"kind": "magic"})
    known = ", ".join(METHODS.own)
    assert "noise2noise, icecream" in known
    assert words.startswith(f"method: there is no method 'magic' here: choose one of {known}")
    assert "network: there is no network 'gan' here: choose one of unet" in refusal(network={"kind": "gan"})
    assert "no method None" in refusal(method={"kind": None})


def test_the_package_that_brings_a_method_is_written_and_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = RunConfig.model_validate(LEAST)
    assert "packages" not in ours.to_toml()
    assert RunConfig.model_validate(ours.model_dump()) == ours
    monkeypatch.setitem(METHODS._packages, "icecream", "ice-tomograms")
    text = ours.to_toml()
    assert '[packages]\nmethod = "ice-tomograms"' in text
    assert RunConfig.from_toml(text) == RunConfig.model_validate(ours.model_dump()) == ours
    missing = text.replace('kind = "icecream"', 'kind = "snow"')
    with pytest.raises(ValueError, match="no method 'snow' here: install or update ice-tom"):
        RunConfig.from_toml(missing)
    assert "Extra inputs" in refusal(packages=3)


@pytest.mark.parametrize("tilts", [(60, -60), (30, 30)])
def test_a_reversed_tilt_range_is_refused(tilts: tuple[int, int]) -> None:
    first = {**LEAST["tomograms"][0], "tilt_min": tilts[0], "tilt_max": tilts[1]}
    assert "reversed" in refusal(tomograms=[first])


def test_half_a_tilt_range_is_refused() -> None:
    assert "both" in refusal(tomograms=[{**LEAST["tomograms"][0], "tilt_min": -60}])
    assert "±90" in refusal(tomograms=[{**LEAST["tomograms"][0], "tilt_min": -60, "tilt_max": 91}])


def test_a_newer_format_calls_for_an_update() -> None:
    words = refusal(format=3)
    assert "newer version" in words
    assert "update napari-cryorestore" in words
    assert "format" in refusal(format="one")


@pytest.mark.parametrize("method", ["noise2noise", "icecream"])
def test_methods_that_need_both_halves_say_which_tomogram_lacks_one(method: str) -> None:
    words = refusal(
        tomograms=[{"even": "/e1.mrc", "odd": "/o1.mrc"}, {"even": "/e2.mrc"}], method={"kind": method}
    )
    assert "needs both half maps of /e2.mrc" in words
    assert "/e1.mrc" not in words


def test_a_method_that_is_not_trained_is_refused() -> None:
    assert "is not trained" in refusal(method={"kind": "wiener"})


def test_no_tomogram_is_refused() -> None:
    assert refusal(tomograms=[]).startswith("tomograms: ")


@pytest.mark.parametrize(
    "snapshots",
    [{"held_out": "manual"}, {"size": [16, 4, 16]}, {"position": [1, 2]}, {"kept": 1}, {"every": -1}],
)
def test_wrong_snapshots_are_refused(snapshots: dict[str, Any]) -> None:
    assert refusal(snapshots=snapshots).startswith("snapshots")


@pytest.mark.parametrize(
    ("hardware", "fine"),
    [("auto", True), ("cuda:11", True), ("mps", True), ("gpu", False), ("cuda:", False), ("cpu ", False)],
)
def test_device_names(hardware: str, fine: bool) -> None:
    if fine:
        assert config(hardware={"device": hardware}).hardware.device == hardware
    else:
        assert "hardware.device" in refusal(hardware={"device": hardware})


def test_every_setting_has_a_sentence_and_a_flag_of_its_own() -> None:
    settings = [item for item in settings_of(RunConfig) if item.path[-1] not in ("format", "kind")]
    assert len({item.flag for item in settings}) == len(settings)
    assert all(item.help.endswith(".") or item.path == ("tomograms",) for item in settings)
    assert "--schedule.learning-rate" in {item.flag for item in settings}


@pytest.mark.parametrize("kind", [[], {}, 5, None, True])
@pytest.mark.parametrize("section", ["method", "network"])
def test_a_kind_that_is_no_word_is_refused(section: str, kind: Any) -> None:
    assert f"there is no {section} {kind!r}: choose one of " in refusal(**{section: {"kind": kind}})


def test_of_many_and_long_mistakes_few_are_told_in_short() -> None:
    words = refusal(**{f"wrong_{number}": 1 for number in range(100)}, schedule={"steps": "x" * 10_000})
    assert len(words) < 1000
    assert words.endswith("and 93 more")


def test_new_runs_end_by_themselves_and_write_that_down() -> None:
    assert config().schedule.end == "held-out"
    assert 'end = "held-out"' in config().to_toml()
    assert config(schedule={"end": "steps"}).schedule.end == "steps"


@pytest.mark.parametrize("schedule", [{}, {"steps": 5000}])
def test_a_configuration_written_before_runs_ended_by_themselves_keeps_its_steps(
    schedule: dict[str, Any],
) -> None:
    older = config(schedule=schedule).model_dump(mode="json", exclude_none=True, serialize_as_any=True)
    del older["schedule"]["end"]
    again = RunConfig.from_toml(tomli_w.dumps(older))
    assert again.schedule.end == "steps"
    assert again.schedule.steps == config(schedule=schedule).schedule.steps
    assert RunConfig.from_toml(again.to_toml()) == again
    assert again.schedule == config(schedule={**schedule, "end": "steps"}).schedule


def test_a_damaged_schedule_of_an_older_configuration_is_still_refused_in_words() -> None:
    assert "schedule" in refusal(format=1, schedule="long")


def test_the_filtered_input_needs_two_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    class OfOneMap(Noise2Noise):
        maps = 1

    monkeypatch.setitem(METHODS, "noise2noise", OfOneMap)
    one = {"tomograms": [{"maps": ["/e.mrc"]}]}
    assert config(**one, method={"kind": "noise2noise", "input": "raw"}).method.kind == "noise2noise"
    words = refusal(**one, method={"kind": "noise2noise", "input": "wiener+raw"})
    assert words == (
        "the input 'wiener+raw' needs two maps of /e.mrc, to know where they agree: choose the input 'raw'"
    )
