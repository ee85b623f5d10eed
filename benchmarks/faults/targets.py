"""The files that are damaged, one class a kind: a whole one, how it is damaged, and who reads it."""

from __future__ import annotations

import copy
import io
import json
import pickle
import struct
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.faults.mutations import (
    Harmful,
    damaged_bytes,
    damaged_line,
    damaged_toml,
    damaged_value,
    damaged_words,
)
from benchmarks.faults.tiny_run import pair, tiny_run
from napari_cryorestore.checkpoint import RESUME, WEIGHTS, Label, load_checkpoint, load_label, save_weights
from napari_cryorestore.cli.live_text import LiveText
from napari_cryorestore.cli.parser import Parser
from napari_cryorestore.cli.recipe import add_recipe_options, recipe
from napari_cryorestore.cli.train import ConsoleRun
from napari_cryorestore.cli.watch import table
from napari_cryorestore.comparison.comparison_config import (
    ComparisonConfig,
    RowConfig,
    open_comparison,
    save_comparison,
)
from napari_cryorestore.data.tile_journal import FileJournal, unfinished
from napari_cryorestore.io.inspection import inspect_volume
from napari_cryorestore.io.tilt_files import read_tilt_file
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.methods import build_method
from napari_cryorestore.networks import build_network
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.events import EVENTS, Event, Stepped
from napari_cryorestore.runs.follower import RunFollower
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.run_lock import RunLock
from napari_cryorestore.runs.state import RunState
from napari_cryorestore.training.fabric_setup import launch_fabric
from napari_cryorestore.training.failure import has_ended
from napari_cryorestore.training.learner import Learner
from napari_cryorestore.training.trainer import damage_explained, resume_state

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_ENTITIES = '<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9)
)
_BOMB = f"<?xml version='1.0'?>\n{_ENTITIES}]>\n"
"""Entities of which the last would fill 1 GB."""


