"""Tests of the tables of methods and networks, to which other packages may add."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint
from typing import Any, Literal

import pytest

from napari_cryorestore.methods import METHODS
from napari_cryorestore.methods.base import MethodConfig
from napari_cryorestore.methods.noise2noise import Noise2Noise
from napari_cryorestore.methods.wiener import Wiener
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.plugin_table import Extra, PluginTable, UnknownNameError


class TheirConfig(MethodConfig):
    kind: Literal["theirs"] = "theirs"


class Theirs(Wiener):
    Config = TheirConfig


class OpenConfig(MethodConfig):
    kind: Literal["theirs"] = "theirs"
    strength: float


class Open(Wiener):
    Config = OpenConfig


class Point:
    """An entry point whose object is at hand."""

    value, module, dist = "their.package:Theirs", "their.package", None

    def __init__(self, loaded: Any, name: str = "theirs") -> None:
        self.loaded, self.name, self.times = loaded, name, 0

    def load(self) -> Any:
        self.times += 1
        if isinstance(self.loaded, BaseException):
            raise self.loaded
        return self.loaded() if callable(self.loaded) and not isinstance(self.loaded, type) else self.loaded


def table(*points: Any) -> PluginTable[Any]:
    return PluginTable("method", [Noise2Noise, Wiener], lambda: points)


def test_ours_come_first() -> None:
    assert list(METHODS)[:3] == ["noise2noise", "icecream", "wiener"]
    assert next(iter(NETWORKS)) == "unet"


def test_other_packages_add_theirs() -> None:
    known = table(Point(Theirs))
    assert dict(known) == {"noise2noise": Noise2Noise, "wiener": Wiener, "theirs": Theirs}
    assert len(known) == 3
    assert known.find("theirs") is Theirs
    assert (known.package_of("theirs"), known.package_of("wiener")) == ("their", "")


def test_theirs_are_loaded_when_they_are_looked_up_and_once() -> None:
    point, other = Point(Theirs), Point(Theirs, "other")
    known = table(point, other)
    assert known["wiener"] is Wiener
    assert point.times == 0
    assert known["theirs"] is known["theirs"] is Theirs
    assert (point.times, other.times) == (1, 0)


def test_what_is_being_loaded_may_list_the_table() -> None:
    def load() -> Any:
        assert list(known) == ["noise2noise", "wiener"]
        return Theirs

    known = table(Point(load))
    assert "theirs" in known


@pytest.mark.parametrize(
    "broken", [ImportError("no module named their"), AttributeError("x"), SystemExit("no"), object(), Open]
)
def test_a_broken_one_is_left_out_and_warned_of_once(broken: Any) -> None:
    known = table(Point(broken))
    with pytest.warns(UserWarning, match=r"method 'theirs' \(their.package:Theirs\) cannot be used"):
        assert list(known) == ["noise2noise", "wiener"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(known) == ["noise2noise", "wiener"]
    with pytest.raises(
        UnknownNameError, match=r"the method 'theirs' cannot be used here \(.*choose one of noise2noise"
    ):
        known.find("theirs")


@pytest.mark.parametrize("taken", [Point(Theirs, "noise2noise"), Point(Noise2Noise)])
def test_none_takes_the_place_of_ours(taken: Any) -> None:
    known = table(taken)
    with pytest.warns(UserWarning, match="another one of that name|its kind is 'noise2noise'"):
        assert list(known) == ["noise2noise", "wiener"]
    assert known["noise2noise"] is Noise2Noise


def test_of_two_of_one_name_the_first_is_taken() -> None:
    known = table(Point(Theirs), Point(Wiener))
    with pytest.warns(UserWarning, match="another one of that name"):
        assert known["theirs"] is Theirs


def test_a_real_entry_point() -> None:
    point = EntryPoint(
        "icecream", "napari_cryorestore.methods.icecream:Icecream", "napari_cryorestore.methods"
    )
    assert list(table(point)) == ["noise2noise", "wiener", "icecream"]


def test_what_is_missing_is_named_with_what_to_do() -> None:
    known = table()
    with pytest.raises(UnknownNameError) as refused:
        known.find("magic")
    assert str(refused.value) == (
        "there is no method 'magic' here: choose one of noise2noise, wiener, or install the package that "
        "brings it"
    )
    with pytest.raises(UnknownNameError, match="install or update magic-tomograms, which brings it"):
        known.find("magic", package="magic-tomograms")


@pytest.mark.parametrize("name", [None, 3, ["wiener"], {}])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="choose one of noise2noise, wiener"):
        table().find(name)


def test_what_is_no_entry_of_ours_may_be_put_in_and_taken_out() -> None:
    known = table()
    known["theirs"] = Theirs
    assert known["theirs"] is Theirs
    del known["theirs"]
    assert "theirs" not in known


def test_a_missing_extra_is_named_with_what_brings_it() -> None:
    assert Extra("torch", "swin").missing() == ""
    words = Extra("no_such_package", "swin").missing()
    assert words == "needs the package no_such_package: install it by pip install 'napari-cryorestore[swin]'"
    assert Wiener.missing() == ""
