"""Every species of method is in the form, which knows what it needs."""

from __future__ import annotations

from napari.components import ViewerModel


def choose(section, title):
    section.combo.setCurrentIndex(section.combo.findText(title))
    section.combo.activated.emit(section.combo.currentIndex())


def test_one_map_is_enough_for_a_method_that_takes_one(bench, species):
    viewer = ViewerModel()
    bench.add(viewer, "cell", bench.half(2))
    panel = bench.open(viewer)
    bench.settle(panel)
    assert "needs both half maps" in panel.data.warning.text()
    choose(panel.recipe.method, "One map")
    bench.settle(panel)
    assert "half" not in panel.data.warning.text()
    for field, angle in ((panel.data.tilt_min, "-60"), (panel.data.tilt_max, "60")):
        field.setText(angle)
        field.textEdited.emit(angle)
    bench.settle(panel)
    assert panel.bar.problem.text() == ""
    bench.start(panel)
    (config,) = bench.configs
    assert config.method.kind == "one_map"
    assert len(config.tomograms[0].maps) == 1


def test_methods_bring_their_networks_and_their_words(bench, species):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    titles = [panel.recipe.method.combo.itemText(row) for row in range(panel.recipe.method.combo.count())]
    assert {"One map", "Parts", "Slices"} <= set(titles)
    assert "Untrained" not in titles  # it is offered for restoring
    choose(panel.recipe.method, "Slices")
    bench.settle(panel)
    assert panel.recipe.network.combo.currentText() == "Flat network"
    bench.start(panel)
    assert bench.configs[0].network.kind == "flat"
