"""What a method is: knobs, draws, loss and restoration of one paper, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_cryorestore.config import Config, Setting, setting, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch
    from torch import Tensor, nn

    from napari_cryorestore.data.crops import Crops, Places
    from napari_cryorestore.data.network_input import Imaging, InputKind
    from napari_cryorestore.findings import Finding
    from napari_cryorestore.physics.wedge import Wedge
    from napari_cryorestore.plugin_table import Extra

    Network = Callable[[Tensor], Tensor]
    Draws = dict[str, Tensor]


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
    refill : Tensor, shape (b, m, z, y, x), optional
        For a method with `refill_places`: what to store for these places, as large as they were cut and
        turned as they lie in the tomogram. It comes back as ``crops.refilled``; until then, and after steps
        without it, what was there before does.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    refill: Tensor | None = None


class Method:
    """One paper.

    Holds no network, optimiser, device, path, logger or widget; the same object serves training and
    restoration. Tensors are in units of the tomogram's standard deviation about its mean.

    A training step is drawn first and applied second: all that is random comes from `draw`, as tensors, and
    `prepare` and `loss` are functions of tensors that never look at their values. So going on after an
    interruption is exact, and on a GPU nothing waits.

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
    maps : 1, 2 or "K"
        How many maps of a tomogram training takes: one, two halves, or as many parts as there are.
    maps_to_restore : int
        How many maps restoring takes at least.
    needs_wedge, fills_wedge : bool
        Whether it uses the tilt range, and whether it fills the missing wedge.
    feeds_back : bool
        Whether the network is given whole crops that it made itself, in training or at restoring.
    trainable : bool
        Whether there is training at all.
    extra : Extra or None
        What must be installed besides; who lacks it is told so before anything is made.
    """

    Config: ClassVar[type[MethodConfig]]
    title: ClassVar[str]
    summary: ClassVar[str]
    maps: ClassVar[Literal[1, 2, "K"]] = 2
    needs_wedge: ClassVar[bool] = False
    fills_wedge: ClassVar[bool] = False
    feeds_back: ClassVar[bool] = False
    trainable: ClassVar[bool] = True
    networks: ClassVar[tuple[str, ...] | None] = None
    presets: ClassVar[Mapping[str, dict[str, Any]]] = {}
    maps_to_restore: ClassVar[int] = 1
    extra: ClassVar[Extra | None] = None

    def __init__(self, config: MethodConfig) -> None:
        self.config = config

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        """Return in words what it needs of a tomogram beside one map: to train, or to restore without."""
        count = cls.maps if cls.trainable else cls.maps_to_restore
        maps = () if count == 1 else ("both half maps",) if count == 2 else ("two or more maps",)
        return (*maps, *("the tilt range",) * cls.needs_wedge)

    @classmethod
    def missing(cls) -> str:
        """Return in words what must be installed first; empty if nothing."""
        return cls.extra.missing() if cls.extra is not None else ""

    @classmethod
    def input_kinds(cls) -> tuple[InputKind, ...]:
        """Return what its network can see of a map: the choices of its setting ``input``, if it has that."""
        choices = next((item.choices for item in settings_of(cls.Config) if item.path == ("input",)), ())
        return choices or ("raw",)

    @property
    def input_kind(self) -> InputKind:
        """What its network sees of a map."""
        kind: InputKind = getattr(self.config, "input", "raw")
        return kind

    @property
    def channels(self) -> int:
        """How many input channels its network has."""
        return 2 if self.input_kind == "wiener+raw" else 1

    @classmethod
    def restoring_settings(cls) -> tuple[Setting, ...]:
        """Return the settings that count at restoring: those marked so; all of a method without training."""
        found = (item for item in settings_of(cls.Config) if item.path != ("kind",))
        return tuple(item for item in found if item.restoring or not cls.trainable)

    def pretrained(self) -> nn.Module | None:
        """Return an untrained method's network with weights of its own; ``None`` if it restores without."""
        return None

    def lacks(self) -> str:
        """Return in words what must be installed first with these settings; empty if nothing."""
        return self.missing()

    def remarks(self, voxel_size: float) -> tuple[Finding, ...]:
        """Return what speaks against these settings where voxels have this size in Å; nothing by default."""
        del voxel_size
        return ()

    @property
    def needs_filter(self) -> bool:
        """Whether restoring uses the tomogram's half-map Wiener filter."""
        return self.input_kind == "wiener+raw"

    @property
    def learns_with_filter(self) -> bool:
        """Whether training uses the tomogram's half-map Wiener filter."""
        return self.input_kind == "wiener+raw" or bool(getattr(self.config, "needs_half_map_fsc", False))

    @property
    def fixes_amplitude(self) -> bool:
        """Whether its loss determines the amplitude; if not, restored maps are fitted to the data."""
        return not getattr(self.config, "uses_fsc", False)

    @property
    def refill_places(self) -> int:
        """How many fixed places of every tomogram crops are taken from; 0 for crops from anywhere.

        For methods that put something down for a place and find it there again, see `StepLoss.refill`.
        """
        return 0

    @property
    def refill_maps(self) -> int | None:
        """How many of the crops' maps it puts down, the first ones; ``None`` for all."""
        return None

    def cut_size(self, crop: int) -> int:
        """Return the edge to cut for crops of an edge, both in voxels: more, where they are turned freely."""
        return crop

    def to_learn_from(self, maps: int) -> tuple[tuple[int, ...], ...]:
        """Return groups of a tomogram's maps, by number: each group's mean is one map of its crops."""
        return tuple((index,) for index in range(maps)) if self.maps == "K" else self.to_restore(maps)

    def to_restore(self, maps: int) -> tuple[tuple[int, ...], ...]:
        """Return groups of a tomogram's maps, by number: each group's mean is restored by itself.

        A method for one map restores the mean of all of them. For others two maps are restored one by one,
        and of more, every second one makes one half. Previews and held-out numbers use the same groups.
        """
        from napari_cryorestore.data.imaging import halves_of

        return (tuple(range(maps)),) if self.maps == 1 else halves_of(maps)

    def known_wedge(self, imaging: Imaging) -> Wedge:
        """Return the measured part of Fourier space, for a method that cannot do without.

        Raises
        ------
        ValueError
            If the tilt range is unknown.
        """
        if imaging.wedge is None:
            raise ValueError(
                f"{self.title} needs the tilt range: give the lowest and highest tilt angle in degrees."
            )
        return imaging.wedge

    def draw(self, places: Places, generator: torch.Generator) -> Draws:
        """Draw all that is random about a step, such as rotations; nothing by default.

        Returns
        -------
        dict of str to Tensor, shapes (b, ...)
            On the CPU; `prepare` and `loss` find them on the device of the crops.
        """
        del places, generator
        return {}

    def prepare(self, crops: Crops, draws: Draws) -> Crops:
        """Return the crops as they go into `loss`, e.g. rotated; unchanged by default."""
        del draws
        return crops

    def loss(self, network: Network, crops: Crops, draws: Draws, *, teacher: Network) -> StepLoss:
        """Return the loss of one step; may call the network several times.

        Parameters
        ----------
        network, teacher : callable
            The network that learns, and the moving average of its weights, which gives no gradients: for
            targets and refills.
        crops : Crops
            As `prepare` returned them.
        draws : dict of str to Tensor
            As `draw` returned them.
        """
        raise NotImplementedError(f"{self.title} is not trained: use it with 'restore'")

    def restore_crop(self, network: Network, inputs: Tensor, imaging: Imaging) -> Tensor:
        """Restore crops of one map, or of one mean of several.

        Parameters
        ----------
        network
            In evaluation mode.
        inputs : Tensor, shape (b, c, z, y, x)
            What `napari_cryorestore.data.network_input.network_input` makes of the map.
        imaging : Imaging
            How the tomogram was recorded.

        Returns
        -------
        Tensor, shape (b, 1, z, y, x), float32
        """
        del imaging
        return network(inputs).float()
