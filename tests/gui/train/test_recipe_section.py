from __future__ import annotations

from pathlib import Path

from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.train import panel as panel_module
from napari_cryorestore.gui.train.recipe_section import KindSection
from napari_cryorestore.gui.train.recipes import Recipes
from napari_cryorestore.io.volume_output import write_volume

SHAPE = (32, 40, 48)


def test_an_invalid_setting_is_named_and_nothing_starts(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    panel.recipe.schedule.editor("learning_rate").setText("-1")
    bench.click(panel.bar.start)
    assert "learning rate: Should be greater than 0" in panel.bar.problem.text()
    panel.recipe.schedule.editor("learning_rate").setText("1e-4")
    assert panel.recipe.presets.currentText() == "custom"
    bench.start(panel)
    assert bench.configs[0].schedule.learning_rate == 1e-4


def test_presets_and_methods_fill_the_forms(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    recipe = panel.recipe
    index = recipe.presets.findData("quick-look")
    recipe.presets.setCurrentIndex(index)
    recipe.presets.activated.emit(index)
    assert recipe.schedule.editor("steps").value() == 300
    assert recipe.network.form.editor("features").value() == 8
    assert recipe.presets.currentText() == "Quick look"
    recipe.method.combo.setCurrentIndex(recipe.method.combo.findData("icecream"))
    recipe.method.combo.activated.emit(recipe.method.combo.currentIndex())
    assert "missing wedge" in recipe.method.sentence.text()
    assert recipe.method.form.editor("eq_weight").text() == "2"
    assert "needs the tilt range" in panel.data.warning.text()
    bench.settle(panel)
    assert "Training takes about" in recipe.memory.text()


def test_one_kind_alone_is_no_choice(qtbot):
    networks = Recipes().networks
    section = KindSection("network")
    qtbot.addWidget(section)
    section.offer({"unet": networks["unet"]})
    assert not section.combo.isVisibleTo(section)
    section.offer({"unet": networks["unet"], "other": networks["unet"]})
    assert section.combo.isVisibleTo(section)


def test_another_network_is_chosen_by_its_title(bench, plugins):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    recipe = bench.open(viewer).recipe
    network = recipe.network
    assert network.combo.isVisibleTo(network)
    network.combo.setCurrentIndex(network.combo.findText("Wide network"))
    network.combo.activated.emit(network.combo.currentIndex())
    assert network.sentence.text() == "Needs room."
    assert network.form.editor("width").value() == 3
    assert recipe.presets.findData("roomy") >= 0


def test_the_preview_is_placed_at_the_crosshair(bench, qtbot):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    viewer.dims.point = (8.0 * 10, 8.0 * 11, 8.0 * 12)
    place = panel.recipe.place
    place.setCurrentIndex(place.findData("crosshair"))
    place.activated.emit(place.currentIndex())
    training = bench.start(panel)
    assert bench.configs[0].snapshots.position == (10, 11, 12)
    assert bench.configs[0].snapshots.held_out == "manual"
    training.stop()
    qtbot.waitUntil(panel.bar.start.isEnabled, timeout=300_000)
    place.setCurrentIndex(place.findData("view"))
    place.activated.emit(place.currentIndex())
    viewer.scene.camera.center = (0, 8.0 * 20, 8.0 * 30)
    bench.start(panel)
    assert bench.configs[1].snapshots.position == (10, 20, 30)


def test_a_configuration_is_saved_and_loaded_by_the_menu(bench, tmp_path, monkeypatch):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    panel.bar.entries["save"].trigger()
    assert "exists only in memory" in panel.bar.problem.text()
    viewer.layers.clear()
    for index, name in enumerate(("even", "odd")):
        write_volume(tmp_path / f"TS_{name}.mrc", bench.half(index), voxel_size=8.0, label="test")
        for data, kwargs, _ in read_tomograms(str(tmp_path / f"TS_{name}.mrc")):
            viewer.add_image(data, **kwargs)
    monkeypatch.setattr(panel_module.run_section, "remember_folder", lambda path: None)
    file = str(tmp_path / "mine.toml")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (file, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (file, ""))
    panel.recipe.schedule.editor("steps").setValue(123)
    panel.data.tilt_min.setText("-61")
    panel.data.tilt_max.setText("59")
    panel.data.tilt_max.textEdited.emit("59")
    panel.bar.entries["save"].trigger()
    panel.recipe.schedule.editor("steps").setValue(5)
    panel.data.tilt_min.setText("-1")
    panel.data.tilt_min.textEdited.emit("-1")
    panel.bar.entries["load"].trigger()
    assert panel.recipe.schedule.editor("steps").value() == 123
    assert panel.data.tilt_min.text() == "-61"
    assert panel.data.even.currentText() == "TS_even"
    bench.settle(panel)
    Path(file).write_text("nonsense")
    panel.bar.entries["load"].trigger()
    assert "not a valid recipe" in panel.bar.problem.text()


def open_layers(viewer, path):
    for data, kwargs, _ in read_tomograms(str(path)):
        viewer.add_image(data, **kwargs)


def test_folders_are_chosen_by_the_menu(bench, tmp_path, monkeypatch):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    monkeypatch.setattr(panel_module.run_section, "remember_folder", lambda path: None)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    panel.bar.entries["folder"].trigger()
    assert panel.model.run_path().parent == tmp_path
    assert panel.run.folder.text() == str(panel.model.run_path())
    panel.bar.entries["checkpoint"].trigger()
    assert panel.bar.problem.text() != ""  # no checkpoint there
    assert panel.run.checkpoint.text() == ""


def test_one_click_makes_a_run_take_all_its_steps(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    end = panel.recipe.schedule.editor("end")
    assert (end.isChecked(), end.text()) == (True, "when agreement falls")
    bench.click(end)
    bench.start(panel)
    assert bench.configs[0].schedule.end == "steps"
