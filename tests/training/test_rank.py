"""Tests of the place of a process among others, as torchrun and Slurm tell it."""

from __future__ import annotations

import pytest

from napari_cryorestore.training.rank import Place, own_place, ranks_first

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
SRUN = {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "6", "SLURM_LOCALID": "2", "SLURM_STEP_ID": "0"}
OLDER_SRUN = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "1", "SLURM_STEP_ID": "0"}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {**TORCHRUN, **SRUN, **OLDER_SRUN, "NODE_RANK": ""}:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, Place(0, 1, 0)),
        (TORCHRUN, Place(3, 4, 1)),
        (SRUN, Place(2, 6, 2)),
        (OLDER_SRUN, Place(1, 2, 1)),
        ({**SRUN, **TORCHRUN}, Place(3, 4, 1)),  # torchrun within srun
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, Place(0, 1, 0)),  # a script without srun
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "1"}, Place(0, 1, 0)),  # a shell of srun's
    ],
)
def test_launchers_tell_the_place(
    environment: dict[str, str], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert own_place() == place


def test_a_place_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "2")
    with pytest.raises(ValueError, match="process 2 of 2, counted from 0: start it with srun or torchrun"):
        own_place()


def test_the_first_is_first_on_its_computer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranks_first()
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "1")
            assert not ranks_first()
