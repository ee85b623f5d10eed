"""Training of the published ICECREAM program by its own trainer, timed and judged like ours."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from benchmarks.published_icecream import training
from benchmarks.quality.timed_training import Moment, restored
from napari_cryorestore.data.crops import TrainingVolume
from napari_cryorestore.data.network_input import Imaging
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods.icecream import Icecream, IcecreamConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from benchmarks.quality.timed_training import Case


class Published:
    """The published trainer with its data, in float32 on the processor, on volumes (z, y, x).

    Parameters
    ----------
    reference : str
        A checkout of swing-research/icecream.
    halves : pair of Tensor, shape (z, y, x)
        Standardised.
    tilts : (float, float)
        Lowest and highest tilt angle in degrees.
    settings : dict
        `features`, `crop`, `batch` and `learning_rate`.
    """

    def __init__(
        self,
        reference: str,
        halves: tuple[Tensor, Tensor],
        tilts: tuple[float, float],
        settings: dict[str, Any],
    ) -> None:
        parts = training(
            reference,
            [half.movedim(0, 2).contiguous() for half in halves],  # its order is (y, x, z)
            features=settings["features"],
            tilts=tilts,
            device=-1,
            use_mixed_precision=False,
            crop_size=settings["crop"],
            batch_size=settings["batch"],
            learning_rate=settings["learning_rate"],
        )
        self.model, self.trainer, self.data = parts.model, parts.trainer, parts.data

    def step(self) -> None:
        """Take one training step, drawing of crops included."""
        item = self.data[0]
        self.trainer.optimizer.zero_grad()
        self.trainer.compute_loss(item["input_1"], item["input_2"], 0).backward()
        self.trainer.optimizer.step()


class InOurOrder(nn.Module):
    """The published network, for volumes (b, 1, z, y, x)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the network to them."""
        outputs: Tensor = self.model(inputs.movedim(2, 4).contiguous()).movedim(4, 2)
        return outputs


def published_moments(
    reference: str, case: Case, settings: dict[str, Any], *, at: Sequence[int]
) -> Iterator[Moment]:
    """Train the published program, and yield where it stands; its weights are restored with by our code."""
    torch.manual_seed(case.seed)
    np.random.seed(case.seed)
    tilts = (case.wedge.tilt_min, case.wedge.tilt_max)
    even, odd = (_standard(open_volume(path).data) for path in (case.even, case.odd))
    program = Published(reference, (even, odd), tilts, settings)
    volume = TrainingVolume((even, odd), Imaging(case.wedge), torch.zeros(1, 3, dtype=torch.int64))
    method, network, seconds = Icecream(IcecreamConfig()), InOurOrder(program.model), 0.0
    for step in range(1, settings["steps"] + 1):
        start = time.process_time()
        program.step()
        seconds += time.process_time() - start
        if step in at:
            program.model.eval()
            volumes = {n: restored(network, method, volume, passes=n) for n in (1, 2)}
            program.model.train()
            yield Moment(step, seconds, volumes)


def _standard(volume: Any) -> Tensor:
    half = torch.from_numpy(np.array(volume, np.float32))
    return (half - half.mean()) / half.std()
