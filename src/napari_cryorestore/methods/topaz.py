"""Topaz-Denoise in 3D: a network that others trained, with the weights of the installed program."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.config import setting
from napari_cryorestore.findings import Finding
from napari_cryorestore.methods.base import Method, MethodConfig
from napari_cryorestore.safe_reading import read_regular, require_unpacked

if TYPE_CHECKING:
    from torch import Tensor, nn

PACKAGE = "topaz-em"
FOLDER = "topaz/pretrained/denoise"
COARSE = 15.0
"""Å; from here on, voxels are nearer to the 20 Å of the one model than to the 10 Å of the other."""
MOST_BYTES = 64 << 20
"""Of a file of weights; Topaz's have 12 million."""
_MISSING = (
    "needs the weights of topaz-em: install it by pip install 'napari-cryorestore[topaz]', or give a file of "
    "them (--method.weights FILE, or in the panel)"
)


class TopazConfig(MethodConfig):
    """The knobs of Topaz-Denoise."""

    kind: Literal["topaz"] = "topaz"
    trained_at: Literal[10, 20] = setting(
        10, "Which of its two models: the one that learned from voxels of 10 Å, or of 20 Å.", unit="Å"
    )
    weights: Path | None = setting(
        None, "A file of weights of its 3D network (.sav); that of the installed topaz-em if not given."
    )


class Topaz(Method):
    """One pass of a U-Net that learned Noise2Noise from many tomograms, once and for all."""

    Config = TopazConfig
    title = "Topaz"
    summary = "Removes noise with a network that others trained on many tomograms; no training here."
    trainable = False
    config: TopazConfig

    def lacks(self) -> str:
        """Return in words that its weights are not here; empty if they are."""
        return "" if self.config.weights is not None or _installed(self.config.trained_at) else _MISSING

    def remarks(self, voxel_size: float) -> tuple[Finding, ...]:
        """Return that the other model suits these voxels better, if it does."""
        suits = 20 if voxel_size >= COARSE else 10
        if self.config.weights is not None or self.config.trained_at == suits:
            return ()
        sentence = (
            f"The voxel size is {voxel_size:.4g} Å, but this model of Topaz learned from voxels of "
            f"{self.config.trained_at} Å."
        )
        remedy = f"Take the one that learned from {suits} Å (--method.trained-at {suits}, or in the panel)."
        return (Finding("warning", "voxel size", sentence, remedy),)

    def pretrained(self) -> nn.Module:
        """Return the network with Topaz's weights.

        Raises
        ------
        ValueError, OSError
            If there are none, or they are those of another network.
        """
        import torch

        from napari_cryorestore.networks.topaz_module import TopazUNet, from_program

        file = self.config.weights or _installed(self.config.trained_at)
        if file is None:
            raise ValueError(f"{self.title} {_MISSING}.")
        with torch.device("meta"):
            network = TopazUNet()
        try:
            network.load_state_dict(from_program(_tensors(file)), assign=True)
        except ValueError as error:
            raise ValueError(
                f"{file} cannot be used for Topaz ({error}): choose unet-3d-10a-v0.2.4.sav or "
                "unet-3d-20a-v0.2.4.sav of topaz-em."
            ) from error
        return network.requires_grad_(False).eval()


def _installed(trained_at: int) -> Path | None:
    """Return where the installed program has its weights; none of its modules is imported."""
    try:
        found = files(PACKAGE) or ()
    except PackageNotFoundError:
        return None
    begins = f"{FOLDER}/unet-3d-{trained_at}a"
    names = sorted((item for item in found if item.as_posix().startswith(begins)), key=str)
    paths = [Path(str(item.locate())) for item in names]
    return next((path for path in reversed(paths) if path.is_file()), None)


def _tensors(file: Path) -> dict[str, Tensor]:
    """Return the tensors that a file of weights holds; nothing else is made of what it says."""
    import torch

    content = io.BytesIO(read_regular(file, most=MOST_BYTES))
    if zipfile.is_zipfile(content):
        require_unpacked(content)
    content.seek(0)
    try:
        loaded = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # of whatever kind the damage is
        raise ValueError("it holds no weights") from error
    plain = isinstance(loaded, dict) and all(isinstance(item, torch.Tensor) for item in loaded.values())
    if not plain or not all(item.is_floating_point() for item in loaded.values()):
        raise ValueError("it holds other things than weights")
    if not all(bool(item.isfinite().all()) for item in loaded.values()):
        raise ValueError("it holds values that are not finite")
    return dict(loaded)


__all__ = ["Topaz", "TopazConfig"]
