"""What README, CONTRIBUTING and the pages say is so: code runs, links lead somewhere, tables are filled."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore import presets
from napari_cryorestore.cli.main import COMMANDS
from napari_cryorestore.cli.parser import Parser
from napari_cryorestore.methods import METHODS
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.run_config import RunConfig

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
)
TINY = {
    "network": {"features": 4, "levels": 2},
    "schedule": {"steps": 2, "batch": 1, "crop": 16},
    "snapshots": {"every": 2},
    "hardware": {"device": "cpu", "precision": "32", "threads": 1},
}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)|(?:src|srcset)=\"([^\"]+)\"")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of one language in a page."""
    return [
        code for kind, code in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if kind == language
    ]


def module(path: Path) -> ModuleType:
    """Import a file that lies in no package."""
    spec = importlib.util.spec_from_file_location(f"told_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[made.__name__] = made  # where pydantic looks for the names in annotations
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def in_a_folder_with_halves(
    tiny_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begin in a folder that has the halves which the pages name, and presets that take a moment."""
    for half, name in zip(tiny_pair, ("even", "odd"), strict=True):
        shutil.copy(half, tmp_path / f"TS01_{name}.mrc")
    (tmp_path / "TS01.tlt").write_text("-60\n0\n60\n")
    usual = presets.preset
    monkeypatch.setattr(presets, "preset", lambda *names: presets.merged(usual(*names), TINY))
    monkeypatch.chdir(tmp_path)


# Code ------------------------------------------------------------------------------------------------


def run_python(page: str) -> None:
    (code,) = blocks(page, "python")
    exec(compile(code, page, "exec"), {})


def test_the_readme_uses_names_of_the_package_only() -> None:
    (code,) = blocks("README.md", "python")
    imports = [line for line in code.splitlines() if "import" in line]
    assert imports == ["import napari_cryorestore as cr"]


@pytest.mark.usefixtures("in_a_folder_with_halves")
def test_the_readme_restores_a_tomogram_and_its_run_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    run_python("README.md")
    assert Path("TS01_restored.mrc").is_file()
    assert Path("TS01.png").is_file()
    run_python("docs/reference/python.md")
    assert capsys.readouterr().out.startswith("completed 2")
    report = module(ROOT / "examples/read_a_run.py").report(Path("TS01_run"))
    assert report.startswith("completed, step 2 of 2")
    assert "Held-out agreement: " in report


@pytest.mark.usefixtures("in_a_folder_with_halves")
def test_the_first_python_lines_restore_a_tomogram() -> None:
    run_python("docs/get-started.md")
    assert Path("TS01_restored.mrc").is_file()


def test_reading_a_run_needs_no_torch() -> None:
    example = str(ROOT / "examples/read_a_run.py")
    code = f"import runpy, sys; runpy.run_path({example!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.usefixtures("in_a_folder_with_halves")
def test_the_comparing_example_draws_its_figure(
    tiny_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = module(ROOT / "examples/compare_methods.py")
    monkeypatch.setattr(example, "real_pair", lambda: tiny_pair)
    assert example.main(2, tmp_path / "compared").stat().st_size > 10_000


def commands() -> list[str]:
    lines = [
        line
        for page in PAGES
        for code in blocks(str(page.relative_to(ROOT)), "sh")
        for line in code.replace("\\\n", " ").split("\n")
    ]
    found = [
        re.sub(r" > \S+$", "", line.removeprefix("exec "))  # where its output goes is the shell's
        for line in lines
        if re.match(r"(exec )?cryorestore ", line)
    ]
    return sorted({shlex.join(shlex.split(line, comments=True)) for line in found})


@pytest.mark.parametrize("line", commands())
def test_every_command_line_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for recipe in ("run.toml", "TS01_run/config.toml"):
        (tmp_path / recipe).parent.mkdir(exist_ok=True)
        (tmp_path / recipe).write_text("")
    name, *arguments = shlex.split(line)[1:]
    command = importlib.import_module(f"napari_cryorestore.cli.{name}")
    parser = Parser(f"cryorestore {name}")
    getattr(command, f"add_{name}_options")(parser, arguments)
    assert parser.parse(arguments)


def test_the_recipe_of_the_settings_page_is_one() -> None:
    (text,) = blocks("docs/reference/settings.md", "toml")
    assert RunConfig.from_toml(text).schedule.steps == 2000


# Words -----------------------------------------------------------------------------------------------


def sentences() -> set[str]:
    """Return every text of the program, with an ellipsis for what is filled in."""
    found = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [item.value if isinstance(item, ast.Constant) else "…" for item in node.values]
                found.add("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_the_sentences_of_the_troubleshooting_page_are_the_programs_own() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^> (.+)$", text, re.MULTILINE)
    assert len(quoted) > 20
    own = sentences()
    assert [sentence for sentence in quoted if sentence not in own] == []


def refused_words() -> list[str]:
    """Return the words that the glossary puts into code letters in its last column."""
    text = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
    last = [line.split("|")[-2] for line in text.splitlines() if line.startswith("| **")]
    return sorted({word for cell in last for word in re.findall(r"`([^`]+)`", cell)})


def places_of(word: str) -> list[str]:
    """Return where a word stands, in the singular or plural, in the program or its pages."""
    pattern = re.compile(rf"(?<![a-z]){re.escape(word)}(?:s|es)?(?![a-z])", re.IGNORECASE)
    files = [page for page in PAGES if page.name not in ("CHANGELOG.md", "glossary.md")]
    files += [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.yaml")]
    return [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("word", refused_words())
def test_a_word_that_the_glossary_refuses_stands_nowhere(word: str) -> None:
    assert places_of(word) == []


def test_refused_words_are_found_where_they_stand() -> None:
    assert len(refused_words()) > 8
    assert "docs/concepts/stopping.md:1" in places_of("stop") + places_of("When to stop")
    assert not places_of("rop")  # of "crop"


# Pages -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    return module(ROOT / "docs/hooks.py")


def missing(page: Path, *, pictures: bool) -> list[str]:
    """Return the targets of a page's links that are not there."""
    found = [link or source for link, _, source in _LINK.findall(page.read_text(encoding="utf-8"))]
    own = [
        target for target in found if "://" not in target and target.endswith((".png", ".svg")) is pictures
    ]
    return [target for target in own if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert missing(page, pictures=False) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_are_there(page: Path) -> None:
    assert missing(page, pictures=True) == []


@pytest.mark.parametrize(
    "page", [f"methods/{n}" for n in METHODS.own] + [f"networks/{n}" for n in NETWORKS.own]
)
def test_every_method_and_network_has_a_page(page: str) -> None:
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
    section = page.replace("s/", ".")
    assert f"<!-- generated: settings {section} -->" in text
    if section.startswith("method"):
        assert re.findall("^## (When|What it cannot)", text, re.MULTILINE) == ["When", "What it cannot"]


@pytest.mark.parametrize("name", METHODS.own)
def test_the_readme_names_every_method_of_ours(name: str) -> None:
    assert f"](docs/methods/{name}.md)" in (ROOT / "README.md").read_text()


def test_every_command_has_its_help_on_the_page() -> None:
    text = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- generated: command (\w+) -->", text) == list(COMMANDS)


def test_every_page_is_in_the_navigation(hooks: ModuleType) -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    config = hooks.on_config({"nav": [{"Home": "index.md"}, {"Methods": []}, {"Networks": []}]})
    listed |= {
        page for section in config["nav"][1:] for item in (*section.values(),)[0] for page in item.values()
    }
    assert listed == {
        str(page.relative_to(ROOT / "docs")) for page in PAGES if (ROOT / "docs") in page.parents
    }


def test_the_architecture_shows_the_storeys_as_the_import_contracts_have_them(hooks: ModuleType) -> None:
    text = (ROOT / "docs/concepts/architecture.md").read_text(encoding="utf-8")
    copy = hooks.storeys_text()
    assert f"<!-- generated: storeys -->\n```text\n{copy}\n```\n" in text
    assert ["gui*", "│", "cli"] in [line.split() for line in copy.splitlines()]
    built = hooks.expanded(text)
    assert copy.splitlines()[0] not in built.splitlines()
    assert built.count("<svg") == built.count("</svg>") == 1
    assert "| recording ° | " in built


def test_the_modules_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs/concepts/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[`*]([\w/]+\.py)[`*]", text))
    assert len(named) > 20
    places = (ROOT, ROOT / "src/napari_cryorestore")
    assert [name for name in sorted(named) if not any((place / name).is_file() for place in places)] == []


def test_the_places_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## Where is the place") : text.index("## Add a method")]
    named = re.findall(r"`(\w+)`(?: and `(\w+)`)?(?: \(or `(\w+)`\))? in\s+\[`([\w/.]+)`\]", table)
    assert len(named) > 5
    for *names, file in named:
        code = (ROOT / "src/napari_cryorestore" / file).read_text(encoding="utf-8")
        for name in filter(None, names):
            assert re.search(rf"^(def |class )?{name}\b", code, re.MULTILINE), f"{file} has no {name}"


def test_tables_are_filled_from_the_code(hooks: ModuleType) -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if ROOT / "docs" in page.parents:
            assert "<!-- generated" not in hooks.expanded(text)


def test_a_table_says_what_the_configuration_says(hooks: ModuleType) -> None:
    table = hooks.expanded("  <!-- generated: settings schedule -->").splitlines()
    assert "  | `schedule.ema` | `0.99` | ≥ 0, < 1 | " in next(line for line in table if ".ema`" in line)
    assert all(line.startswith("  | ") for line in table)
    with pytest.raises(KeyError, match="nonsense"):
        hooks.expanded("<!-- generated: nonsense -->")
    with pytest.raises(KeyError, match="nothing"):
        hooks.expanded("<!-- generated: settings method.nothing -->")


def test_a_preset_table_shows_the_default_where_nothing_is_set(hooks: ModuleType) -> None:
    rows = hooks.expanded("<!-- generated: presets icecream -->").splitlines()
    assert "| `schedule.crop` | `32` | *not given* | `72` |" in rows
    assert "| `method.window` | `false` | `false` | `true` |" in rows
