"""How memory and speed of training grow with the number of tomograms, held in memory and left on disk.

Run, for example::

    python -m benchmarks.step tomograms --size 256 --numbers 1 4 8

Makes its own files (a signal and noise) in a temporary folder. Every figure comes from a program of its own
that trains for a while. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TRAIN = """
import json, resource, sys, threading, time
from pathlib import Path
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training import trainer
from napari_cryorestore.training.launch import run_training

highest = {"RssAnon": 0, "RssFile": 0}
clock = {}
def anonymous():
    while True:
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in highest:
                highest[name] = max(highest[name], int(value.split()[0]))
        time.sleep(0.02)
threading.Thread(target=anonymous, daemon=True).start()
run = trainer.Trainer.run
def timed(self):
    start = time.process_time()
    result = run(self)
    clock["step"] = (time.process_time() - start) / self.step
    return result
trainer.Trainer.run = timed
run_training(RunDir.open(sys.argv[1]))
print(json.dumps({**highest, **clock}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=256, help="voxels along an edge")
    parser.add_argument("--numbers", type=int, nargs="+", default=[1, 4, 8], help="of tomograms")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        write_pairs(Path(scratch), max(options.numbers), options.size)
        print("| tomograms | held | anonymous memory, highest | mapped, highest | CPU per step |")
        print("|---|---|---|---|---|")
        for number in options.numbers:
            for hold in ("memory", "disk"):
                found = measured(Path(scratch), number, hold, steps=options.steps)
                anonymous, mapped = (found[name] * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
                figures.append({"tomograms": number, "hold": hold, **found})
                step = 1000 * found["step"]
                print(
                    f"| {number} | {hold} | {anonymous:.0f} MB | {mapped:.0f} MB | {step:.0f} ms |",
                    flush=True,
                )
    print(json.dumps({"benchmark": "tomograms", "size": options.size, "figures": figures}))


def write_pairs(folder: Path, number: int, size: int) -> None:
    from napari_cryorestore.io.volume_format import Grid
    from napari_cryorestore.io.volume_output import create_volume

    random = np.random.default_rng(0)
    signal = np.repeat(np.repeat(random.normal(size=(size // 8 + 1,) * 2), 8, 0), 8, 1)[:size, :size]
    for index in range(number):
        for half in ("even", "odd"):
            path = folder / f"TS{index}_{half}.mrc"
            with create_volume(path, Grid((size,) * 3, 10.0), label="signal and noise") as out:
                for plane in out:
                    plane[:] = signal + random.normal(size=(size, size))
        (folder / f"TS{index}.tlt").write_text(f"{-60 + index}\n0\n60\n", encoding="utf-8")


def measured(folder: Path, number: int, hold: str, *, steps: int) -> dict[str, float]:
    run = folder / f"run_{number}_{hold}"
    names = [
        part
        for index in range(number)
        for part in ("--even", f"{folder}/TS{index}_even.mrc", "--odd", f"{folder}/TS{index}_odd.mrc")
    ]
    create = (
        "import sys; from pathlib import Path; from napari_cryorestore.cli.parser import Parser;"
        "from napari_cryorestore.cli.recipe import add_recipe_options, recipe;"
        "from napari_cryorestore.cli.train import create;"
        "parser = Parser('train'); add_recipe_options(parser, sys.argv[2:]);"
        "create(recipe(parser.parse(sys.argv[2:])), Path(sys.argv[1]))"
    )
    settings = [
        "--schedule.crop", "32", "--schedule.batch", "2", "--network.features", "8", "--snapshots.every", "0",
        "--schedule.steps", str(steps), "--hardware.hold", hold, "--hardware.device", "cpu",
        "--hardware.threads", "1", "--hardware.precision", "32",
    ]  # fmt: skip
    subprocess.run([sys.executable, "-c", create, str(run), *names, *settings], check=True)
    done = subprocess.run([sys.executable, "-c", TRAIN, str(run)], check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result
