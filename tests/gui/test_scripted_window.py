from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.scripted_window import COLOURS, shrink, until, wait


@pytest.mark.usefixtures("qtbot")
def test_what_does_not_happen_is_not_waited_for_for_ever() -> None:
    looks = iter([False, False, True])
    until(lambda: next(looks))
    assert list(looks) == []
    with pytest.raises(TimeoutError, match=r"within 0\.02 seconds"):
        until(lambda: False, seconds=0.02)
    wait(0.01)


def test_a_picture_gets_smaller_and_looks_the_same(tmp_path: Path) -> None:
    """Grey noise beside flat colours and a ramp of them, as in a window with a tomogram."""
    random = np.random.default_rng(0)
    grey = random.normal(128, 40, (200, 300, 1)).clip(0, 255).repeat(3, axis=2)
    ramp = np.linspace(0, 255, 300)[None, :, None] * np.array([1.0, 0.4, 0.1]) + np.zeros((60, 1, 1))
    picture = np.concatenate([grey, ramp]).astype(np.uint8)
    picture[:20, :50] = (0, 114, 255)
    path = tmp_path / "window.png"
    Image.fromarray(picture).convert("RGBA").save(path)
    before = path.stat().st_size
    shrink(path)
    assert path.stat().st_size < before / 2
    with Image.open(path) as small:
        assert len(small.getcolors() or []) <= COLOURS
        difference = np.asarray(small.convert("RGB")).astype(int) - picture
    assert np.abs(difference).max() < 32
    assert np.sqrt((difference**2).mean()) < 4
    once = path.read_bytes()
    shrink(path)
    assert path.read_bytes() == once


def test_the_pictures_of_the_documentation_stay_small() -> None:
    pictures = list((Path(__file__).parents[2] / "docs" / "images").glob("*.png"))
    assert pictures
    megabytes = sum(path.stat().st_size for path in pictures) / 1e6
    assert megabytes < 4.5, (
        f"docs/images holds {megabytes:.1f} MB: give new pictures to scripted_window.shrink"
    )
