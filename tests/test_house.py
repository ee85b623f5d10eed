"""The house rules that no linter knows: sizes, names, first sentences, and what is never imported."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

from benchmarks.parts import parts_of
from scripts.count import Module

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_cryorestore"
MODULES = sorted(SOURCE.rglob("*.py"))
BANNED_WORDS = {"utils", "util", "helpers", "helper", "managers", "manager", "handlers", "handler", "misc"}
BANNED_PACKAGES = {"torchvision", "timm", "lightning", "pytorch_lightning", "kornia", "tensorboard"}
QT = {"qtpy", "pyqtgraph", "superqt", "magicgui"}
MOST_LINES_OF_A_FILE, MOST_LINES, MOST_PARAMETERS = 450, 40, 6

LARGER_BY_NATURE = {"open_tomogram"}  # one file, and whatever is known of how it was recorded

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions() -> list[tuple[Path, Function]]:
    return [(path, node) for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, Function)]


def lines_without_docstring(function: Function) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    return lines - (first.end_lineno - first.lineno + 1) if documented and first.end_lineno else lines


def parameters(function: Function) -> list[str]:
    given = function.args
    names = [item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def first_sentence(path: Path) -> str:
    return (ast.get_docstring(tree(path)) or "").partition("\n\n")[0]


def is_one_sentence(text: str) -> bool:
    inside = text.replace("et al. ", "").replace("e.g. ", "")
    return bool(re.fullmatch(r"[A-Z0-9`].*\.", inside, re.DOTALL)) and not re.search(r"[.!?] [A-Z]", inside)


def test_every_file_opens_with_one_sentence() -> None:
    assert [
        (path, first_sentence(path)) for path in MODULES if not is_one_sentence(first_sentence(path))
    ] == []


def test_files_are_short() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES_OF_A_FILE} == {}


def test_functions_are_short() -> None:
    lengths = {(path, item.name): lines_without_docstring(item) for path, item in functions()}
    assert {where: length for where, length in lengths.items() if length > MOST_LINES} == {}


def test_functions_take_few_parameters() -> None:
    taken = {(path, item.name): parameters(item) for path, item in functions()}
    many = {where: names for where, names in taken.items() if len(names) > MOST_PARAMETERS}
    assert {where for where in many if where[1] not in LARGER_BY_NATURE} == set()


def test_files_are_named_after_what_they_hold() -> None:
    words = {path: set(re.split(r"[/_]", str(path.relative_to(SOURCE).with_suffix("")))) for path in MODULES}
    assert {path for path in MODULES if words[path] & BANNED_WORDS} == set()


def test_packages_that_break_installs_are_not_imported() -> None:
    assert {path for path in MODULES if imported(path) & BANNED_PACKAGES} == set()


@cache
def without_qt() -> set[str]:
    """Return the modules of the gui that reach no Qt by their imports, those for types included."""
    modules = [Module(path) for path in MODULES]
    known = {module.name for module in modules}
    used = {module.name: module.imports(known, types=True) for module in modules}
    reaching = {module.name for module in modules if imported(SOURCE / module.path) & QT}
    while more := {name for name in used if name not in reaching and used[name] & reaching}:
        reaching |= more
    gui = {module.name for module in modules if module.path.parts[0] == "gui" and not module.is_package}
    assert gui & reaching
    return gui - reaching


def test_every_module_of_the_gui_without_qt_stands_in_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (item for item in contracts["contracts"] if item["name"] == "modules of the gui without Qt")
    assert set(contract["forbidden_modules"]) == QT
    assert set(contract["source_modules"]) == without_qt()


def test_the_models_of_the_panels_know_no_qt() -> None:
    panels = ("train", "monitor", "restore")
    assert {f"napari_cryorestore.gui.{panel}.model" for panel in panels} <= without_qt()


@cache
def names_of(module: str) -> set[str]:
    """Return what can be imported from a module of ours: names at its top, and modules in its folder."""
    path = ROOT / "src" / Path(*module.split("."))
    inside = {item.stem for item in path.glob("*") if item.suffix == ".py" or item.is_dir()}
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found = set(inside)
    for node in ast.walk(tree(file)) if file.exists() else ():
        if isinstance(node, ast.ClassDef | Function):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(item.asname or item.name) for item in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_what_benchmarks_and_scripts_import_is_there() -> None:
    """Most of them are run by hand only, and import some of it late."""
    files = [*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("scripts/*.py"), *ROOT.glob("examples/*.py")]
    assert len(files) > 40
    missing = [
        (str(path.relative_to(ROOT)), f"{node.module}.{item.name}")
        for path in files
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_cryorestore.")
        for item in node.names
        if item.name not in names_of(str(node.module))
    ]
    assert missing == []


def test_every_folder_of_benchmarks_lists_its_parts() -> None:
    folders = sorted(path.parent for path in ROOT.glob("benchmarks/*/__main__.py"))
    assert [folder.name for folder in folders] == ["faults", "quality", "restore", "step", "window"]
    for folder in folders:
        parts = parts_of(folder)
        assert len(parts) > 1
        assert all(re.fullmatch(r"[A-Z].*[.?]", sentence) for sentence in parts.values()), parts


def test_the_ruler_measures() -> None:
    """The measures above are only as good as what they count."""
    long = ast.parse('def f(self, a, b=1, *c, d, **e):\n    """One\n\n    two."""\n    x = 1\n    return x\n')
    function = long.body[0]
    assert isinstance(function, Function)
    assert lines_without_docstring(function) == 3
    assert parameters(function) == ["a", "b", "d"]
    assert len(MODULES) > 50
    assert not is_one_sentence("Reads files. Writes them too.")
    assert not is_one_sentence("reads files")


def test_the_tested_torch_is_pinned_and_no_index_is_named() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert "torch==2.13.0" in constraints
    assert not [line for line in constraints if line.startswith("-") or "://" in line]


def test_the_scripts_name_no_host() -> None:
    for name in ("Makefile", ".ci/run", "scripts/debian-libraries"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_project_names_its_own_addresses_and_no_index() -> None:
    """Where packages are fetched from is each computer's own affair."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    addresses = re.findall(r"[\w+]+://\w[^\s\"']*", text)
    assert addresses
    own = re.compile(r"https://(github|raw\.githubusercontent)\.com/napari-cryorestore/napari-cryorestore\b")
    pages = "https://napari-cryorestore.github.io/napari-cryorestore"
    assert [item for item in addresses if not own.match(item) and item != pages] == []
    assert not re.search(r"^\s*(extra-)?(index|find-links)", text, re.MULTILINE)


def test_no_test_measures_time() -> None:
    """How long something takes says more of the computer, and of what else it does, than of the program."""
    clock = re.compile(r"\b(monotonic|perf_counter|process_time)\(\) - ")
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != Path(__file__).name]
    assert not [path.name for path in tests if clock.search(path.read_text(encoding="utf-8"))]
