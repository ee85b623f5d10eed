from __future__ import annotations

import numpy as np
import pytest

from napari_cryorestore.comparison.comparison_config import ComparisonConfig, RowConfig
from napari_cryorestore.comparison.model import CompareModel
from napari_cryorestore.gui.compare.layer_rows import LayerRows, compared, size_is_known
from napari_cryorestore.io.volume_output import write_volume

from .conftest import SHAPE, noise


@pytest.fixture
def model() -> CompareModel:
    return CompareModel()


@pytest.fixture
def gone() -> list[str]:
    return []


@pytest.fixture
def rows(viewer, model, gone) -> LayerRows:
    made = LayerRows(viewer, model, gone.append)
    yield made
    made.disconnect()


def test_only_volumes_are_offered(viewer, add, rows) -> None:
    good = add(noise(), "volume")
    add(noise((16, 20)), "image")
    viewer.add_image(np.zeros((*SHAPE, 3), np.uint8), name="colours", rgb=True)
    viewer.add_labels(np.zeros(SHAPE, int), name="labels")
    viewer.add_points([[0, 0, 0]], name="points")
    viewer.add_image([noise(), noise()[::2, ::2, ::2]], name="pyramid", multiscale=True)
    assert rows.offered() == [good]
    rows.add(good)
    assert rows.offered() == []


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning:napari")
@pytest.mark.parametrize(
    ("shape", "sentence"),
    [((0, 4, 4), "is empty"), ((1, 16, 20), "is a single image"), ((4, 1, 8), "single image")],
)
def test_what_is_no_volume_is_refused_in_a_sentence(add, rows, model, shape, sentence) -> None:
    layer = add(np.zeros(shape, np.float32), "odd one", contrast_limits=(0, 1))
    with pytest.raises(ValueError, match=sentence):
        rows.add(layer)
    assert model.entries == ()


def test_a_layer_lies_where_it_is_and_counts_in_angstrom(viewer) -> None:
    layer = viewer.add_image(noise(), scale=(1, 1, 1), units=("nm",) * 3, translate=(2, 0, 0))
    volume = compared(layer)
    assert volume.voxel_size == pytest.approx((10, 10, 10))
    assert volume.extent[0] == pytest.approx((20, 140))
    assert size_is_known(layer)
    plain = viewer.add_image(noise())
    assert compared(plain).voxel_size == (1, 1, 1)
    assert not size_is_known(plain)


def test_a_row_goes_with_its_layer(viewer, add, rows, model, gone) -> None:
    one, two = add(noise(), "one"), add(noise(), "two")
    rows.add(one)
    rows.add(two)
    viewer.layers.remove(one)
    assert [entry.config.name for entry in model.entries] == ["two"]
    assert gone == ["one"]
    viewer.layers.clear()
    assert model.entries == ()


def test_a_row_follows_its_layers_name_and_data(add, rows, model) -> None:
    layer = add(noise(), "one")
    number = rows.add(layer)
    layer.name = "better name"
    assert model.entry(number).config.name == "better name"
    before = model.entry(number).volume
    layer.data = noise(seed=1)
    after = model.entry(number).volume
    assert after.version == before.version + 1
    assert np.array_equal(after.data, layer.data)
    model.rename(number, "mine")
    layer.name = "another"
    assert (model.entry(number).config.name, model.entry(number).config.layer) == ("mine", "another")


def test_other_data_are_never_taken_for_those_that_were_measured(viewer, add, rows, model) -> None:
    layer = add(noise(), "one")
    number = rows.add(layer)
    first = model.entry(number).volume.identity
    layer.data = noise(seed=1)
    model.remove(number)
    rows.forget_gone_rows()
    again = model.entry(rows.add(layer)).volume
    assert again.identity != first
    rows.disconnect()
    layer.data = noise(seed=2)
    reopened = LayerRows(viewer, model, print)
    reopened.attach()
    (entry,) = model.entries
    assert np.array_equal(entry.volume.data, layer.data)
    assert entry.volume.identity not in (first, again.identity)
    reopened.disconnect()


def test_a_panel_that_is_opened_again_measures_nothing_again(viewer, add, rows, model) -> None:
    number = rows.add(add(noise(), "one"))
    before = model.entry(number).volume.identity
    rows.disconnect()
    reopened = LayerRows(viewer, model, print)
    reopened.attach()
    assert model.entry(number).volume.identity == before
    reopened.disconnect()


def test_data_that_become_no_volume_are_told(add, rows, model) -> None:
    layer = add(noise(), "one")
    number = rows.add(layer)
    layer.data = np.zeros((1, 16, 20), np.float32)
    assert "single image" in model.entry(number).problem
    layer.data = noise()
    assert model.entry(number).problem == ""


def test_a_saved_row_finds_its_layer_even_later(add, rows, model) -> None:
    model.load(ComparisonConfig(rows=(RowConfig(name="a", kind="layer", layer="one"),)))
    rows.attach()
    (entry,) = model.entries
    assert "There is no layer “one”" in entry.problem
    add(noise(), "one")
    assert model.entries[0].volume is not None
    assert model.entries[0].problem == ""


def test_removed_rows_let_go_of_their_layers(add, rows, model) -> None:
    layer = add(noise(), "one")
    number = rows.add(layer)
    model.remove(number)
    rows.forget_gone_rows()
    assert rows.layer_of(number) is None
    assert rows.offered() == [layer]
    layer.data = noise(seed=3)  # nobody is told


def test_a_layer_is_as_raw_as_its_file(tmp_path):
    from napari.layers import Image

    data = np.zeros((8, 8, 8), np.float32) + np.arange(8, dtype=np.float32)
    (tmp_path / "TS.tlt").write_text("-60\n60\n", encoding="utf-8")
    done = "cryorestore: N2N\ntilts: -50 to 40 degrees about x"
    for name, label, known in (
        ("TS.mrc", "raw", (True, (-60, 60), "y")), ("done.mrc", done, (False, (-50, 40), "x"))
    ):  # fmt: skip
        write_volume(tmp_path / name, data, voxel_size=10.0, label=label)
        layer = Image(data)
        layer._source = layer.source.model_copy(update={"path": str(tmp_path / name)})
        shown = compared(layer)
        assert (shown.raw, shown.recording.tilt_range, shown.recording.axis) == known
    assert not compared(Image(data)).raw
