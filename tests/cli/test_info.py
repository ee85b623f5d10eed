"""What is told of a file."""

from __future__ import annotations

import gzip
import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from napari_cryorestore.cli.main import main
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.methods import METHODS


def facts(printed: str) -> dict[str, str]:
    return {line[:16].strip(): line[16:] for line in printed.splitlines()}


def test_a_half_with_everything_beside_it(
    tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    even, odd = tiny_pair
    assert main(["info", str(even)]) == 0
    told = facts(capsys.readouterr().out)
    assert told["size"] == "32 × 32 × 32 voxels (z, y, x)"
    assert told["voxel size"] == "20 Å"
    assert told["data type"] == "float32 (mode 2)"
    assert told["label"] == "simulated tomogram, even"
    assert told["other half"] == str(odd)
    assert told["halves"]
    assert told["tilt file"] == str(even.with_name("tiny.tlt"))
    assert told["tilt range"] == "−60…60°, from tiny.tlt"
    assert told["spectrum"]


def test_the_real_pair_agrees_with_its_tilt_file(capsys: pytest.CaptureFixture[str]) -> None:
    from napari_cryorestore.samples import real_pair

    assert main(["info", str(real_pair()[1])]) == 0
    told = facts(capsys.readouterr().out)
    assert told["spectrum"].endswith("tilt axis y")
    assert "warning" not in told


def test_what_is_noticed_of_both_halves_is_said_once(
    tmp_path: Path, tiny_pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for path in tiny_pair:
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert main(["info", str(tmp_path / f"{tiny_pair[0].name}.gz")]) == 0
    assert capsys.readouterr().out.count("was loaded whole (132 kB of memory)") == 1


def test_a_tilt_file_that_disagrees_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from napari_cryorestore.samples import real_pair

    copy = tmp_path / "cell_even.mrc"
    copy.write_bytes(real_pair()[0].read_bytes())
    (tmp_path / "cell.tlt").write_text("-40\n0\n40\n", encoding="utf-8")
    assert main(["info", str(copy)]) == 0
    told = facts(capsys.readouterr().out)
    assert told["tilt range"] == "−40…40°, from cell.tlt"
    assert "but the spectrum shows −62…62°" in told["warning"]
    assert told["other half"] == "none found beside it"


def test_a_lonely_volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).standard_normal((8, 9, 10), dtype=np.float32)
    write_volume(tmp_path / "v.mrc", noise, voxel_size=5.0, label="noise")
    assert main(["info", "v.mrc"]) == 0
    told = facts(capsys.readouterr().out)
    assert told["tilt file"] == "none found beside it"
    assert told["spectrum"] == "not clear"
    assert "tilt range" not in told


def test_no_volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "v.mrc").write_text("hello", encoding="utf-8")
    assert main(["info", "v.mrc"]) == 2
    assert "v.mrc" in capsys.readouterr().err


def test_a_report_names_versions_and_devices_but_no_path_and_no_person(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["info", "--report"]) == 0
    printed = capsys.readouterr().out
    told = dict(re.split(r" {2,}", line, maxsplit=1) for line in printed.splitlines())
    for name in ("napari-cryorestore", "napari", "torch", "numpy", "lightning-fabric"):
        assert told[name] == version(name)
    assert told["Python"].startswith(platform.python_version())
    assert f"{os.cpu_count()} cores" in told["cpu"]
    assert [name for name in ("PyQt6", "PySide6", "PyQt5", "PySide2") if name in told]
    assert "not installed" not in printed
    assert not [word for word in (str(Path.home()), sys.prefix, platform.node()) if word in printed]


@pytest.mark.usefixtures("plugins")
def test_a_report_names_the_packages_that_bring_methods(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METHODS._packages, "picky", "mrcfile")
    assert main(["info", "--report"]) == 0
    assert re.search(rf"^method picky +mrcfile {version('mrcfile')}$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("given", [[], ["v.mrc", "--report"]])
def test_either_a_volume_or_a_report(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", *given]) == 2
    assert "name one volume, or give --report" in capsys.readouterr().err
