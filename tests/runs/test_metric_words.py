"""Tests of the words for quality numbers."""

from __future__ import annotations

import pytest

from napari_cryorestore.runs.metric_words import METRIC_WORDS, words_for


@pytest.mark.parametrize("name", ["n2n", "fill", "half_fsc", "half_correlation", "wedge_share"])
def test_every_number_has_one_sentence(name):
    words = METRIC_WORDS[name]
    assert words.title[0].isupper()
    assert words.sentence.endswith(".")
    assert words.sentence.count(". ") == 0
    assert words_for(name) is words


def test_a_number_nobody_described_gets_its_name():
    assert words_for("my_number").title == "my number"
