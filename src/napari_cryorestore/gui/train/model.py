"""What the Train panel knows and decides, without Qt: choices in, problems and a run's recipe out."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_cryorestore.config import sentence
from napari_cryorestore.gui.data_choice import DataChoice
from napari_cryorestore.gui.examined_data import examined_data
from napari_cryorestore.gui.named_volume import own_paths, written_inputs
from napari_cryorestore.gui.preferences import folder_beside
from napari_cryorestore.gui.train.more_tomograms import first_name, from_config, joined
from napari_cryorestore.gui.train.opinion import Opinion
from napari_cryorestore.gui.train.preview_place import binned_snapshots, place_of, position_in_file
from napari_cryorestore.gui.train.recipes import SECTIONS, Problem, missing, recording_problems, too_thin
from napari_cryorestore.gui.train.suitability import facts_of, refused_methods, refused_networks
from napari_cryorestore.runs.run_dir import RunDir, new_run_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_cryorestore.config import Config
    from napari_cryorestore.gui.examined_data import DataLook, ExaminedData
    from napari_cryorestore.gui.named_volume import NamedVolume
    from napari_cryorestore.gui.train.more_tomograms import AdditionalTomogram
    from napari_cryorestore.gui.train.preview_place import Place
    from napari_cryorestore.gui.train.recipes import Recipes
    from napari_cryorestore.gui.train.suitability import Refusal
    from napari_cryorestore.run_config import RunConfig, TomogramConfig

CUSTOM, STANDARD = "", "standard"
"""The name of no preset, and of the first one."""
NOT_LOADED = "PyTorch is still being loaded: try again in a moment."


class TrainModel:
    """The choices in one viewer's Train panel; they outlive the panel.

    Attributes
    ----------
    choice : DataChoice
        The data, as chosen and typed.
    look : DataLook or None
        What the volumes of that choice hold; ``None`` while nobody has looked.
    others : tuple of AdditionalTomogram
        What else is trained on; see `more_tomograms`.
    recipes : Recipes or None
        What can be chosen; ``None`` until PyTorch is loaded.
    sections : dict of str to Config
        The last valid values of method, network, schedule, snapshots and hardware.
    invalid : dict of str to str
        Sections whose form holds something invalid, and the sentence that says so.
    preset : str
        The preset that the sections are, or `CUSTOM`.
    place, position
        Where the preview block lies.
    from_checkpoint : Path or None
        Weights to start from.
    folder : str
        The run folder as typed; empty makes one beside the tomogram.
    runs_folder : str
        The preferred folder for new runs; empty if there is none.
    opinion : Opinion or None
        The run on which a second opinion is prepared.
    opinions : set of Path
        Second opinions that were started and are not over.
    preferred_device, preferred_preview
        Device, and edge of the preview block (0 suits the tomogram), that recipes start with.
    """

    def __init__(self) -> None:
        self.choice = DataChoice()
        self.look: DataLook | None = None
        self.others: tuple[AdditionalTomogram, ...] = ()
        self.recipes: Recipes | None = None
        self.sections: dict[str, Config] = {}
        self.invalid: dict[str, str] = {}
        self.preset = CUSTOM
        self.place: Place = "structured"
        self.position: tuple[float, ...] | None = None
        self.from_checkpoint: Path | None = None
        self.folder = ""
        self.runs_folder = ""
        self.opinion: Opinion | None = None
        self.opinions: set[Path] = set()
        self.preferred_device = "auto"
        self.preferred_preview = 0

    def copy(self) -> TrainModel:
        """Return a model that later edits of this one do not change, for a thread."""
        twin = copy.copy(self)
        twin.sections, twin.invalid = dict(self.sections), dict(self.invalid)
        return twin

    def choose_data(self, choice: DataChoice) -> None:
        """Take other data; what was seen of other volumes is forgotten."""
        if not choice.is_of_same_volumes(self.choice):
            self.look = None
        self.choice = choice

    def take_look(self, choice: DataChoice, look: DataLook) -> bool:
        """Take what was seen of a choice, and tell whether that is still what is chosen."""
        if not choice.is_of_same_volumes(self.choice):
            return False
        self.look = look
        return True

    @property
    def examination(self) -> ExaminedData | None:
        """What is known of the data, with what is typed for them; ``None`` while nobody has looked."""
        if self.look is None:
            return None
        return examined_data(self.choice, self.look, needs_wedge=self.needs_wedge)

    @property
    def needs_wedge(self) -> bool:
        """Whether the method chosen uses the tilt range."""
        return self.recipes is not None and bool(self.method) and self.recipes.needs_wedge(self.method)

    def warnings(self) -> list[str]:
        """Return what may make the result wrong, of all tomograms and of what is chosen."""
        seen = self.examination
        further = (item.warnings(needs_wedge=self.needs_wedge) for item in self.more_tomograms)
        of_pair = self.recipes.warnings(self.sections) if self.recipes is not None else []
        of_data = (*(seen.warnings if seen else ()), *(words for warnings in further for words in warnings))
        return [*of_data, *of_pair]

    @property
    def is_looked_at(self) -> bool:
        """Whether every tomogram that could be looked at has been."""
        first = self.look is not None or bool(self.choice.problem())
        return first and all(item.look is not None or item.trouble for item in self.more_tomograms)

    def use_recipes(self, recipes: Recipes) -> None:
        """Take what can be chosen, and choose the standard preset of the first method."""
        self.recipes = recipes
        self.sections["hardware"] = recipes.hardware(self.preferred_device)
        self.preset = STANDARD
        self._apply_preset(next(iter(recipes.methods)))

    @property
    def method(self) -> str:
        """The kind of the method chosen; empty while there is none."""
        return str(getattr(self.sections.get("method"), "kind", ""))

    @property
    def network(self) -> str:
        """The kind of the network chosen; empty while there is none."""
        return str(getattr(self.sections.get("network"), "kind", ""))

    def choose_preset(self, name: str) -> None:
        """Set every section but hardware as a preset has it; `CUSTOM` leaves them as they are."""
        self.preset = name
        if name != CUSTOM:
            self._apply_preset(self.method)

    def choose_method(self, kind: str) -> None:
        """Take another method: as the preset has it, or with the present input where all is custom."""
        if self.preset != CUSTOM:
            self._apply_preset(kind)
        elif self.opinion is not None:
            network = self._recipes.network_for(kind, self.network)
            self._put_both(self.opinion.beside(self._recipes, kind, network))
        else:
            self.put("method", self._recipes.method_like(self.sections["method"], kind))

    def choose_network(self, kind: str) -> None:
        """Take another network: as the preset has it, or with its defaults where all is custom."""
        if self.preset != CUSTOM:
            self._apply_preset(self.method, kind)
        elif self.opinion is not None:
            self._put_both(self.opinion.beside(self._recipes, self.method, kind))
        else:
            self.put("network", self._recipes.section("network", kind)())

    def _put_both(self, sections: dict[str, Config]) -> None:
        for section, value in sections.items():
            self.put(section, value)

    def put(self, section: str, value: Config) -> None:
        """Take a section's valid values; the recipe is custom from now on, unless nothing changed."""
        self.invalid.pop(section, None)
        if self.sections.get(section) != value and section != "hardware":
            self.preset = CUSTOM
        self.sections[section] = value

    def refuse(self, section: str, what: str) -> None:
        """Note that a section's form holds something invalid."""
        self.invalid[section] = what

    def data_problems(self) -> list[str]:
        """Return what is wrong with the data, as far as is known: at most two sentences."""
        seen = self.examination
        found = [self.choice.problem(), seen.problem if seen else ""]
        if self.recipes is not None and self.choice.even is not None:
            found += recording_problems(self.choice, self.recipes, name=self.tomogram_name)
            found += [
                too_thin(self.choice, self.recipes, self.sections),
                missing(self.choice, self.recipes, self.method),
            ]
        return list(dict.fromkeys(words for words in found if words))[:2]

    def refused(self) -> dict[str, dict[str, Refusal]]:
        """Return which methods and which networks cannot run on the data chosen, and why."""
        if self.recipes is None or "method" not in self.sections:
            return {"method": {}, "network": {}}
        more = self.more_tomograms
        seen = [(item.name, item.choice, item.examination(needs_wedge=False)) for item in more]
        facts = facts_of([(self.tomogram_name, self.choice, self.examination), *seen])
        return {
            "method": refused_methods(self.recipes, self.sections, facts, fills_wedge=self._fills),
            "network": refused_networks(self.recipes, self.sections, facts),
        }

    @property
    def _fills(self) -> bool:
        """Whether the wedge of what a run restores is to be filled."""
        return self.opinion is not None and self.opinion.step is not None

    def crop_rule(self) -> str:
        """Return in a sentence which crops the network chosen takes."""
        return self._recipes.crop_rule(self.sections["network"])

    def problems(self) -> list[Problem]:
        """Return why training cannot start; empty if it can."""
        if self.recipes is None:
            return [Problem("run", NOT_LOADED)]
        found = [Problem("data", words) for words in self.data_problems()]
        further = [item.problem(self.recipes, self.sections) for item in self.more_tomograms]
        found += [Problem("more", words) for words in further if words][:1]
        found += [Problem(section, words) for section, words in self.invalid.items()]
        found += [Problem(section, words) for section, words in self.recipes.problems(self.sections).items()]
        if self.place == "typed" and self.position is None:
            found.append(Problem("snapshots", "Type the place of the preview block: z, y, x in voxels."))
        return found

    @property
    def tomogram_name(self) -> str:
        """What the tomogram is called."""
        return first_name(self.choice, self.more_tomograms) or "tomogram"

    @property
    def more_tomograms(self) -> tuple[AdditionalTomogram, ...]:
        """What is trained on besides the tomogram chosen: the others, unless one is that very tomogram."""
        return tuple(item for item in self.others if not item.is_same_as(self.choice))

    def add(self, new: Iterable[AdditionalTomogram]) -> None:
        """Train on more tomograms."""
        self.others = joined(self.others, new, first=self.choice, name=self.tomogram_name)

    def run_path(self, now: float | None = None) -> Path:
        """Return the folder of the next run: as typed, or a new one beside the tomogram."""
        if self.folder.strip():
            return Path(self.folder.strip()).expanduser()
        name, method = self.tomogram_name, self.method or "run"
        return new_run_path(self._parent_of_runs(), tomogram=name, method=method, now=now)

    def prepare(self, run: Path) -> RunConfig:
        """Return the recipe of a run, after writing volumes without a file into its folder; takes a while.

        Raises
        ------
        ValueError, OSError
            With one sentence, if something is wrong with the recipe or the folder cannot be written.
        """
        problems = self.problems()
        if problems:
            raise ValueError(problems[0].sentence)
        return self.config(self._written_paths(run))

    def config(self, paths: dict[NamedVolume, Path] | None = None) -> RunConfig:
        """Return the recipe.

        Parameters
        ----------
        paths
            The file of every volume chosen; by default those that the volumes were read from.

        Raises
        ------
        ValueError
            With one sentence, if something is wrong with it or a volume has no file.
        """
        try:
            return self._recipes.run_config(self._content(paths or self._known_paths()))
        except ValidationError as error:
            raise ValueError(sentence(error)) from error

    def load(self, text: str) -> TomogramConfig:
        """Take every value of a recipe given as TOML, and return the tomogram whose files should be chosen.

        The others it names are trained on too.

        Raises
        ------
        ValueError
            With one sentence, if the text is no recipe, or one of tomograms with more than two maps.
        """
        config = self._recipes.read(text)
        many = next((item for item in config.tomograms if len(item.maps) > 2), None)
        if many is not None:
            raise ValueError(
                f"{many.name or many.even.name} has {len(many.maps)} maps, but this panel takes two: "
                "give this file to 'cryorestore train'."
            )
        for section in SECTIONS:
            self.put(section, getattr(config, section))
        self.invalid.clear()
        self.preset = CUSTOM
        self.place, self.position = place_of(config.snapshots), position_in_file(config)
        self.from_checkpoint = config.from_checkpoint
        first, *others = config.tomograms
        self.others = joined((), map(from_config, others), first=DataChoice(), name=first.name or "")
        return first

    def prepare_opinion(self, run: Path, *, step: int | None = None) -> TomogramConfig:
        """Take every value of a run's recipe, the held-out block too, to try another method or network.

        Hardware stays as it is chosen, and no weights are started from. With a step, what is learned from is
        what the run restores at that step.

        Returns
        -------
        TomogramConfig
            The tomogram whose files should be chosen; see `load`.

        Raises
        ------
        ValueError, OSError
            With one sentence, if the folder holds no recipe that this panel can take.
        """
        text, hardware = RunDir.open(run).config_text(), self.sections.get("hardware")
        tomogram = self.load(text)
        if hardware is not None:
            self.sections["hardware"] = hardware
        self.place = "off" if self.place == "off" else "typed"
        self.from_checkpoint, self.folder = None, ""
        self.opinion = Opinion(run, self._recipes.read(text), step)
        return tomogram

    def choose_another_method(self) -> None:
        """Choose the next method that can run on these data, or keep the one of the run if it is alone.

        Where the wedge of restored halves is to be filled, one that takes one map comes first.
        """
        names, refused = list(self._recipes.methods), self.refused()["method"]
        place = names.index(self.method)
        others = [name for name in (*names[place + 1 :], *names[:place]) if name not in refused]
        if self._fills:
            others.sort(key=self._recipes.needs_halves)
        if others:
            self.choose_method(others[0])

    def opinion_words(self) -> tuple[str, bool]:
        """Return what the second opinion has in common with its run, and whether that is all it should."""
        if self.opinion is None:
            return "", True
        recipe = self._plain_recipe()
        return self.opinion.sentence(recipe), not self.opinion.differences(recipe)

    def take_recording(self, tomogram: TomogramConfig) -> None:
        """Take voxel size, tilt range and axis of a tomogram's configuration for what is chosen."""
        self.choice = self.choice.recorded_as(tomogram)

    def start_from(self, checkpoint: Path) -> None:
        """Start from weights, with the network and the kind of input that they belong to.

        Raises
        ------
        ValueError, OSError
            With one sentence, if there is no checkpoint.
        """
        method, network = self._recipes.checkpoint(checkpoint)
        self.from_checkpoint = checkpoint
        self.put("network", network)
        same = getattr(method, "kind", "") == self.method
        self.put("method", method if same else self._recipes.method_like(method, self.method))

    def _plain_recipe(self) -> dict[str, Any]:
        """Return what a second opinion is judged by."""
        content = self._content({volume: volume.path or Path(volume.name) for volume in self._volumes()})
        return {
            **content,
            "maps": [tomogram["maps"] for tomogram in content["tomograms"]],
        }

    def _volumes(self) -> list[NamedVolume]:
        return [volume for choice in self._choices() for volume in choice.volumes]

    def _content(self, paths: dict[NamedVolume, Path]) -> dict[str, Any]:
        """Return the values of a `RunConfig`, not validated yet."""
        choice, sections = self.choice, self.sections
        shape = choice.even.shape if choice.even is not None else (1, 1, 1)
        return {
            "tomograms": [
                choice.to_plain(paths, name=self.tomogram_name),
                *(item.to_plain(paths) for item in self.more_tomograms),
            ],
            "snapshots": binned_snapshots(sections, self.place, shape=shape, position=self.position),
            "from_checkpoint": self.from_checkpoint,
            **{name: sections[name] for name in ("method", "network", "schedule", "hardware")},
        }

    def _written_paths(self, run: Path) -> dict[NamedVolume, Path]:
        """Return a file for every volume chosen; those without one are written into the run folder."""
        paths: dict[NamedVolume, Path] = {}
        for choice in self._choices():
            paths |= written_inputs(choice.volumes, run, voxel_size=choice.known_voxel_size or 0.0)
        return paths

    def _known_paths(self) -> dict[NamedVolume, Path]:
        """Return the file of every volume chosen; raises `ValueError` if one has none."""
        return own_paths(self._volumes())

    def _choices(self) -> list[DataChoice]:
        return [self.choice, *(item.choice for item in self.more_tomograms)]

    @property
    def _recipes(self) -> Recipes:
        if self.recipes is None:
            raise ValueError(NOT_LOADED)
        return self.recipes

    def _apply_preset(self, method: str, network: str = "") -> None:
        """Take the preset, or the standard one if the method with the network has none of that name."""
        network = network or self._recipes.network_for(method, self.network)
        if self.preset not in self._recipes.presets(method, network):
            self.preset = STANDARD
        sections = self._recipes.preset(self.preset, method, network)
        if self.preferred_preview:
            size = (self.preferred_preview,) * 3
            sections["snapshots"] = sections["snapshots"].model_copy(update={"size": size})
        self.sections.update(sections)
        self.invalid = {name: words for name, words in self.invalid.items() if name == "hardware"}

    def _parent_of_runs(self) -> Path:
        if self.runs_folder:
            return Path(self.runs_folder).expanduser()
        even = self.choice.even
        parent = folder_beside(even.path) if even is not None and even.path is not None else Path.home()
        return parent / "cryorestore"


__all__ = ["CUSTOM", "NOT_LOADED", "TrainModel"]
