from __future__ import annotations

import gc
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.gui.restore.choice import ModelChoice, RunSteps, method_of, tomograms_of
from napari_cryorestore.gui.restore.files import save_copy, subjects_from, volume_from
from napari_cryorestore.gui.restore.model import RestoreModel, model_of
from napari_cryorestore.gui.restore.queue import Entry, Progress, Subject
from napari_cryorestore.gui.restore.restoration import explain, known_settings, output_name
from napari_cryorestore.gui.restore.wishes import Wishes
from napari_cryorestore.gui.train.volume import Volume
from napari_cryorestore.io.mrc import read_volume
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def model(restorer, pair: tuple[Path, Path]) -> RestoreModel:
    made = RestoreModel(restorer.engine)
    even, odd = (volume_from(path) for path in pair)
    made.wishes = Wishes(even=even, odd=odd)
    return made


def finished(model: RestoreModel) -> list[Entry]:
    assert model.restoration is not None
    assert model.restoration.join(5)
    return model.entries


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 3
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


# Runs ------------------------------------------------------------------------------------------------


def test_steps_are_called_by_what_is_known_of_them(run: Path) -> None:
    steps = RunSteps(run)
    steps.refresh()
    marked = {200: "200 · pinned", 400: "400 · suggested", 600: "600 · newest"}
    assert steps.words() == {300: "300", 500: "500", **marked}
    assert steps.best == 400


def test_without_numbers_the_newest_step_is_best(tmp_path: Path) -> None:
    made = RunDir.create(tmp_path / "run", config="", environment={})
    assert RunSteps(made.path).best is None
    made.write_checkpoint(5, lambda folder: None)
    assert RunSteps(made.path).best == 5


def test_a_suggested_step_that_was_thinned_is_not_taken(run: Path) -> None:
    RunDir(run).remove_step(400)
    steps = RunSteps(run)
    steps.refresh()
    assert steps.best == 600


def test_a_run_tells_what_it_learned_from(run: Path, pair: tuple[Path, Path]) -> None:
    (known,) = tomograms_of(run)
    assert (known.even, known.odd) == pair
    assert (known.voxel_size, known.tilt_range, known.tilt_axis) == (7.5, (-57, 63), "x")
    assert method_of(run) == "icecream"


def test_a_run_without_a_configuration_tells_nothing(tmp_path: Path) -> None:
    assert tomograms_of(tmp_path) == []
    assert method_of(tmp_path) == ""


def test_a_choice_names_its_source(tmp_path: Path) -> None:
    assert ModelChoice().source == "wiener"
    assert ModelChoice(weights=tmp_path / "w").source == tmp_path / "w"
    assert ModelChoice(tmp_path).source == tmp_path
    assert ModelChoice(tmp_path, 7).source == tmp_path / "checkpoints" / "step_00000007"


def test_choosing_a_run_takes_its_best_step(model: RestoreModel, run: Path) -> None:
    model.choose(ModelChoice(run))
    assert model.wishes.model == ModelChoice(run, 400)
    model.choose(ModelChoice(run, 200))
    assert model.wishes.model.step == 200
    model.choose(ModelChoice())
    assert model.steps is None


