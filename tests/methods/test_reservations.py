"""What is said of a network before it works for a method."""

from __future__ import annotations

from typing import Any

import pytest

from napari_cryorestore.methods import METHODS, reservations
from napari_cryorestore.networks import NETWORKS


def topics(method: str, network: str, **knobs: Any) -> list[str]:
    found = reservations(METHODS[method].Config(), NETWORKS[network].Config(**knobs))
    return [finding.topic for finding in found]


@pytest.mark.parametrize(
    ("method", "network", "knobs", "expected"),
    [
        ("icecream", "unet", {}, []),
        ("icecream", "unet", {"bias": True}, ["scale"]),
        ("icecream", "unet", {"norm": "instance"}, ["scale", "norm"]),
        ("noise2noise", "unet", {"bias": True}, []),
        ("noise2noise", "unet", {"norm": "instance"}, ["norm"]),
        ("icecream", "msdnet", {}, []),
        ("icecream", "msdnet", {"bias": True}, ["scale"]),
        ("icecream", "scunet", {}, ["scale", "norm"]),
        ("noise2noise", "swinunetr", {}, ["norm"]),
        ("icecream", "unet-deepdewedge", {}, ["scale", "norm"]),
    ],
)
def test_scale_and_norm_are_spoken_of_where_they_matter(
    method: str, network: str, knobs: dict[str, Any], expected: list[str]
) -> None:
    assert topics(method, network, **knobs) == expected


@pytest.mark.usefixtures("plugins")
def test_nothing_is_said_of_a_network_that_says_nothing() -> None:
    assert topics("icecream", "wide") == []


def test_the_sentence_names_both() -> None:
    scale, norm = reservations(METHODS["icecream"].Config(), NETWORKS["scunet"].Config())
    assert scale.text.startswith("ICECREAM gives the network what it made itself")
    assert "SCUNet" in scale.text
    assert norm.text.startswith("This SCUNet normalises by all that lies in a crop or tile")
