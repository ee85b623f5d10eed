"""From options to the recipe of a run: preset, below recipe file, below what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cryorestore.cli.named_run import require_model, run_and_step
from napari_cryorestore.cli.parser import Parser, given
from napari_cryorestore.cli.tomograms import add_tomogram_options, laid_over, names_maps, typed_tomograms
from napari_cryorestore.config import Config, settings_of
from napari_cryorestore.methods import METHODS, settings_kept
from napari_cryorestore.networks import NETWORKS
from napari_cryorestore.presets import PRESETS, merged, network_for, preset, presets_of
from napari_cryorestore.recording import in_format_2
from napari_cryorestore.run_config import (
    HardwareConfig,
    RunConfig,
    ScheduleConfig,
    SnapshotsConfig,
    with_older_end,
)
from napari_cryorestore.runs.plain_recipe import PlainRecipe
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.safe_reading import plain_toml, read_regular

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Sequence

    from napari_cryorestore.plugin_table import PluginTable

METHOD, PRESET = "icecream", "standard"
"""What is taken where nothing is chosen."""
_SECTIONS: dict[str, type[Config]] = {
    "schedule": ScheduleConfig,
    "snapshots": SnapshotsConfig,
    "hardware": HardwareConfig,
}


@dataclass(frozen=True)
class Base:
    """What the options are laid over.

    Attributes
    ----------
    method, network : str
        The kinds chosen.
    content : dict
        Preset and recipe file, merged.
    """

    method: str
    network: str
    content: dict[str, Any]


def add_recipe_options(parser: Parser, arguments: Sequence[str]) -> None:
    """Add an option for every field of a recipe, for the method and network that the arguments choose.

    Raises
    ------
    ValueError, FileNotFoundError
        If there is no such method, network, preset or recipe file, or an option that none of them has.
    """
    first = Parser(parser.prog, add_help=False)
    _add_choices(first, PRESETS)
    _add_fields(first, methods=METHODS, networks=NETWORKS, base={})
    first.add_argument("-h", "--help", "--debug", dest="ignored", action="store_true")
    base = _base(first.parse(arguments))
    _add_choices(parser, presets_of(base.method, base.network))
    _add_fields(parser, methods=[base.method], networks=[base.network], base=base.content)
    parser.set_defaults(base=base)


def typed_options(options: Namespace) -> list[str]:
    """Return the options given that make or change a recipe."""
    chosen = ("recipe", "preset", "method", "network", "run", "from_checkpoint", "restored_by", "pairs")
    typed = [name for name in chosen if getattr(options, name) is not None]
    typed += [name.removeprefix("tomogram.") for name in vars(options) if "." in name]
    return ["a recipe file" if name == "recipe" else "--" + name.replace("_", "-") for name in typed]


def recipe(options: Namespace) -> RunConfig:
    """Return the recipe that the options make.

    Raises
    ------
    ValueError
        If something is wrong with it.
    """
    base: Base = options.base
    typed = {name: given(options, name) for name in ("method", "network", *_SECTIONS)}
    if options.from_checkpoint is not None:
        typed["from_checkpoint"] = options.from_checkpoint
    listed, laid_on = base.content.get("tomograms", []), typed_tomograms(options)
    if options.restored_by is not None and not listed and not names_maps(laid_on):
        listed = _of_run(options.restored_by)
    tomograms = _tomograms(listed, laid_on)
    return RunConfig.model_validate(merged(base.content, typed, {"tomograms": tomograms}))


def _add_choices(parser: Parser, presets: Iterable[str]) -> None:
    add = parser.add_argument_group("recipe").add_argument
    add("recipe", nargs="?", type=Path, metavar="run.toml", help="A recipe, such as a run's config.toml.")
    add("--preset", metavar=_braces(presets), help=f"Values to begin with (default: {PRESET}).")
    add("--method", metavar=_braces(METHODS), help=f"The restoration method (default: {METHOD}).")
    add("--network", metavar=_braces(NETWORKS), help="The network; the usual one of the method if not given.")
    add("--from-checkpoint", type=Path, metavar="PATH", help="Start from these weights: a run or checkpoint.")
    add(
        "--restored-by",
        metavar="RUN[@STEP]",
        help="Learn from what this run makes of the halves, each restored by itself; its tomograms and its "
        "held-out block are taken unless others are given.",
    )
    add(
        "--run",
        type=Path,
        metavar="DIR",
        help="The run folder to make; <date>_<name>_<method> here if not given.",
    )
    add("--resume", type=Path, metavar="RUN", help="Go on with a run, by its own recipe.")
    add("--quiet", action="store_true", help="Show nothing but errors.")


def _add_fields(
    parser: Parser, *, methods: Iterable[str], networks: Iterable[str], base: dict[str, Any]
) -> None:
    add_tomogram_options(parser)
    for kind in methods:
        method = METHODS[kind]
        parser.add_settings(f"method {kind}", settings_of(method.Config, ("method",)), defaults=base)
    for kind in networks:
        config = NETWORKS[kind].Config
        parser.add_settings(f"network {kind}", settings_of(config, ("network",)), defaults=base)
    for name, section in _SECTIONS.items():
        parser.add_settings(name, settings_of(section, (name,)), defaults=base)


def _base(options: Namespace) -> Base:
    content = {} if options.recipe is None else _read(options.recipe)
    method = _kind(options.method, content, METHODS) or METHOD
    network = _kind(options.network, content, NETWORKS) or network_for(method)
    kinds = {"method": {"kind": method}, "network": {"kind": network}}
    for section, chosen in kinds.items():
        if content.get(section, {}).get("kind", chosen["kind"]) != chosen["kind"]:
            # another one's knobs; what all methods have stays, so that two can be compared
            content[section] = settings_kept(content[section], method) if section == "method" else {}
    return Base(method, network, merged(preset(options.preset or PRESET, method, network), content, kinds))


def _kind(typed: str | None, content: dict[str, Any], known: PluginTable[Any]) -> str:
    """Return what is typed, or else what the recipe has; empty if it has none."""
    kind, package = content.get(known.what, {}).get("kind"), content.get("packages", {}).get(known.what)
    if typed is None and kind is None:
        return ""
    known.find(typed or kind, package="" if typed or package is None else str(package))
    return str(typed or kind)


def _read(path: Path) -> dict[str, Any]:
    """Return a recipe file's content, its relative paths taken from where it lies."""
    try:
        content = plain_toml(read_regular(path).decode())
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no recipe {path}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a valid TOML recipe: {error}") from error
    named = ("method", "network", "packages", *_SECTIONS)
    if not all(isinstance(content.get(name, {}), dict) for name in named):
        raise ValueError(f"{path} is not a recipe: method, network and the like must be tables, [method]")
    listed = PlainRecipe(content).tables("tomograms")
    if listed != content.get("tomograms", []):
        raise ValueError(f"{path} is not a recipe: tomograms must be tables, [[tomograms]]")
    if listed:
        content["tomograms"] = [_from(path.parent, in_format_2(item), "maps", "mask") for item in listed]
    if isinstance(chain := content.get("restored_by"), dict):
        raise ValueError(
            f"{path} is of a run that learned from what {chain.get('model')} had restored: give its method "
            "and settings as options, and the run that restores as --restored-by"
        )
    older: dict[str, Any] = with_older_end(_from(path.parent, content, "from_checkpoint"))
    return older


