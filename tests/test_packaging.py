"""What others install: wheel and source distribution, built without a network, and what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.version import Version

for name in ("build", "hatchling", "hatch_vcs", "hatch_fancy_pypi_readme"):
    pytest.importorskip(name, reason="pip install --editable '.[test]' brings it")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ADDRESS = PROJECT["project"]["urls"]["Source"]
RAW = ADDRESS.replace("://github.com", "://raw.githubusercontent.com")


def built(source: Path, folder: Path, *kinds: str) -> list[Path]:
    """Build a source distribution, and from it a wheel, unless only one of both is named."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return built(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(made: list[Path]) -> dict[str, bytes]:
    (path,) = (path for path in made if path.suffix == ".whl")
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture(scope="module")
def unpacked(made: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the source distribution holds."""
    (path,) = (path for path in made if path.name.endswith(".tar.gz"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(path) as file:
        file.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def metadata(wheel: dict[str, bytes]) -> Metadata:
    (text,) = (content for name, content in wheel.items() if name.endswith(".dist-info/METADATA"))
    return Metadata.from_email(text, validate=True)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: dict[str, bytes]) -> None:
    source = ROOT / "src"
    ours = {
        str(path.relative_to(source).as_posix())
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"napari_cryorestore/napari.yaml", "napari_cryorestore/py.typed"} < ours
    assert any(name.startswith("napari_cryorestore/samples/") and name.endswith(".mrc") for name in ours)
    assert {name for name in wheel if ".dist-info/" not in name} == ours
    assert {name.partition(".dist-info/")[2] for name in wheel if name not in ours} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_the_source_distribution_can_be_tested_and_has_no_leftovers(unpacked: Path) -> None:
    names = {str(path.relative_to(unpacked).as_posix()) for path in unpacked.rglob("*") if path.is_file()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "napari.yaml", "tests/conftest.py"} < names
    assert not [
        name for name in names if re.search(r"__pycache__|\.(pyc|orig|log)$|^(dist|site|\.venv)/", name)
    ]
    tracked = {name for name in names if (ROOT / name).is_file()}
    assert names - tracked == {"PKG-INFO"}


def test_what_is_said_of_the_package_is_valid_and_complete(wheel: dict[str, bytes]) -> None:
    said = metadata(wheel)
    assert said.name == "napari-cryorestore"
    assert said.license_expression == "BSD-3-Clause"
    assert said.description_content_type == "text/markdown"
    assert said.classifiers is not None
    assert "Framework :: napari" in said.classifiers  # by which the napari hub finds plugins
    assert said.project_urls == PROJECT["project"]["urls"]
    assert {"pyqt6", "all", "test"} <= set(said.provides_extra or ())


def test_links_and_pictures_of_the_description_lead_to_files_of_the_repository(
    wheel: dict[str, bytes],
) -> None:
    text = metadata(wheel).description
    assert text is not None
    targets = re.findall(r"\]\(([^)\s#]+)|(?:src|srcset)=\"([^\"]+)\"", text)
    found = [link or picture for link, picture in targets]
    assert [target for target in found if not target.startswith("https://")] == []
    own = [
        target.removeprefix(f"{ADDRESS}/blob/main/").removeprefix(f"{RAW}/main/")
        for target in found
        if target.startswith((ADDRESS, RAW))
    ]
    assert len(own) > 10
    assert [name for name in own if not (ROOT / name).is_file()] == []


def test_the_version_survives_the_source_distribution(made: list[Path], wheel: dict[str, bytes]) -> None:
    versions = {path.name.removesuffix(".tar.gz").split("-")[1] for path in made}
    assert {Version(version) for version in versions} == {metadata(wheel).version}
    assert metadata(wheel).version >= Version("0.1.dev0")


def test_a_copy_without_history_builds_too(unpacked: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(unpacked, copy, ignore=shutil.ignore_patterns("tests", "docs", "PKG-INFO"))
    (path,) = built(copy, tmp_path / "dist", "--wheel")
    assert path.name == "napari_cryorestore-0.1.dev0-py3-none-any.whl"


# What stands in several files -------------------------------------------------------------------------


def test_one_address_everywhere() -> None:
    """A fork or a move changes it in these files, and this test finds what was forgotten."""
    pages = [ROOT / name for name in ("CITATION.cff", "SECURITY.md", "README.md", "CONTRIBUTING.md")]
    pages += [*(ROOT / ".github").rglob("*.yml"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for address in re.findall(r"https://github\.com/[\w-]+/napari-cryorestore", page.read_text("utf-8")):
            assert address == ADDRESS, page


def test_the_tested_versions_of_python_are_those_that_are_promised() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    workflow = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    (tested,) = re.findall(r"python: \[(.+)\]", workflow)
    assert re.findall(r"3\.\d+", tested) == promised
    assert PROJECT["project"]["requires-python"] == f">={promised[0]}"
