"""Tests of the frozen base of all parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import ValidationError

from napari_cryorestore.config import Config, sentence, setting, settings_of


class Inner(Config):
    steps: int = setting(10, "Steps.", unit="steps", ge=1, le=99)
    rate: float = setting(0.5, "Rate.", gt=0, lt=1, advanced=True)


class Outer(Config):
    kind: Literal["a", "b"] = setting("a", "Which.")
    file: Path | None = setting(None, "A file.")
    size: tuple[int, int, int] | None = setting(None, "Sizes.")
    names: tuple[str, ...] = setting((), "Names.")
    chosen: bool = setting(True, "Whether.")
    inner_part: Inner = Inner()


class Needy(Config):
    must: str = setting(help="Has to be given.")


def test_toml_keeps_tuples_paths_and_what_is_not_given() -> None:
    config = Outer(file=Path("/data/a.mrc"), size=(1, 2, 3), names=("é", 'q"'), inner_part=Inner(steps=7))
    text = config.to_toml()
    assert "rate = 0.5" in text  # defaults included
    assert Outer.from_toml(text) == config
    assert "file" not in Outer().to_toml()
    assert Outer.from_toml(Outer().to_toml()) == Outer()


def test_it_is_frozen_and_refuses_unknown_keys_and_infinity() -> None:
    config = Inner()
    with pytest.raises(ValidationError):
        config.steps = 3  # type: ignore[misc]
    for wrong in ({"stepz": 3}, {"rate": float("nan")}, {"rate": float("inf")}):
        with pytest.raises(ValidationError):
            Inner.model_validate(wrong)


def test_a_default_is_validated_too() -> None:
    class Wrong(Config):
        steps: int = setting(0, "Steps.", ge=1)

    with pytest.raises(ValidationError):
        Wrong()


def test_text_that_is_no_toml_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="is not valid TOML") as caught:
        Outer.from_toml("kind = \n[")
    assert "\n" not in str(caught.value)


def test_settings_are_what_doors_show() -> None:
    found = {item.path: item for item in settings_of(Outer)}
    assert list(found) == [
        ("kind",), ("file",), ("size",), ("names",), ("chosen",),
        ("inner_part", "steps"), ("inner_part", "rate"),
    ]  # fmt: skip
    kind = found["kind",]
    assert (kind.kind, kind.choices, kind.default, kind.optional) == (str, ("a", "b"), "a", False)
    assert (found["file",].kind, found["file",].optional, found["file",].default) == (Path, True, None)
    assert (found["size",].kind, found["size",].optional) == (tuple, True)
    assert found["chosen",].kind is bool
    steps, rate = found["inner_part", "steps"], found["inner_part", "rate"]
    assert (steps.bounds, steps.unit, steps.help, steps.advanced) == (
        {"ge": 1, "le": 99},
        "steps",
        "Steps.",
        False,
    )
    assert (rate.bounds, rate.advanced) == ({"gt": 0, "lt": 1}, True)


def test_flags_and_labels() -> None:
    steps = next(item for item in settings_of(Outer) if item.path[-1] == "steps")
    assert steps.flag == "--inner-part.steps"
    rate = next(item for item in settings_of(Inner, ("schedule",)) if item.path[-1] == "rate")
    assert (rate.flag, rate.label) == ("--schedule.rate", "rate")
    with_underscore = next(item for item in settings_of(Outer) if item.path == ("inner_part", "steps"))
    assert with_underscore.label == "steps"


def test_a_required_setting_has_no_default() -> None:
    (only,) = settings_of(Needy)
    assert only.default is ...


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"inner_part": {"steps": 0}},
            "inner_part.steps: Input should be greater than or equal to 1 (given: 0)",
        ),
        ({"kind": "c"}, "kind: Input should be 'a' or 'b' (given: 'c')"),
        ({"sise": 1}, "sise: Extra inputs are not permitted (given: 1)"),
    ],
)
def test_an_error_becomes_one_line(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    assert sentence(caught.value) == words


def test_several_errors_stand_side_by_side() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner_part": {"steps": 0, "rate": 2}})
    assert sentence(caught.value).count("; ") == 1
    with pytest.raises(ValidationError) as missing:
        Needy()  # type: ignore[call-arg]
    assert sentence(missing.value) == "must: Field required"
