from __future__ import annotations

import runpy
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_cryorestore
from napari_cryorestore.io.volumes import opened_patterns, written_suffixes

PACKAGED = Path(napari_cryorestore.__file__).with_name("napari.yaml")
ROOT = Path(__file__).parents[1]
COPY = ROOT / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(PACKAGED)


def test_the_copy_is_identical() -> None:
    """Trap 10: npe2 looks only inside the package; the one on top is for people."""
    assert COPY.read_bytes() == PACKAGED.read_bytes()


def test_it_is_announced_under_the_name_of_the_distribution(manifest: PluginManifest) -> None:
    found = distribution("napari-cryorestore")
    assert manifest.name == found.name
    assert manifest.display_name == "CryoRestore"
    (entry,) = (point for point in found.entry_points if point.group == "napari.manifest")
    assert entry.value == "napari_cryorestore:napari.yaml"


def test_every_command_names_something(manifest: PluginManifest) -> None:
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        source = find_spec(module)
        assert source is not None, module
        assert name in Path(source.origin).read_text(encoding="utf-8")


def test_every_command_is_used(manifest: PluginManifest) -> None:
    given = manifest.contributions
    used = {
        item.command
        for items in (given.widgets, given.readers, given.writers, given.sample_data)
        for item in items
    }
    assert used == {command.id for command in given.commands}
    assert {item.command for items in given.menus.values() for item in items} <= used


def test_the_panels(manifest: PluginManifest) -> None:
    assert [widget.display_name for widget in manifest.contributions.widgets] == [
        "Train",
        "Monitor",
        "Restore",
        "Compare",
    ]


def test_files_are_read_in_all_spellings(manifest: PluginManifest) -> None:
    (reader,) = manifest.contributions.readers
    assert {"*.mrc", "*.st.gz", "*.ali.bz2", "*.npy"} < set(reader.filename_patterns)
    assert reader.filename_patterns == opened_patterns(), "run scripts/manifest-patterns.py"


def test_files_are_written_under_all_suffixes(manifest: PluginManifest) -> None:
    (writer,) = manifest.contributions.writers
    assert writer.filename_extensions == list(written_suffixes()), "run scripts/manifest-patterns.py"


def test_the_script_that_fills_the_lists_has_nothing_to_do() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "manifest-patterns.py"))
    text = PACKAGED.read_text(encoding="utf-8")
    assert made["filled"](text) == text
    assert made["filled"](text.replace('        - "*.npy"\n', "").replace(', ".npy"', "")) == text


def test_menus_are_those_that_napari_opens_to_plugins(manifest: PluginManifest) -> None:
    from napari._app_model.constants._menus import is_menu_contributable

    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)


def test_preferences_are_declared_in_words(manifest: PluginManifest) -> None:
    for group in manifest.contributions.configurations.values():
        assert group.title
        for setting in group.properties.values():
            assert setting.title
            assert setting.description.endswith(".")


SLOW = ("torch", "pyqtgraph", "mrcfile", "scipy", "lightning_fabric", "napari_cryorestore.run_config")


@pytest.mark.parametrize(
    ("statement", "light"),
    [
        ("import napari_cryorestore", ("qtpy", "napari", "numpy")),
        ("import napari_cryorestore.gui.io_hooks", ("napari.layers",)),
        ("import napari_cryorestore.gui.viewer_session", ()),
    ],
)
def test_nothing_slow_is_imported_before_it_is_used(statement: str, light: tuple[str, ...]) -> None:
    """Trap 6: PyTorch takes seconds to import."""
    script = f"{statement}; import sys; print([name for name in {(*SLOW, *light)} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    assert told.stdout.strip() == "[]"


def test_the_manifest_is_read_without_the_plugin() -> None:
    script = (
        f"import sys; from npe2 import PluginManifest; PluginManifest.from_file({str(PACKAGED)!r}); "
        f"print([name for name in {('napari_cryorestore', *SLOW)} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert told.stdout.strip() == "[]"
