"""IsoNet (Liu et al. 2022): fill the wedge of crops, turn them, learn to undo what the wedge takes away."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import LearnedConfig, Method, StepLoss
from napari_cryorestore.methods.shell_loss import ShellLossConfig, split_loss

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Draws, Network
    from napari_cryorestore.physics.projection_noise import NoiseFilter
    from napari_cryorestore.physics.wedge import Wedge

PLACES = 200
"""Places of a tomogram whose filled crops are stored."""
NOISE_STAGES = ((5 / 6, 1.0), (2 / 3, 0.75), (1 / 2, 0.5), (1 / 3, 0.25))
"""From which share of the steps on which share of the noise is added: IsoNet's rounds 11, 16, 21, 26."""


class IsonetConfig(ShellLossConfig):
    """The knobs of IsoNet."""

    kind: Literal["isonet"] = "isonet"
    loss: Literal["l1", "l2", "fsc+l2", "fsc"] = setting(
        "l1",
        "How the prediction is compared with the filled crop: absolute or squared difference, Fourier shell "
        "correlation where the input was measured and squares in the wedge, or the correlation in both.",
    )
    refill: Literal["now", "stored"] = setting(
        "now",
        "What fills the wedge of a crop before it is learned from: what the network makes of the crop now, "
        "or what it made of it when the crop last came (as in IsoNet's rounds, from a few fixed places).",
        advanced=True,
    )
    noise: float = setting(
        0.0,
        "Noise of projections added to what the network sees, so that it learns to remove noise: in standard "
        "deviations, reached in four stages from a third of the steps on (IsoNet: 0.2); 0 for none.",
        ge=0,
    )
    noise_filter: Literal["none", "ramp", "hamming"] = setting(
        "none", "Filter of the projections that the added noise is made of.", advanced=True
    )


class Isonet(Method):
    """L = ⟨abs(f(A R u + n) − R u)⟩, with u = A y + (1 − A) f(A y)."""

    Config = IsonetConfig
    title = "IsoNet"
    summary = (
        "Fills the missing wedge of a single map; removes noise only as far as noise is added in training."
    )
    maps = 1
    needs_wedge = True
    fills_wedge = True
    presets: ClassVar = {
        "paper": {"schedule": {"steps": 45_000, "batch": 4, "crop": 64, "learning_rate": 4e-4}},
    }
    config: IsonetConfig

    @property
    def refill_places(self) -> int:
        """How many fixed places crops are taken from, where filled crops are stored."""
        return PLACES if self.config.refill == "stored" else 0

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw a rotation crop by crop, and white noise with the level that this step is at."""
        import torch

        draws = _drawn_turns(len(places), generator)
        level = self.config.noise * _stage(places)
        if level:
            draws["white"] = torch.randn(len(places), 1, *(places.size,) * 3, generator=generator)
            draws["level"] = torch.full((len(places),), level)
        return draws

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss, and what to store for these crops where that is done."""
        wedge, y = self.known_wedge(crops.imaging), crops.maps.float()
        if crops.refilled is None:
            filled = _filled(y, teacher(_measured(y, wedge)).float(), wedge)
            refill = None
        else:
            filled = _filled(y, crops.refilled, wedge)
            refill = _filled(y, teacher(filled).float(), wedge)
        target = _turned(filled, draws)
        seen = _measured(target, wedge)
        if "white" in draws:
            seen = seen + _noise(draws, wedge, self.config.noise_filter)
        prediction = network(seen).float()
        return replace(_compared(prediction, target, self.config, crops.imaging), refill=refill)


class IsonetHalvesConfig(ShellLossConfig, LearnedConfig):
    """The knobs of IsoNet between halves."""

    kind: Literal["isonet-halves"] = "isonet-halves"
    loss: Literal["l2", "l1", "fsc+l2", "fsc"] = setting(
        "l2",
        "How the prediction is compared with the filled other half: squared or absolute difference, Fourier "
        "shell correlation where the input was measured and squares in the wedge, or the correlation in "
        "both.",
    )
    matched: Literal["spectrum", "white", "none"] = setting(
        "spectrum",
        "Noise that is added to what fills the wedge, so that it is as noisy as what was measured: shell by "
        "shell, white (as in IsoNet2), or none.",
        advanced=True,
    )


class IsonetHalves(Method):
    """L = ‖f(A R u₀) − R u₁‖², with uᵢ = A yᵢ + (1 − A) f(A yᵢ), and noise in the filled part of u₀."""

    Config = IsonetHalvesConfig
    title = "IsoNet between halves"
    summary = "Removes noise and fills the missing wedge: IsoNet, with the other half as the target."
    needs_wedge = True
    fills_wedge = True
    presets: ClassVar = {
        "quick-look": {"method": {"input": "wiener+raw"}},
        "standard": {"method": {"input": "wiener+raw"}},
        "paper": {"schedule": {"steps": 37_500, "batch": 4, "crop": 96, "learning_rate": 3e-4}},
    }
    config: IsonetHalvesConfig

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw a rotation crop by crop, which halves are exchanged, and white noise."""
        import torch

        draws = _drawn_turns(len(places), generator)
        draws["exchanged"] = torch.rand(len(places), generator=generator) < 0.5
        if self.config.matched != "none":
            draws["white"] = torch.randn(len(places), 1, *(places.size,) * 3, generator=generator)
        return draws

    def prepare(self, crops: Crops, draws: Draws) -> Crops:
        """Exchange the halves."""
        return crops.exchanged(draws["exchanged"])

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss; both halves of a crop are turned alike."""
        import torch

        wedge, y = self.known_wedge(crops.imaging), torch.cat([crops.even, crops.odd]).float()
        guess = teacher(self._seen(_measured(y, wedge), crops.imaging)).float()
        first, other = guess.chunk(2)
        if "white" in draws:
            first = first + self._matching_noise(y.chunk(2), (first, other), draws["white"], wedge)
        filled = _filled(y, torch.cat([first, other]), wedge)
        source, target = (_turned(half, draws) for half in filled.chunk(2))
        prediction = network(self._seen(_measured(source, wedge), crops.imaging)).float()
        return _compared(prediction, target, self.config, crops.imaging)

    def _seen(self, crops: Tensor, imaging: Imaging) -> Tensor:
        from napari_cryorestore.data.network_input import network_input

        return network_input(crops, imaging, kind=self.input_kind)

    def _matching_noise(
        self, raw: tuple[Tensor, ...], guessed: tuple[Tensor, ...], white: Tensor, wedge: Wedge
    ) -> Tensor:
        """Return the noise that what fills the wedge lacks, (b, 1, z, y, x).

        The noise of a half is what it differs in from the other one, divided by √2.
        """
        noise, left = ((one - other) / 2**0.5 for one, other in (raw, guessed))
        if self.config.matched == "white":
            lacking = (noise.var((1, 2, 3, 4)) - left.var((1, 2, 3, 4))).abs().sqrt()
            return white * lacking.view(-1, 1, 1, 1, 1)
        return _shaped(white, _power(noise, wedge, measured=True) - _power(left, wedge, measured=False))


