from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.compute_config import DeviceConfig, TilingConfig
from napari_cryorestore.gui.model_choice import ModelChoice
from napari_cryorestore.gui.named_volume import NamedVolume, volume_from
from napari_cryorestore.gui.restore.model import RestoreModel
from napari_cryorestore.gui.restore.queue import EntryState, QueueEntry, tomograms_from
from napari_cryorestore.gui.restore.request import RestoreRequest
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from collections.abc import Callable


def finished(model: RestoreModel) -> list[QueueEntry]:
    assert model.restoration is not None
    assert model.restoration.join(300)
    return model.entries


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 300
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


# What restores --------------------------------------------------------------------------------------


def test_choosing_a_run_takes_its_best_step(model: RestoreModel, run: Path) -> None:
    model.choose(ModelChoice(run))
    assert model.request.model == ModelChoice(run, 400)
    model.choose(ModelChoice(run, 200))
    assert model.request.model.step == 200
    model.choose(ModelChoice(method="wiener"))
    assert model.steps is None


def test_what_speaks_against_step_and_model_is_said_before_anything_is_restored(
    model: RestoreModel, run: Path, pair: tuple[Path, Path]
) -> None:
    model.choose(ModelChoice(run))
    model.add(tomograms_from(pair))
    assert model.findings() == ()
    model.choose(ModelChoice(run, 600))
    (finding,) = model.findings()
    assert finding.text.endswith("below its best, at step 400. Use step 400.")
    model.request = replace(model.request, voxel_size="10", tilt_min="−40", tilt_max="40")
    assert [item.topic for item in model.findings()] == ["step", "voxel size", "wedge"]
    model.choose(ModelChoice(method="wiener"))
    assert model.findings() == ()


def test_the_step_of_a_queue_goes_with_its_reason(model: RestoreModel, run: Path) -> None:
    model.choose(ModelChoice(run))
    chosen = model.chosen_step()
    assert chosen is not None
    assert (chosen.step, chosen.kind) == (400, "suggested")
    model.choose(ModelChoice(run, 300))
    assert model.chosen_step().kind == "given"


