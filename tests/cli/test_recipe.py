"""Preset, recipe file and options, laid over one another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.cli.parser import Parser
from napari_cryorestore.cli.recipe import add_recipe_options, recipe

if TYPE_CHECKING:
    from napari_cryorestore.run_config import RunConfig

HALVES = "--even a_even.mrc --odd a_odd.mrc "


def made(typed: str) -> RunConfig:
    parser = Parser("cryorestore train")
    add_recipe_options(parser, typed.split())
    return recipe(parser.parse(typed.split()))


def help_of(typed: str) -> str:
    parser = Parser("cryorestore train")
    add_recipe_options(parser, typed.split())
    return " ".join(parser.format_help().split())


def write(path: str, text: str) -> Path:
    file = Path(path)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_standard_recipe_is_icecream_with_a_unet() -> None:
    config = made(HALVES)
    assert (config.method.kind, config.network.kind) == ("icecream", "unet")
    assert config.schedule.steps == 3000
    assert config.tomograms[0].odd == Path("a_odd.mrc")


def test_every_kind_of_value_arrives() -> None:
    config = made(
        HALVES + "--tilt-range -60 58.5 --tilt-axis x --voxel-size 8 --name TS1 --method.eq-weight 1.5 "
        "--method.passes 1 --method.flips true --network.features 8 --schedule.learning-rate 1e-3 "
        "--snapshots.held-out manual --snapshots.position 32 40 80 --hardware.device cpu --from-checkpoint w"
    )
    assert config.tomograms[0].model_dump(exclude={"maps", "mask"}) == {
        "name": "TS1", "recording": {"voxel_size": 8.0, "tilt_range": (-60.0, 58.5), "tilt_axis": "x"},
    }  # fmt: skip
    method = config.method.model_dump()
    assert (method["eq_weight"], method["passes"], method["flips"]) == (1.5, 1, True)
    assert config.network.model_dump()["features"] == 8
    assert config.schedule.learning_rate == 1e-3
    assert config.snapshots.position == (32, 40, 80)
    assert (config.hardware.device, config.from_checkpoint) == ("cpu", Path("w"))


def test_options_lie_over_the_recipe_and_the_recipe_over_the_preset() -> None:
    write("r.toml", "[schedule]\nsteps = 77\nbatch = 3\n[network]\nfeatures = 6\n")
    config = made(HALVES + "--preset quick-look --schedule.batch 2 r.toml")
    assert (config.schedule.steps, config.schedule.batch, config.schedule.crop) == (77, 2, 32)
    assert config.network.model_dump()["features"] == 6


def test_a_recipe_chooses_method_and_paths_beside_itself() -> None:
    write(
        "data/r.toml",
        'from_checkpoint = "w"\n[[tomograms]]\neven = "e.mrc"\nodd = "o.mrc"\nmask = "/m.mrc"\n'
        '[method]\nkind = "noise2noise"\n',
    )
    config = made("data/r.toml --tilt-range -50 50")
    tomogram = config.tomograms[0]
    assert config.method.kind == "noise2noise"
    assert (tomogram.even, tomogram.odd) == (Path("data/e.mrc"), Path("data/o.mrc"))
    assert (tomogram.mask, config.from_checkpoint) == (Path("/m.mrc"), Path("data/w"))
    assert tomogram.recording.tilt_range == (-50, 50)


def test_a_recipe_of_format_2_names_any_number_of_maps_beside_itself() -> None:
    write(
        "data/r.toml",
        'format = 2\n[[tomograms]]\nmaps = ["e.mrc", "/o.mrc"]\n[tomograms.recording]\nvoxel_size = 8.0\n',
    )
    (tomogram,) = made("data/r.toml --tilt-range -50 50").tomograms
    assert tomogram.maps == (Path("data/e.mrc"), Path("/o.mrc"))
    assert (tomogram.recording.voxel_size, tomogram.recording.tilt_range) == (8, (-50, 50))
    assert made("data/r.toml --odd o2.mrc").tomograms[0].maps == (Path("data/e.mrc"), Path("o2.mrc"))
    assert made("--maps a.mrc b.mrc").tomograms[0].maps == (Path("a.mrc"), Path("b.mrc"))
    assert len(made("--maps a.mrc b.mrc c.mrc").tomograms[0].maps) == 3


def test_another_method_than_the_recipes_brings_its_own_knobs() -> None:
    write("r.toml", '[method]\nkind = "icecream"\neq_weight = 7.0\n')
    assert made(HALVES + "r.toml").method.model_dump()["eq_weight"] == 7.0
    assert made(HALVES + "r.toml --method noise2noise").method.kind == "noise2noise"


@pytest.mark.parametrize("kind", ["raw", "wiener+raw"])
def test_another_method_than_the_recipes_sees_the_same_input(kind: str) -> None:
    write("r.toml", f'[method]\nkind = "icecream"\ninput = "{kind}"\n')
    config = made(HALVES + "r.toml --method noise2noise").method
    assert config.model_dump()["input"] == kind


@pytest.mark.usefixtures("plugins")
def test_every_network_goes_with_every_preset() -> None:
    assert made(HALVES + "--network wide").network.model_dump() == {"kind": "wide", "width": 3, "least": 36}
    chosen = made(HALVES + "--network wide --preset quick-look --network.least 32")
    assert (chosen.network.model_dump()["width"], chosen.schedule.crop) == (2, 40)
    assert made(HALVES + "--method picky --preset membranes").schedule.steps == 70
    assert "--preset {quick-look,standard,paper,membranes,roomy}" in help_of("--method picky")
    write("r.toml", '[network]\nkind = "unet"\nfeatures = 6\n')
    assert made(HALVES + "r.toml --network wide").network.model_dump()["width"] == 3
    with pytest.raises(ValueError, match="Picky does not work with the network U-Net: choose wide"):
        made(HALVES + "r.toml --method picky")


def test_several_tomograms_come_from_a_recipe_or_take_its_place() -> None:
    one = '[[tomograms]]\neven = "{0}e.mrc"\nodd = "{0}o.mrc"\n'
    write("r.toml", one.format(1) + one.format(2))
    assert len(made("r.toml").tomograms) == 2
    others = made("r.toml --even 3e.mrc --odd 3o.mrc --even 4e.mrc --odd 4o.mrc --tilt-axis x")
    assert [(str(item.even), item.recording.tilt_axis) for item in others.tomograms] == [
        ("3e.mrc", "x"),
        ("4e.mrc", "x"),
    ]
    assert [str(item.odd) for item in made("r.toml --even 3e.mrc --odd 3o.mrc").tomograms] == ["3o.mrc"]
    with pytest.raises(ValueError, match=r"names 2 tomograms.*\(voxel_size\)"):
        made("r.toml --voxel-size 8")


def test_help_is_that_of_the_method_and_preset_chosen() -> None:
    assert "--method.eq-weight" in help_of("--help")
    assert "--method.eq-weight" not in help_of("--method noise2noise --help")
    assert "Optimiser steps. (≥ 1; default: 300)" in help_of("--preset quick-look")
    write("r.toml", "[schedule]\nsteps = 77\n")
    assert "Optimiser steps. (≥ 1; default: 77)" in help_of("r.toml -h")


@pytest.mark.parametrize(
    ("typed", "error", "sentence"),
    [
        ("--method magic", ValueError, "no method 'magic' here: choose one of noise2noise, icecream"),
        ("--network magic", ValueError, "no network 'magic' here: choose one of unet"),
        ("--preset magic", ValueError, "no preset 'magic'; known: quick-look"),
        ("", ValueError, "name its halves with --even and --odd, a folder with --pairs, or a"),
        ("--even a.mrc", ValueError, "ICECREAM needs both half maps of a.mrc"),
        ("--maps a.mrc", ValueError, "ICECREAM needs both half maps of a.mrc"),
        (HALVES + "--method wiener", ValueError, "not trained: use it with 'restore'"),
        (HALVES + "--tilt-range 60 -60", ValueError, "reversed"),
        (
            HALVES + "--schedule.stepz 5 more",
            ValueError,
            "no option --schedule.stepz here: did you mean --sch",
        ),
        (HALVES + "--method noise2noise --method.flips true", ValueError, "no option --method.flips"),
        (HALVES + "--schedule.steps many", ValueError, "steps\n.*valid integer"),
        ("gone.toml", FileNotFoundError, "there is no recipe gone.toml"),
    ],
)
def test_wrong_options(typed: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        made(typed)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps = ", "is not a valid TOML recipe"),
        ("method = 3", "must be tables"),
        ("tomograms = 3", r"must be tables, \[\[tomograms\]\]"),
        ("tomograms = [3]", "must be tables"),
        ("[[tomograms]]\nmask = 3\n", "path"),
        ("from_checkpoint = 3", "path"),
        ("a = " + "[" * 9999, "nested too deeply"),
        ("a." * 9999 + "b = 1", "nested too deeply"),
        ("[x]\ny = 1\n", "Extra inputs"),
    ],
)
def test_wrong_recipes(text: str, sentence: str) -> None:
    write("r.toml", text)
    with pytest.raises(ValueError, match=sentence):
        made(HALVES + "r.toml")


def test_the_recipe_of_an_older_run_takes_all_its_steps_unless_told_otherwise() -> None:
    write("older.toml", "format = 1\n[schedule]\nsteps = 77\n")
    assert made(HALVES + "older.toml").schedule.end == "steps"
    assert "default: steps" in help_of("older.toml -h")
    assert made(HALVES + "older.toml --schedule.end held-out").schedule.end == "held-out"
    write("mine.toml", "[schedule]\nsteps = 77\n")
    assert made(HALVES + "mine.toml").schedule.end == "held-out"
    assert made(HALVES + "mine.toml --schedule.end steps").schedule.end == "steps"
