from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from napari.settings import get_plugin_settings

import napari_cryorestore
from napari_cryorestore.gui.preferences import (
    PLUGIN,
    folder_beside,
    last_folder,
    preferences,
    remember_folder,
    runs_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_declared() -> Iterator[None]:
    preferences().reset()
    yield
    preferences().reset()


def test_they_are_what_napari_keeps_and_shows(tmp_path: Path) -> None:
    remember_folder(tmp_path)
    settings = get_plugin_settings(PLUGIN)
    assert settings.general.last_folder == str(tmp_path)
    assert str(tmp_path) in Path(settings.config_path).read_text(encoding="utf-8")


def test_dialogs_open_where_the_last_one_ended(tmp_path: Path) -> None:
    assert last_folder() == Path.home()
    file = tmp_path / "a.mrc"
    file.touch()
    remember_folder(file)
    assert last_folder() == tmp_path
    remember_folder(tmp_path / "gone" / "a.mrc")
    assert last_folder() == Path.home()


def test_runs_go_beside_the_tomogram_unless_a_folder_is_preferred(tmp_path: Path) -> None:
    assert runs_folder(tmp_path / "a.mrc") == tmp_path
    preferences().runs_folder = "~/runs"
    assert runs_folder(tmp_path / "a.mrc") == Path.home() / "runs"


def test_nothing_goes_into_the_package_or_a_folder_that_is_closed(tmp_path: Path) -> None:
    assert folder_beside(Path(napari_cryorestore.__file__).parent / "samples" / "a.mrc") == Path.home()
    assert folder_beside(tmp_path / PLUGIN / "simulated" / "a.mrc") == Path.home()
    assert folder_beside(tmp_path / "gone" / "a.mrc") == Path.home()


def test_an_impossible_device_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of the allowed"):
        preferences().default_device = "toaster"
