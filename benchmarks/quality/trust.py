"""Does any estimator predict where a restoration is wrong? Candidates against the error in simulations.

Run, after ``train --keep DIR``, for example::

    python -m benchmarks.quality trust DIR/run_standard_0_… DIR/run_standard_1_… DIR/run_standard_2_…

Runs on one tomogram (other seeds, other recipes) after its first one make the ensemble over runs. The truth
is looked for beside the halves. Every number is an area under the ROC curve: how often the estimator is
higher at a voxel of the worst quarter than at another voxel, 0.5 being chance. The worst quarter is that of
|error|, the restoration being put on the truth's scale by least squares. "Inside" are the tenth of the voxels
with the highest |truth|, "visible" the tenth with the highest |restored|, "everywhere" is the whole volume.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
from scipy.stats import rankdata

from napari_cryorestore.compute_config import DeviceConfig
from napari_cryorestore.data.network_input import network_input, second_pass_input
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.metrics.trust import agreement, half_disagreement, provenance, supplied_share
from napari_cryorestore.physics.fourier import nyquist_ball
from napari_cryorestore.physics.normalize import measure
from napari_cryorestore.physics.rotation import GROUP
from napari_cryorestore.physics.wedge import Wedge, apply_mask
from napari_cryorestore.restoration import Model, ModelRef
from napari_cryorestore.run_config import RunConfig
from napari_cryorestore.runs.run_dir import RunDir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    Volume = np.ndarray

WORST, STRUCTURE, BORDER = 0.25, 0.10, 6
SECTORS = 6
SAMPLE = 20_000
REGIONS = ("inside", "visible", "everywhere")


@dataclass
class Case:
    """One tomogram: its data in standard deviations, the truth and the runs on it."""

    name: str
    runs: list[Path]
    tomogram: Any
    wedge: Wedge
    truth: Volume
    halves: list[Tensor]  # raw
    wiener: list[Tensor]


CPU = DeviceConfig(device="cpu", precision="32")


class Network:
    """A checkpoint, applied to whole volumes (z, y, x) in standard deviations."""

    def __init__(self, checkpoint: Path, case: Case) -> None:
        tomogram = case.tomogram
        self.model = Model.of(
            ModelRef(weights=checkpoint),
            tomogram,
            settings={"passes": 1},
            hardware=CPU,
        )

    @torch.inference_mode()
    def first(self, y: Tensor) -> Tensor:
        """Return f(y)."""
        model = self.model
        inputs = network_input(y[None, None], model.imaging, kind=model.method.input_kind)
        return model.method.restore_crop(model.network, inputs, model.imaging)[0, 0].clone()

    @torch.inference_mode()
    def second(self, x: Tensor) -> Tensor:
        """Return f(x) of what has been restored once."""
        channels = 1 if self.model.method.input_kind == "raw" else 2
        return self.model.network(second_pass_input(x[None, None], channels=channels)).float()[0, 0].clone()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--snapshots", type=int, default=5, help="how many of the last checkpoints")
    parser.add_argument("--rotations", type=int, default=8, help="how many elements of the group")
    parser.add_argument(
        "--blur", nargs="+", type=float, default=[0.0, 2.0], help="of truth and restoration, in voxels"
    )
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = []
    for case in _cases(options.runs):
        start = time.perf_counter()
        cases.append((case, *_estimates(case, options)))
        print(f"{case.name}: {len(cases[-1][2])} estimators, {time.perf_counter() - start:.0f} s", flush=True)
    result = {}
    for blur in options.blur:
        result[str(blur)] = _table([_Measured(*item, blur) for item in cases])
        print(f"\ntruth and restoration blurred by {blur:g} voxels")
        _print(result[str(blur)])
    print(json.dumps({"benchmark": "trust", "cases": len(cases), "rows_by_blur": result}))


def _table(measured: list[_Measured]) -> dict[str, list[dict[str, float]]]:
    names = dict.fromkeys(name for item in measured for name in item.found)
    rows = {}
    for name in names:
        there = [item for item in measured if name in item.found]
        title = name if len(there) == len(measured) else f"{name} ({len(there)} tomogram)"
        rows[title] = [item.areas(item.found[name]) for item in there]
    if len(measured) > 1:
        common = [name for name in names if all(name in item.found for item in measured)]
        density = [name for name in common if name.startswith("density")]
        rows["learned from density alone"] = _learned(measured, density)
        rows["learned from everything"] = _learned(measured, common)
    return rows


# Tomograms -----------------------------------------------------------------------------------------------


def _cases(runs: list[Path]) -> Iterator[Case]:
    by_pair: dict[Path, list[Path]] = {}
    for run in runs:
        by_pair.setdefault(_paths(run)[0], []).append(run)
    for even, ours in by_pair.items():
        tomogram = open_tomogram((even, _paths(ours[0])[1]))
        truth = np.array(open_volume(next(even.parent.glob("*_truth.mrc"))).data, dtype=np.float32)
        wedge = Wedge(*(tomogram.recording.tilt_range or (-60, 60)), tomogram.recording.axis)
        halves = [torch.from_numpy(np.array(measure(h).apply(h))) for h in (tomogram.even, tomogram.odd)]
        case = Case(even.parent.name, ours, tomogram, wedge, truth, halves, [])
        wiener = Model.of(
            ModelRef(method="wiener"), tomogram, hardware=DeviceConfig(device="cpu")
        ).imaging.wiener
        case.wiener = [wiener.for_mean().apply(half) for half in halves]
        yield case


def _paths(run: Path) -> tuple[Path, Path]:
    tomogram = RunConfig.from_toml(RunDir.open(run).config_text()).tomograms[0]
    return tomogram.even, tomogram.odd


# Estimators: each an array (z, y, x), higher where the restoration is trusted less --------------------------


def _estimates(case: Case, options: argparse.Namespace) -> tuple[Volume, dict[str, Volume]]:
    run = RunDir.open(case.runs[0])
    steps = run.checkpoint_steps()
    network = Network(run.checkpoint_path(steps[-1]), case)
    halves = [network.first(y) for y in case.halves]
    x = (halves[0] + halves[1]) / 2
    found: dict[str, Volume] = dict(_of_density(x))
    found |= _blurred("half-map disagreement", half_disagreement(halves[0], halves[1]))
    found |= _blurred("spread over rotations", _over_rotations(network, x, case.wedge, options.rotations))
    for name, values in _hidden(network, x, case, options.rotations).items():
        found |= _blurred(name, values)
    found |= _blurred("sectors hidden from the input", _sectors(network, halves, case))
    found |= _blurred("spread over snapshots", _ensemble(case, x, _snapshots(run, options.snapshots)))
    if len(case.runs) > 1:
        others = [RunDir.open(path) for path in case.runs[1:]]
        newest = [other.checkpoint_path(other.checkpoint_steps()[-1]) for other in others]
        found |= _blurred("spread over runs", _ensemble(case, x, newest))
    found |= _against_data(halves, x, case)
    return x.numpy(), found


def _of_density(x: Tensor) -> Iterator[tuple[str, Volume]]:
    volume = (x - x.median()).numpy()
    yield "density: |restored|", np.abs(volume)
    yield "density: |restored|, blurred", gaussian_filter(np.abs(volume), 2)
    yield "density: steepness", gaussian_gradient_magnitude(volume, 1)
    local = gaussian_filter(volume**2, 2) - gaussian_filter(volume, 2) ** 2
    yield "density: local variation", np.sqrt(np.maximum(local, 0))


def _blurred(name: str, values: Tensor) -> dict[str, Volume]:
    array = values.numpy()
    return {name: array, f"{name}, blurred": np.sqrt(gaussian_filter(array**2, 2))}


def _snapshots(run: RunDir, count: int) -> list[Path]:
    return [run.checkpoint_path(step) for step in run.checkpoint_steps()[-count - 1 : -1]]


def _ensemble(case: Case, x: Tensor, checkpoints: list[Path]) -> Tensor:
    """Return the standard deviation over the members, each put on one scale."""
    members = [x]
    for path in checkpoints:
        network = Network(path, case)
        members.append(sum(network.first(y) for y in case.halves) / 2)
    return torch.stack([member / member.std() for member in members]).std(0)


def _over_rotations(network: Network, x: Tensor, wedge: Wedge, count: int) -> Tensor:
    mask = wedge.mask(x.shape)
    members = []
    for element in GROUP[:: max(1, len(GROUP) // count)]:
        again = network.second(apply_mask(element.apply(x), mask))
        members.append(element.inverse().apply(again))
    return torch.stack(members).std(0)


def _hidden(network: Network, x: Tensor, case: Case, count: int) -> dict[str, Tensor]:
    """Rotate, hide what was measured, fill it in again, and compare with what was hidden."""
    mask, ball = case.wedge.mask(x.shape), nyquist_ball(x.shape)
    data = (case.wiener[0] + case.wiener[1]) / 2
    sums = {"hidden and filled in, against itself": 0.0, "hidden and filled in, against the data": 0.0}
    cross, own, other = 0.0, 0.0, 0.0
    for element in GROUP[:: max(1, len(GROUP) // count)]:
        hidden = (ball & ~mask & case.wedge.mask(x.shape, rotation=element)).float()
        back = element.inverse().apply
        filled = back(apply_mask(network.second(apply_mask(element.apply(x), mask)), hidden))
        was, seen = (back(apply_mask(element.apply(item), hidden)) for item in (x, data))
        sums["hidden and filled in, against itself"] += (filled - was).square()
        scale = float((filled * seen).sum() / filled.square().sum())
        sums["hidden and filled in, against the data"] += (scale * filled - seen).square()
        cross, own, other = cross + filled * seen, own + filled.square(), other + seen.square()
    smooth = [torch.from_numpy(gaussian_filter(item.numpy(), 3)) for item in (cross, own, other)]
    found = {name: value.sqrt() for name, value in sums.items()}
    found["hidden and filled in, 1 - local correlation"] = 1 - smooth[0] / (smooth[1] * smooth[2]).sqrt()
    return found


def _sectors(network: Network, halves: list[Tensor], case: Case) -> Tensor:
    """Hide one sector of the measured directions after the other from the raw input, and compare there."""
    edges = np.linspace(case.wedge.tilt_min, case.wedge.tilt_max, SECTORS + 1)
    total = torch.zeros_like(halves[0])
    for low, high in pairwise(edges):
        sector = Wedge(low, high, case.wedge.tilt_axis).mask(halves[0].shape).float()
        for y, restored in zip(case.halves, halves, strict=True):
            filled = network.first(y - apply_mask(y, sector))
            total += apply_mask(filled - restored, sector).square()
    return total.sqrt()


def _against_data(halves: list[Tensor], x: Tensor, case: Case) -> dict[str, Volume]:
    parts = provenance(x, case.wedge)
    found = {
        "share of supplied energy": supplied_share(parts, window=1.5).numpy(),
        "share of supplied energy, wide": supplied_share(parts, window=4).numpy(),
        "supplied density": np.abs(parts.supplied.numpy()),
    }
    for name, data in (("raw", case.halves), ("Wiener", case.wiener)):
        both = list(zip(halves, data[::-1], strict=True))
        mean = sum(agreement(ours, theirs, case.wedge, window=3) for ours, theirs in both) / 2
        found[f"1 - agreement with the other half, {name}"] = 1 - mean.numpy()
        rest = sum(_residual(ours, theirs, case.wedge) for ours, theirs in both)
        found |= _blurred(f"difference from the other half, {name}", rest.sqrt())
    return found


def _residual(ours: Tensor, theirs: Tensor, wedge: Wedge) -> Tensor:
    a, b = (provenance(item, wedge).measured for item in (ours, theirs))
    return (a * float((a * b).sum() / a.square().sum()) - b).square()


# Areas -----------------------------------------------------------------------------------------------------


class _Measured:
    """Error and regions of one tomogram, and what was estimated."""

    def __init__(self, case: Case, restored: Volume, found: dict[str, Volume], smooth: float) -> None:
        inner = (slice(BORDER, -BORDER),) * 3
        volume, truth = (gaussian_filter(item, smooth) if smooth else item for item in (restored, case.truth))
        volume, truth = volume[inner].ravel().astype(float), truth[inner].ravel().astype(float)
        slope, offset = np.polyfit(volume, truth, 1)
        self.error = np.abs(slope * volume + offset - truth)
        centred = [np.abs(item - np.median(item)) for item in (truth, volume)]
        chosen = [item >= np.quantile(item, 1 - STRUCTURE) for item in centred]
        self.regions = {
            "inside": chosen[0], "visible": chosen[1], "everywhere": np.ones_like(chosen[0]),
        }  # fmt: skip
        self.found = {name: np.ascontiguousarray(values[inner]).ravel() for name, values in found.items()}

    def areas(self, values: Volume) -> dict[str, float]:
        """Return the area in every region."""
        return {name: _area(values[place], self.error[place]) for name, place in self.regions.items()}


def _area(values: Volume, error: Volume) -> float:
    bad = error >= np.quantile(error, 1 - WORST)
    ranks = rankdata(values)
    count = int(bad.sum())
    return float((ranks[bad].sum() - count * (count + 1) / 2) / (count * (len(bad) - count)))


def _learned(measured: list[_Measured], names: list[str]) -> list[dict[str, float]]:
    """Fit the rank of the error by a quadratic of the estimators' ranks, on the other tomograms."""
    rows = []
    for left_out in measured:
        others = [item for item in measured if item is not left_out]
        row: dict[str, float] = {}
        for region in REGIONS:
            features, errors = zip(*(_sampled(item, names, region) for item in others), strict=True)
            weights = _ridge(list(features), [_rank(error) for error in errors])
            own, error = _sampled(left_out, names, region)
            row[region] = _area(own @ weights, error)
        rows.append(row)
    return rows


