"""The Fourier shell correlation as a loss, with the settings that all methods share which offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import MethodConfig

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging


class ShellLossConfig(MethodConfig):
    """The knobs of the FSC as a loss; a method's own configuration narrows ``loss``."""

    loss: str = setting("l2", "How crops are compared.")
    shells: Literal["equal", "agreeing", "weighted"] = setting(
        "equal",
        "Which Fourier shells the FSC loss counts: all alike (as published), those where the raw halves "
        "agree, or each by how well they agree.",
        advanced=True,
    )
    first_shell: int = setting(
        1,
        "First Fourier shell of the FSC loss; 2 or 3 leaves the noisy innermost ones out.",
        ge=1,
        le=8,
        advanced=True,
    )
    anchor: float = setting(
        0.05,
        "Weight of the squared difference added to the FSC loss, which alone leaves the amplitude open.",
        ge=0,
        advanced=True,
    )

    @property
    def uses_fsc(self) -> bool:
        """Whether the loss is, or has, a Fourier shell correlation, which leaves the amplitude open."""
        return "fsc" in self.loss

    @property
    def needs_half_map_fsc(self) -> bool:
        """Whether it must be known how well the raw halves agree, shell by shell."""
        return self.uses_fsc and self.shells != "equal"


def shell_loss(
    prediction: Tensor,
    target: Tensor,
    config: ShellLossConfig,
    imaging: Imaging,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Return 1 − ⟨FSC(q)⟩ over shells and crops, with the shells that the settings choose.

    Parameters
    ----------
    prediction, target : Tensor, shape (b, 1, z, y, x), float32
    config : ShellLossConfig
        Which shells count.
    imaging : Imaging
        With the Wiener filter of one half, which is how well the halves agree, unless all count alike.
    mask : Tensor, shape (z, y, x // 2 + 1) or (b, [1,] z, y, x // 2 + 1), optional
        The part of Fourier space in which they are compared, e.g. the measured one.

    Returns
    -------
    Tensor, scalar

    Raises
    ------
    ValueError
        If it is not known where the halves agree, but needed.
    """
    from napari_cryorestore.physics.fsc import one_minus_fsc

    weights = None
    if config.needs_half_map_fsc:
        if imaging.wiener is None:
            raise ValueError(
                f"shells = {config.shells!r} needs two halves, to know which Fourier shells they agree in: "
                "choose shells = 'equal'."
            )
        weights = imaging.wiener.at_shells(prediction.shape[-3:], device=prediction.device)
        if config.shells == "agreeing":
            weights = (weights > 0).float()
    return one_minus_fsc(prediction, target, mask=mask, weights=weights, first_shell=config.first_shell)


def split_loss(
    prediction: Tensor,
    target: Tensor,
    masks: tuple[Tensor, Tensor],
    config: ShellLossConfig,
    imaging: Imaging,
) -> tuple[Tensor, Tensor]:
    """Return what a prediction costs where something was measured, and what in the wedge.

    With ``loss = "l2"`` squares in both. With ``"fsc+l2"`` 1 − ⟨FSC⟩ and `anchor` times the squares where it
    was measured, squares in the wedge; with ``"fsc"`` 1 − ⟨FSC⟩ there too.

    Parameters
    ----------
    prediction, target, config, imaging
        As of `shell_loss`.
    masks : two Tensors, shapes (z, y, x // 2 + 1) or (b, 1, z, y, x // 2 + 1), bool
        The measured part of Fourier space, and the wedge.

    Returns
    -------
    tuple of two Tensors, scalars
    """
    from napari_cryorestore.physics.filtering import masked_mean_squares

    known, in_wedge = masked_mean_squares(prediction - target, masks)
    if config.uses_fsc:
        known = shell_loss(prediction, target, config, imaging, mask=masks[0]) + config.anchor * known
    if config.loss == "fsc":
        in_wedge = shell_loss(prediction, target, config, imaging, mask=masks[1])
    return known, in_wedge


__all__ = ["ShellLossConfig", "shell_loss", "split_loss"]