def test_what_is_no_run_is_not_chosen(model: RestoreModel, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no run"):
        model.open(ModelChoice(tmp_path))
    assert model.opened == []
    assert model.wishes.model == ModelChoice()


def test_opened_runs_stay_on_offer(model: RestoreModel, run: Path) -> None:
    model.open(ModelChoice(run))
    model.open(ModelChoice(run))
    assert model.opened == [ModelChoice(run)]


# What is known of a tomogram -------------------------------------------------------------------------


def test_a_tomogram_of_the_run_is_known(model: RestoreModel, run: Path) -> None:
    known = known_settings(model.wishes.subject, ModelChoice(run))
    assert (known.voxel_size, known.tilt_range, known.tilt_axis) == (7.5, (-57, 63), "x")


def test_another_tomogram_is_taken_to_be_tilted_alike(run: Path, tmp_path: Path) -> None:
    other = Subject("b", Volume("b", np.zeros((2, 3, 4)), tmp_path / "b.mrc"))
    known = known_settings(other, ModelChoice(run))
    assert (known.voxel_size, known.tilt_range, known.tilt_axis) == (None, (-57, 63), "x")
    in_memory = replace(other, even=replace(other.even, path=None))
    assert known_settings(in_memory, ModelChoice(run)).tilt_range == (-57, 63)


def test_tilts_beside_the_tomogram_count_most(
    model: RestoreModel, run: Path, pair: tuple[Path, Path]
) -> None:
    tilts = pair[0].with_name("TS01.tlt")
    tilts.write_text("-48\n0\n51\n")
    assert known_settings(model.wishes.subject, ModelChoice(run)).tilt_range == (-48, 51)
    assert known_settings(model.wishes.subject, ModelChoice()).tilt_range == (-48, 51)
    tilts.write_text("not an angle\n")
    assert known_settings(model.wishes.subject, ModelChoice()).tilt_range is None


# Restoring -------------------------------------------------------------------------------------------


def test_the_layers_chosen_are_restored(
    model: RestoreModel, restorer, run: Path, pair: tuple[Path, Path]
) -> None:
    model.choose(ModelChoice(run))
    model.start()
    (entry,) = finished(model)

    assert entry.progress is Progress.DONE
    assert entry.title == "TS01 · ICECREAM @ 400"
    assert entry.output == run / "restored" / "TS01_ICECREAM_400.mrc"
    assert entry.model == ModelChoice(run, 400)
    assert restorer.seen == [
        {
            "source": run / "checkpoints" / "step_00000400", "even": pair[0], "odd": pair[1],
            "output": entry.output, "voxel_size": 7.5, "tilt_range": (-57.0, 63.0), "tilt_axis": "x",
            "device": "auto", "tile": None, "batch": None,
        }
    ]  # fmt: skip
    assert model.newly_over() == [entry]
    assert model.newly_over() == []


def test_nothing_is_overwritten(model: RestoreModel, pair: tuple[Path, Path]) -> None:
    for _ in range(2):
        model.start()
        finished(model)
    names = [entry.output.name for entry in model.entries]
    assert names == ["TS01_Wiener_filter.mrc", "TS01_Wiener_filter_2.mrc"]
    assert model.entries[0].output.parent == pair[0].parent


def test_what_is_typed_is_taken(model: RestoreModel, restorer, tmp_path: Path) -> None:
    model.wishes = replace(
        model.wishes, device="cpu", tile=96, batch=2, voxel_size="8", tilt_min="−40", tilt_max="50",
        tilt_axis="x", output=str(tmp_path / "new" / "mine.mrc"),
    )  # fmt: skip
    model.start()
    (entry,) = finished(model)
    assert entry.output == tmp_path / "new" / "mine.mrc"
    seen = restorer.seen[0]
    assert (seen["device"], seen["tile"], seen["batch"]) == ("cpu", 96, 2)
    assert (seen["voxel_size"], seen["tilt_range"], seen["tilt_axis"]) == (8.0, (-40.0, 50.0), "x")


def test_a_folder_typed_is_made(model: RestoreModel, tmp_path: Path) -> None:
    model.wishes = replace(model.wishes, output=str(tmp_path / "a" / "b"))
    model.start()
    assert finished(model)[0].output == tmp_path / "a" / "b" / "TS01_Wiener_filter.mrc"


def test_a_result_only_looked_at_lies_aside_until_the_model_is_gone(
    restorer, pair: tuple[Path, Path]
) -> None:
    model = RestoreModel(restorer.engine)
    model.wishes = Wishes(even=volume_from(pair[0]), odd=volume_from(pair[1]), saves=False)
    model.start()
    (entry,) = finished(model)
    assert entry.output.is_file()
    assert entry.output.parent not in (pair[0].parent, Path.home())
    del model
    gc.collect()
    assert not entry.output.exists()


def test_volumes_in_memory_are_written_aside(model: RestoreModel, restorer) -> None:
    data = np.ones((4, 5, 6), np.float32)
    model.wishes = Wishes(Volume("a", data, None, 9.0), Volume("b", data * 2, None, 9.0))
    model.start()
    (entry,) = finished(model)
    assert entry.progress is Progress.DONE, entry.sentence
    assert read_volume(restorer.seen[0]["odd"]).data.max() == 2
    assert restorer.seen[0]["voxel_size"] == 9.0


def test_a_queue_is_restored_in_order(model: RestoreModel, restorer, pair, save, tmp_path: Path) -> None:
    names = [f"TS0{index}_{half}.mrc" for index in (2, 3) for half in ("even", "odd")]
    others = [save(tmp_path / name) for name in names]
    model.add(subjects_from([*pair, *others]))
    model.start()
    assert [entry.title for entry in finished(model)] == [f"TS0{n} · Wiener filter" for n in (1, 2, 3)]
    assert [seen["even"].name for seen in restorer.seen] == [f"TS0{n}_even.mrc" for n in (1, 2, 3)]
    assert model.restoration.share == 1
    assert not model.is_restoring


def test_one_failure_keeps_nothing_else_from_being_restored(
    model: RestoreModel, restorer, tmp_path: Path
) -> None:
    model.add([model.wishes.subject, model.wishes.subject])
    restorer.error = ValueError("TS01_even.mrc is truncated: copy it again.")
    model.start()
    first, second = finished(model)
    assert (first.progress, second.progress) == (Progress.FAILED, Progress.FAILED)
    assert first.sentence == "TS01_even.mrc is truncated: copy it again."
    assert "Traceback" in first.details
    restorer.error = None
    model.repeat([first])
    model.start()
    finished(model)
    assert [entry.progress for entry in model.entries] == [Progress.FAILED, Progress.FAILED, Progress.DONE]


def test_cancelling_is_quick_and_the_rest_of_the_queue_waits(model: RestoreModel, restorer) -> None:
    restorer.may_end.clear()
    model.add([model.wishes.subject, model.wishes.subject])
    model.start()
    assert eventually(lambda: bool(restorer.seen))
    began = time.monotonic()
    model.cancel()
    assert not model.is_restoring
    assert model.restoration.join(5)
    assert time.monotonic() - began < 1
    assert [entry.progress for entry in model.entries] == [Progress.CANCELLED, Progress.WAITING]
    assert model.entries[0].sentence == ""

    restorer.may_end.set()
    model.start()
    assert finished(model)[1].progress is Progress.DONE
    assert len(restorer.seen) == 2


def test_a_new_start_waits_for_the_tile_of_the_cancelled_one(model: RestoreModel, restorer) -> None:
    inside = []

    def slow(fields, progress, cancelled):
        inside.append(fields)
        assert len(inside) == 1 + len(left)
        while not cancelled():
            time.sleep(0.01)
            if left:
                break
        time.sleep(0.2)
        left.append(fields)
        return fields["even"]

    left: list = []
    model.engine = replace(restorer.engine, restore=slow)
    first = model.start()
    assert eventually(lambda: len(inside) == 1)
    model.cancel()
    second = model.start()
    assert model.is_restoring
    assert second.join(5)
    assert len(left) == 2
    assert not first.alive
    assert [entry.progress for entry in model.entries][1] is Progress.DONE


def test_what_is_being_restored_stays_in_the_queue(model: RestoreModel, restorer) -> None:
    restorer.may_end.clear()
    model.start()
    model.remove(model.entries)
    assert len(model.entries) == 1
    model.cancel()
    finished(model)
    model.remove(model.entries)
    assert model.entries == []


def test_how_far_it_is_is_told_in_words(model: RestoreModel, restorer) -> None:
    assert model.words() == ""
    restorer.may_end.clear()
    model.add([model.wishes.subject, model.wishes.subject])
    model.start()
    assert eventually(lambda: model.entries[0].share == 0.5)
    model.restoration._began -= 10
    assert model.words() in ("1 of 2 · TS01: 50% · 0:30 left", "1 of 2 · TS01: 50% · 0:31 left")
    model.entries[0].share = 0.0
    assert model.words() == "1 of 2 · TS01: loading…"
    model.cancel()
    finished(model)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("Half 2 is missing."), "Half 2 is missing."),
        (FileNotFoundError("There is no run."), "There is no run."),
        (
            PermissionError(13, "Permission denied", "/data"),
            "/data: Permission denied; choose another folder.",
        ),
        (
            MemoryError(),
            "There is not enough memory: choose smaller tiles under Advanced, or another device.",
        ),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), "There is not enough memory: choose smaller"),
        (RuntimeError("first line\nsecond"), "Restoring failed unexpectedly: first line"),
        (ZeroDivisionError(), "Restoring failed unexpectedly: ZeroDivisionError"),
    ],
)
def test_failures_are_explained_in_one_sentence(error: BaseException, sentence: str) -> None:
    assert explain(error).startswith(sentence)


