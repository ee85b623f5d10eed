"""The recipes on offer: quick look, standard, and what each paper used."""

from __future__ import annotations

from typing import Any, Literal

PresetName = Literal["quick-look", "standard", "paper"]

_OURS_ICECREAM = {
    "input": "wiener+raw",
    "double_size": False,
    "window": False,
    "passes": 1,
    "flips": True,
}
_OURS_SCHEDULE = {"optimiser": "muon", "learning_rate": 0.02, "decay": "cosine", "ema": 0.99}
_ADAM = {"optimiser": "adam", "decay": "constant", "ema": 0.0, "gradient_clip": 0.0}

_PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "quick-look": {
        "": {
            "network": {"features": 8},
            "schedule": {"steps": 300, "batch": 4, "crop": 32, **_OURS_SCHEDULE},
            "snapshots": {"every": 20},
        },
        "icecream": {"method": _OURS_ICECREAM},
        "noise2noise": {"method": {"input": "wiener+raw"}},
    },
    "standard": {
        "": {
            "network": {"features": 32},
            "schedule": {"steps": 3000, "batch": 4, **_OURS_SCHEDULE},
            "snapshots": {"every": 50},
        },
        "icecream": {"method": _OURS_ICECREAM},
        "noise2noise": {"method": {"input": "wiener+raw"}},
    },
    "paper": {
        "": {
            "network": {"features": 64},
            "schedule": {"crop": 72, "end": "steps", **_ADAM},
            "snapshots": {"every": 500},
        },
        "icecream": {"schedule": {"steps": 50_000, "batch": 8, "learning_rate": 1e-4}},
        "noise2noise": {"schedule": {"steps": 20_000, "batch": 16, "learning_rate": 4e-4}},
    },
}

_NOTHING: dict[str, Any] = {}

PRESETS: tuple[str, ...] = tuple(_PRESETS)


def preset(name: str, method: str) -> dict[str, Any]:
    """Return the settings that a preset changes, for one method, as nested plain values.

    Raises
    ------
    ValueError
        If there is no preset of that name.
    """
    if name not in _PRESETS:
        raise ValueError(f"there is no preset {name!r}; known: {', '.join(PRESETS)}")
    of_name = _PRESETS[name]
    return merged(
        {"method": {"kind": method}, "network": {"kind": "unet"}}, of_name[""], of_name.get(method, _NOTHING)
    )


def merged(*settings: dict[str, Any]) -> dict[str, Any]:
    """Return nested settings laid over one another, later ones on top."""
    result: dict[str, Any] = {}
    for layer in settings:
        for key, value in layer.items():
            under = result.get(key)
            if isinstance(under, dict) and isinstance(value, dict):
                result[key] = merged(under, value)
            else:
                result[key] = value
    return result
