"""Tests of the table of methods, to which other packages may add."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any, Literal

import pytest

from napari_cryorestore.methods import METHODS, table_of
from napari_cryorestore.methods.base import MethodConfig
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.methods.wiener import Wiener


class TheirConfig(MethodConfig):
    kind: Literal["theirs"] = "theirs"


class Theirs(Wiener):
    Config = TheirConfig


class Point:
    """An entry point whose object is at hand."""

    name, value = "theirs", "their.package:Theirs"

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def table(*points: Any) -> dict[str, Any]:
    return table_of([Noise2Noise, Wiener], points)


def test_ours_come_first() -> None:
    assert list(METHODS)[:3] == ["noise2noise", "icecream", "wiener"]


def test_other_packages_add_theirs() -> None:
    assert table(Point(Theirs)) == {"noise2noise": Noise2Noise, "wiener": Wiener, "theirs": Theirs}


@pytest.mark.parametrize("broken", [ImportError("no module named their"), AttributeError("x"), object()])
def test_a_broken_one_is_left_out_and_warned_of(broken: Any) -> None:
    with pytest.warns(UserWarning, match=r"method 'theirs' \(their.package:Theirs\) cannot be used"):
        assert list(table(Point(broken))) == ["noise2noise", "wiener"]


def test_none_takes_the_place_of_ours() -> None:
    with pytest.warns(UserWarning, match="there is one called 'noise2noise' already"):
        assert table(Point(type("Imitation", (Noise2Noise,), {})))["noise2noise"] is Noise2Noise


def test_a_real_entry_point() -> None:
    point = EntryPoint("again", "napari_cryorestore.methods.icecream:Icecream", "napari_cryorestore.methods")
    assert list(table(point)) == ["noise2noise", "wiener", "icecream"]
