"""Training on several tomograms: what the list holds, and what comes out of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import look_at_data
from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.named_volume import NamedVolume
from napari_cryorestore.gui.train import run_section
from napari_cryorestore.gui.train.data_section import DataControl
from napari_cryorestore.gui.train.model import TrainModel
from napari_cryorestore.gui.train.more_tomograms import (
    AdditionalTomogram,
    from_config,
    from_files,
    from_folder,
    joined,
)
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.recording import Recording
from napari_cryorestore.run_config import TomogramConfig

if TYPE_CHECKING:
    from pathlib import Path

FIRST = DataChoice(NamedVolume("a", np.zeros((32, 32, 32)), voxel_size=8.0), tilt_min="-60", tilt_max="60")


@pytest.fixture
def folder(bench, tmp_path: Path) -> Path:
    """Three pairs, of which the third has tilt angles beside it and larger voxels."""
    for number in (1, 2, 3):
        for half, name in enumerate(("even", "odd")):
            write_volume(
                tmp_path / f"TS0{number}_{name}.mrc",
                bench.half(10 * number + half),
                voxel_size=10.0 if number == 3 else 8.0,
                label="test",
            )
    (tmp_path / "TS03.tlt").write_text("-48\n51\n")
    return tmp_path


@pytest.fixture
def viewer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ViewerModel:
    """A viewer with the first pair, which can open more."""
    made = ViewerModel()
    show(made, folder / "TS01_even.mrc", folder / "TS01_odd.mrc")
    monkeypatch.setattr(DataControl, "open_file", lambda control, path: show(made, path))
    return made


def show(viewer: ViewerModel, *paths: Path) -> None:
    for data, arguments, _ in read_tomograms([str(path) for path in paths]):
        viewer.add_image(data, **arguments)


def rows(panel) -> list[str]:
    return [panel.more.list.item(row).text() for row in range(panel.more.list.count())]


def add_folder(panel, bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "choose_pairs_folder", lambda parent: folder)
    bench.click(panel.more.add["folder"])
    bench.settle(panel)


def settle_all(panel, bench) -> None:
    """Every look at a tomogram begins the look at the next."""
    bench.qtbot.waitUntil(
        lambda: all(item.look is not None or item.trouble for item in panel.model.more_tomograms)
    )


# The list ---------------------------------------------------------------------------------------------


def test_files_and_folders_become_tomograms(folder: Path) -> None:
    assert [item.name for item in from_folder(folder)] == ["TS01", "TS02", "TS03"]
    (pair,) = from_files([folder / "TS02_odd.mrc", folder / "TS02_even.mrc"])
    assert (pair.name, pair.choice.even.path) == ("TS02", folder / "TS02_even.mrc")
    (folder / "nothing").mkdir()
    with pytest.raises(ValueError, match="no pairs"):
        from_folder(folder / "nothing")


def test_none_is_trained_on_twice_and_names_differ(folder: Path) -> None:
    one, two, three = from_folder(folder)
    again = from_files([folder / "TS02_even.mrc", folder / "TS02_odd.mrc"])
    assert joined([two], [one, *again, three], first=one.choice, name="TS01") == (two, three)
    named_alike = replace(three, name="TS01")
    assert [item.name for item in joined([], [named_alike], first=one.choice, name="TS01")] == ["TS01_2"]


def test_pairs_of_one_name_are_told_apart_by_their_folders(folder: Path) -> None:
    for name in ("A", "B", "C"):
        (folder / name).mkdir()
        for half in ("even", "odd"):
            shutil.copy(folder / f"TS01_{half}.mrc", folder / name)
    one, two, three = (from_folder(folder / name)[0] for name in ("A", "B", "C"))
    model = TrainModel()
    model.choose_data(one.choice)
    assert model.tomogram_name == "TS01"
    model.add([two])
    model.add([three])
    assert model.tomogram_name == "A_TS01"
    assert [item.name for item in model.others] == ["B_TS01", "C_TS01"]
    named_by_hand = replace(two, name="mine")
    assert joined([], [named_by_hand], first=one.choice, name="TS01") == (named_by_hand,)


def looked_at(item: AdditionalTomogram, **typed: str) -> AdditionalTomogram:
    return replace(item, choice=replace(item.choice, **typed), look=look_at_data(item.choice, name=item.name))


def test_each_has_its_own_tilt_range(folder: Path) -> None:
    _, two, three = from_folder(folder)
    assert looked_at(two).words() == "TS02 · 8 Å"  # not that of the first
    assert looked_at(three).words() == "TS03 · 10 Å · −48…51°"
    assert looked_at(three, tilt_min="-40", tilt_max="40").words() == "TS03 · 10 Å · −40…40°"
    remark = looked_at(three).remark(FIRST)
    assert "from TS03.tlt" in remark
    assert "10 Å, those above 8 Å" in remark
    assert "those above" not in looked_at(two).remark(FIRST)


def test_files_that_a_recipe_names_and_that_are_gone_are_reported(tmp_path: Path) -> None:
    gone = from_config(TomogramConfig(even=tmp_path / "TS09_even.mrc"))
    assert gone.words() == "⚠ TS09"
    assert "does not exist" in gone.remark(FIRST)


def test_an_in_memory_tomogram_is_itself() -> None:
    item = AdditionalTomogram("a", FIRST)
    assert item.is_same_as(FIRST)
    assert not item.is_same_as(DataChoice())


# The panel --------------------------------------------------------------------------------------------


def test_a_folder_of_pairs_is_trained_on(bench, viewer, folder: Path, monkeypatch) -> None:
    panel = bench.open(viewer)
    assert rows(panel) == []
    add_folder(panel, bench, folder, monkeypatch)
    settle_all(panel, bench)
    assert rows(panel) == ["TS02 · 8 Å", "TS03 · 10 Å · −48…51°"]
    assert "3 tomograms" in panel.more.line.text()
    assert "of TS01" in panel.more.line.text()
    add_folder(panel, bench, folder, monkeypatch)
    assert "Nothing new" in panel.more.busy.text()

    bench.start(panel).stop()
    found = [
        (item.name, item.recording.tilt_range, item.recording.voxel_size)
        for item in bench.configs[0].tomograms
    ]
    assert found == [
        ("TS01", None, 8),
        ("TS02", None, 8),
        ("TS03", None, 10),
    ]  # each is read from beside its own file

    panel.more.list.setCurrentRow(0)
    bench.click(panel.more.remove)
    assert rows(panel) == ["TS03 · 10 Å · −48…51°"]
    assert [item.name for item in panel.model.config().tomograms] == ["TS01", "TS03"]


def test_each_is_recorded_in_its_own_way(bench, viewer, folder: Path, monkeypatch) -> None:
    panel = bench.open(viewer)
    add_folder(panel, bench, folder, monkeypatch)
    settle_all(panel, bench)
    panel.more.list.setCurrentRow(1)
    form = panel.more.form
    assert form.fields["tilt_min"].placeholderText() == "−48"
    assert form.fields["voxel_size"].placeholderText() == "10"
    form.fields["voxel_size"].setText("9")
    form.fields["voxel_size"].textEdited.emit("9")
    form.tilt_axis.setCurrentText("x")
    form.tilt_axis.activated.emit(1)
    monkeypatch.setattr(dialogs, "choose_volume", lambda parent, title: folder / "TS02_even.mrc")
    bench.click(form.browse)
    third = panel.model.config().tomograms[2]
    assert third.recording == Recording(voxel_size=9, tilt_axis="x")
    assert third.mask == folder / "TS02_even.mrc"
    settle_all(panel, bench)
    assert rows(panel)[1] == "TS03 · 9 Å · −48…51° · mask"
    bench.click(form.drop)
    assert panel.model.config().tomograms[2].mask is None
    assert panel.model.config().tomograms[1].recording.tilt_axis == "auto"

    panel.more.list.selectAll()
    form.fields["voxel_size"].textEdited.emit("8.5")
    assert [item.recording.voxel_size for item in panel.model.config().tomograms] == [8, 8.5, 8.5]


def test_another_one_is_previewed(bench, viewer, folder: Path, monkeypatch) -> None:
    """The two change places, with all that was typed for each."""
    panel = bench.open(viewer)
    add_folder(panel, bench, folder, monkeypatch)
    settle_all(panel, bench)
    panel.more.list.setCurrentRow(1)
    for name, text in (("tilt_min", "-48"), ("tilt_max", "51")):
        panel.more.form.fields[name].textEdited.emit(text)
    bench.click(panel.more.preview)
    bench.settle(panel)
    settle_all(panel, bench)
    assert panel.data.even.currentText() == "TS03_even"
    assert panel.data.tilt_min.text() == "-48"
    assert [item.name for item in panel.model.config().tomograms] == ["TS03", "TS02", "TS01"]
    assert panel.model.config().tomograms[0].recording.tilt_range == (-48, 51)


def test_layers_that_are_open_are_offered(bench, viewer, folder: Path) -> None:
    panel = bench.open(viewer)
    assert not panel.more.add["layers"].isEnabled()
    show(viewer, folder / "TS02_even.mrc", folder / "TS02_odd.mrc")
    bench.settle(panel)
    assert panel._folds["more"]._summary.text() == "none; 1 more open"
    bench.click(panel.more.add["layers"])
    assert [item.name for item in panel.model.config().tomograms] == ["TS01", "TS02"]
    assert not panel.more.add["layers"].isEnabled()


def test_what_is_wrong_with_one_keeps_training_from_starting(
    bench, viewer, folder: Path, monkeypatch
) -> None:
    panel = bench.open(viewer)
    same = bench.half(7)
    for name in ("TS04_even", "TS04_odd"):
        write_volume(folder / f"{name}.mrc", same, voxel_size=8.0, label="test")
    add_folder(panel, bench, folder, monkeypatch)
    settle_all(panel, bench)
    bench.click(panel.bar.start)
    assert "TS04: The two halves are the same volume" in panel.bar.problem.text()
    assert panel._folds["more"].is_open()
    assert rows(panel)[-1].startswith("⚠ TS04")
    assert bench.configs == []


def test_no_folder_and_an_empty_folder(bench, viewer, tmp_path: Path, monkeypatch) -> None:
    panel = bench.open(viewer)
    add_folder(panel, bench, None, monkeypatch)
    monkeypatch.setattr(dialogs, "choose_tomograms", lambda parent, title: [])
    bench.click(panel.more.add["files"])
    assert panel.more.busy.text() == ""
    (tmp_path / "empty").mkdir()
    add_folder(panel, bench, tmp_path / "empty", monkeypatch)
    assert "no pairs" in panel.more.busy.text()


def test_those_of_a_loaded_configuration_are_listed(bench, viewer, folder: Path, monkeypatch) -> None:
    panel = bench.open(viewer)
    add_folder(panel, bench, folder, monkeypatch)
    settle_all(panel, bench)
    file = folder / "three.toml"
    file.write_text(panel.model.config().to_toml())
    panel.model.others = ()
    (folder / "TS02_odd.mrc").unlink()
    monkeypatch.setattr(run_section, "remember_folder", lambda path: None)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    panel.bar.entries["load"].trigger()
    settle_all(panel, bench)
    assert rows(panel) == ["⚠ TS02", "TS03 · 10 Å · −48…51°"]
    bench.click(panel.bar.start)
    assert "TS02: " in panel.bar.problem.text()
    assert "does not exist" in panel.bar.problem.text()
    panel.more.list.setCurrentRow(0)
    assert panel.more.form.isHidden()
    bench.click(panel.more.remove)
    assert len(panel.model.config().tomograms) == 2