def test_titles_become_file_names() -> None:
    assert output_name("TS01 · ICECREAM @ 600") == "TS01_ICECREAM_600.mrc"
    assert output_name("a/b · Wiener filter") == "a_b_Wiener_filter.mrc"


# What is wrong ---------------------------------------------------------------------------------------


def test_nothing_chosen_is_told(restorer) -> None:
    with pytest.raises(ValueError, match="Choose half 1 among the layers, or add files"):
        RestoreModel(restorer.engine).start()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"odd": None}, "needs both halves, but “TS01” has one"),
        ({"odd": Volume("odd", np.zeros((6, 8, 9)), None, 7.5)}, "Half 2 has 6×8×9 voxels"),
        ({"voxel_size": "eight"}, "“eight”, but a positive number"),
        ({"voxel_size": "-8"}, "a positive number"),
        ({"tilt_min": "-60"}, "the lowest and the highest"),
        ({"tilt_min": "a", "tilt_max": "60"}, "the lowest and the highest"),
        ({"tilt_min": "60", "tilt_max": "-60"}, "60…-60° is reversed"),
        ({"saves": False, "shows": False}, "a file, a layer, or both"),
        ({"model": ModelChoice(weights=Path("/gone"))}, "/gone is not there any more"),
        ({"model": ModelChoice(Path("/gone"), 5)}, "is not there any more"),
    ],
)
def test_what_cannot_work_is_told_before_it_starts(model: RestoreModel, changes: dict, sentence: str) -> None:
    assert model.problem() == ""
    model.wishes = replace(model.wishes, **changes)
    with pytest.raises(ValueError, match=sentence):
        model.start()
    assert model.restoration is None


