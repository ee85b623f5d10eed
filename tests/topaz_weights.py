"""A stand-in for an installed topaz-em: its folder with small random weights, and its list of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_cryorestore.networks import topaz_module

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SMALL, LAST = 3, (4, 2)
"""Features, where the program's network has 48, and 64 and 32 in its last stage."""


def program_weights(
    features: int = SMALL, last: tuple[int, int] = LAST, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Return random weights, named and shaped as the program has them."""
    wide, sizes = 2 * features, {"enc1.0": (features, 1, 7)}
    sizes |= {f"enc{stage}.0": (features, features, 3) for stage in range(2, 7)}
    sizes |= {"dec5.0": (wide, wide, 3), "dec5.2": (wide, wide, 3)}
    for stage in (4, 3, 2):
        sizes |= {f"dec{stage}.0": (wide, wide + features, 3), f"dec{stage}.2": (wide, wide, 3)}
    sizes |= {"dec1.0": (last[0], wide + 1, 3), "dec1.2": (last[1], last[0], 3), "dec1.4": (1, last[1], 3)}
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, (after, before, edge) in sizes.items():
        scale = (2 / (before * edge**3)) ** 0.5
        weights[f"{name}.weight"] = scale * torch.randn(after, before, edge, edge, edge, generator=generator)
        weights[f"{name}.bias"] = 0.1 * torch.randn(after, generator=generator)
    return weights


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a folder hold the distribution, with weights of small networks; return the folder of these."""
    monkeypatch.setattr(topaz_module, "FEATURES", SMALL)
    monkeypatch.setattr(topaz_module, "LAST", LAST)
    monkeypatch.syspath_prepend(folder)
    about, weights = folder / "topaz_em-0.3.20.dist-info", folder / "topaz" / "pretrained" / "denoise"
    about.mkdir(parents=True)
    weights.mkdir(parents=True)
    names = []
    for seed, size in enumerate(("10a", "20a")):
        path = weights / f"unet-3d-{size}-v0.2.4.sav"
        torch.save(program_weights(seed=seed), path, _use_new_zipfile_serialization=False)
        names.append(path.relative_to(folder).as_posix())
    (folder / "topaz" / "__init__.py").write_text("raise ImportError('no module of Topaz is imported')\n")
    names += ["topaz/__init__.py", f"{about.name}/METADATA", f"{about.name}/RECORD"]
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: topaz-em\nVersion: 0.3.20\n")
    (about / "RECORD").write_text("".join(f"{name},,\n" for name in names))
    return weights


__all__ = ["SMALL", "install", "program_weights"]
