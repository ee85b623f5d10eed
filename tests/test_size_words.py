"""Sizes are said so that two that differ read differently."""

from __future__ import annotations

import pytest

from napari_cryorestore.size_words import size_words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999.6, "1.0 kB"),
        (1504, "1.5 kB"),
        (57_600, "57.6 kB"),
        (99_960, "100 kB"),
        (3_145_728, "3.1 MB"),
        (2.5e9, "2.5 GB"),
        (7e15, "7000 TB"),
    ],
)
def test_words(size: float, words: str) -> None:
    assert size_words(size) == words
