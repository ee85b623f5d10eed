"""DeepDeWedge (Wiedemann and Heckel 2024): denoise and fill the wedge by undoing a second wedge."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import LearnedConfig, Method, StepLoss
from napari_cryorestore.methods.shell_loss import ShellLossConfig, split_loss

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Draws, Network
    from napari_cryorestore.physics.wedge import Wedge


class DeepDeWedgeConfig(ShellLossConfig, LearnedConfig):
    """The knobs of DeepDeWedge."""

    kind: Literal["deepdewedge"] = "deepdewedge"
    loss: Literal["l2", "fsc+l2", "fsc"] = setting(
        "l2",
        "How prediction and other half are compared: by squares, by Fourier shell correlation where the "
        "input was measured and by squares in the second wedge, or by the correlation in both.",
    )
    wedge_weight: float = setting(2.0, "Weight of the term within the wedge, which is what fills it.", ge=0)
    refill: Literal["stored", "teacher", "none"] = setting(
        "stored",
        "What the input's own wedge is filled with: what was predicted for this place a while ago, what the "
        "averaged network predicts at every step (slow), or nothing.",
    )
    refill_every: int = setting(
        10, "Steps from one refill of what is stored to the next.", ge=1, advanced=True
    )
    refill_after: float = setting(
        0.2,
        "Share of all steps before the first refill, while predictions are no use yet.",
        ge=0,
        le=1,
        advanced=True,
    )
    places: int = setting(
        150, "Places of a tomogram from which crops are taken, where they are stored.", ge=1, advanced=True
    )
    swap: bool = setting(False, "Exchange the halves of every second crop (not as published).", advanced=True)


class DeepDeWedge(Method):
    """L = ⟨|A_g A d|²⟩ + w ⟨|A_g (1 − A) d|²⟩, d = f(A R_g ỹ₀) − R_g y₁, ỹ₀ = A y₀ + (1 − A) f(A y₀)."""

    Config = DeepDeWedgeConfig
    title = "DeepDeWedge"
    summary = "Removes noise and fills the missing wedge, by restoring what a second wedge hid after a turn."
    needs_wedge = True
    fills_wedge = True
    presets: ClassVar = {
        "quick-look": {"method": {"input": "wiener+raw"}},
        "standard": {"method": {"input": "wiener+raw"}},
        "paper": {
            "method": {"refill_after": 0.01},
            "schedule": {"crop": 96, "steps": 30_000, "batch": 5, "learning_rate": 4e-4},
        },
    }
    config: DeepDeWedgeConfig

    @property
    def refill_places(self) -> int:
        """How many fixed places crops are taken from."""
        return self.config.places if self.config.refill == "stored" else 0

    @property
    def refill_maps(self) -> int:
        """How many maps are refilled: those that may be the input."""
        return 2 if self.config.swap else 1

    def cut_size(self, crop: int) -> int:
        """Return the edge to cut, so that a crop is left after any turn."""
        from napari_cryorestore.physics.turning import size_to_turn

        return size_to_turn(crop)

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw a rotation for every crop, and which halves are exchanged if that is on."""
        import torch

        from napari_cryorestore.physics.turning import drawn_rotations

        draws: Draws = {"rotations": drawn_rotations(len(places), generator)}
        if self.config.swap:
            draws["exchanged"] = torch.rand(len(places), generator=generator) < 0.5
        return draws

    def prepare(self, crops: Crops, draws: Draws) -> Crops:
        """Turn the refilled input and the target; `refilled` keeps the input as it was cut."""
        import torch

        from napari_cryorestore.data.network_input import RAW_SHARE
        from napari_cryorestore.physics.turning import size_of_turned, turned_freely

        if crops.refilled is None:
            crops = replace(crops, refilled=crops.maps[:, : self.refill_maps])
        if "exchanged" in draws:
            crops = crops.exchanged(draws["exchanged"])
        assert crops.refilled is not None
        x = crops.even_input + _shared(crops.refilled[:, :1] - crops.even, self.channels)
        size = size_of_turned(crops.maps.shape[-1])
        turned = turned_freely(torch.cat([x, crops.odd], 1), draws["rotations"], size)
        inputs, target = turned[:, :-1], turned[:, -1:]
        even = inputs if self.channels == 1 else inputs[:, 1:] / RAW_SHARE
        kept = torch.cat([crops.even, crops.refilled[:, 1:]], 1)
        return replace(crops, maps=torch.cat([even, target], 1), inputs=inputs[:, None], refilled=kept)

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss, and what to refill from where that is due."""
        from napari_cryorestore.physics.turning import turned_freely
        from napari_cryorestore.physics.wedge import apply_mask

        wedge, shape = self.known_wedge(crops.imaging), tuple(crops.maps.shape[-3:])
        inputs, refill = crops.even_input, None
        if self._refills_at(crops.places, "teacher"):
            fill = turned_freely(self._fill(teacher, crops), draws["rotations"], shape[-1])
            inputs = inputs + _shared(fill, self.channels)
        elif self._refills_at(crops.places, "stored"):
            refill = self._refill(teacher, crops, draws)
        measured, missing = _masks(wedge, shape, inputs.device)
        prediction = network(apply_mask(inputs, measured)).float()
        turned = wedge.turned_masks(shape, draws["rotations"])[:, None]
        masks = (turned & measured, turned & missing)
        known, filled = split_loss(prediction, crops.odd.float(), masks, self.config, crops.imaging)
        total = known + self.config.wedge_weight * filled
        return StepLoss(total, {"measured": known, "wedge": filled}, refill=refill)

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return f(A y)."""
        from napari_cryorestore.physics.wedge import apply_mask

        measured, _ = _masks(self.known_wedge(imaging), tuple(inputs.shape[-3:]), inputs.device)
        return network(apply_mask(inputs, measured)).float()

    def _refills_at(self, places: Places, source: str) -> bool:
        """Tell whether the step of some places refills from a source; no tensor decides it."""
        every = self.config.refill_every if source == "stored" else 1
        due = places.step >= self.config.refill_after * places.steps and places.step % every == 0
        return due and source == self.config.refill

    def _refill(self, teacher: Network, crops: Crops, draws: Draws) -> Tensor:
        """Return what to store for the places, (b, 1 or 2, z, y, x): the input, its wedge filled anew."""
        import torch

        assert crops.refilled is not None
        filled = crops.refilled[:, :1] + self._fill(teacher, crops)
        refill = torch.cat([filled, crops.refilled[:, 1:]], 1)
        if "exchanged" in draws:
            refill = torch.where(draws["exchanged"].view(-1, 1, 1, 1, 1), refill.flip(1), refill)
        return refill

    def _fill(self, teacher: Network, crops: Crops) -> Tensor:
        """Return (1 − A) (f(A y₀) − y₀) of the crops as they were cut."""
        from napari_cryorestore.data.network_input import network_input
        from napari_cryorestore.physics.wedge import apply_mask

        assert crops.refilled is not None
        y = crops.refilled[:, :1]
        measured, missing = _masks(self.known_wedge(crops.imaging), tuple(y.shape[-3:]), y.device)
        inputs = network_input(apply_mask(y, measured), crops.imaging, kind=self.input_kind)
        return apply_mask(teacher(inputs).float() - y, missing)


def _shared(filled: Tensor, channels: int) -> Tensor:
    """Return what the network's input gains where something without noise is added to the map."""
    from napari_cryorestore.data.network_input import second_pass_input

    return second_pass_input(filled, channels=channels)


@lru_cache(maxsize=32)
def _masks(wedge: Wedge, shape: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the measured part of the Nyquist ball, and the rest of it."""
    import torch

    from napari_cryorestore.physics.fourier import nyquist_ball

    with torch.inference_mode(mode=False):  # kept ones must serve training even if restoring made them
        measured = wedge.mask(shape, device=device)
        return measured, nyquist_ball(shape, device=device) & ~measured
