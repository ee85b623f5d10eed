from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import DataLook, look_at_data
from napari_cryorestore.gui.named_volume import NamedVolume
from napari_cryorestore.gui.train.model import CUSTOM, TrainModel
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

SHAPE = (32, 40, 48)


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    return Recipes()


def volume(
    name: str, *, path: Path | None = None, shape: tuple[int, ...] = SHAPE, voxel_size: float | None = 8.0
):
    data = np.random.default_rng(len(name)).normal(size=shape).astype(np.float32)
    return NamedVolume(name, data, path=path, voxel_size=voxel_size)


@pytest.fixture
def model(recipes: Recipes, tmp_path: Path) -> TrainModel:
    """A model that is ready to start."""
    made = TrainModel()
    made.use_recipes(recipes)
    halves = [volume(f"TS01_{half}", path=tmp_path / f"TS01_{half}.mrc") for half in ("even", "odd")]
    made.choose_data(DataChoice(*halves))
    made.take_look(made.choice, DataLook())
    return made


def sentences(model: TrainModel) -> str:
    return " ".join(problem.sentence for problem in model.problems())


def test_two_halves_and_the_defaults_are_enough_to_start(model, tmp_path):
    assert model.problems() == []
    config = model.config()
    assert config.tomograms[0].even == tmp_path / "TS01_even.mrc"
    assert config.tomograms[0].odd == tmp_path / "TS01_odd.mrc"
    assert config.tomograms[0].recording.voxel_size == 8.0
    assert config.tomograms[0].name == "TS01"
    assert config.snapshots.held_out == "automatic"


def test_nothing_can_be_chosen_before_pytorch_is_there():
    model = TrainModel()
    assert "still being loaded" in sentences(model)
    with pytest.raises(ValueError, match="still being loaded"):
        model.config()


def test_the_user_is_told_what_to_do_first(recipes):
    model = TrainModel()
    model.use_recipes(recipes)
    assert "drop the two half tomograms" in sentences(model)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"odd": volume("TS02_odd", shape=(32, 40, 50))},
            "Half 2 has 32×40×50 voxels, but half 1 has 32×40×48",
        ),
        ({"odd": volume("TS01_odd", voxel_size=10.0)}, "differ in voxel size, 8 Å and 10 Å"),
        ({"odd": None}, "Noise2Noise needs both half maps: choose half 2"),
        ({"mask": volume("mask", shape=(3, 4, 5))}, "The mask has 3×4×5 voxels"),
        ({"tilt_min": "60", "tilt_max": "-60"}, "60…-60° is reversed"),
        ({"tilt_min": "-60"}, "both the lowest and the highest"),
        ({"tilt_min": "-95", "tilt_max": "60"}, "The tilt range -95…60° goes beyond ±90°"),
        ({"tilt_min": "steep", "tilt_max": "60"}, "Tilt range: Should be a valid number (given: steep)"),
        ({"voxel_size": "-8"}, "Voxel size: Should be greater than 0"),
        ({"voxel_size": "big"}, "Voxel size: Should be a valid number (given: big)"),
    ],
)
def test_bad_data_are_named_and_forbid_the_start(model, change, words):
    model.choose_data(replace(model.choice, **change))
    assert words in sentences(model)
    with pytest.raises(ValueError, match=r"\w"):
        model.prepare(Path("never made"))
    assert not Path("never made").exists()


def test_the_same_volume_twice_is_refused(model):
    model.choose_data(replace(model.choice, odd=model.choice.even))
    assert "are the same volume" in sentences(model)
    twin = replace(model.choice.even, data=model.choice.even.data.copy())
    model.choose_data(replace(model.choice, odd=twin))
    assert "are the same volume" in sentences(model)  # one file opened twice


def test_a_missing_voxel_size_can_be_typed(model, tmp_path):
    halves = [volume(f"TS01_{half}", path=tmp_path / f"{half}.mrc", voxel_size=None) for half in ("a", "b")]
    model.choose_data(DataChoice(*halves))
    assert "voxel size of “TS01_a” is unknown: type it in Å" in sentences(model)
    model.choose_data(replace(model.choice, voxel_size=" 7.5 "))
    assert model.problems() == []
    assert model.config().tomograms[0].recording.voxel_size == 7.5


