"""The Fourier shell correlation as a loss, with the settings that all methods share which offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.methods.base import LearnedConfig

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cryorestore.data.network_input import Imaging


class ShellLossConfig(LearnedConfig):
    """The knobs of the FSC as a loss."""

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
    def asks_the_halves(self) -> bool:
        """Whether it must be known how well the raw halves agree, shell by shell."""
        return self.shells != "equal"


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
    if config.asks_the_halves:
        if imaging.wiener is None:
            raise ValueError(
                f"shells = {config.shells!r} needs two halves, to know which Fourier shells they agree in: "
                "choose shells = 'equal'."
            )
        weights = imaging.wiener.at_shells(prediction.shape[-3:], device=prediction.device)
        if config.shells == "agreeing":
            weights = (weights > 0).float()
    return one_minus_fsc(prediction, target, mask=mask, weights=weights, first_shell=config.first_shell)


__all__ = ["ShellLossConfig", "shell_loss"]
