"""A second opinion: the form is filled as a run was, with another method or network to be tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from napari.components import ViewerModel

from napari_cryorestore.gui.train.model import TrainModel
from napari_cryorestore.gui.train.opinion import Opinion
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.restored_by import RestoredBy
from napari_cryorestore.runs.run_dir import RunDir


def written(folder, bench, **changed):
    """Make a run on two files, complete as every run is."""
    folder.mkdir(parents=True)
    halves = [folder / f"TS_{half}.mrc" for half in ("even", "odd")]
    for number, path in enumerate(halves, 2):
        write_volume(path, bench.half(number), voxel_size=8.0, label="test")
    config = RunConfig.from_preset(
        "quick-look",
        "noise2noise",
        **{
            "tomograms": [
                {"maps": halves, "name": "TS", "recording": {"voxel_size": 8.0, "tilt_range": (-50, 60)}}
            ],
            "schedule": {"seed": 7, "crop": 24, "steps": 40},
            "snapshots": {"position": (16, 12, 30), "size": (32, 16, 16)},
            "hardware": {"device": "cuda"},
            **changed,
        },
    )
    return RunDir.create(folder / "first", config=config.to_toml(), environment={}).path


@pytest.fixture
def run(tmp_path, bench):
    return written(tmp_path / "data", bench)


@pytest.fixture
def model(run):
    made = TrainModel()
    made.use_recipes(Recipes())
    made.prepare_opinion(run)
    return made


def choose(section, kind):
    section.combo.setCurrentIndex(section.combo.findData(kind))
    section.combo.activated.emit(section.combo.currentIndex())


def test_everything_but_the_hardware_is_taken_from_the_run(model):
    sections = model.sections
    assert (sections["schedule"].seed, sections["schedule"].crop, sections["schedule"].steps) == (7, 24, 40)
    assert (model.place, model.position, sections["snapshots"].size) == ("typed", (16, 12, 30), (32, 16, 16))
    assert sections["hardware"].device == "auto"
    assert model.opinion.title == "Second opinion on first"


def test_another_method_comes_as_its_standard_has_it_with_the_same_input(model):
    model.choose_another_method()
    method = model.sections["method"]
    assert (method.kind, method.input, method.passes) == ("icecream", "wiener+raw", 1)
    assert model.sections["schedule"].steps == 40
    assert model.sections["network"] == model.opinion.config.network
    model.choose_method("noise2noise")
    assert model.sections["method"] == model.opinion.config.method


def test_another_network_comes_as_its_standard_has_it(plugins, model):
    model.choose_network("wide")
    assert model.sections["network"].kind == "wide"
    model.choose_network("unet")
    assert model.sections["network"] == model.opinion.config.network
    model.choose_method("picky")  # works with the wide one only
    assert model.sections["network"].kind == "wide"


def test_a_block_that_was_not_held_out_is_not_held_out_now(tmp_path, bench):
    made = TrainModel()
    made.use_recipes(Recipes())
    made.prepare_opinion(written(tmp_path / "data", bench, snapshots={"held_out": "none"}))
    assert made.place == "off"


def test_what_no_longer_is_the_same_is_named(run, bench, tmp_path):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    panel.second_opinion(run)
    bench.settle(panel)
    bar = panel.opinion
    assert bar.isVisibleTo(panel)
    assert bar.title.text().replace("\u200b", "") == "Second opinion on first"
    assert bar.sentence.text().startswith("The data, the held-out block, seed, crop and schedule are as")
    assert panel.data.even.currentText() == "TS_even"
    assert (panel.data.tilt_min.text(), panel.data.tilt_max.text()) == ("-50", "60")
    assert panel.recipe.method.combo.currentData() == "icecream"
    choose(panel.recipe.method, "noise2noise")
    assert bar.sentence.text().startswith("Everything is as it was there: choose another")
    panel.recipe.schedule.editor("seed").setValue(8)
    panel.recipe.schedule.editor("steps").setValue(80)
    panel.recipe.position.setText("1, 2, 3")
    panel.recipe.position.textEdited.emit("1, 2, 3")
    bench.add(viewer, "another", bench.half(5))
    panel.data.odd.setCurrentIndex(panel.data.odd.findText("another"))
    panel.data.odd.activated.emit(panel.data.odd.currentIndex())
    assert "Not the same as there: data, held-out block, seed, schedule." in bar.sentence.text()
    bar.end.click()
    assert not bar.isVisibleTo(panel)
    bench.settle(panel)


def test_it_is_trained_on_the_same_and_all_are_compared_when_it_is_over(run, bench, qtbot):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    compared = []
    session_of(viewer).compare_family.connect(compared.append)
    panel.second_opinion(run)
    bench.settle(panel)
    training = bench.start(panel)
    config, first = bench.configs[0], RunConfig.from_toml(RunDir(run).config_text())
    assert config.method.kind == "icecream"
    assert config.tomograms[0].maps == first.tomograms[0].maps
    assert config.tomograms[0].recording.tilt_range == (-50.0, 60.0)
    assert config.schedule == first.schedule
    assert config.snapshots.position == first.snapshots.position
    assert config.snapshots.size == first.snapshots.size
    panel.opinion.compare.click()
    assert compared == [run]
    training.run.write_checkpoint(1, lambda folder: (folder / "weights.safetensors").write_bytes(b""))
    training.stop()
    qtbot.waitUntil(lambda: len(compared) == 2)
    assert compared[1] == training.run.path


def test_nothing_is_compared_when_it_came_to_nothing(run, bench, qtbot):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    compared = []
    session_of(viewer).compare_family.connect(compared.append)
    panel.second_opinion(run)
    bench.settle(panel)
    bench.start(panel).stop()
    qtbot.waitUntil(lambda: not panel.model.opinions)
    assert compared == []


def test_it_waits_for_pytorch_and_a_folder_that_is_no_run_is_refused(run, bench, qtbot, monkeypatch):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    recipes, panel.model.recipes = panel.model.recipes, None
    monkeypatch.setattr(panel, "_load_recipes", lambda: None)
    panel.second_opinion(run)
    assert panel.model.opinion is None
    panel._take_recipes(recipes)
    assert panel.model.opinion.run == run
    panel.second_opinion(run.parent)
    assert "holds no run" in panel.bar.problem.text()
    for path in (run.parent / "TS_even.mrc", run.parent / "TS_odd.mrc"):
        assert any(layer.metadata["cryorestore"]["path"] == str(path) for layer in viewer.layers)
    bench.settle(panel)


@pytest.fixture
def filling(run, bench):
    """The panel of a user who wants the wedge filled of what the run restores at step 30."""
    panel = bench.open(ViewerModel())
    panel.second_opinion(run, step=30)
    bench.settle(panel)
    return panel


def test_to_fill_the_wedge_of_what_was_restored_only_what_fills_it_is_offered(filling, run):
    bar, section = filling.opinion, filling.recipe.method
    assert bar.title.text().replace("\u200b", "") == "Fill the wedge of first @ 30"
    assert "Learns from what that run makes of each half at step 30" in bar.sentence.text()
    assert section.combo.currentData() == "isonet"
    assert not section.combo.model().item(section.combo.findData("noise2noise")).isEnabled()
    assert filling.model.refused()["method"]["noise2noise"].why == "leaves the wedge empty"
    assert "(leaves the wedge empty)" in section.refused.text()
    assert filling.model.sections["schedule"].seed == 7
    assert filling.model.sections["snapshots"].size == (32, 16, 16)


def test_the_halves_are_restored_before_the_run_starts(filling, run, bench):
    bench.click(filling.bar.start)
    bench.shows(filling, "Restoring the halves: 40%")
    assert bench.chains == [(run, 30)]
    assert bench.trainings == []
    bench.may_chain.set()
    bench.qtbot.waitUntil(lambda: bool(bench.trainings))
    assert (
        bench.configs[0].tomograms[0].maps == RunConfig.from_toml(RunDir(run).config_text()).tomograms[0].maps
    )
    assert bench.configs[0].method.kind == "isonet"


def test_restoring_them_is_ended_by_stop_without_a_complaint(filling, bench):
    bench.click(filling.bar.start)
    bench.shows(filling, "Restoring the halves")
    bench.click(filling.bar.stop)
    bench.settle(filling)
    assert (filling.bar.problem.text(), bench.trainings, bench.configs) == ("", [], [])
    assert filling.bar.start.isEnabled()


def test_stop_counts_when_the_halves_are_restored_and_the_run_is_being_made(filling, bench):
    session, folders = filling.session, []

    def chain(config, path, restored_by, progress, cancelled):
        folders.append(path)
        progress(1.0)
        bench.may_chain.wait(60)  # whoever makes a run does not look whether it is still wanted
        session.launcher.create(config, path)

    session.launcher = replace(session.launcher, chain=chain)
    bench.click(filling.bar.start)
    bench.shows(filling, "Restoring the halves: 100%")
    bench.click(filling.bar.stop)
    bench.may_chain.set()
    bench.settle(filling)
    assert (len(bench.configs), bench.trainings, filling.bar.problem.text()) == (1, [], "")
    assert not folders[0].exists()


def test_a_second_opinion_on_a_chain_learns_from_the_same_restored_halves(model, run):
    chain = {"model": "Noise2Noise @ step 30", "weights": "inputs/restored_by.safetensors"}
    config = model.opinion.config.model_copy(update={"restored_by": RestoredBy.model_validate(chain)})
    assert Opinion(run, config).restored_by == (run / "inputs/restored_by.safetensors", None)
    assert Opinion(run, model.opinion.config).restored_by is None
    assert Opinion(run, model.opinion.config, 30).restored_by == (run, 30)
