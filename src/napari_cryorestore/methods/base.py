"""What a method is: knobs, batch, loss and restoration of one paper, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_cryorestore.config import Config, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch
    from torch import Tensor

    from napari_cryorestore.data.crops import PairBatch
    from napari_cryorestore.data.inputs import Imaging, InputKind

    Network = Callable[[Tensor], Tensor]


class MethodConfig(Config):
    """The knobs that every method has.

    A method's own configuration derives from this one and narrows ``kind`` to its name.
    """

    kind: str = setting(help="The restoration method.")


class LearnedConfig(MethodConfig):
    """The knobs that every trainable method has."""

    input: Literal["raw", "wiener+raw"] = setting(
        "raw",
        "What the network sees: the map itself, or its half-map-FSC Wiener-filtered version beside it.",
    )


@dataclass(frozen=True)
class StepLoss:
    """What a training step costs.

    Attributes
    ----------
    total : Tensor
        The scalar to differentiate.
    parts : dict of str to Tensor
        Named scalars to look at, detached or not; they need not sum to the total.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


class Method(ABC):
    """One paper.

    Holds no network, optimiser, device, path, logger or widget; the same object serves training and
    restoration. Tensors are (b, c, z, y, x), in units of the tomogram's standard deviation about its mean.

    Attributes
    ----------
    Config : type
        Its knobs; its ``kind`` is the name in the table.
    title : str
        The name as the paper spells it.
    summary : str
        One sentence for the user who chooses.
    networks : tuple of str or None
        The networks that fit, the one to choose first; ``None`` if all do.
    presets : dict of str to dict
        What it sets in a preset, as nested settings of a run; a name of its own is a preset of its own.
    needs_halves, needs_wedge, trainable : bool
        Whether training needs both halves, whether it uses the tilt range, whether there is training at all.
    """

    Config: ClassVar[type[MethodConfig]]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs_halves: ClassVar[bool] = True
    needs_wedge: ClassVar[bool] = False
    trainable: ClassVar[bool] = True
    networks: ClassVar[tuple[str, ...] | None] = None
    presets: ClassVar[Mapping[str, dict[str, Any]]] = {}

    def __init__(self, config: MethodConfig) -> None:
        self.config = config

    @property
    def input_kind(self) -> InputKind:
        """What its network sees of a half."""
        return self.config.input if isinstance(self.config, LearnedConfig) else "raw"

    @property
    def channels(self) -> int:
        """How many input channels its network has."""
        return 2 if self.input_kind == "wiener+raw" else 1

    @property
    def fixes_amplitude(self) -> bool:
        """Whether its loss determines the amplitude; if not, restored maps are fitted to the data."""
        return True

    def augment(self, batch: PairBatch, generator: torch.Generator) -> PairBatch:
        """Return the batch as it goes into `loss`, e.g. rotated; unchanged by default."""
        del generator
        return batch

    @abstractmethod
    def loss(self, network: Network, batch: PairBatch, generator: torch.Generator) -> StepLoss:
        """Return the loss of one step; may call the network several times."""

    def refresh(self, network: Network, step: int) -> None:
        """Look at the network every step, for methods that refill their crops; nothing by default."""
        del network, step

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Restore one half's crops.

        Parameters
        ----------
        network
            In evaluation mode.
        inputs : Tensor, shape (b, c, z, y, x)
            What `napari_cryorestore.data.inputs.network_input` makes of the half.
        imaging : Imaging
            How the tomogram was recorded.

        Returns
        -------
        Tensor, shape (b, 1, z, y, x), float32
        """
        del imaging
        return network(inputs).float()