def _of_run(named: str) -> list[dict[str, Any]]:
    """Return the tomograms of the run whose model restores them first; none where it is no run's.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name.
    """
    path, _ = run_and_step(named)
    require_model(path)
    folders = [path, *path.absolute().parents[:3]]
    found = next((run for run in map(RunDir, folders) if run.recipe().tomograms), None)
    return [] if found is None else [item.model_dump() for item in found.recipe().tomograms]


def _from(folder: Path, values: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return values of which some are paths that count from a folder; what is no text is refused later."""

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(item) for item in value]
        return folder / value if isinstance(value, str) else value

    return values | {key: placed(values[key]) for key in keys if key in values}


def _tomograms(listed: list[dict[str, Any]], typed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lay one tomogram typed over the recipe's only one; several, or for several, take the recipe's place."""
    if not listed and not names_maps(typed):
        raise ValueError(
            "no tomogram is given: name its halves with --even and --odd, a folder with --pairs, or a recipe"
        )
    if not typed:
        return listed
    if len(typed) == 1 and len(listed) == 1:
        return [laid_over(listed[0], typed[0])]
    if not names_maps(typed):
        names = [name for name in typed[0] if name != "recording"] + [*typed[0].get("recording", ())]
        raise ValueError(
            f"the recipe names {len(listed)} tomograms, so none can be changed by an option "
            f"({', '.join(names)}): change the recipe"
        )
    return typed


def _braces(names: Iterable[str]) -> str:
    return "{" + ",".join(names) + "}"


__all__ = ["add_recipe_options", "recipe", "typed_options"]
