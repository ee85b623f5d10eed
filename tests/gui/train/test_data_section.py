from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.live_runs import runs_of
from napari_cryorestore.gui.train.examination import Detection
from napari_cryorestore.io.mrc import write_volume

SHAPE = (32, 40, 48)


def test_bad_inputs_are_named_and_nothing_starts(bench):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    bench.click(panel.bar.start)
    assert "drop the two half tomograms" in panel.bar.problem.text()

    even, odd = bench.half(2), bench.half(3)
    pixels = {"scale": (1, 1, 1), "units": ("pixel",) * 3}
    coarse = {"scale": (10.0,) * 3}
    cases = {
        "but half 1 has 32×40×48": ((even, {}), (odd[:20], {})),
        "differ in voxel size": ((even, {}), (odd, coarse)),
        "is unknown: type it in Å": ((even, pixels), (odd, pixels)),
        "fewer than the crop's 16": ((even[:10], {}), (odd[:10], {})),
        "NaN": ((even, {}), (np.full_like(odd, np.nan), {})),
        "constant": ((np.ones_like(even), {}), (odd, {})),
        "are the same volume": ((even, {}), (even.copy(), {})),
        "needs both half maps": ((even, {}),),
    }
    for words, halves in cases.items():
        viewer.layers.clear()
        for name, (data, arguments) in zip(("cell_even", "cell_odd"), halves, strict=False):
            bench.add(viewer, name, data, **arguments)
        bench.settle(panel)
        assert words in panel.data.warning.text(), words
        bench.click(panel.bar.start)
        bench.settle(panel)
        assert words in panel.bar.problem.text(), words
    assert bench.trainings == []
    assert runs_of(viewer).paths == ()


@pytest.mark.parametrize(
    ("low", "high", "words"), [("60", "-60", "is reversed"), ("-60", "", "both the lowest and the highest")]
)
def test_a_bad_tilt_range_is_named_and_nothing_starts(bench, low, high, words):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    panel.data.tilt_min.setText(low)
    panel.data.tilt_max.setText(high)
    panel.data.tilt_max.textEdited.emit(high)
    assert words in panel.data.warning.text()
    bench.click(panel.bar.start)
    assert words in panel.bar.problem.text()
    assert bench.trainings == []


def test_start_does_not_wait_for_the_look_at_the_data_but_heeds_it(bench):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    bench.add(viewer, "cell_even", bench.half(2))
    bench.add(viewer, "cell_odd", np.full(SHAPE, np.nan, "f4"))
    assert panel.model.examination is None
    bench.click(panel.bar.start)
    bench.shows(panel, "NaN")
    assert bench.trainings == []
    assert not panel.model.run_path().parent.exists()


def test_layers_that_come_go_and_change_their_names_are_followed(bench):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    assert "Drop two half tomograms" in panel.data.line.text()
    bench.add(
        viewer, "movie", np.zeros((2, *SHAPE), "f4"), scale=(1, 8, 8, 8), units=("pixel", *("angstrom",) * 3)
    )
    bench.add_pair(viewer)
    names = [panel.data.even.itemText(index) for index in range(panel.data.even.count())]
    assert names == ["none", "cell_even", "cell_odd"]
    viewer.layers["cell_even"].name = "membrane"
    assert panel.data.even.currentText() == "membrane"
    bench.click(panel.data.swap)
    assert (panel.data.even.currentText(), panel.data.odd.currentText()) == ("cell_odd", "membrane")
    viewer.layers.remove("membrane")
    assert panel.data.odd.currentText() == "none"
    viewer.add_labels(np.ones(SHAPE, int), name="where")
    assert panel.data.region.findText("where") > 0
    assert panel.data.odd.findText("where") < 0
    bench.settle(panel)


def test_the_other_half_is_offered_and_opened(bench, tmp_path):
    viewer = ViewerModel()
    for index, name in enumerate(("even", "odd")):
        write_volume(tmp_path / f"TS_{name}.mrc", bench.half(index), voxel_size=8.0, label="test")
    (tmp_path / "TS.tlt").write_text("-58\n61\n")

    def opened(self, paths, plugin):
        return [viewer.add_image(data, **kwargs) for data, kwargs, _ in read_tomograms(paths)]

    panel = bench.open(viewer)
    panel._data_control._viewer = type("Viewer", (), {"open": opened})()
    opened(None, [str(tmp_path / "TS_even.mrc")], None)
    bench.settle(panel)
    assert panel.data.open_other.text() == "Open TS_odd.mrc"
    assert (panel.data.tilt_min.text(), panel.data.tilt_max.text()) == ("-58", "61")
    assert panel.data.tilt_line.text() == "Tilt range from TS.tlt"
    panel.data.open_other.click()
    bench.settle(panel)
    assert panel.data.odd.currentText() == "TS_odd"
    assert panel.data.open_other.isHidden()
    # the files are read where they lie
    assert panel.model.config().tomograms[0].odd == tmp_path / "TS_odd.mrc"
    assert panel.model.run_path().parent == tmp_path / "cryorestore"


def test_the_tilt_range_is_read_off_the_spectrum_in_a_thread(bench, monkeypatch):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    panel = bench.open(viewer)
    threads = []

    def detect(choice) -> Detection:
        threads.append(threading.current_thread())
        agrees = choice.tilt_min in ("", "-60")
        return Detection(-60, 61, "x", reliable=True, sentence="What I saw.", agrees=agrees)

    monkeypatch.setattr("napari_cryorestore.gui.train.data_control.detect_tilt_range", detect)
    bench.click(panel.data.detect)
    assert panel.data.detect.text() == "Detecting…"
    bench.settle(panel)
    assert threads[0] is not threading.main_thread()
    assert (panel.data.tilt_min.text(), panel.data.tilt_max.text()) == ("-60", "61")
    assert panel.data.tilt_axis.currentText() == "x"
    # what was typed stays, with a warning and an offer
    panel.data.tilt_min.setText("-40")
    panel.data.tilt_min.textEdited.emit("-40")
    bench.click(panel.data.detect)
    bench.settle(panel)
    assert panel.data.tilt_line.text() == "⚠ What I saw."
    assert panel.data.tilt_min.text() == "-40"
    assert panel.data.use_detected.text() == "Use −60…61°, axis x"
    panel.data.use_detected.click()
    assert panel.model.choice.tilt_min == "-60"
    assert panel.data.use_detected.isHidden()
