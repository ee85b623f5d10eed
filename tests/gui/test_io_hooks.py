from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.errors.reader_errors import ReaderPluginError
from napari.plugins._npe2 import get_readers
from napari.utils.notifications import NotificationSeverity, notification_manager
from qtpy.QtCore import QTimer

from napari_cryorestore.gui import io_hooks
from napari_cryorestore.gui.io_hooks import get_reader, read_tomograms, watch_for_pairs, write_image
from napari_cryorestore.gui.layers import LayerOrigin, add_volume, origin_of, voxel_size_of
from napari_cryorestore.gui.preferences import PLUGIN
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

VOLUME = np.random.default_rng(0).normal(size=(6, 8, 10)).astype(np.float32)


@pytest.fixture(autouse=True)
def notes() -> list:
    notification_manager.records.clear()
    return notification_manager.records


def saved(path: Path, *, voxel_size: float = 7.5) -> Path:
    return write_volume(path, VOLUME, voxel_size=voxel_size, start=(4, 5, 6), label="made up")


@pytest.mark.parametrize(
    "name", ["a.mrc", "A.MRC", "b.rec", "c.map", "d.st", "e.ali", "f.mrcs", "g.rec.GZ", "h.mrc.bz2"]
)
def test_the_reader_takes_mrc_by_any_name(name: str) -> None:
    assert get_reader(f"/data/TS_01/{name}") is read_tomograms


@pytest.mark.parametrize("path", ["a.tif", "b.mrc.txt", "mrc", ["a.mrc", "b.tif"]])
def test_the_reader_leaves_other_files_alone(path: str | list[str]) -> None:
    assert get_reader(path) is None


def test_napari_finds_the_reader(make_napari_viewer, tmp_path: Path) -> None:
    """Trap 11: with no plugin named, as after a drop, ours is taken."""
    viewer = make_napari_viewer()
    for name in ("TS01.mrc", "TS02.MRC", "TS03.rec", "TS04.st"):
        (layer,) = viewer.open(saved(tmp_path / name), plugin=None)
        assert layer.name == name[:4]
        assert layer.source.reader_plugin == PLUGIN
        np.testing.assert_array_equal(layer.data, VOLUME)


def test_numpy_arrays_are_opened_and_saved_with_what_they_do_not_hold(
    make_napari_viewer, tmp_path: Path, notes: list
) -> None:
    np.save(tmp_path / "TS01.npy", VOLUME)
    assert PLUGIN in get_readers(tmp_path / "TS01.npy")
    (layer,) = make_napari_viewer().open(tmp_path / "TS01.npy", plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, VOLUME)
    assert voxel_size_of(layer) is None
    assert "TS01.npy does not say its voxel size" in notes[-1].message
    notes.clear()
    write_image(str(tmp_path / "out.npy"), *layer.as_layer_data_tuple()[:2])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), VOLUME.astype(np.float32))
    (note,) = notes
    assert "A NumPy array cannot hold voxel size, origin and labels" in note.message


def test_compressed_files_are_opened(tmp_path: Path) -> None:
    packed = tmp_path / "TS01.mrc.gz"
    packed.write_bytes(gzip.compress(saved(tmp_path / "TS01.mrc").read_bytes()))
    ((data, arguments, _),) = read_tomograms(str(packed))
    np.testing.assert_array_equal(data, VOLUME)
    assert arguments["name"] == "TS01"


def test_what_was_noticed_in_reading_is_shown_by_its_weight(tmp_path: Path, notes: list) -> None:
    path = saved(tmp_path / "TS01.mrc")
    content = bytearray(path.read_bytes())
    content[92:96] = (57600).to_bytes(4, "little")  # an extended header that is not there
    path.write_bytes(content)
    read_tomograms(str(path))
    (note,) = notes
    assert note.severity == NotificationSeverity.INFO
    assert "57,600 bytes of extended header that are not there" in note.message
    notes.clear()
    content = content[:1024] + bytes([200]) * VOLUME.size
    content[12:16], content[76:84] = bytes(4), bytes(8)  # bytes, and no statistics
    path.write_bytes(content)
    read_tomograms(str(path))
    assert NotificationSeverity.WARNING in [note.severity for note in notes if "0…255" in note.message]


def test_a_stack_of_paths_becomes_as_many_layers(tmp_path: Path) -> None:
    paths = [str(saved(tmp_path / name)) for name in ("a.mrc", "b.mrc")]
    assert [arguments["name"] for _, arguments, _ in read_tomograms(paths)] == ["a", "b"]


