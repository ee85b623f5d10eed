"""Options made from settings, and what is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from napari_cryorestore.cli.parser import Parser, describe, given
from napari_cryorestore.cli.restore_request import OutputOptions
from napari_cryorestore.config import Config, setting, settings_of


class Inner(Config):
    kind: str = "inner"
    weight: float = setting(2.0, "How heavy, in 100 %.", unit="kg", ge=0, lt=5)
    flips: bool = setting(False, "Whether to flip.")


class Outer(Config):
    inner: Inner = Inner()
    passes: Literal[1, 2] = setting(2, "How often.")
    size: tuple[int, int, int] | None = setting(None, "How large.")
    angles: tuple[float, ...] = setting((), "Which.")
    file: Path | None = setting(None, "Where.")


@pytest.fixture
def parser() -> Parser:
    parser = Parser("prog")
    parser.add_argument("place", nargs="?")
    parser.add_settings("outer", settings_of(Outer, ("outer",)))
    return parser


def test_what_is_typed_makes_the_configuration(parser: Parser) -> None:
    typed = "--outer.size 1 2 3 --outer.passes 1 here --outer.inner.weight 1e-3 --outer.inner.flips true"
    options = parser.parse(typed.split())
    assert options.place == "here"
    content = given(options, "outer")
    assert content == {"size": ["1", "2", "3"], "passes": 1, "inner": {"weight": "1e-3", "flips": "true"}}
    outer = Outer.model_validate(content)
    assert (outer.size, outer.passes, outer.inner.weight, outer.inner.flips) == ((1, 2, 3), 1, 0.001, True)


def test_nothing_typed_is_nothing_given(parser: Parser) -> None:
    assert given(parser.parse([]), "outer") == {}


def test_a_value_that_is_no_choice_is_left_for_the_configuration(parser: Parser) -> None:
    content = given(parser.parse(["--outer.passes", "3"]), "outer")
    with pytest.raises(ValueError, match="Input should be 1 or 2"):
        Outer.model_validate(content)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("--outer.size 1 2", r"--outer\.size: expected 3 arguments"),
        (
            "--outer.inner.weigth 1",
            r"no option --outer\.inner\.weigth here: did you mean --outer\.inner\.weight",
        ),
        ("--outer.inner.kind x", r"no option --outer\.inner\.kind"),
        ("--outer.pass 1", r"no option --outer\.pass here: did you mean --outer\.passes"),
        ("here there", "unexpected argument 'there'"),
    ],
)
def test_errors_are_sentences(parser: Parser, typed: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parser.parse(typed.split())


def test_help_shows_sentence_unit_bounds_and_default(parser: Parser) -> None:
    shown = " ".join(parser.format_help().split())
    assert "--outer.inner.weight X How heavy, in 100 %. (kg; ≥ 0; < 5; default: 2)" in shown
    assert "--outer.inner.flips {true,false} Whether to flip. (default: false)" in shown
    assert "--outer.passes {1,2} How often. (default: 2)" in shown
    assert "--outer.size Z Y X How large." in shown
    assert "--outer.angles X [X ...]" in shown
    assert "--outer.file FILE Where." in shown


def test_help_shows_the_defaults_that_hold() -> None:
    parser = Parser("prog")
    parser.add_settings("outer", settings_of(Outer), defaults={"inner": {"weight": 0.25}, "size": [1, 2, 3]})
    shown = " ".join(parser.format_help().split())
    assert "default: 0.25" in shown
    assert "default: 1 2 3" in shown


def test_an_option_is_added_once() -> None:
    parser = Parser("prog")
    parser.add_settings("first", settings_of(Outer))
    parser.add_settings("second", settings_of(Outer))
    assert parser.format_help().count("--passes {1,2}  ") == 1


def test_a_setting_that_must_be_given_has_no_default() -> None:
    class Needy(Config):
        path: Path = setting(help="Which file.")

    (needed,) = settings_of(Needy)
    assert describe(needed, default=needed.default) == "Which file."


def test_a_folder_is_called_one_in_the_help() -> None:
    parser = Parser("cryorestore restore")
    parser.add_settings("restoration", settings_of(OutputOptions))
    told = parser.format_help()
    assert "--output-folder FOLDER" in told
    assert "--output FILE" in told
