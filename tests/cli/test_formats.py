"""Every format of volumes, among them the one that CONTRIBUTING adds, goes through the whole program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.comparison.comparison_config import RowConfig
from napari_cryorestore.comparison.sources import open_row
from napari_cryorestore.io import volume_output, volumes
from napari_cryorestore.io.pair_search import find_pairs
from napari_cryorestore.io.volume_format import Grid
from napari_cryorestore.io.volumes import FORMATS, open_volume

from .conftest import TINY

if TYPE_CHECKING:
    from types import ModuleType

    from napari_cryorestore.io.volume_format import VolumeFormat

ROOT = Path(__file__).parents[2]
CPU = ["--device", "cpu", "--precision", "32", "--threads", "1"]


def section() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition("## Add a file format\n")[2].partition("\n## ")[0]


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    """Write the file of the page, and import it."""
    (code,) = re.findall(r"^    ```python\n(.*?)^    ```$", section(), re.MULTILINE | re.DOTALL)
    path = tmp_path / "formats" / "plain.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    spec = spec_from_file_location("contributed_plain", path)
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def plain(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> VolumeFormat:
    """Put the format of the page into the table, by the very line that the page says."""
    (line,) = re.findall(r'`("\w+": \w+,)`', section())
    for name, form in eval(f"{{{line}}}", vars(module)).items():
        monkeypatch.setitem(FORMATS, name, form)
    return module.PLAIN


@pytest.fixture(params=["em", "numpy", "plain"])
def form(request: pytest.FixtureRequest) -> VolumeFormat:
    """A format that is not that of results."""
    return FORMATS[request.param] if request.param in FORMATS else request.getfixturevalue("plain")


def test_the_files_that_the_page_names_are_there() -> None:
    named = re.findall(r"`((?:src|docs|tests|scripts|io)/[\w./-]+|napari\.yaml)", section())
    places = (ROOT, ROOT / "src" / "napari_cryorestore")
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert missing == ["src/napari_cryorestore/io/plain.py", "tests/io/test_plain.py"]


def test_the_file_of_the_page_keeps_the_rules(module: ModuleType) -> None:
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    if not Path(ruff).is_file():
        pytest.skip("ruff is not installed")
    for command in ("check", "format --check"):
        arguments = [ruff, *command.split(), "--config", str(ROOT / "pyproject.toml"), str(module.__file__)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_format_of_the_page_writes_and_reads(plain: VolumeFormat, tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    with volume_output.create_volume(tmp_path / "a.plain", Grid((3, 4, 5), 7.5), label="x") as voxels:
        voxels[:] = data
    volume = open_volume(tmp_path / "a.plain")
    np.testing.assert_array_equal(volume.data, data)
    assert volume.voxel_size == 7.5
    (warning,) = volume_output.losses(tmp_path / "a.plain")
    assert warning.sentence == "A PLAIN volume cannot hold origin and labels: they are left out."
    assert "*.plain.gz" in volumes.opened_patterns()
    (tmp_path / "b.plain").write_bytes(b"no such thing" * 10)
    with pytest.raises(ValueError, match=r"^b\.plain is not a PLAIN volume: "):
        open_volume(tmp_path / "b.plain")
    (tmp_path / "c.plain").write_bytes((tmp_path / "a.plain").read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"^c\.plain is truncated"):
        open_volume(tmp_path / "c.plain")


@pytest.fixture
def halves(form: VolumeFormat, tiny_pair: tuple[Path, Path], tmp_path: Path) -> list[str]:
    """Return the options that name the tiny halves as files of the format, with the voxel size."""
    folder = tmp_path / "halves"
    folder.mkdir()
    copies = [
        volume_output.copy_volume(path, folder / f"{path.stem}{form.suffixes[0]}") for path in tiny_pair
    ]
    (folder / "tiny.tlt").write_bytes(tiny_pair[0].with_name("tiny.tlt").read_bytes())
    size = ["--voxel-size", "20"] if "voxel size" in form.loses else []
    return ["--even", str(copies[0]), "--odd", str(copies[1]), *size]


def test_it_is_trained_on(form: VolumeFormat, halves: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    mask = np.zeros((32, 32, 32), np.float32)
    mask[:, 4:-4] = 1
    suffix = form.suffixes[0]
    volume_output.write_volume(f"mask{suffix}", mask, voxel_size=20.0, label="x")
    more = ["--mask", f"mask{suffix}", "--run", "run", "--quiet"]
    assert main(["train", *halves, *TINY, *more]) == 0
    capsys.readouterr()
    assert main(["restore", "run", "--output", f"out{suffix}", *CPU]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == f"out{suffix}"
    assert f" {form.title} cannot hold" in told.err
    assert open_volume(f"out{suffix}").shape == (32, 32, 32)


def test_it_is_restored_and_compared_with_the_very_same_voxels(
    form: VolumeFormat, halves: list[str], tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    suffix, wiener = form.suffixes[0], ["restore", "--method", "wiener", *CPU]
    recorded = ["--even", str(tiny_pair[0]), "--odd", str(tiny_pair[1])]
    assert main([*wiener, *recorded, "--output", "out.mrc"]) == 0
    assert main([*wiener, *halves, "--output", f"out{suffix}"]) == 0
    expected, found = open_volume("out.mrc"), open_volume(f"out{suffix}")
    np.testing.assert_array_equal(found.data, expected.data)
    row = open_row(RowConfig(name="a", path=Path(f"out{suffix}"), voxel_size=20.0))
    np.testing.assert_array_equal(row.data, expected.data)
    assert main(["info", halves[1]]) == 0
    assert halves[3] in capsys.readouterr().out  # the other half
    if "voxel size" in form.loses:
        assert main([*wiener, *halves[:4], "--output", "none.mrc"]) != 0
        assert "has no voxel size in its header: give it in Å" in capsys.readouterr().err


def test_its_halves_are_paired_in_a_folder(halves: list[str]) -> None:
    (pair,) = find_pairs([Path(halves[1]).parent])
    assert [str(pair.even), str(pair.odd), pair.name] == [halves[1], halves[3], "tiny"]
