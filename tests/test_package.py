"""What ``import napari_cryorestore`` gives: a few names, each imported when it is first used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import napari_cryorestore as cr


def imported_for_types() -> dict[str, str]:
    """Return what type checkers are told: where each name comes from."""
    tree = ast.parse(Path(cr.__file__).read_text(encoding="utf-8"))
    (condition,) = (node for node in tree.body if isinstance(node, ast.If))
    lines = (node for node in condition.body if isinstance(node, ast.ImportFrom))
    return {name.name: str(line.module) for line in lines for name in line.names}


def test_the_names_are_those_that_type_checkers_see() -> None:
    assert set(cr.__all__) == {*imported_for_types(), "__version__"}
    assert set(cr.__all__) <= set(dir(cr))


@pytest.mark.parametrize(("name", "module"), imported_for_types().items())
def test_a_name_is_what_its_module_says(name: str, module: str) -> None:
    assert getattr(cr, name) is getattr(import_module(module), name)


def test_the_version_is_the_installed_one() -> None:
    assert cr.__version__ == version("napari-cryorestore")


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="'napari_cryorestore' has no attribute 'nonsense'"):
        _ = cr.nonsense


@pytest.mark.parametrize(
    ("script", "unused"),
    [
        ("import napari_cryorestore as cr; dir(cr)", ("torch", "numpy", "pydantic", "importlib.metadata")),
        ("import napari_cryorestore as cr; cr.METHODS, cr.RunConfig, cr.RestoreConfig", ("torch", "scipy")),
    ],
)
def test_nothing_is_imported_that_is_not_used(script: str, unused: tuple[str, ...]) -> None:
    code = f"{script}; import sys; print([name for name in {unused} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