class Target:
    """A file to damage.

    Attributes
    ----------
    path : Path
        The file.
    canary : Path
        What must never be there: harmful pickles make it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.canary = folder, folder / "canary"
        self.path = self.make()
        self.whole = self.path.read_bytes()

    def make(self) -> Path:
        """Write the whole file and return it."""
        raise NotImplementedError

    def damage(self, chance: random.Random) -> None:
        """Write a damaged one."""
        self.path.write_bytes(self.damaged(chance))

    def damaged(self, chance: random.Random) -> bytes:
        """Return what a damaged one holds."""
        return damaged_bytes(self.whole, chance)

    def read(self) -> None:
        """Let the program read it; raises ``ValueError`` or ``OSError`` with a sentence if it refuses."""
        raise NotImplementedError


class History(Target):
    """``events.jsonl``: watched, gone on with, and advised from."""

    def make(self) -> Path:
        run = RunDir.create(self.folder / "run", config="", environment={})
        for step in range(10, 70, 10):
            for kind in EVENTS.values():
                run.record(_example(kind, step))
        return run.events_path

    def damaged(self, chance: random.Random) -> bytes:
        whole = self.whole.splitlines()
        lines = list(whole)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(lines))
            lines[place] = damaged_line(whole[place], chance)
        if chance.random() < 0.2:
            chance.shuffle(lines)
        return b"\n".join(lines) + b"\n"

    def read(self) -> None:
        follower, state = RunFollower(self.path.parent), RunState()
        state.apply(follower.poll())
        while events := follower.poll(limit=4096):
            state.apply(events)
        "\n".join(table(state, rows=99)).encode()
        ConsoleRun(self.path.parent, LiveText(io.StringIO())).record(Stepped(step=61, loss=0.3))
        has_ended(RunDir(self.path.parent))


def _example(kind: type[Event], step: int) -> Event:
    """Return an event of a kind, with every field set; a new field fails here until it has a value."""
    folder, suffix = ("checkpoints", "") if kind.kind == "checkpointed" else ("snapshots", ".npy")
    values: dict[str, Any] = {
        "time": 1.0 + step, "step": step, "steps": 60, "process": 7, "host": "here", "may_end": True,
        "level": "warning", "message": "Take care: 5 Å.", "loss": 0.3, "rate": 2.0, "memory": 0.5,
        "parts": {"data": 0.1, "equivariance": 0.2}, "file": f"{folder}/step_{step:08d}{suffix}",
        "metrics": {"n2n": 0.01 * step, "fill": 0.1}, "left_out": {"n2n": [0.01 * step] * 8}, "spread": 0.5,
        "removed": [step - 30], "reason": "stopped", "why": "Agreement fell.", "error": "No.",
        "traceback": "Traceback",
    }  # fmt: skip
    return kind(**{item.name: values[item.name] for item in fields(kind)})


class Volume(Target):
    """A header of MRC, with its voxels or without."""

    def make(self) -> Path:
        return pair(self.folder, (12, 20, 16))[0]

    def damaged(self, chance: random.Random) -> bytes:
        content = bytearray(self.whole)
        for _ in range(chance.randint(1, 4)):
            place, form = 4 * chance.randrange(60), chance.choice(["<i", ">i", "<f", ">f"])
            number = chance.choice(
                (0, 1, -1, 2, 12, 101, 6, 1024, 2**20, 2**31 - 1, -(2**31), chance.getrandbits(31))
            )
            value = float(number) if form[1] == "f" else number
            content[place : place + 4] = struct.pack(form, value)
        return bytes(content) if chance.random() < 0.7 else damaged_bytes(bytes(content), chance)

    def read(self) -> None:
        inspect_volume(self.path)
        volume = open_tomogram(self.path).even
        np.asarray(volume[: min(16, volume.shape[0])], dtype=np.float32).mean()


class Tilts(Target):
    """A file of tilt angles beside a volume."""

    def make(self) -> Path:
        self._even = pair(self.folder, (12, 20, 16))[0]
        angles = range(-60, 61, 3)
        lines = "".join(f"{angle:8.2f}\n" for angle in angles)
        rows = "".join(f"{number} 0.0 1.0 1.5 -2.5 {angle:.2f}\n" for number, angle in enumerate(angles))
        star = "data_\nloop_\n_rlnMicrographName #1\n_rlnTomoNominalStageTiltAngle #2\n"
        star += "".join(f"{number}@ts.mrc {angle}\n" for number, angle in enumerate(angles))
        self._forms = {
            ".tlt": lines,
            ".aln": f"# AreTomo\n# NumPatches = 0\n{rows}",
            ".xml": f"{_BOMB}<TiltSeries><Angles>{lines} </Angles> <x> &a8; </x></TiltSeries>",
            ".star": star,
        }
        path = self.folder / "ts.tlt"
        path.write_text(lines)
        return path

    def damage(self, chance: random.Random) -> None:
        self.path.unlink()
        form = chance.choice(list(self._forms))
        self.path = self.path.with_suffix(form)
        self.path.write_bytes(damaged_words(self._forms[form].encode(), chance))

    def read(self) -> None:
        open_tomogram(self._even)
        read_tilt_file(self.path)


class Weights(Target):
    """``weights.safetensors``: header, label and numbers."""

    def make(self) -> Path:
        config = RunConfig.from_toml(tiny_run(self.folder, "run").config_text())
        method = build_method(config.method)
        network = build_network(config.network, channels=method.channels, seed=0)
        label = Label(5, config.method, config.network, RadialFilter((0.9, 0.5, 0.1)))
        save_weights(self.folder, network, label)
        path = self.folder / WEIGHTS
        path.write_bytes(_with_header(*_header_of(path.read_bytes())))  # else in another order every time
        return path

    def damaged(self, chance: random.Random) -> bytes:
        header, numbers = _header_of(self.whole)
        match chance.randrange(6):
            case 0:
                return damaged_bytes(self.whole, chance)
            case 1:
                return pickle.dumps(Harmful(self.canary, chance))
            case 2:
                return _saved({"network": Harmful(self.canary, chance)})
            case 3:
                header = damaged_value(header, chance)
            case 4:
                about = header["__metadata__"]
                name = chance.choice(list(about))
                inner = json.loads(about[name]) if name in ("method", "network", "wiener") else about[name]
                inner = damaged_value(inner, chance)
                about[name] = inner if isinstance(inner, str) else json.dumps(inner)
            case 5:
                numbers = damaged_bytes(numbers, chance)[: len(numbers)].ljust(len(numbers), b"\xff")
        return _with_header(header, numbers)

    def read(self) -> None:
        load_label(self.path)
        load_checkpoint(self.path).build()


class Resume(Target):
    """``resume.pt``: what training goes on from."""

    def make(self) -> Path:
        self._config = RunConfig.from_toml(tiny_run(self.folder, "run").config_text())
        fabric, _ = launch_fabric(self._config.hardware, precision="32", say=lambda _: None)
        self._learner = Learner(self._config, build_method(self._config.method), fabric)
        self._take_step()
        generator = torch.Generator().get_state()
        numbers = {"step": 5, "batch": 2, "precision": "32", "generator": generator}
        self._state = copy.deepcopy({**numbers, **self._learner.state()})
        path = self.folder / "step_00000005" / RESUME
        path.parent.mkdir()
        torch.save(self._state, path)
        return path

    def damaged(self, chance: random.Random) -> bytes:
        harmful = Harmful(self.canary, chance)
        match chance.randrange(7):
            case 0:
                return damaged_bytes(self.whole, chance)
            case 1:
                return pickle.dumps(harmful)
            case 2:
                name = chance.choice(list(self._state))
                return _saved({**self._state, name: harmful}, packed=chance.random() < 0.3)
            case 3:
                buffer = io.BytesIO()
                torch.save({**self._state, "step": harmful}, buffer, _use_new_zipfile_serialization=False)
                return buffer.getvalue()
            case 4:
                state = copy.deepcopy(self._state)
                part = chance.choice((state["network"], state["average"]))
                name = chance.choice(list(part))
                part[name] = chance.choice(
                    (part[name] * float("nan"), part[name][:1], torch.zeros(1).expand(10**9))
                )
                return _saved(state)
            case _:
                state = self._state
                for _ in range(chance.randint(1, 2)):
                    state = damaged_value(state, chance)
                try:
                    return _saved(state, packed=chance.random() < 0.1)
                except RecursionError:  # it is too deep to be written
                    return damaged_bytes(self.whole, chance)

    def read(self) -> None:
        state = resume_state(self.path.parent, self._config)
        with damage_explained(self.path.parent):
            self._learner.load(state)
            torch.Generator().set_state(state["generator"])
        self._take_step()

    def _take_step(self) -> None:
        for weight in self._learner.network.parameters():
            weight.grad = torch.full_like(weight, 1e-3)
        self._learner.optimiser.step()


class Preview(Target):
    """A snapshot, ``.npy``."""

    def make(self) -> Path:
        self._run = RunDir.create(self.folder / "run", config="", environment={})
        self._run.write_snapshot(5, np.zeros((6, 7, 8)))
        return self._run.snapshot_path(5)

    def damaged(self, chance: random.Random) -> bytes:
        buffer = io.BytesIO()
        match chance.randrange(5):
            case 0:
                np.save(buffer, np.array([Harmful(self.canary, chance)], dtype=object), allow_pickle=True)
            case 1:
                np.savez(buffer, a=np.zeros((6, 7, 8), np.float16))
            case 2:
                buffer.write(pickle.dumps(Harmful(self.canary, chance)))
            case 3:
                text = damaged_words(self.whole[10:128], chance)
                buffer.write(
                    self.whole[:8] + (len(text) % 2**16).to_bytes(2, "little") + text + self.whole[128:]
                )
            case 4:
                buffer.write(damaged_bytes(self.whole, chance))
        return buffer.getvalue()

    def read(self) -> None:
        self._run.read_snapshot(5)


class Recipe(Target):
    """``config.toml``: gone on with, looked at without its model, and used as a recipe."""

    def make(self) -> Path:
        self._run = tiny_run(self.folder, "run")
        return self._run.path / "config.toml"

    def damaged(self, chance: random.Random) -> bytes:
        return damaged_toml(self.whole, chance)

    def read(self) -> None:
        _ = self._run.recipe().device_counts
        RunConfig.from_toml(self._run.config_text())
        parser, arguments = Parser("train"), [str(self.path)]
        add_recipe_options(parser, arguments)
        recipe(parser.parse(arguments))


class Comparison(Target):
    """A saved comparison."""

    def make(self) -> Path:
        rows = (
            RowConfig(name="a", path=Path("a.mrc"), limits=(-1.0, 2.5)),
            RowConfig(name="b", kind="run", path=Path("run"), step=20),
            RowConfig(name="c", kind="wiener", even=Path("e.mrc"), odd=Path("o.mrc"), voxel_size=5.0),
        )
        return save_comparison(ComparisonConfig(rows=rows, cursor=(1.0, 2.0, 3.0)), self.folder / "c.toml")

    def damaged(self, chance: random.Random) -> bytes:
        return damaged_toml(self.whole, chance)

    def read(self) -> None:
        open_comparison(self.path)


class Notes(Target):
    """The small files: lock, pins, environment, and the journal of a restoration."""

    def make(self) -> Path:
        self._run = RunDir.create(self.folder / "run", config="", environment={"torch": "2", "gpus": ["a"]})
        self._run.pin(30)
        lock = RunLock.take(self._run.path)
        self._lock = (self._run.path / "lock.json").read_bytes()
        lock.release()
        self._part = self.folder / "out.mrc.part"
        self._part.touch()
        self._volume = np.zeros((4, 4, 4), np.float32)
        journal = FileJournal(self._part, "this", {"tile": [4, 4, 4], "margin": 1})
        journal.write()
        with journal.step(self._volume, [(slice(0, 2), slice(0, 3), slice(1, 4))]):
            pass
        beside = ("json", "before")
        self._files = {
            **{self._part.with_name(f"{self._part.name}.{name}"): True for name in beside},
            **{self._run.path / name: False for name in ("pins.json", "environment.json", "lock.json")},
        }
        (self._run.path / "lock.json").write_bytes(self._lock)
        self._wholes = {path: path.read_bytes() for path in self._files}
        return self._run.path / "pins.json"

    def damage(self, chance: random.Random) -> None:
        for path, content in self._wholes.items():
            path.write_bytes(content)
        path = chance.choice(list(self._wholes))
        content = self._wholes[path]
        damaged: Callable[[bytes, random.Random], bytes] = damaged_line
        path.write_bytes((damaged_bytes if path.suffix == ".before" else damaged)(content, chance))

    def read(self) -> None:
        self._run.pins()
        self._run.environment()
        if unfinished(self._part, "this") is not None:
            FileJournal(self._part, "this", {}).go_on(self._volume)
        RunLock.take(self._run.path).release()


def _header_of(content: bytes) -> tuple[Any, bytes]:
    """Return the header of a safetensors file, and its numbers."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _with_header(header: Any, numbers: bytes) -> bytes:
    text = json.dumps(header, sort_keys=True).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def _saved(state: Any, *, packed: bool = False) -> bytes:
    """Return what `torch.save` writes, or the same with every part compressed."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    if not packed:
        return buffer.getvalue()
    other = io.BytesIO()
    with zipfile.ZipFile(buffer) as plain, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    return other.getvalue()


KINDS: dict[str, type[Target]] = {
    "history": History,
    "volume": Volume,
    "tilts": Tilts,
    "weights": Weights,
    "resume": Resume,
    "preview": Preview,
    "recipe": Recipe,
    "comparison": Comparison,
    "notes": Notes,
}

__all__ = ["KINDS", "Target"]