def test_what_is_not_a_run_is_not_chosen(model: RestoreModel, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no run"):
        model.open(ModelChoice(tmp_path))
    assert model.opened == []
    assert model.request.model == ModelChoice(method="wiener")


def test_opened_runs_stay_on_offer(model: RestoreModel, run: Path) -> None:
    model.open(ModelChoice(run))
    model.open(ModelChoice(run))
    assert model.opened == [ModelChoice(run)]


# Restoring -------------------------------------------------------------------------------------------


def test_the_layers_chosen_are_restored(
    model: RestoreModel, restorer, run: Path, pair: tuple[Path, Path]
) -> None:
    model.choose(ModelChoice(run))
    model.start()
    (entry,) = finished(model)

    assert entry.state is EntryState.DONE
    assert entry.title == "TS01 · ICECREAM @ 400"
    assert entry.output == run / "restored" / "TS01_ICECREAM_400.mrc"
    assert entry.model == ModelChoice(run, 400)
    assert restorer.seen == [
        {
            "model": {"weights": run / "checkpoints" / "step_00000400", "method": None},
            "tomogram": {
                "maps": list(pair),
                "recording": {"voxel_size": 7.5, "tilt_range": (-57.0, 63.0), "tilt_axis": "x"},
            },
            "method": {},
            "tiling": TilingConfig().model_dump(), "hardware": DeviceConfig().model_dump(),
            "output": entry.output, "chosen": model.chosen_step(),
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
    model.request = replace(
        model.request, hardware=DeviceConfig(device="cpu"), tiling=TilingConfig(tile=96, batch=2),
        voxel_size="8", tilt_min="−40", tilt_max="50", tilt_axis="x",
        output=str(tmp_path / "new" / "mine.mrc"),
    )  # fmt: skip
    model.start()
    (entry,) = finished(model)
    assert entry.output == tmp_path / "new" / "mine.mrc"
    seen = restorer.seen[0]
    assert (seen["hardware"]["device"], seen["tiling"]) == ("cpu", {"tile": 96, "batch": 2})
    recording = {"voxel_size": 8.0, "tilt_range": (-40.0, 50.0), "tilt_axis": "x"}
    assert seen["tomogram"]["recording"] == recording


def test_fine_detail_is_added_back_where_a_run_learned_from_binned_maps(
    model: RestoreModel, restorer, run: Path
) -> None:
    plain = ModelChoice(run, step=600)
    model.request = replace(model.request, model=plain, add_back=True)
    assert not model.request.learned_binned
    config = run / "config.toml"
    config.write_text(config.read_text() + "[schedule]\nbinning = 2\n")
    assert model.request.learned_binned
    assert not [finding for finding in model.findings() if finding.topic == "voxel size"]
    model.start()
    finished(model)
    assert restorer.seen[0]["add_back"] is True


def test_a_folder_typed_is_made(model: RestoreModel, tmp_path: Path) -> None:
    model.request = replace(model.request, output=str(tmp_path / "a" / "b"))
    model.start()
    assert finished(model)[0].output == tmp_path / "a" / "b" / "TS01_Wiener_filter.mrc"


def test_a_result_only_looked_at_lies_aside_until_the_model_is_gone(
    restorer, pair: tuple[Path, Path]
) -> None:
    model = RestoreModel(restorer.engine)
    model.request = RestoreRequest(
        volume_from(pair[0]), volume_from(pair[1]), ModelChoice(method="wiener"), saves=False
    )
    model.start()
    (entry,) = finished(model)
    assert entry.output.is_file()
    assert entry.output.parent not in (pair[0].parent, Path.home())
    del model
    gc.collect()
    assert not entry.output.exists()


def test_volumes_in_memory_are_written_aside(model: RestoreModel, restorer) -> None:
    data = np.ones((4, 5, 6), np.float32)
    model.request = replace(
        model.request, even=NamedVolume("a", data, None, 9.0), odd=NamedVolume("b", data * 2, None, 9.0)
    )
    model.start()
    (entry,) = finished(model)
    assert entry.state is EntryState.DONE, entry.sentence
    assert open_volume(restorer.seen[0]["tomogram"]["maps"][1]).data.max() == 2
    assert restorer.seen[0]["tomogram"]["recording"]["voxel_size"] == 9.0


def test_a_queue_is_restored_in_order(model: RestoreModel, restorer, pair, save, tmp_path: Path) -> None:
    names = [f"TS0{index}_{half}.mrc" for index in (2, 3) for half in ("even", "odd")]
    others = [save(tmp_path / name) for name in names]
    model.add(tomograms_from([*pair, *others]))
    model.start()
    assert [entry.title for entry in finished(model)] == [f"TS0{n} · Wiener filter" for n in (1, 2, 3)]
    assert [seen["tomogram"]["maps"][0].name for seen in restorer.seen] == [
        f"TS0{n}_even.mrc" for n in (1, 2, 3)
    ]
    assert model.restoration.share == 1
    assert not model.is_restoring


def test_pairs_of_one_name_are_told_apart_by_their_folders(
    model: RestoreModel, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        for path in pair:
            shutil.copy(path, tmp_path / folder)
        model.add(tomograms_from([tmp_path / folder / path.name for path in pair]))
    name = tomograms_from(pair)[0].name
    assert [entry.tomogram.name for entry in model.entries] == [f"A_{name}", f"B_{name}"]
    model.add(tomograms_from([tmp_path / "A" / path.name for path in pair]))
    assert model.entries[2].tomogram.name == f"A_{name}"


def test_one_failure_keeps_nothing_else_from_being_restored(
    model: RestoreModel, restorer, tmp_path: Path
) -> None:
    model.add([model.request.tomogram, model.request.tomogram])
    restorer.error = ValueError("TS01_even.mrc is truncated: copy it again.")
    model.start()
    first, second = finished(model)
    assert (first.state, second.state) == (EntryState.FAILED, EntryState.FAILED)
    assert first.sentence == "TS01_even.mrc is truncated: copy it again."
    assert "Traceback" in first.details
    restorer.error = None
    model.repeat([first])
    model.start()
    finished(model)
    assert [entry.state for entry in model.entries] == [EntryState.FAILED, EntryState.FAILED, EntryState.DONE]


def test_cancelling_is_quick_and_the_rest_of_the_queue_waits(model: RestoreModel, restorer) -> None:
    restorer.may_end.clear()
    model.add([model.request.tomogram, model.request.tomogram])
    model.start()
    assert eventually(lambda: bool(restorer.seen))
    model.cancel()
    assert not model.is_restoring
    assert model.restoration.join(300)
    assert [entry.state for entry in model.entries] == [EntryState.CANCELLED, EntryState.WAITING]
    assert model.entries[0].sentence == ""

    restorer.may_end.set()
    model.start()
    assert finished(model)[1].state is EntryState.DONE
    assert len(restorer.seen) == 2


def test_a_new_start_waits_for_the_tile_of_the_cancelled_one(model: RestoreModel, restorer) -> None:
    story: list[str] = []
    in_tile = threading.Event()

    def restore(fields, progress, cancelled, say) -> Path:
        story.append("begin")
        in_tile.set()
        time.sleep(0.2)  # nothing can be cancelled inside a tile
        story.append("end")
        if cancelled():
            raise KeyError("stopped")
        return fields["tomogram"]["maps"][0]

    model.engine = replace(restorer.engine, restore=restore)
    first = model.start()
    assert in_tile.wait(300)
    model.cancel()
    second = model.start()
    assert model.is_restoring
    assert second.join(300)
    assert not first.alive
    assert story == ["begin", "end", "begin", "end"]
    assert [entry.state for entry in model.entries] == [EntryState.CANCELLED, EntryState.DONE]


def test_what_is_being_restored_stays_in_the_queue(model: RestoreModel, restorer) -> None:
    restorer.may_end.clear()
    model.start()
    model.remove(model.entries)
    assert len(model.entries) == 1
    model.cancel()
    finished(model)
    model.remove(model.entries)
    assert model.entries == []


def ten_seconds_later(model: RestoreModel, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: 10.0)
    monkeypatch.setattr("napari_cryorestore.gui.restore.restoration.time", clock)
    model.restoration._began = 0.0


def test_progress_is_described_in_words(model: RestoreModel, restorer, monkeypatch) -> None:
    assert model.words() == ""
    restorer.may_end.clear()
    model.add([model.request.tomogram, model.request.tomogram])
    model.start()
    assert eventually(lambda: model.entries[0].share == 0.5)
    ten_seconds_later(model, monkeypatch)
    assert model.words() == "1 of 2 · TS01: 50% · 0:30 left"
    model.entries[0].share = 0.0
    assert model.words() == "1 of 2 · TS01: loading, first tiles…"
    model.cancel()
    finished(model)


def test_one_that_goes_on_says_so_and_knows_its_own_pace(model: RestoreModel, restorer, monkeypatch) -> None:
    restorer.remark = "it goes on."
    restorer.may_end.clear()
    model.start()
    assert eventually(lambda: model.entries[0].share == 0.5)
    ten_seconds_later(model, monkeypatch)
    assert model.entries[0].share_at_start == 0.4
    assert model.words() == "TS01: 50% · 0:50 left · it goes on."
    model.cancel()
    finished(model)


def test_opening_the_panel_does_not_wait_for_torch() -> None:
    script = "import napari_cryorestore.gui.restore, sys; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
