"""Noise2Noise between half maps (cryoCARE; Jones et al. 2026): predict one half from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import LearnedConfig, Method, StepLoss
from napari_cryorestore.methods.shell_loss import ShellLossConfig, shell_loss

if TYPE_CHECKING:
    import torch

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.methods.base import Draws, Network


class Noise2NoiseConfig(ShellLossConfig, LearnedConfig):
    """The knobs of Noise2Noise."""

    kind: Literal["noise2noise"] = "noise2noise"
    loss: Literal["l2", "l1", "fsc"] = setting(
        "l2",
        "How the prediction is compared with the other half: squared or absolute difference, "
        "or Fourier shell correlation (more contrast and sharper membranes, amplitudes undetermined).",
    )
    rotate: bool = setting(True, "Rotate crops by multiples of 90° about the tilt axis.", advanced=True)
    swap: bool = setting(True, "Exchange the halves of every second crop.", advanced=True)


class Noise2Noise(Method):
    """L = d(f(y₀), y₁) with d one of L2, L1 and 1 − FSC."""

    Config = Noise2NoiseConfig
    title = "Noise2Noise"
    summary = (
        "Removes noise by predicting one half map from the other; does not aim to fill the missing wedge."
    )
    presets: ClassVar = {
        "quick-look": {"method": {"input": "wiener+raw"}},
        "standard": {"method": {"input": "wiener+raw"}},
        "paper": {"schedule": {"steps": 20_000, "batch": 16, "learning_rate": 4e-4}},
    }
    config: Noise2NoiseConfig

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw quarter turns about the tilt axis, and which halves are exchanged, as far as either is on."""
        import torch

        from napari_cryorestore.physics.rotation import about_tilt_axis, drawn_elements

        draws: Draws = {}
        if self.config.rotate:
            wedge = places.imaging.wedge
            turns = [about_tilt_axis(turn, "y" if wedge is None else wedge.tilt_axis) for turn in range(4)]
            draws["turns"] = drawn_elements(turns, len(places), generator)
        if self.config.swap:
            draws["exchanged"] = torch.rand(len(places), generator=generator) < 0.5
        return draws

    def prepare(self, crops: Crops, draws: Draws) -> Crops:
        """Turn the crops and exchange their halves."""
        if "turns" in draws:
            crops = crops.turned(draws["turns"])
        return crops.exchanged(draws["exchanged"]) if "exchanged" in draws else crops

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return d(f(y₀), y₁)."""
        del draws, teacher
        prediction, target = network(crops.even_input).float(), crops.odd.float()
        difference = prediction - target
        if self.config.loss == "l1":
            return StepLoss(difference.abs().mean())
        squared = difference.square().mean()
        if self.config.loss == "l2":
            return StepLoss(squared)
        fsc = shell_loss(prediction, target, self.config, crops.imaging)
        return StepLoss(fsc + self.config.anchor * squared, {"fsc": fsc, "l2": squared})