def test_a_missing_voxel_size_is_told_unless_the_run_knows_it(
    model: RestoreModel, run: Path, pair: tuple[Path, Path]
) -> None:
    sizeless = [replace(volume_from(path), voxel_size=None) for path in pair]
    model.wishes = replace(model.wishes, even=sizeless[0], odd=sizeless[1])
    assert "voxel size" in model.problem()
    model.choose(ModelChoice(run))
    assert model.problem() == ""
    model.choose(ModelChoice())
    model.wishes = replace(model.wishes, voxel_size="8")
    assert model.problem() == ""


def test_one_file_is_not_for_several_tomograms(model: RestoreModel, tmp_path: Path) -> None:
    model.wishes = replace(model.wishes, output=str(tmp_path / "a.MRC"))
    assert model.problem() == ""
    model.add([model.wishes.subject, model.wishes.subject])
    assert model.problem() == "One file cannot hold 2 tomograms: choose a folder for them."


def test_a_run_without_checkpoints_is_told(model: RestoreModel, tmp_path: Path) -> None:
    model.choose(ModelChoice(RunDir.create(tmp_path / "young", config="", environment={}).path))
    assert model.problem() == "young has no checkpoint yet: wait for the first one."


# Files -----------------------------------------------------------------------------------------------


def test_files_are_paired_and_singles_kept(pair: tuple[Path, Path], save, tmp_path: Path) -> None:
    single = save(tmp_path / "whole.rec")
    paired, alone = subjects_from([pair[1], single, pair[0]])
    assert (paired.name, paired.even.path, paired.odd.path) == ("TS01", *pair)
    assert (alone.name, alone.odd) == ("whole", None)
    assert paired.voxels == 2 * alone.voxels


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        subjects_from([tmp_path / "gone.mrc"])


def test_a_copy_is_whole_or_not_there(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    target = save_copy(pair[0], tmp_path / "copy.mrc")
    assert target.read_bytes() == pair[0].read_bytes()
    with pytest.raises(FileNotFoundError):
        save_copy(tmp_path / "gone.mrc", tmp_path / "other.mrc")
    assert sorted(item.name for item in tmp_path.glob("*copy*")) == ["copy.mrc"]
    assert not list(tmp_path.glob(".*"))


def test_the_model_belongs_to_the_runs_of_a_viewer() -> None:
    class Runs(SimpleNamespace):
        __hash__ = object.__hash__

    runs, others = Runs(), Runs()
    assert model_of(runs) is model_of(runs)
    assert model_of(runs) is not model_of(others)


def test_opening_the_panel_does_not_wait_for_torch() -> None:
    script = "import napari_cryorestore.gui.restore, sys; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