def test_what_the_voxels_told_forbids_the_start_until_other_data_are_chosen(model):
    model.take_look(model.choice, DataLook(trouble="The even half is constant."))
    assert "constant" in sentences(model)
    model.choose_data(replace(model.choice, odd=volume("TS01_b")))
    assert model.problems() == []


def test_an_answer_about_data_no_longer_chosen_is_ignored(model):
    before = model.choice
    model.choose_data(replace(before, even=volume("TS02_even")))
    assert not model.take_look(before, DataLook(trouble="old news"))
    assert model.examination is None


def test_a_tomogram_thinner_than_the_crop_is_refused(model):
    model.choose_data(DataChoice(volume("a", shape=(20, 40, 40)), volume("b", shape=(20, 40, 40))))
    assert model.problems() == []
    model.put("schedule", model.sections["schedule"].model_copy(update={"crop": 24}))
    assert "20 voxels along z, fewer than the crop's 24: choose a crop of at most 20" in sentences(model)
    model.choose_data(DataChoice(volume("a", shape=(40, 9, 40)), volume("b", shape=(40, 9, 40))))
    assert "9 voxels along y" in sentences(model)


def test_what_a_method_cuts_to_turn_crops_must_fit_too(model):
    model.choose_method("deepdewedge")
    model.choose_data(DataChoice(volume("a", shape=(40, 60, 60)), volume("b", shape=(40, 60, 60))))
    model.put("schedule", model.sections["schedule"].model_copy(update={"crop": 32}))
    assert "fewer than the 46 that DeepDeWedge cuts for crops of 32" in sentences(model)
    assert "choose a crop of at most 28" in sentences(model)


def test_a_method_that_needs_the_tilt_range_says_so(model):
    model.take_look(model.choice, look_at_data(model.choice, name="TS01"))
    assert model.problems() == []
    model.choose_method("icecream")
    assert "The method needs the tilt range, but no tilt file beside the tomogram says it" in sentences(model)
    model.choose_data(replace(model.choice, tilt_min="-60", tilt_max="60"))
    assert model.problems() == []
    assert model.config().tomograms[0].recording.tilt_range[0] == -60


def test_the_tilt_range_belongs_to_the_tomogram(model, tmp_path):
    (tmp_path / "TS01.tlt").write_text("-57.5\n0\n60\n")
    model.take_look(model.choice, look_at_data(model.choice, name="TS01"))
    assert model.examination.tilt_range == (-57.5, 60.0)
    assert model.examination.tilt_words == "−57.5…60° about y, from TS01.tlt"
    assert model.config().tomograms[0].recording.tilt_range is None  # whoever trains reads the same file
    model.choose_data(replace(model.choice, tilt_min="-40", tilt_max="40"))
    assert model.examination.tilt_words == "−40…40° about y, typed"
    assert model.config().tomograms[0].recording.tilt_range[1] == 40
    model.choose_data(DataChoice(volume("TS02_even"), volume("TS02_odd")))
    assert model.examination is None


def test_presets_set_every_section_and_edits_make_them_custom(model):
    assert model.preset == "standard"
    model.choose_preset("quick-look")
    schedule = model.sections["schedule"]
    assert schedule.steps == 300
    assert model.sections["network"].features == 8
    model.put("schedule", schedule)
    assert model.preset == "quick-look"
    model.put("schedule", schedule.model_copy(update={"steps": 301}))
    assert model.preset == CUSTOM


def test_another_method_keeps_the_preset_or_the_custom_schedule(model):
    model.choose_preset("quick-look")
    model.choose_method("icecream")
    assert model.method == "icecream"
    assert model.preset == "quick-look"
    assert model.sections["schedule"].steps == 300
    model.put("schedule", model.sections["schedule"].model_copy(update={"steps": 77}))
    model.choose_method("noise2noise")
    assert model.sections["schedule"].steps == 77
    assert model.method == "noise2noise"


def test_another_method_sees_the_same_input(model):
    model.put("method", model.sections["method"].model_copy(update={"input": "wiener+raw"}))
    model.put("schedule", model.sections["schedule"].model_copy(update={"steps": 77}))
    for kind in ("icecream", "noise2noise"):
        model.choose_method(kind)
        assert (model.method, model.sections["method"].input) == (kind, "wiener+raw")
    model.put("method", model.sections["method"].model_copy(update={"input": "raw"}))
    model.choose_method("icecream")
    assert model.sections["method"].input == "raw"


