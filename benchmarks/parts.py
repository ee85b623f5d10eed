"""The command line of a folder of benchmarks: which parts it has, and the one that is run."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path


def parts_of(folder: Path) -> dict[str, str]:
    """Return the modules of a folder that can be run, those with a `main`, and their first sentences."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.stem != "__main__" and any(
            isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body
        ):
            found[path.stem] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def run_part(package: str) -> None:
    """Run the part that the command line names; without one, or with ``--help``, list all of them.

    Parameters
    ----------
    package : str
        The folder as Python knows it, such as ``benchmarks.step``.
    """
    parts = parts_of(Path(__file__).parent / package.rpartition(".")[2])
    part, *arguments = sys.argv[1:] or ["--help"]
    if part in parts:
        sys.argv = [f"{package} {part}", *arguments]
        importlib.import_module(f"{package}.{part}").main()
        return
    listed = "\n".join(f"  {name:<10} {sentence}" for name, sentence in parts.items())
    usage = f"usage: python -m {package} PART [options]; PART --help lists its options\n\n{listed}"
    if part not in ("-h", "--help"):
        sys.exit(f"{package} has no part {part!r}; choose one of these.\n\n{usage}")
    print(usage)
