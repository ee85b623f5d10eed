"""ICECREAM (Kishore et al. 2026): equivariant imaging that denoises and fills the missing wedge at once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import LearnedConfig, Method, StepLoss
from napari_cryorestore.methods.shell_loss import ShellLossConfig, shell_loss

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.data.network_input import Imaging
    from napari_cryorestore.methods.base import Draws, Network
    from napari_cryorestore.physics.wedge import Wedge


_TINY = 1e-20  # power of a restoration that is zero everywhere


class IcecreamConfig(ShellLossConfig, LearnedConfig):
    """The knobs of ICECREAM."""

    kind: Literal["icecream"] = "icecream"
    loss: Literal["l2", "fsc+l2", "fsc"] = setting(
        "l2",
        "How restored and measured crops are compared: by squares, by Fourier shell correlation where there "
        "are data and by squares in the wedge, or by Fourier shell correlation alone.",
    )
    eq_weight: float = setting(2.0, "Weight λ of the equivariance term, which fills the wedge.", ge=0)
    passes: Literal[1, 2] = setting(
        2,
        "Network passes at restoration: the published two average over-fitting out, one keeps more detail.",
        restoring=True,
    )
    flips: bool = setting(
        False, "Flip crop pairs in the ways that keep the wedge: holds off over-fitting of very noisy data."
    )
    average_flips: bool = setting(
        False,
        "Restore four flips that keep the wedge and average: less noise, for four times the work.",
        advanced=True,
        restoring=True,
    )
    mirrored: bool = setting(
        True, "Let the equivariance term use mirrored orientations too (as published).", advanced=True
    )
    double_size: bool = setting(
        True, "Apply the wedge by linear convolution on a zero-padded crop (as published).", advanced=True
    )
    window: bool = setting(True, "Compare only the central half of each crop (as published).", advanced=True)
    detach_target: bool = setting(
        False, "Treat the target of the equivariance term as fixed (not as published).", advanced=True
    )


_WITHOUT_WHAT_SLOWS = {
    "input": "wiener+raw",
    "double_size": False,
    "window": False,
    "passes": 1,
    "flips": True,
}


class Icecream(Method):
    """L = ‖A(y₁ − f(y₀))‖² + ‖A(y₀ − f(y₁))‖² + λ(‖A_g(R_g f(y₁) − f(A R_g f(y₀)))‖² + swapped)."""

    Config = IcecreamConfig
    title = "ICECREAM"
    summary = (
        "Removes noise and fills the missing wedge, by demanding that restoration commutes with rotation."
    )
    needs_wedge = True
    presets: ClassVar = {
        "quick-look": {"method": _WITHOUT_WHAT_SLOWS},
        "standard": {"method": _WITHOUT_WHAT_SLOWS},
        "paper": {"schedule": {"steps": 50_000, "batch": 8, "learning_rate": 1e-4}},
    }
    fills_wedge = True
    feeds_back = True
    config: IcecreamConfig

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw flips that keep the wedge, if they are on, and an orientation, crop by crop."""
        from napari_cryorestore.physics.rotation import GROUP, drawn_elements
        from napari_cryorestore.physics.wedge import preserving

        draws: Draws = {}
        if self.config.flips:
            kept = preserving(self.known_wedge(places.imaging))
            draws["flips"] = drawn_elements(kept, len(places), generator)
        group = GROUP if self.config.mirrored else tuple(g for g in GROUP if g.determinant > 0)
        draws["orientations"] = drawn_elements(group, len(places), generator)
        return draws

    def prepare(self, crops: Crops, draws: Draws) -> Crops:
        """Flip the pairs."""
        return crops.turned(draws["flips"]) if "flips" in draws else crops

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss as the released code (v0.4) computes it."""
        import torch

        from napari_cryorestore.data.network_input import second_pass_input
        from napari_cryorestore.physics.rotation import turned

        del teacher
        wedge, grid = self.known_wedge(crops.imaging), self._padded(crops.maps.shape[-1])
        y = torch.cat([crops.even, crops.odd]).float()
        e = network(torch.cat([crops.even_input, crops.odd_input])).float()
        data, parts = self._data(e, y, wedge, crops.imaging)

        elements = draws["orientations"].repeat(2)  # both halves alike
        r = turned(e, elements)
        h = network(second_pass_input(self._measure(r, wedge), channels=self.channels)).float()
        target = _exchanged(self._reference(r))
        if self.config.loss == "fsc":
            masks = _rotated_masks(wedge, tuple(e.shape[-3:]), elements)
            equivariance = shell_loss(h, target, self.config, crops.imaging, mask=masks)
        else:
            masks = _rotated_masks(wedge, grid, elements)
            equivariance = self._distance(target - h, masks)
            if self.config.loss == "fsc+l2":  # which amplitude there is must not matter
                equivariance = equivariance / self._distance(target, masks).clamp(min=_TINY)
        total = data + self.config.eq_weight * equivariance
        return StepLoss(total, {"data": data, "equivariance": equivariance, **parts})

    def _data(
        self, restored: Tensor, raw: Tensor, wedge: Wedge, imaging: Imaging
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the term that compares with the other half where it was measured, and its parts."""
        other, size = _exchanged(raw), restored.shape[-1]
        squared = self._distance(other - restored, _mask(wedge, self._padded(size), raw.device))
        if self.config.loss == "l2":
            return squared, {}
        measured = _mask(wedge, (size,) * 3, raw.device)
        fsc = shell_loss(restored, other, self.config, imaging, mask=measured)
        return fsc + self.config.anchor * squared, {"fsc": fsc, "l2": squared}

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Return f(A f(y)) as published, or f(y); either may be averaged over flips."""
        import torch

        from napari_cryorestore.physics.wedge import averaging

        if not self.config.average_flips:
            return self._restored(network, inputs, imaging)
        flips = averaging(self.known_wedge(imaging))  # each is its own inverse
        restored = (flip.apply(self._restored(network, flip.apply(inputs), imaging)) for flip in flips)
        return torch.stack(list(restored)).mean(0)

    def _restored(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        from napari_cryorestore.data.network_input import second_pass_input

        once = network(inputs).float()
        if self.config.passes == 1:
            return once
        again = second_pass_input(self._measure(once, self.known_wedge(imaging)), channels=self.channels)
        return network(again).float()

    def _padded(self, size: int) -> tuple[int, int, int]:
        return (2 * size,) * 3 if self.config.double_size else (size,) * 3

    def _measure(self, volume: Tensor, wedge: Wedge) -> Tensor:
        """Return A v, by linear convolution where `double_size` is set."""
        from napari_cryorestore.physics.filtering import filtered

        shape = volume.shape[-3:]
        grid = tuple(2 * n for n in shape) if self.config.double_size else tuple(shape)
        return filtered(volume, _mask(wedge, grid, volume.device), grid=grid)

    def _reference(self, rotated: Tensor) -> Tensor:
        """Return the target of the equivariance term: the rotated estimate within the Fourier ball."""
        from napari_cryorestore.physics.filtering import filtered

        target = rotated.detach() if self.config.detach_target else rotated
        if not self.config.double_size:
            return target  # the ball lies in every mask that follows
        shape = tuple(target.shape[-3:])
        return filtered(target, _ball(shape, target.device), grid=shape)

    def _distance(self, difference: Tensor, mask: Tensor) -> Tensor:
        """Return mean |window · A d|², summed over both halves and halved.

        Halved since the released code averages real and imaginary parts.
        """
        from napari_cryorestore.physics.filtering import filtered, masked_mean_square

        if not self.config.window and not self.config.double_size:
            return masked_mean_square(difference, mask)
        size = difference.shape[-1]
        inside = size // 4 if self.config.window else 0
        kept = filtered(difference, mask, grid=self._padded(size), inside=inside)
        total: Tensor = kept.square().sum() / difference.numel()
        return total


def _exchanged(halves: Tensor) -> Tensor:
    """Return crops of two halves, one half behind the other, in the opposite order."""
    return halves.roll(len(halves) // 2, 0)


def _rotated_masks(wedge: Wedge, grid: tuple[int, ...], elements: Tensor) -> Tensor:
    """Return the mask that each element makes of the wedge, (b, 1, z, y, x // 2 + 1)."""
    masks, which = _all_masks(wedge, grid, elements.device)
    return masks[which[elements]][:, None].transpose(-3, -1)


# Kept masks must serve training even if restoring made them, so they are no inference tensors.


@lru_cache(maxsize=32)
def _mask(wedge: Wedge, grid: tuple[int, ...], device: torch.device) -> Tensor:
    import torch

    from napari_cryorestore.physics.filtering import laid_out

    with torch.inference_mode(mode=False):
        return laid_out(wedge.mask(grid, device=device))


@lru_cache(maxsize=32)
def _all_masks(wedge: Wedge, grid: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the different masks, (n, x // 2 + 1, y, z) as `filtered` reads them, and which is whose."""
    import torch

    with torch.inference_mode(mode=False):
        masks, which = wedge.rotated_masks(grid, device=device)
        return masks.transpose(-3, -1).contiguous(), which


@lru_cache(maxsize=8)
def _ball(shape: tuple[int, ...], device: torch.device) -> Tensor:
    import torch

    from napari_cryorestore.physics.filtering import laid_out
    from napari_cryorestore.physics.fourier import nyquist_ball

    with torch.inference_mode(mode=False):
        return laid_out(nyquist_ball(shape, device=device))
