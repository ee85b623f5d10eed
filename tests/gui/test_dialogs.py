from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_cryorestore.gui import dialogs
from napari_cryorestore.gui.preferences import last_folder, remember_folder


class Answers:
    """Stands in for the static functions of `QFileDialog`."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, parent: QWidget, *words: str) -> object:
        self.calls.append(words)
        return self.value


@pytest.fixture
def parent(qtbot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_the_dialog_lists_every_suffix_of_tomograms(parent, tmp_path: Path, monkeypatch) -> None:
    remember_folder(tmp_path)
    answers = Answers(([str(tmp_path / "x" / "a.mrc"), str(tmp_path / "b.rec")], ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", answers)
    assert dialogs.choose_tomograms(parent) == [tmp_path / "x" / "a.mrc", tmp_path / "b.rec"]
    ((_, folder, kinds),) = answers.calls
    assert folder == str(tmp_path)
    assert all(pattern in kinds for pattern in ("*.mrc ", "*.st.gz", "*.ali.bz2"))
    assert last_folder() == tmp_path


@pytest.mark.parametrize(
    ("function", "dialog", "wraps"),
    [
        (dialogs.choose_run, "getExistingDirectory", False),
        (dialogs.choose_weights, "getOpenFileName", True),
        (lambda parent: dialogs.choose_folder(parent, Path("/")), "getExistingDirectory", False),
        (lambda parent: dialogs.choose_target(parent, "a.mrc"), "getSaveFileName", True),
    ],
)
def test_a_cancelled_dialog_returns_nothing(
    parent, tmp_path: Path, monkeypatch, function, dialog: str, wraps: bool
) -> None:
    chosen = str(tmp_path / "x.mrc")
    for text, expected in (("", None), (chosen, tmp_path / "x.mrc")):
        monkeypatch.setattr(QFileDialog, dialog, Answers((text, "") if wraps else text))
        assert function(parent) == expected


def test_a_folder_that_is_not_made_yet_is_looked_for_above(parent, tmp_path: Path, monkeypatch) -> None:
    answers = Answers("")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", answers)
    dialogs.choose_folder(parent, tmp_path / "not" / "yet")
    assert answers.calls[0][1] == str(tmp_path)


def test_a_name_without_a_suffix_gets_one(parent, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", Answers((str(tmp_path / "mine"), "")))
    assert dialogs.choose_target(parent, "a.mrc") == tmp_path / "mine.mrc"


@pytest.mark.parametrize(
    ("proposed", "kind", "expected"),
    [("a.rec", "MRC volume (*.mrc *.rec *.map)", "mine.rec"), ("a.mrc", "NumPy array (*.npy)", "mine.npy")],
)
def test_the_kind_chosen_decides_the_suffix_of_a_name_without_one(
    parent, tmp_path: Path, monkeypatch, proposed: str, kind: str, expected: str
) -> None:
    answers = Answers((str(tmp_path / "mine"), kind))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", answers)
    assert dialogs.choose_target(parent, proposed) == tmp_path / expected
    assert kind in answers.calls[0][2].split(";;")
