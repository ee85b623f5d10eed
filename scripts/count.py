#!/usr/bin/env python3
"""Counts what makes this program large or small to read: files, rooms, names, circles, words and functions.

Run from the root of the repository::

    python scripts/count.py              # a table
    python scripts/count.py --names      # and the names behind its numbers
    python scripts/count.py --json

Nothing is imported: the sources are parsed. Imports made only for types do not count as circles.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path

PACKAGE = "napari_cryorestore"
ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / PACKAGE
WORDS = ("ask", "want", "wish")
RECORDED = {"voxel_size", "tilt_range", "tilt_min", "tilt_max", "tilt_axis"}
"""Fields of which a class that has two describes a tomogram."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """One source file, parsed."""

    def __init__(self, path: Path) -> None:
        self.path = path.relative_to(SOURCE)
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        parts = self.path.with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join((PACKAGE, *(parts[:-1] if self.is_package else parts)))

    def imports(self, known: set[str], *, types: bool) -> set[str]:
        """Return the modules of this package that it imports, with those for types alone or without."""
        found: set[str] = set()
        for node in _walk(self.tree, types=types):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (inner & known) or {node.module}
        return (found & known) - {self.name}

    def public_names(self) -> list[str]:
        """Return the classes and functions that it defines at its top and shows to others."""
        nodes = (node for node in self.tree.body if isinstance(node, ast.ClassDef | Function))
        return [node.name for node in nodes if not node.name.startswith("_")]


def _walk(tree: ast.AST, *, types: bool) -> list[ast.AST]:
    """Return all nodes; without those under ``if TYPE_CHECKING``, if these do not count."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if not types and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        found.append(node)
        waiting.extend(ast.iter_child_nodes(node))
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules of which each reaches every other one by imports (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def one_importer(modules: list[Module], graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that a single other module imports; packages do not count."""
    users: dict[str, set[str]] = defaultdict(set)
    for user, used in graph.items():
        for name in used:
            users[name].add(user)
    return sorted(module.name for module in modules if not module.is_package and len(users[module.name]) == 1)


def tomogram_classes(modules: list[Module]) -> list[str]:
    """Return the classes that describe how a tomogram was recorded: two fields of `RECORDED` or more."""
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                fields = {
                    item.target.id
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                }
                if len(fields & RECORDED) > 1:
                    found.append(f"{module.name}.{node.name}")
    return sorted(found)


def function_lines(modules: list[Module]) -> list[int]:
    """Return the lines of every function, its docstring left out, ascending."""
    lengths = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                said = node.body[0]
                documented = isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                lengths.append(length - ((said.end_lineno or 0) - said.lineno + 1) * documented)
    return sorted(lengths)


def words(modules: list[Module]) -> int:
    """Return how many tokens hold a word of `WORDS`, the beginnings of others such as "task" left out."""
    pattern = re.compile(rf"(?<![a-z])(?:{'|'.join(WORDS)})(?:s|ed|ing|es)?(?![a-z])", re.IGNORECASE)
    return sum(len(pattern.findall(module.text)) for module in modules)


def reading(modules: list[Module], pattern: str, *, outside: str = "") -> list[str]:
    """Return the modules whose text holds a pattern, those outside a folder or file."""
    found = re.compile(pattern)
    chosen = (module for module in modules if not outside or not str(module.path).startswith(outside))
    return sorted(module.name for module in chosen if found.search(module.text))


def counted() -> tuple[dict[str, object], dict[str, object]]:
    """Return the numbers, and the names behind them."""
    modules = [Module(path) for path in sorted(SOURCE.rglob("*.py"))]
    known = {module.name for module in modules}
    typed, graph = (
        {module.name: module.imports(known, types=types) for module in modules} for types in (True, False)
    )
    public = Counter(name for module in modules for name in module.public_names())
    files = Counter(module.path.name for module in modules if not module.is_package)
    lengths = function_lines(modules)
    names: dict[str, object] = {
        "modules with one importer": one_importer(modules, typed),
        "public names defined twice": sorted(name for name, count in public.items() if count > 1),
        "file names used more than once": sorted(name for name, count in files.items() if count > 1),
        "circles of files": circles(graph),
        "circles of files, types included": circles(typed),
        "classes that describe a tomogram": tomogram_classes(modules),
        "modules that read .odd": reading(modules, r"\.odd\b"),
        "modules that say 'wiener', outside methods": reading(
            modules, r"""["']wiener["']""", outside="methods"
        ),
        "modules with ICECREAM's passes or flips, outside methods": reading(
            modules, r"\bpasses\b|\baverage_flips\b", outside="methods"
        ),
        "modules that read a format of files": reading(modules, r"\bread_volume\b|\bMrcVolume\b"),
    }
    numbers: dict[str, object] = {
        "files": len(modules),
        "lines": sum(module.text.count("\n") for module in modules),
        **{name: len(found) for name, found in names.items() if isinstance(found, list)},
        "functions": len(lengths),
        "lines of a function: median": statistics.median(lengths),
        "lines of a function: 90 %": lengths[int(0.9 * len(lengths))],
        "lines of a function: longest": lengths[-1],
        f"tokens of {'/'.join(WORDS)}": words(modules),
    }
    return numbers, names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--names", action="store_true", help="print the names behind the numbers, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    numbers, names = counted()
    if options.json:
        print(json.dumps(numbers | ({"names": names} if options.names else {}), indent=1))
        return
    for name, number in numbers.items():
        print(f"{name:58} {number:>8}")
    if options.names:
        for name, found in names.items():
            print(f"\n{name}:")
            print(*(f"  {item}" for item in found if isinstance(found, list)), sep="\n")


if __name__ == "__main__":
    main()