def _stage(places: Places) -> float:
    """Return which share of its noise a step has."""
    done = places.step / places.steps if places.steps else 0.0
    return next((share for begin, share in NOISE_STAGES if done >= begin), 0.0)


def _drawn_turns(count: int, generator: torch.Generator) -> Draws:
    """Draw as many of the 20 rotations that move the wedge."""
    from napari_cryorestore.physics.rotation import GROUP, drawn_elements

    return {"turns": drawn_elements([g for g in GROUP if g.determinant > 0], count, generator)}


def _turned(crops: Tensor, draws: Draws) -> Tensor:
    from napari_cryorestore.physics.rotation import turned

    return turned(crops, draws["turns"])


def _measured(crops: Tensor, wedge: Wedge) -> Tensor:
    """Return A v."""
    from napari_cryorestore.physics.filtering import filtered

    shape = tuple(crops.shape[-3:])
    return filtered(crops, _sector(wedge, shape, crops.device), grid=shape)


def _filled(crops: Tensor, guess: Tensor, wedge: Wedge) -> Tensor:
    """Return A y + (1 − A) g."""
    return guess + _measured(crops - guess, wedge)


def _compared(
    prediction: Tensor, target: Tensor, config: IsonetConfig | IsonetHalvesConfig, imaging: Imaging
) -> StepLoss:
    """Return the loss of all of Fourier space, or of its two parts."""
    difference = prediction - target
    if not config.uses_fsc:
        return StepLoss(difference.abs().mean() if config.loss == "l1" else difference.square().mean())
    assert imaging.wedge is not None  # what is compared was measured within it
    sector = _sector(imaging.wedge, tuple(target.shape[-3:]), target.device)
    known, filled = split_loss(prediction, target, (sector, ~sector), config, imaging)
    return StepLoss(known + filled, {"measured": known, "wedge": filled})


def _noise(draws: Draws, wedge: Wedge, filtering: NoiseFilter) -> Tensor:
    """Return back-projected noise of the level drawn."""
    from napari_cryorestore.physics.filtering import filtered

    white = draws["white"]
    shape = tuple(white.shape[-3:])
    noise = filtered(white, _gain(wedge, shape, filtering, white.device), grid=shape)
    return noise * draws["level"].view(-1, 1, 1, 1, 1)


def _power(crops: Tensor, wedge: Wedge, *, measured: bool) -> Tensor:
    """Return the mean power of the coefficients of each shell, inside or outside the wedge, (b, n)."""
    from napari_cryorestore.physics.fourier import hermitian_weight, rfft
    from napari_cryorestore.physics.fsc import shell_counts, shell_sums

    shape = tuple(crops.shape[-3:])
    sector = wedge.sector(shape, device=crops.device)
    weight = hermitian_weight(shape, device=crops.device) * (sector if measured else ~sector)
    spectra = rfft(crops)[:, 0]
    _, power, _ = shell_sums(spectra, spectra, shape, weight=weight)
    return power / shell_counts(weight, shape).clamp(min=1)


def _shaped(white: Tensor, power: Tensor) -> Tensor:
    """Return white noise of variance 1 with another power, shell by shell; none where that is negative."""
    import torch

    from napari_cryorestore.physics.fourier import irfft, rfft, shell_index

    shape = tuple(white.shape[-3:])
    index, _ = shell_index(shape, device=white.device)
    gain = (power.clamp(min=0) / white[0].numel()).sqrt()
    table = torch.cat([torch.zeros_like(gain[:, :1]), gain, gain[:, -1:]], 1)  # the mean; the corners
    return irfft(rfft(white) * table[:, index][:, None], shape)


# Kept masks must serve training even if restoring made them, so they are no inference tensors.


@lru_cache(maxsize=16)
def _sector(wedge: Wedge, shape: tuple[int, ...], device: torch.device) -> Tensor:
    import torch

    from napari_cryorestore.physics.filtering import laid_out

    with torch.inference_mode(mode=False):
        return laid_out(wedge.sector(shape, device=device))


@lru_cache(maxsize=16)
def _gain(wedge: Wedge, shape: tuple[int, ...], filtering: NoiseFilter, device: torch.device) -> Tensor:
    import torch

    from napari_cryorestore.physics.filtering import laid_out
    from napari_cryorestore.physics.projection_noise import projection_noise_gain

    with torch.inference_mode(mode=False):
        return laid_out(projection_noise_gain(shape, wedge, filtering=filtering, device=device))