def test_an_invalid_form_forbids_the_start_until_it_is_valid_again(model):
    model.refuse("schedule", "learning rate: Should be greater than 0 (given: -1)")
    assert [problem.section for problem in model.problems()] == ["schedule"]
    model.put("schedule", model.sections["schedule"])
    assert model.problems() == []


@pytest.mark.parametrize(
    ("place", "position", "held_out", "expected"),
    [
        ("structured", (1.0, 2.0, 3.0), "automatic", None),
        ("off", None, "none", None),
        ("centre", None, "manual", (16, 20, 24)),
        ("crosshair", (3.4, 5.6, 7.0), "manual", (3, 6, 7)),
        ("view", (-4.0, 99.0, 7.0), "manual", (0, 39, 7)),
        ("typed", (1.0, 2.0, 3.0), "manual", (1, 2, 3)),
    ],
)
def test_the_preview_block_lies_where_the_user_puts_it(model, place, position, held_out, expected):
    model.place, model.position = place, position
    snapshots = model.config().snapshots
    assert snapshots.held_out == held_out
    assert snapshots.position == expected


def test_a_place_that_was_not_typed_is_a_problem(model):
    model.place, model.position = "typed", None
    assert "z, y, x in voxels" in sentences(model)


def test_new_runs_lie_beside_the_tomogram_under_a_name_that_is_free(model, tmp_path):
    noon = 1_800_000_000.0
    first = model.run_path(noon)
    assert first.parent == tmp_path / "cryorestore"
    assert first.name.endswith("_TS01_noise2noise")
    first.mkdir(parents=True)
    assert model.run_path(noon).name == f"{first.name}_2"
    model.runs_folder = str(tmp_path / "elsewhere")
    assert model.run_path(noon).parent == tmp_path / "elsewhere"
    model.folder = str(tmp_path / "mine")
    assert model.run_path(noon) == tmp_path / "mine"


def test_runs_of_volumes_in_memory_or_in_read_only_folders_lie_at_home(model, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert model.run_path().parent == tmp_path / "home" / "cryorestore"
    model.choose_data(DataChoice(volume("a"), volume("b")))
    assert model.run_path().parent == tmp_path / "home" / "cryorestore"


def test_volumes_in_memory_are_written_into_the_run_folder(model, tmp_path):
    model.choose_data(DataChoice(volume("my tomo/even"), volume("my tomo/odd"), volume("mask")))
    run = tmp_path / "run"
    tomogram = model.prepare(run).tomograms[0]
    assert tomogram.even == run / "inputs" / "my_tomo_even.mrc"
    assert tomogram.mask == run / "inputs" / "mask.mrc"
    written = open_volume(tomogram.odd)
    assert np.array_equal(written.data, model.choice.odd.data)
    assert written.voxel_size == pytest.approx(8.0)


def test_method_and_network_go_together_and_presets_are_theirs(model, plugins):
    model.use_recipes(Recipes())
    model.choose_preset("quick-look")
    model.choose_network("wide")
    assert (model.preset, model.sections["network"].width, model.sections["schedule"].crop) == (
        "quick-look",
        2,
        40,
    )
    model.choose_method("icecream")
    assert model.network == "wide"  # it fits
    model.choose_network("unet")
    model.choose_method("picky")
    assert model.network == "wide"  # that which was chosen does not fit
    assert model.recipes.presets("picky", "wide")["membranes"] == "Membranes"
    model.choose_preset("membranes")
    assert model.sections["schedule"].steps == 70
    model.choose_method("noise2noise")
    assert model.preset == "standard"  # as it has no such preset


def test_a_network_with_a_norm_is_warned_of(model):
    model.use_recipes(Recipes())
    model.choose_method("icecream")
    assert model.warnings() == []
    model.put("network", model.sections["network"].model_copy(update={"norm": "instance"}))
    scale, norm = model.warnings()
    assert "restores fainter input in another way" in scale
    assert "seams between tiles" in norm


def test_what_does_not_go_together_is_refused_in_its_section(model, plugins):
    model.use_recipes(Recipes())
    model.choose_method("picky")
    assert "32 voxels along z, fewer than the crop's 36: choose another tomogram" in model.data_problems()[0]
    model.put("schedule", model.sections["schedule"].model_copy(update={"crop": 35}))
    problems = {problem.section: problem.sentence for problem in model.problems()}
    assert problems["schedule"].startswith("A crop of 35 voxels is too small for this Wide network")
    model.choose_network("unet")
    problems = {problem.section: problem.sentence for problem in model.problems()}
    assert problems["network"] == "Picky does not work with the network U-Net: choose wide."
    assert "schedule" not in problems


def test_a_folder_that_cannot_be_written_is_named(model, tmp_path):
    model.choose_data(DataChoice(volume("a"), volume("b")))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="choose another run folder"):
        model.prepare(tmp_path / "file" / "run")


