"""Tests of the plot of a run."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.theme import get_theme
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor

from napari_cryorestore.gui.monitor.run_plot import LIMIT, CurvePlot, LossAxis, log_ticks
from napari_cryorestore.runs.state import Curve


def curve(values, every=1):
    made = Curve()
    for index, value in enumerate(values):
        made.append(index * every, value)
    return made


@pytest.fixture
def plot(qtbot):
    made = CurvePlot()
    qtbot.addWidget(made)
    made.set_theme(get_theme("dark"))
    made.resize(600, 300)
    return made


@pytest.fixture
def filled(plot):
    loss = np.linspace(2, 1, 101)
    plot.show_curves(
        {"loss": curve(loss), "data": curve(loss / 2)}, {"n2n": curve([0.1, np.nan, 0.3], every=50)}
    )
    return plot


def drawn(plot, name, part="line"):
    return getattr(plot._traces[name], part).getData()


def at(plot, step):
    """Where a step is on the widget."""
    plot._box.updateAutoRange()
    middle = plot._box.viewRect().center()
    return plot.mapFromScene(plot._box.mapViewToScene(QPointF(step, middle.y())))


def test_every_curve_is_drawn_raw_and_smoothed(filled):
    for name in ("loss", "data"):
        assert len(drawn(filled, name)[0]) == len(drawn(filled, name, "over")[0]) == 101
    assert drawn(filled, "loss")[1][0] == 2
    assert drawn(filled, "loss", "over")[1][-1] > drawn(filled, "loss")[1][-1]


def test_quality_is_on_the_second_axis_with_gaps(filled):
    assert filled.getAxis("right").linkedView() is filled._metric_box
    assert filled._traces["n2n"].line in filled._metric_box.addedItems
    np.testing.assert_array_equal(drawn(filled, "n2n")[1], [0.1, np.nan, 0.3])
    np.testing.assert_array_equal(drawn(filled, "n2n", "over")[0], [0, 100])
    assert filled._traces["n2n"].line.opts["connect"] == "finite"


def test_the_second_axis_is_there_only_with_numbers(plot):
    plot.show_curves({"loss": curve([1, 2])}, {})
    assert not plot.getAxis("right").isVisible()
    plot.show_curves({"loss": curve([1, 2])}, {"n2n": curve([1, 2])})
    assert plot.getAxis("right").isVisible()


@pytest.mark.parametrize("axis", ["left", "right", "bottom"])
def test_no_axis_invents_a_prefix(plot, axis):
    """Trap 14: pyqtgraph would write 0.001 as 1 m."""
    assert not plot.getAxis(axis).autoSIPrefix


def test_logarithmic_losses_leave_gaps_where_nothing_is_positive(plot):
    plot.show_curves({"loss": curve([100.0, 0.0, -1.0, 1.0, np.nan, 10.0])}, {"n2n": curve([0.5])})
    plot.set_log_scale(True)
    np.testing.assert_allclose(drawn(plot, "loss")[1], [2, np.nan, np.nan, 0, np.nan, 1])
    np.testing.assert_allclose(drawn(plot, "n2n")[1], [0.5])
    assert plot.getAxis("left").logMode
    assert not plot.getAxis("right").logMode
    plot.set_log_scale(False)
    np.testing.assert_allclose(drawn(plot, "loss")[1], [100, 0, -1, 1, np.nan, 10])


def test_long_curves_are_decimated(plot):
    """Trap 14: ten thousand points a curve take 30 ms each time."""
    plot.show_curves({"loss": curve(np.random.default_rng(0).normal(size=20_000))}, {})
    assert len(drawn(plot, "loss")[0]) <= LIMIT + 1
    assert len(drawn(plot, "loss", "over")[0]) <= LIMIT + 1


def test_an_infinite_loss_is_a_gap(plot):
    plot.show_curves({"loss": curve([1.0, np.inf, 2.0])}, {})
    np.testing.assert_array_equal(drawn(plot, "loss")[1], [1.0, np.nan, 2.0])


def test_hiding_a_curve_hides_both_lines(filled):
    filled.set_curve_visible("data", visible=False)
    assert not filled._traces["data"].line.isVisible()
    assert not filled._traces["data"].over.isVisible()
    filled.set_curve_visible("data", visible=True)
    assert filled._traces["data"].line.isVisible()


def test_hiding_works_before_the_curve_is_there(plot):
    plot.set_curve_visible("data", visible=False)
    plot.show_curves({"data": curve([1, 2])}, {})
    assert not plot._traces["data"].line.isVisible()


def test_a_curve_that_is_gone_is_taken_away(filled):
    filled.show_curves({"loss": curve([1, 2])}, {})
    assert set(filled._traces) == {"loss"}
    assert len(filled._metric_box.addedItems) == 0


def test_curves_have_colours_of_their_own(filled):
    colours = {filled.colour(name).name() for name in ("loss", "data", "n2n")}
    assert len(colours) == 3


def test_the_theme_reaches_background_axes_and_curves(filled):
    """Trap 4: colours follow the theme."""
    for name in ("dark", "light"):
        theme = get_theme(name)
        filled.set_theme(theme)
        assert filled.backgroundBrush().color() == QColor(theme.background.as_hex())
        assert filled.getAxis("left").textPen().color() == QColor(theme.text.as_hex())
        assert filled._traces["loss"].over.opts["pen"].color() == QColor(theme.text.as_hex())


def test_the_line_is_named_and_can_go(filled):
    filled.show_step(40, "40")
    assert (filled._line.value(), filled._line.label.format) == (40, "40")
    assert filled._line.isVisible()
    filled.show_step(-1, "input")
    assert (filled._line.value(), filled._line.label.format) == (0, "input")
    filled.show_step(None)
    assert not filled._line.isVisible()


def test_the_suggested_step_is_marked(filled):
    filled.show_suggested(60)
    assert filled._suggested.isVisible()
    assert filled._suggested.value() == 60
    assert filled._suggested.label.isVisible()
    filled.show_step(60)
    assert not filled._suggested.label.isVisible()  # two names on one place cannot be read
    filled.show_suggested(None)
    assert not filled._suggested.isVisible()


def test_kept_and_pinned_steps_are_marked(filled):
    filled.show_marks([-1, 10, 20], {20})
    assert list(filled._kept.xvals) == [0, 10, 20]
    assert list(filled._pins.xvals) == [20]


def test_dragging_the_line_signals_the_place(filled, qtbot):
    filled.show_step(40)
    with qtbot.waitSignal(filled.step_moved) as heard:
        filled._line.setValue(55.0)
        filled._line.sigDragged.emit(filled._line)
    assert heard.args == [55.0]


def test_clicking_chooses_and_double_clicking_pins(filled, qtbot):
    with qtbot.waitExposed(filled):
        filled.show()
    moved, pinned = [], []
    filled.step_moved.connect(moved.append)
    filled.step_pinned.connect(pinned.append)
    place = at(filled, 70)
    qtbot.mouseClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert moved == [pytest.approx(70, abs=2)]
    qtbot.mouseDClick(filled.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseRelease(filled.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert pinned == [pytest.approx(70, abs=2)]


def test_dragging_anywhere_scrubs_and_does_not_pan(filled, qtbot):
    with qtbot.waitExposed(filled):
        filled.show()
    moved = []
    filled.step_moved.connect(moved.append)
    before = filled._box.viewRange()[0]
    start, stop = at(filled, 20), at(filled, 80)
    qtbot.mousePress(filled.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.7, 1.0):
        place = QPoint(round(start.x() + share * (stop.x() - start.x())), start.y())
        qtbot.mouseMove(filled.viewport(), place)
        qtbot.wait(30)
    qtbot.mouseRelease(filled.viewport(), Qt.MouseButton.LeftButton, pos=stop)
    assert moved[-1] == pytest.approx(80, abs=3)
    assert filled._box.viewRange()[0] == before


def test_a_new_range_is_shown_after_growing(filled):
    filled.show_curves({"loss": curve(np.ones(1001))}, {})
    filled._box.updateAutoRange()
    assert filled._box.viewRange()[0][1] >= 1000


def test_the_image_is_written_and_what_cannot_be_written_is_reported(filled, tmp_path):
    filled.save_png(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OSError, match="cannot be written"):
        filled.save_png(tmp_path / "nowhere" / "plot.png")


@pytest.mark.parametrize(
    ("ends", "most", "numbers"),
    [
        ((0.09, 2.1), 8, [0.1, 0.2, 0.5, 1, 2]),
        ((0.09, 2.1), 4, [0.1, 0.3, 1]),
        ((1e-6, 1), 7, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]),
        ((0.515, 0.61), 5, [0.52, 0.54, 0.56, 0.58, 0.6]),
    ],
)
def test_ticks_are_round_and_few(ends, most, numbers):
    ticks = log_ticks(*np.log10(ends), most=most)
    np.testing.assert_allclose(10 ** np.array(ticks), numbers)


@pytest.mark.parametrize("decades", [0.01, 0.5, 1, 3, 12, 40])
def test_never_more_ticks_than_there_is_room_for(decades):
    ticks = log_ticks(-1.3, -1.3 + decades, most=6)
    assert 1 <= len(ticks) <= 7
    assert all(-1.31 <= tick <= -1.3 + decades + 0.01 for tick in ticks)


def test_the_axis_writes_numbers(qapp):
    axis = LossAxis()
    axis.setLogMode(x=False, y=True)
    (_, ticks), *_ = axis.tickValues(-1.0, 0.4, 200)
    assert axis.logTickStrings(ticks, 1, None) == ["0.1", "0.2", "0.5", "1", "2"]
    assert not axis.autoSIPrefix
