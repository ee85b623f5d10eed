"""The published program's restoration and ours in turn."""

from __future__ import annotations

import importlib
import math
import statistics
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from benchmarks import published_icecream
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.data.tile_plan import TilePlan, fit_tile
from napari_cryorestore.hardware import choose_precision
from napari_cryorestore.methods import build_method
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.networks import UNetConfig, build_network
from napari_cryorestore.networks.module import channels_last
from napari_cryorestore.physics.normalize import Standardisation
from napari_cryorestore.physics.wedge import Wedge
from napari_cryorestore.restoration import Model
from napari_cryorestore.restoration.tiling import margin_of, sizes_of_model

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

CROP, STRIDE, PRE_PAD = 72, 36, 18
WHOLE = {"256^3": (256, 256, 256), "464x928x928": (464, 928, 928)}


def published(options: argparse.Namespace) -> dict[str, Any]:
    """Time the published program's crops and our tiles in turn, and count both for whole volumes."""
    ours = {
        f"{precision}, {passes} pass{'es' * (passes > 1)}": _our_model(options, precision, passes)
        for precision in ("32", "bf16") for passes in (2, 1)
    }  # fmt: skip
    tiles = {
        name: fit_tile(
            WHOLE["256^3"], tile=128, margin=margin_of(model), size_multiple=sizes_of_model(model).multiple
        )
        for name, model in ours.items()
    }
    work: dict[str, Callable[[], Any]] = {
        f"published, {precision}": _their_restoration(options, precision) for precision in ("32", "bf16")
    }
    scale = Standardisation(0.0, 1.0)
    pieces = dict.fromkeys(work, 8)
    for name, model in ours.items():
        pieces[name] = 2 if model.precision == "32" else 1  # as `fitting_plan` has it
        tile = torch.randn(pieces[name], 1, *tiles[name])
        work[name] = lambda model=model, tile=tile: model.restore(tile, scale)
    times: dict[str, list[float]] = {name: [] for name in work}
    for round_ in range(options.rounds + 1):
        for name, step in work.items():
            start = time.process_time()
            step()
            if round_:
                times[name].append(time.process_time() - start)
    per_piece = {name: [t / pieces[name] for t in seen] for name, seen in times.items()}
    for name, seen in per_piece.items():
        spread = f"{statistics.median(seen):.3f} ({min(seen):.3f} to {max(seen):.3f})"
        print(f"{name:18s} CPU s per crop or tile: {spread}")
    return {"pieces": _counts(tiles, ours), "ratios": _ratios(per_piece, ours)}


def published_on_gpu(options: argparse.Namespace) -> dict[str, Any]:
    """Time the published program's restoration of a volume in memory, each half by itself, as it is."""
    module, network, wedge = _their_parts(options)
    network, device = network.to(options.device), torch.device(options.device)
    shape = tuple(options.size * 3 if len(options.size) == 1 else options.size)
    halves = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    times = []
    for _ in range(options.rounds + 1):
        start = time.perf_counter()
        for half in halves:
            module.inference(
                half, network, CROP, STRIDE, 5, window=_their_window().to(device), wedge=wedge, pre_pad=True,
                pre_pad_size=PRE_PAD, device=device,
            )  # fmt: skip
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[1:])
    voxels = math.prod(shape) / seconds
    print(f"published, {shape}: {seconds:.1f} s ({times[1:]}), {voxels:,.0f} voxels per second")
    return {"shape": shape, "published_seconds": times[1:], "published_voxels_per_second": round(voxels)}


