"""Does the held-out score find the best step? Every checkpoint of a simulated run against its truth.

Run, after ``train --keep DIR``, for example::

    python -m benchmarks.quality stopping DIR/run_standard_0_… --truth DIR/pair_dose_0.1_0/sim_truth.mrc

Prints, per checkpoint, the correlation with the truth and the score n2n + fill on the held-out block and on
a block of the same size inside the training region; then the step that each would choose. The last line
is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.quality.against_truth import correlations
from napari_cryorestore.checkpoint import load_checkpoint
from napari_cryorestore.data.crops import Box
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.restoration import RestoreConfig, restore
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.advice import HeldOut, advise
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.training.preparation import prepare
from napari_cryorestore.training.preview import Preview

CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args()
    run = RunDir.open(options.run)
    config = RunConfig.from_toml(run.config_text())
    truth = np.asarray(open_volume(options.truth).data)
    previews = _previews(config)
    rows: list[dict[str, Any]] = []
    histories: dict[str, list[HeldOut]] = {}
    for step in run.checkpoint_steps():
        row: dict[str, Any] = {"step": step, **_truth(run.checkpoint_path(step), config, truth)}
        _, network = load_checkpoint(run.checkpoint_path(step)).build()
        for name, preview in previews.items():
            with torch.no_grad():
                metrics, left_out = preview.evaluate(network, preview.restore(network))
            history = histories.setdefault(name, [])
            history.append(HeldOut(step, metrics["n2n"], metrics.get("fill", np.nan), left_out))
            row |= {
                f"{name} {key}": round(value, 4) for key, value in metrics.items() if key in ("n2n", "fill")
            }
        rows.append(row)
        print("  ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
    print(json.dumps({"benchmark": "stopping", "rows": rows, **_verdict(rows, histories)}))


def _previews(config: RunConfig) -> dict[str, Preview]:
    """Return the preview of the held-out block, and of the block farthest from it, which was trained on."""
    prepared = prepare(config, CPU, say=print)
    method = build_method(config.method)
    volume, box = prepared.volumes[0], prepared.box
    shape = volume.even.shape
    start = [
        0 if (a + b) / 2 > n / 2 else n - (b - a) for a, b, n in zip(box.start, box.stop, shape, strict=True)
    ]
    far = Box(tuple(start), tuple(s + n for s, n in zip(start, box.shape, strict=True)))  # type: ignore[arg-type]
    return {
        "held out": Preview(method, volume, box, device=CPU),
        "trained": Preview(method, volume, far, device=CPU),
    }


def _truth(checkpoint: Path, config: RunConfig, truth: np.ndarray) -> dict[str, float]:
    tomogram = config.tomograms[0]
    wedge = Wedge(*(tomogram.recording.tilt_range or (-60, 60)))
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "restored.mrc"
        request = RestoreConfig.model_validate({
            "model": {"weights": checkpoint},
            "tomogram": {"maps": tomogram.maps},
            "hardware": {"device": "cpu", "precision": "32"},
            "output": output,
        })  # fmt: skip
        return {
            key: round(value, 4)
            for key, value in correlations(open_volume(restore(request)).data, truth, wedge).items()
        }


def _verdict(rows: list[dict[str, Any]], histories: dict[str, list[HeldOut]]) -> dict[str, Any]:
    steps = np.array([row["step"] for row in rows])
    overall = np.array([row["overall"] for row in rows])
    verdict: dict[str, Any] = {
        "best step": int(steps[overall.argmax()]),
        "best overall": float(overall.max()),
    }
    for name in ("held out", "trained"):
        n2n, fill = (np.array([row[f"{name} {key}"] for row in rows]) for key in ("n2n", "fill"))
        chosen = advise(histories[name], kept=None, ended=True).step
        verdict[name] = {
            "chosen": chosen,
            "overall there": float(overall[steps == chosen][0]),
            "rank correlation of n2n": round(float(spearmanr(n2n, overall).statistic), 2),
            "rank correlation of n2n + fill": round(float(spearmanr(n2n + fill, overall).statistic), 2),
        }
    for key, value in verdict.items():
        print(f"{key}: {value}")
    return verdict
