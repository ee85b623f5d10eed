from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.samples import real_pair

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
    assert session_of(viewer).paths == ()


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
    assert panel.model.look is None
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
    assert (panel.data.tilt_min.placeholderText(), panel.data.tilt_max.placeholderText()) == ("−58", "61")
    assert panel.data.tilt_line.text() == "−58…61° about y, from TS.tlt"
    panel.data.open_other.click()
    bench.settle(panel)
    assert panel.data.odd.currentText() == "TS_odd"
    assert panel.data.open_other.isHidden()
    # the files are read where they lie
    assert panel.model.config().tomograms[0].odd == tmp_path / "TS_odd.mrc"
    assert panel.model.run_path().parent == tmp_path / "cryorestore"


@pytest.fixture
def real_viewer() -> ViewerModel:
    """A viewer with the real pair, whose spectrum is clear, without its tilt file."""
    viewer = ViewerModel()
    for path, name in zip(real_pair(), ("cell_even", "cell_odd"), strict=True):
        data = np.array(open_volume(path).data)
        viewer.add_image(data, name=name, scale=(40,) * 3, units=("angstrom",) * 3)
    return viewer


def type_tilts(panel, low: str, high: str) -> None:
    panel.data.tilt_min.setText(low)
    panel.data.tilt_max.setText(high)
    panel.data.tilt_max.textEdited.emit(high)


def test_the_tilt_range_is_read_off_the_spectrum_by_itself(bench, real_viewer):
    panel = bench.open(real_viewer)
    data = panel.data
    assert "°, read off the spectrum" in data.tilt_line.text().replace(" about y", "")
    assert data.tilt_min.text() == ""
    assert data.tilt_min.placeholderText().startswith("−6")
    assert data.warning.text() == panel.bar.caution.text() == ""

    bench.add_pair(real_viewer)  # another tomogram is chosen: nothing of the first one stays
    data.even.setCurrentText("cell_even [1]")
    data.even.activated.emit(data.even.currentIndex())
    bench.settle(panel)
    assert data.tilt_line.text().startswith("The tilt range is unknown")
    assert data.tilt_min.placeholderText() == "min"


@pytest.mark.parametrize(
    ("low", "high", "axis"), [("-30", "30", "auto"), ("-90", "90", "y"), ("-62", "62", "x")]
)
def test_wrong_tilts_are_warned_of_beside_start_until_their_reason_goes(bench, real_viewer, low, high, axis):
    panel = bench.open(real_viewer)
    panel.data.tilt_axis.setCurrentText(axis)
    type_tilts(panel, low, high)
    assert "the spectrum shows" in panel.data.warning.text()
    assert "the spectrum shows" in panel.bar.caution.text()
    assert "typed" in panel.data.tilt_line.text()

    again = bench.open(real_viewer)  # a panel that is opened again says it too
    assert "the spectrum shows" in again.bar.caution.text()
    again.data.use_detected.click()
    assert again.data.warning.text() == again.bar.caution.text() == ""
    assert again.data.use_detected.isHidden()
    assert again.data.tilt_line.text().endswith("about y, taken from the spectrum")
    assert float(again.model.choice.tilt_min) == pytest.approx(-62, abs=3)
    assert again.model.choice.tilt_axis == "y"


def test_a_range_that_is_being_typed_is_not_judged(bench, real_viewer):
    panel = bench.open(real_viewer)
    type_tilts(panel, "-", "30")
    assert "spectrum" not in panel.data.warning.text()


def test_what_the_look_warns_of_is_read_before_training_starts(bench):
    viewer = ViewerModel()
    panel = bench.open(viewer)
    bench.add(viewer, "cell_even", bench.half(2))
    bench.add(viewer, "cell_odd", np.random.default_rng(9).normal(size=SHAPE).astype("f4"))
    assert panel.model.look is None
    bench.click(panel.bar.start)
    bench.shows(panel, "Not started yet: read the warning")
    assert "halves" in panel.bar.caution.text()
    assert bench.trainings == []
    bench.start(panel)


def test_a_message_opens_the_pair_it_speaks_of(bench):
    viewer = ViewerModel()
    bench.add_pair(viewer)
    pair = viewer.layers["cell_even"], viewer.layers["cell_odd"]
    panel = bench.open(viewer)
    for name in ("late_even", "late_odd"):
        bench.add(viewer, name, bench.half(len(name)))
    panel.data.even.setCurrentText("late_even")
    panel.data.even.activated.emit(panel.data.even.currentIndex())
    assert panel.data.odd.currentText() == "late_odd"
    panel.choose_pair(*pair)
    assert (panel.data.even.currentText(), panel.data.odd.currentText()) == ("cell_even", "cell_odd")
    panel.choose_pair(None, pair[1])
    assert panel.data.even.currentText() == "cell_even"
    bench.settle(panel)
