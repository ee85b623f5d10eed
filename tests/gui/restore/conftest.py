"""A restorer that takes no time and needs no PyTorch, and tomograms to give it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from napari.components import ViewerModel

from napari_cryorestore.gui.devices import Device
from napari_cryorestore.gui.io_hooks import read_tomograms
from napari_cryorestore.gui.model_choice import ModelChoice, load_methods
from napari_cryorestore.gui.named_volume import volume_from
from napari_cryorestore.gui.restore import RestorePanel, model_section
from napari_cryorestore.gui.restore.model import RestoreModel
from napari_cryorestore.gui.restore.request import RestoreRequest
from napari_cryorestore.gui.restore.restoration import Engine
from napari_cryorestore.gui.viewer_session import session_of
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari import Viewer
    from qtpy.QtWidgets import QComboBox


def choices(combo: QComboBox) -> list[str]:
    """Return what a combo box offers."""
    return [combo.itemText(row) for row in range(combo.count())]


def choose(combo: QComboBox, words: str) -> None:
    """Choose a line of a combo box as a user would."""
    combo.setCurrentText(words)
    assert combo.currentText() == words
    combo.activated.emit(combo.currentIndex())


@dataclass
class FakeRestorer:
    """Copies half 1, as soon as it may."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None
    remark: str = ""
    may_end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_end.set()

    @property
    def engine(self) -> Engine:
        return Engine(self.restore, self.title)

    def title(self, tomogram: str, model: dict[str, Any], settings: dict[str, Any]) -> str:
        weights = model["weights"]
        what = "Wiener filter" if weights is None else f"ICECREAM @ {int(weights.name[5:])}"
        return f"{tomogram} · {what}" + "".join(f", {name} {value}" for name, value in settings.items())

    def restore(
        self,
        fields: dict[str, Any],
        progress: Callable[[float], None],
        cancelled: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Path:
        self.seen.append(fields)
        if self.remark:
            say(self.remark)
            progress(0.4)
        progress(0.5)
        while not self.may_end.wait(0.01):
            if cancelled():
                raise KeyError("stopped")
        if self.error is not None:
            raise self.error
        data = open_volume(fields["tomogram"]["maps"][0]).data
        return write_volume(fields["output"], data, voxel_size=7.5, label="cryorestore: a fake")


@pytest.fixture
def restorer() -> FakeRestorer:
    return FakeRestorer()


@pytest.fixture
def model(restorer, pair: tuple[Path, Path]) -> RestoreModel:
    made = RestoreModel(restorer.engine)
    even, odd = (volume_from(path) for path in pair)
    made.request = RestoreRequest(even=even, odd=odd, model=ModelChoice(method="wiener"))
    return made


@pytest.fixture(autouse=True)
def _known_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether PyTorch was loaded by another test must not matter."""
    devices = (Device("auto", "automatic (CPU)"), Device("cpu", "CPU · 2 cores"))
    monkeypatch.setattr(model_section, "list_devices", lambda: devices)


@pytest.fixture(autouse=True)
def _known_methods() -> None:
    """Whether methods were loaded by another test must not matter."""
    load_methods()


@pytest.fixture
def viewer(restorer) -> ViewerModel:
    """A viewer without a window, which is all that most of the panel needs."""
    made = ViewerModel()
    session_of(made).own(RestoreModel).engine = restorer.engine
    return made


@pytest.fixture
def panel(
    pair: tuple[Path, Path], load: Callable[..., None], opened: Callable[[], RestorePanel]
) -> RestorePanel:
    load(*pair)
    return opened()


@pytest.fixture
def window(make_napari_viewer, restorer, pair: tuple[Path, Path]) -> Viewer:
    """A viewer with a window and two halves."""
    made = make_napari_viewer()
    session_of(made).own(RestoreModel).engine = restorer.engine
    made.open(list(pair), plugin=None)
    return made


@pytest.fixture
def load(viewer: ViewerModel) -> Callable[..., None]:
    """Open files in the viewer, as its reader would."""

    def open_files(*paths: Path) -> None:
        for data, arguments, _ in read_tomograms([str(path) for path in paths]):
            viewer.add_image(data, **arguments)

    return open_files


@pytest.fixture
def opened(viewer: ViewerModel, qtbot) -> Callable[[], RestorePanel]:
    """Open the panel, which would otherwise need a window."""

    def open_panel() -> RestorePanel:
        panel = RestorePanel(viewer)
        qtbot.addWidget(panel)
        return panel

    return open_panel
