"""The door: commands, exit codes, sentences, and what is imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

from napari_cryorestore import __main__
from napari_cryorestore.cli import methods
from napari_cryorestore.cli.main import COMMANDS, main


def test_without_arguments_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed and sentence in printed for name, sentence in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(getattr(import_module(f"napari_cryorestore.cli.{name}"), f"run_{name}"))
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert COMMANDS[name] in " ".join(capsys.readouterr().out.split())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == version("napari-cryorestore")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["tran"], "there is no command 'tran'; did you mean train?"),
        (["xyz"], "there is no command 'xyz'; known: train, watch, restore"),
        (["--loud"], "there is no option --loud here"),
        (["watch", "somewhere", "--onze"], "there is no option --onze here: did you mean --once?"),
        (["watch"], "the following arguments are required: RUN"),
        (["watch", "one", "two"], "unexpected argument 'two'"),
        (["watch", "nowhere"], "There is no folder nowhere: choose the folder of a run."),
    ],
)
def test_bad_input_is_one_sentence(
    given: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.startswith("cryorestore")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "interrupted before it was done"),
        (RuntimeError("broken"), 1, "broken"),
    ],
)
def test_other_errors_are_one_sentence_too(
    error: BaseException,
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(methods, "run_methods", fail)
    assert main(["methods"]) == code
    assert capsys.readouterr().err == f"cryorestore methods: {sentence}\n"


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "nowhere", "--debug"]) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_the_module_is_the_program() -> None:
    assert __main__.main is main
    done = subprocess.run(
        [sys.executable, "-m", "napari_cryorestore", "watch", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cryorestore watch: There is no folder nowhere")


FOR_HELP = """
import sys
from napari_cryorestore.__main__ import main

for given in {lines!r}:
    try:
        main(given)
    except SystemExit:
        pass
    for slow in ("torch", "scipy"):
        assert slow not in sys.modules, f"{{given}} imports {{slow}}"
"""


def test_nothing_slow_is_imported_for_help_and_for_mistakes() -> None:
    """PyTorch takes two seconds to import, SciPy half a second."""
    shown = [[name, "--help"] for name in COMMANDS if name != "simulate"]  # whose settings lie beside SciPy
    lines = [[], ["watch", "nowhere"], ["methods"], ["train", "--evn", "a.mrc"], *shown]
    script = FOR_HELP.format(lines=lines)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_threads_of_torch_wait_without_spinning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert main([]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert main([]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "active"