def test_halves_dropped_together_are_paired_and_training_is_offered_once(
    make_napari_viewer, tmp_path: Path, notes: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    paths = [str(saved(tmp_path / name)) for name in ("TS01_ODD.mrc", "TS01_EVN.mrc")]
    viewer.open(paths, plugin=None)

    assert [layer.name for layer in viewer.layers] == ["TS01_ODD", "TS01_EVN"]
    assert origin_of(viewer.layers[0]).half == "odd"
    offers = [note for note in notes if "paired as half maps" in note.message]
    assert [note.severity for note in offers] == [NotificationSeverity.INFO]
    opened, chosen = [], []
    panel = SimpleNamespace(choose_pair=lambda *pair: chosen.append(pair))
    monkeypatch.setattr(io_hooks, "open_panel", lambda viewer, name: opened.append(name) or panel)
    ((title, open_train),) = offers[0].actions
    assert title == "Open Train"
    open_train(None)
    assert opened == ["Train"]
    assert chosen == [(viewer.layers["TS01_EVN"], viewer.layers["TS01_ODD"])]

    viewer.layers.clear()
    viewer.open(paths, plugin=None)
    assert len([note for note in notes if "paired" in note.message]) == 1


def test_halves_added_one_after_the_other_are_paired(make_napari_viewer, tmp_path: Path, notes: list) -> None:
    viewer = make_napari_viewer()
    viewer.open(saved(tmp_path / "TS01_even.mrc"), plugin=None)
    assert notes == []
    viewer.open(saved(tmp_path / "other.mrc"), plugin=None)
    assert notes == []
    viewer.open(saved(tmp_path / "TS01_odd.mrc"), plugin=None)
    assert [note.message for note in notes] == ["TS01 paired as half maps; open Train?"]
    assert notes[0].source == "CryoRestore"
    assert origin_of(viewer.layers["TS01_even"]).pair == str(tmp_path / "TS01_odd.mrc")


def test_pairs_of_one_name_are_offered_by_their_folders(
    make_napari_viewer, tmp_path: Path, notes: list
) -> None:
    viewer = make_napari_viewer()
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        for half in ("even", "odd"):
            viewer.open(saved(tmp_path / folder / f"TS01_{half}.mrc"), plugin=None)
    offers = [note.message for note in notes if "paired" in note.message]
    assert offers == ["TS01 paired as half maps; open Train?", "B_TS01 paired as half maps; open Train?"]


def test_a_watch_does_not_keep_its_viewer(tmp_path: Path) -> None:
    viewer = ViewerModel()
    watch_for_pairs(viewer)
    watch = session_of(viewer).own(io_hooks._PairWatch)
    del viewer
    assert watch._viewer() is None
    watch._offer_new()
    watch._open_train(())


def test_what_cannot_be_read_is_said_in_one_sentence(
    make_napari_viewer, qtbot, tmp_path: Path, notes: list
) -> None:
    viewer, path, good = make_napari_viewer(), tmp_path / "bad.mrc", saved(tmp_path / "good.mrc")
    for content, sentence in (
        (b"", "bad.mrc is empty (0 bytes)"),
        (b"x" * 100, "bad.mrc is not an MRC file"),
        (good.read_bytes()[:1200], "bad.mrc is truncated"),
    ):
        path.write_bytes(content)
        with pytest.raises(ReaderPluginError, match="but failed") as caught:
            viewer.open(path, plugin=None)
        assert type(caught.value.original_error) is ValueError
        assert str(caught.value.original_error).startswith(sentence)

        # what follows is what happens after a drop
        QTimer.singleShot(0, lambda: viewer.open([path, good], plugin=None))
        qtbot.waitUntil(lambda: len(viewer.layers) == 1)
        assert [note.severity for note in notes] == [NotificationSeverity.ERROR]
        assert notes[0].message == str(caught.value.original_error)
        assert "\n" not in notes[0].message
        viewer.layers.clear()
        notes.clear()


def test_a_folder_named_like_a_file_is_a_sentence_too(tmp_path: Path) -> None:
    (tmp_path / "folder.mrc").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        read_tomograms(str(tmp_path / "folder.mrc"))


def test_a_missing_voxel_size_is_reported(tmp_path: Path, notes: list) -> None:
    path = saved(tmp_path / "a.mrc")
    with mrcfile.open(path, "r+") as file:
        file.header.cella = 0
    read_tomograms(str(path))
    assert "a.mrc does not say its voxel size" in notes[0].message


MEASURE = """
import sys
from pathlib import Path

import napari.components
from napari_cryorestore.gui.io_hooks import get_reader


def anonymous():
    return sum(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))


warm, big = sys.argv[1:]
viewer = napari.components.ViewerModel()
for path in (warm, big):
    before = anonymous()
    ((data, arguments, kind),) = get_reader(path)(path)
    layer = viewer.add_image(data, **arguments)
    layer._slice_dims(viewer.dims)
print(anonymous() - before, type(layer.data).__name__)
assert "torch" not in sys.modules
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's account of memory")
def test_a_big_file_is_opened_memory_mapped(tmp_path: Path) -> None:
    small = saved(tmp_path / "small.mrc")
    big = tmp_path / "big.mrc"
    shape = (110, 960, 960)  # 0.4 GB, of which the disk holds the header
    with mrcfile.new_mmap(tmp_path / "tiny.mrc", (1, 960, 960), mrc_mode=2) as file:
        file.voxel_size = 8.0
        header = file.header.copy()
    header.nz = header.mz = shape[0]
    header.cella.z = shape[0] * 8.0
    with big.open("wb") as file:
        file.write(header.tobytes())
        file.truncate(1024 + 4 * int(np.prod(shape)))

    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, small, big],
        capture_output=True, text=True, check=True, timeout=300,
    ).stdout.split()  # fmt: skip

    assert told[1] == "memmap"
    assert int(told[0]) < 100e3  # kilobytes


def test_napari_saves_a_layer_as_valid_mrc(make_napari_viewer, tmp_path: Path) -> None:
    viewer = make_napari_viewer()
    viewer.open(saved(tmp_path / "TS01.mrc"), plugin=None)
    assert viewer.layers.save(str(tmp_path / "copy.mrc")) == [str(tmp_path / "copy.mrc")]

    assert mrcfile.validate(tmp_path / "copy.mrc")
    copy = open_volume(tmp_path / "copy.mrc")
    np.testing.assert_array_equal(copy.data, VOLUME)
    assert (copy.voxel_size, copy.start) == (7.5, (4, 5, 6))
    assert copy.labels == ("TS01",)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["TS01.mrc", "copy.mrc"]


@pytest.mark.parametrize(
    ("data", "arguments", "expected"),
    [
        (VOLUME[0], {}, VOLUME[:1]),
        (VOLUME > 0, {}, VOLUME > 0),
        ((VOLUME * 50).astype(np.uint8), {}, (VOLUME * 50).astype(np.uint8)),
        ((VOLUME * 50).astype(">i2"), {}, (VOLUME * 50).astype(np.int16)),
        ([VOLUME, VOLUME[::2, ::2, ::2]], {"multiscale": True}, VOLUME),
    ],
    ids=["image", "mask", "uint8", "big-endian", "multiscale"],
)
def test_any_image_becomes_floats(tmp_path: Path, notes: list, data, arguments, expected) -> None:
    """Trap 12: mrcfile would write unsigned bytes as mode 6."""
    layer = ViewerModel().add_image(data, name="layer", **arguments)
    (path,) = write_image(str(tmp_path / "out.mrc"), *layer.as_layer_data_tuple()[:2])
    assert mrcfile.validate(path)
    np.testing.assert_array_equal(open_volume(path).data, expected)
    assert "layer does not say its voxel size" in notes[-1].message


def test_of_a_history_the_volume_that_is_shown_is_saved(make_napari_viewer, tmp_path: Path) -> None:
    history = np.stack([VOLUME, VOLUME + 1, VOLUME + 2])
    viewer = make_napari_viewer()
    layer = viewer.add_image(history, units=("pixel", *("angstrom",) * 3), scale=(1, 5, 5, 5))
    viewer.dims.set_current_step(0, 1)
    (path,) = write_image(str(tmp_path / "out.mrc"), *layer.as_layer_data_tuple()[:2])
    np.testing.assert_array_equal(open_volume(path).data, VOLUME + 1)
    assert open_volume(path).voxel_size == 5


def test_without_a_window_the_last_volume_of_a_history_is_saved(tmp_path: Path) -> None:
    write_image(str(tmp_path / "out.mrc"), np.stack([VOLUME, VOLUME + 1]), {"name": "a"})
    np.testing.assert_array_equal(open_volume(tmp_path / "out.mrc").data, VOLUME + 1)


def test_the_volume_that_a_layer_maps_can_be_replaced(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.mrc")
    layer = add_volume(ViewerModel(), open_volume(path).data, name="a", origin=LayerOrigin(voxel_size=7.5))
    write_image(str(path), layer.data, layer.as_layer_data_tuple()[1])
    np.testing.assert_array_equal(open_volume(path).data, VOLUME)


@pytest.mark.parametrize(
    ("data", "attributes", "sentence"),
    [
        (np.zeros((3, 4, 3)), {"name": "photo", "rgb": True}, "photo holds colours"),
        (np.zeros((3, 4, 5), complex), {"name": "F"}, "F is complex"),
        (np.full((3, 4, 5), np.nan), {"name": "n"}, "NaN"),
    ],
)
def test_what_no_mrc_file_can_hold_is_refused(tmp_path: Path, data, attributes, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        write_image(str(tmp_path / "out.mrc"), data, attributes)
    assert list(tmp_path.iterdir()) == []


def test_samples_are_simulated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io_hooks, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(io_hooks, "_SHAPE", (32, 32, 32))
    first = io_hooks.open_simulated_pair()
    monkeypatch.setattr(io_hooks, "_simulate_into", lambda folder: pytest.fail("simulated again"))
    io_hooks.open_simulated_pair()
    layers = [ViewerModel().add_image(data, **arguments) for data, arguments, _ in first]
    assert [origin_of(layer).half for layer in layers] == ["even", "odd"]
    assert [voxel_size_of(layer) for layer in layers] == [10, 10]
    assert (tmp_path / "simulated" / "simulated.tlt").is_file()


def test_the_real_sample_is_a_pair() -> None:
    even, odd = io_hooks.open_real_pair()
    assert even[0].shape == odd[0].shape
    assert even[1]["metadata"]["cryorestore"]["pair"] == odd[1]["metadata"]["cryorestore"]["path"]