def _ratios(times: dict[str, list[float]], ours: dict[str, Model]) -> dict[str, dict[str, float]]:
    """Return how many times longer the published program takes for the same volume, round by round."""
    ratios: dict[str, dict[str, float]] = {}
    for size, shape in WHOLE.items():
        ratios[size] = {}
        for name, model in ours.items():
            tile = fit_tile(
                shape, tile=128, margin=margin_of(model), size_multiple=sizes_of_model(model).multiple
            )
            plan = TilePlan(tile, margin_of(model), align=sizes_of_model(model).multiple)
            # what a tile costs goes by its voxels
            share = len(plan.tiles(shape)) * math.prod(tile) / math.prod(
                fit_tile(WHOLE["256^3"], tile=128, margin=plan.margin, size_multiple=plan.align)
            )  # fmt: skip
            for published in ("published, 32", "published, bf16"):
                whole = _crops(shape) / share
                pairs = [a * whole / b for a, b in zip(times[published], times[name], strict=True)]
                ratios[size][f"{published} / {name}"] = round(statistics.median(pairs), 2)
                spread = f"{statistics.median(pairs):.1f} ({min(pairs):.1f} to {max(pairs):.1f})"
                print(f"{size}: {published} / ours, {name}: {spread}")
    return ratios


def _counts(tiles: dict[str, tuple[int, int, int]], ours: dict[str, Model]) -> dict[str, Any]:
    """Return how many voxels either program passes through the network for one of the volume."""
    counts: dict[str, Any] = {}
    for size, shape in WHOLE.items():
        counts[size] = {"published": round(_crops(shape) * CROP**3 / math.prod(shape), 2)}
        for name, model in ours.items():
            tile = fit_tile(
                shape, tile=128, margin=margin_of(model), size_multiple=sizes_of_model(model).multiple
            )
            number = len(TilePlan(tile, margin_of(model), align=sizes_of_model(model).multiple).tiles(shape))
            counts[size][name] = round(number * math.prod(tile) / math.prod(shape), 2)
        print(f"{size}: voxels through the network per voxel and pass: {counts[size]}")
    return counts


def _crops(shape: tuple[int, ...]) -> int:
    """Return how many crops the published program takes, by its own padding."""
    count = 1
    for size in shape:
        padded = size + PRE_PAD
        whole = (padded - CROP) // STRIDE * STRIDE + CROP
        padded += (whole - padded) % CROP
        count *= (padded - CROP) // STRIDE + 1
    return count


def _our_model(options: argparse.Namespace, precision: str, passes: int) -> Model:
    method = build_method(IcecreamConfig(passes=2 if passes == 2 else 1))
    network = build_network(UNetConfig(features=options.features), seed=0).eval()
    chosen, _ = choose_precision(precision, torch.device("cpu"))
    return Model(
        "ours", method, channels_last(network), Imaging(Wedge(-60, 60)),
        torch.device("cpu"), chosen,
    )  # fmt: skip


def _their_restoration(options: argparse.Namespace, precision: str) -> Callable[[], Any]:
    """Return the published program's restoration of 90³ voxels, which are 8 of its crops.

    It is written for a GPU: its half precision is replaced by float32, or by bf16 where chosen.
    """
    module, network, wedge = _their_parts(options)
    window, volume = _their_window(), torch.randn(90, 90, 90)

    class OnCpu:
        """PyTorch, without half precision."""

        float16 = torch.float32

        @staticmethod
        def autocast(**_: Any) -> Any:
            return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

    def run() -> None:
        module.torch = OnCpu()
        module.tqdm = lambda items, **_: items
        module.inference(
            volume, network, CROP, STRIDE, 5, window=window, wedge=wedge, pre_pad=True, pre_pad_size=PRE_PAD
        )

    return run


def _their_window() -> torch.Tensor:
    window = torch.zeros(CROP, CROP, CROP)
    inner = slice(CROP // 4, -CROP // 4)
    window[inner, inner, inner] = 1
    return window


def _their_parts(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Return the published module of restoring, its network and its wedge."""
    network = published_icecream.network(options.reference, features=options.features).eval()
    module = importlib.import_module("icecream.utils.inference_util")
    trainer = published_icecream.trainer(
        options.reference,
        torch.nn.Conv3d(1, 1, 1),
        device=-1,
        use_mixed_precision=False,
        crop_size=CROP,
    )
    return module, network, trainer.wedge_input_set[0]
