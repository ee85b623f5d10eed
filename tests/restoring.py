"""What the tests of several folders restore, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cryorestore.restore_config import RestoreConfig

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = {
    **dict.fromkeys(("tile", "batch"), "tiling"),
    **dict.fromkeys(("device", "precision", "threads"), "hardware"),
    "step": "model",
}
_RECORDED = ("voxel_size", "tilt_range", "tilt_axis")


def restoration(
    source: Path | str, even: Path, output: Path, odd: Path | None = None, **more: Any
) -> RestoreConfig:
    """Return what restores a tomogram: weights at a path, or a method that is named.

    Settings without a place of their own are the method's.
    """
    model = {"method": source} if isinstance(source, str) else {"weights": source}
    maps = [even] if odd is None else [even, odd]
    return changed({"model": model, "tomogram": {"maps": maps}, "output": output}, **more)


def changed(config: RestoreConfig | dict[str, Any], **more: Any) -> RestoreConfig:
    """Return a restoration with other settings."""
    content = config if isinstance(config, dict) else config.model_dump(exclude_none=True)
    for name, value in more.items():
        if name in ("output", "model"):
            content[name] = value
        elif name in ("maps", "mask"):
            content["tomogram"][name] = value
        elif name in _RECORDED:
            content["tomogram"].setdefault("recording", {})[name] = value
        else:
            content.setdefault(_PLACES.get(name, "method"), {})[name] = value
    return RestoreConfig.model_validate(content)