def test_a_copy_is_not_changed_by_later_edits(model):
    twin = model.copy()
    model.choose_method("icecream")
    model.refuse("network", "no")
    assert twin.method == "noise2noise"
    assert twin.problems() == []


def test_a_configuration_survives_saving_and_loading(model, recipes, tmp_path):
    model.choose_method("icecream")
    model.choose_data(replace(model.choice, tilt_min="-60", tilt_max="55", tilt_axis="x"))
    model.place, model.position = "typed", (4.0, 5.0, 6.0)
    model.put("schedule", model.sections["schedule"].model_copy(update={"learning_rate": 1e-4}))
    text = model.config().to_toml()

    other = TrainModel()
    other.use_recipes(recipes)
    other.choice = model.choice
    other.take_recording(other.load(text))
    assert other.config() == model.config()
    assert other.preset == CUSTOM
    assert other.choice.tilt_min == "-60"


def test_all_tomograms_of_a_configuration_are_kept_and_trained_on(model, recipes, tmp_path):
    others = [
        {"even": tmp_path / f"TS{number}_even.mrc", "odd": tmp_path / f"TS{number}_odd.mrc", "tilt_min": -50,
         "tilt_max": 50, "tilt_axis": "x", "name": f"TS{number}", "voxel_size": 8}
        for number in ("02", "03")
    ]  # fmt: skip
    for other in others:
        for half in ("even", "odd"):
            write_volume(other[half], volume(other["name"]).data, voxel_size=8.0, label="test")
    plain = model.config().model_dump()
    config = recipes.run_config({**plain, "tomograms": [*plain["tomograms"], *others]})
    assert model.more_tomograms == ()
    assert model.load(config.to_toml()) == config.tomograms[0]
    assert model.config().tomograms == config.tomograms
    assert model.copy().prepare(tmp_path / "run").tomograms == config.tomograms

    halves = [volume(f"TS02_{half}", path=tmp_path / f"TS02_{half}.mrc") for half in ("even", "odd")]
    model.choose_data(DataChoice(*halves))  # another one of them is looked at now
    assert [item.even.name for item in model.config().tomograms] == ["TS02_even.mrc", "TS03_even.mrc"]
    model.load(recipes.run_config(plain).to_toml())
    assert len(model.config().tomograms) == 1


def test_what_exists_only_in_memory_cannot_be_saved_as_a_configuration(model):
    model.choose_data(DataChoice(volume("a"), volume("b")))
    with pytest.raises(ValueError, match="exists only in memory"):
        model.config()


@pytest.mark.parametrize("text", ["not = [toml", "a = 1", "format = 99"])
def test_a_file_that_is_not_a_configuration_is_refused_and_changes_nothing(model, text):
    before = model.config()
    with pytest.raises(ValueError, match="not a valid recipe"):
        model.load(text)
    assert model.config() == before


def test_preferences_decide_what_recipes_start_with(recipes):
    model = TrainModel()
    model.preferred_device, model.preferred_preview = "cpu", 24
    model.use_recipes(recipes)
    assert model.sections["hardware"].device == "cpu"
    assert model.sections["snapshots"].size == (24, 24, 24)


def test_a_recipe_with_more_maps_than_fit_is_refused_before_anything_changes(model):
    before = (model.sections.copy(), model.others, model.choice)
    text = model.config().to_toml().replace("maps = [", 'maps = ["/third.mrc", ')
    with pytest.raises(
        ValueError, match="TS01 has 3 maps, but this panel takes two: give this file to 'cryorestore train'"
    ):
        model.load(text)
    assert (model.sections, model.others, model.choice) == before