def _sampled(item: _Measured, names: list[str], region: str) -> tuple[Volume, Volume]:
    """Return features and error at evenly spread voxels of a region."""
    place = np.flatnonzero(item.regions[region])
    place = place[:: max(1, len(place) // SAMPLE)]
    plain = np.stack([_rank(item.found[name][place]) for name in names], axis=1)
    pairs = [plain[:, i] * plain[:, j] for i in range(len(names)) for j in range(i + 1)]
    return np.column_stack([np.ones(len(plain)), plain, *pairs]), item.error[place]


def _ridge(features: list[Volume], targets: list[Volume]) -> Volume:
    a = sum(f.T @ f for f in features)
    b = sum(f.T @ t for f, t in zip(features, targets, strict=True))
    return np.linalg.solve(a + 1e-4 * len(features[0]) * np.eye(len(a)), b)


def _rank(values: Volume) -> Volume:
    return (rankdata(values) - 0.5) / len(values) - 0.5


def _print(rows: dict[str, list[dict[str, float]]]) -> None:
    print(f"{'':52} {'inside':>18} {'visible':>18} {'everywhere':>18}")
    for name, areas in rows.items():
        cells = []
        for region in REGIONS:
            values = [item[region] for item in areas]
            cells.append(f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})")
        print(f"{name:52} {cells[0]:>18} {cells[1]:>18} {cells[2]:>18}")
