"""CONTRIBUTING, followed to the letter: its files in a package of their own, and in a copy of this one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SMALL = {
    "--method": "charbonnier",
    "--network": "dilated",
    "--preset": "quick-look",
    "--method.epsilon": "0.2",
    "--network.layers": "2",
    "--schedule.steps": "2",
    "--schedule.batch": "1",
    "--schedule.crop": "16",
    "--snapshots.every": "2",
    "--hardware.device": "cpu",
    "--hardware.precision": "32",
    "--hardware.threads": "1",
}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`((?:src|docs|tests)/[\w/.]+)`")

ANEW = """
import sys, warnings
sys.path[:0] = [{path!r}]
for name in [name for name in sys.modules if name.partition(".")[0] == "napari_cryorestore"]:
    del sys.modules[name]
warnings.simplefilter("error")
"""
"""Begins a script that imports what lies in a folder as if nothing of it had been imported before."""
IN_A_PACKAGE_OF_ITS_OWN = """
import my_package.charbonnier, my_package.dilated  # before anything of ours
from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS
assert METHODS["charbonnier"] is my_package.charbonnier.Charbonnier
assert NETWORKS["dilated"] is my_package.dilated.DILATED
assert METHODS.package_of("charbonnier") == NETWORKS.package_of("dilated") == "my-package"

import pytest
options = ["-q", "-p", "no:cacheprovider", "--rootdir", {path!r}]
assert pytest.main([*options, {path!r} + "/test_promises.py"]) == 0

from napari_cryorestore.cli.main import main
from napari_cryorestore.methods import METHODS
assert main(["methods"]) == 0
for words in {lines!r}:
    print(words)
    assert main(words) == 0
"""
IN_A_COPY_OF_THIS_ONE = """
import runpy
from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS
assert sys.modules["napari_cryorestore"].__path__[0].startswith({path!r})
assert "charbonnier" in METHODS.own and "dilated" in NETWORKS.own
hooks = runpy.run_path({hooks!r})
assert hooks["NAVIGATION"]["Methods"]["Charbonnier"] == "methods/charbonnier.md"
assert hooks["NAVIGATION"]["Networks"]["Dilated stack"] == "networks/dilated.md"
print(hooks["expanded"](open({path!r} + "/../docs/methods/charbonnier.md").read()))
print(hooks["expanded"](open({path!r} + "/../docs/networks/dilated.md").read()))
"""


def section(title: str) -> str:
    """Return what the page says under a heading; headings within code are none."""
    hidden = _BLOCK.sub(lambda block: "-" * len(block.group()), PAGE)
    (found,) = re.finditer(rf"^## {title}\n(.*?)(?=^## |\Z)", hidden, re.MULTILINE | re.DOTALL)
    return PAGE[found.start(1) : found.end(1)]


def files(title: str) -> dict[str, str]:
    """Return the blocks of a section, by the file that is named last before each of them."""
    text, found = section(title), {}
    for block in _BLOCK.finditer(text):
        named = _FILE.findall(text[: block.start()])
        found[named[-1] if named else block.group(1)] = block.group(2)
    return found


METHOD, NETWORK = files("Add a method in fifteen minutes"), files("Add a network")
PACKAGE = files("In a package of your own")


def only(blocks: dict[str, str], ending: str) -> str:
    (text,) = (text for name, text in blocks.items() if name.endswith(ending))
    return text


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the package, installed as pip would leave it."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "my_package").mkdir()
    (folder / "my_package" / "__init__.py").touch()
    for name, blocks in (("charbonnier.py", METHOD), ("dilated.py", NETWORK)):
        (folder / "my_package" / name).write_text(only(blocks, name), encoding="utf-8")
    (folder / "test_promises.py").write_text(only(PACKAGE, "test_promises.py"), encoding="utf-8")
    groups = tomllib.loads(only(PACKAGE, "toml"))["project"]["entry-points"]
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    about = folder / "my_package-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def halves(tiny_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Begin in an empty folder; return the options that name a tomogram."""
    monkeypatch.chdir(tmp_path)
    even, odd = map(str, tiny_pair)
    return ["--even", even, "--odd", odd]


def test_a_package_of_its_own_is_listed_trains_and_restores_and_is_missed(
    package: Path,
    halves: list[str],
    tmp_path: Path,
    begin: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, output = str(tmp_path / "run"), str(tmp_path / "restored.mrc")
    train = ["train", *halves, *chain(*SMALL.items()), "--run", run]
    restore = ["restore", run, *halves, "--output", output]
    text = ANEW + IN_A_PACKAGE_OF_ITS_OWN
    script = text.format(path=str(package), lines=[train, restore])
    code, said = begin(script, tmp_path, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1").end()
    assert code == 0, said
    assert Path(output).is_file()
    columns = " ".join(said.split())  # as wide as the longest name
    assert "charbonnier Charbonnier: Removes noise" in columns
    assert "dilated Dilated stack: Looks at every place" in columns
    assert " passed" in said
    config = (tmp_path / "run" / "config.toml").read_text()
    assert '[packages]\nmethod = "my-package"\nnetwork = "my-package"' in config

    # here it is not installed
    monkeypatch.delitem(METHODS, "charbonnier", raising=False)
    missing = "there is no method 'charbonnier' here: install or update my-package, which brings it"
    for words in (["restore", run, *halves], ["train", "--resume", run], ["train", f"{run}/config.toml"]):
        assert main(words) != 0
        assert missing in capsys.readouterr().err, words


def test_a_copy_of_this_one_takes_one_file_one_line_and_one_page(
    tmp_path: Path, begin: Callable[..., Any]
) -> None:
    copy = tmp_path / "src" / "napari_cryorestore"
    shutil.copytree(
        ROOT / "src" / "napari_cryorestore", copy, ignore=shutil.ignore_patterns("*.mrc*", "__pycache__")
    )
    touched = []
    for blocks, thing in ((METHOD, "Charbonnier"), (NETWORK, "DILATED")):
        module, table, _page = blocks
        for name, text in blocks.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            content = with_line(tmp_path / table, text, module, thing) if name == table else text
            (tmp_path / name).write_text(content, encoding="utf-8")
            touched.append(name)
    assert len(touched) == 6
    script = (ANEW + IN_A_COPY_OF_THIS_ONE).format(
        path=str(tmp_path / "src"), hooks=str(ROOT / "docs/hooks.py")
    )
    code, said = begin(script, tmp_path).end()
    assert code == 0, said
    assert "| `method.epsilon` | `0.1` | > 0 |" in said
    assert "| `network.layers` | `5` | ≥ 2, ≤ 6 |" in said


def with_line(table: Path, line: str, module: str, thing: str) -> str:
    """Return a table's file with its one line changed, and what that needs imported."""
    dotted = module.removeprefix("src/").removesuffix(".py").replace("/", ".")
    text = table.read_text(encoding="utf-8").replace(
        "import annotations\n", f"import annotations\n\nfrom {dotted} import {thing}\n", 1
    )
    written, count = re.subn(r"^_OURS: [^)]*\)\n", line, text, flags=re.MULTILINE)
    assert count == 1
    return written


@pytest.mark.parametrize("name", ["charbonnier.py", "dilated.py"])
def test_the_files_keep_the_rules(name: str, tmp_path: Path) -> None:
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    if not Path(ruff).is_file():
        pytest.skip("ruff is not installed")
    path = tmp_path / name
    path.write_text(only({**METHOD, **NETWORK}, name), encoding="utf-8")
    for command in ("check", "format --check"):
        arguments = [ruff, *command.split(), "--config", str(ROOT / "pyproject.toml"), str(path)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
