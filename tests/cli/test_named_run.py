"""Runs and their steps as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cryorestore.cli.named_run import named_step, run_and_step


@pytest.mark.parametrize(
    ("text", "run", "step"),
    [
        ("a/run", "a/run", None),
        ("a/run@600", "a/run", 600),
        ("a/run@newest", "a/run", "newest"),
        ("a/run@suggested", "a/run", "suggested"),
        ("me@lab/run@7", "me@lab/run", 7),
        ("me@lab", "me@lab", None),
        ("run@", "run@", None),
        ("@600", "@600", None),
        ("run@-6", "run@-6", None),
    ],
)
def test_what_stands_behind_the_sign_is_the_step(text: str, run: str, step: object) -> None:
    assert run_and_step(text) == (Path(run), step)


def test_a_folder_that_is_called_so_is_meant(tmp_path: Path) -> None:
    named = tmp_path / "run@600"
    named.mkdir()
    assert run_and_step(str(named)) == (named, None)


@pytest.mark.parametrize("word", ["", "best", "6.5", "²", "+6"])
def test_other_words_name_no_step(word: str) -> None:
    assert named_step(word) is None
