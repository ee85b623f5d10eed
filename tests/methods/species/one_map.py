"""One map, whose missing wedge is filled by the teacher and refined every time a crop comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.methods.base import Method, MethodConfig, StepLoss
from napari_cryorestore.physics.fourier import nyquist_ball
from napari_cryorestore.physics.rotation import GROUP, drawn_elements, turned
from napari_cryorestore.physics.wedge import apply_mask

if TYPE_CHECKING:
    import torch

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.methods.base import Draws, Network


class OneMapConfig(MethodConfig):
    """There is nothing to set."""

    kind: Literal["one_map"] = "one_map"


class OneMap(Method):
    """L = ‖f(A R x) − R x‖², with x = A y + (1 − A) g, where g is what the teacher made of x last time."""

    Config = OneMapConfig
    title = "One map"
    summary = "Fills the missing wedge of a single map, round after round at the same places."
    maps = 1
    needs_wedge = fills_wedge = True
    refill_places = 12
    config: OneMapConfig

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw an orientation for every crop."""
        return {"turns": drawn_elements(GROUP, len(places), generator)}

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss, and store what the teacher makes of these crops."""
        assert crops.imaging.wedge is not None
        assert crops.refilled is not None
        shape = crops.maps.shape[-3:]
        measured = crops.imaging.wedge.mask(shape, device=crops.maps.device)
        missing = nyquist_ball(shape, device=crops.maps.device) & ~measured
        known = apply_mask(crops.maps, measured)
        filled = known + apply_mask(crops.refilled, missing)
        target = turned(filled, draws["turns"])
        restored = network(apply_mask(target, measured)).float()
        refill = known + apply_mask(teacher(filled).float(), missing)
        return StepLoss((restored - target).square().mean(), refill=refill)
