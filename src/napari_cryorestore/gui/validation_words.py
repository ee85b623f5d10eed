"""What pydantic says about a value, in the words of a form."""

from __future__ import annotations

from typing import Any

from napari_cryorestore.gui.editors import to_text

_PARSING = (", unable to parse string as a number", ", unable to parse string as an integer")


def in_words(item: Any) -> str:
    """Return one of ``ValidationError.errors()`` like this: ``Should be greater than 0 (given: -1)``."""
    words = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    for technical in _PARSING:
        words = words.removesuffix(technical)
    words = words[:1].upper() + words[1:]
    if item["type"] in ("missing", "value_error"):
        return words
    return f"{words} (given: {to_text(item['input']) or 'nothing'})"


__all__ = ["in_words"]
