"""Damage to files: bytes, words, values in JSON, and pickles that would do harm if they were executed."""

from __future__ import annotations

import copy
import json
import os
import runpy
import shutil
import subprocess
import timeit
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w
import torch

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 10**20, 10**400, 1e20, 1e-300, 1e308, float("nan"), float("inf"),
    -float("inf"), "", "x", "x" * 10_000, "\ud800", "\x1b[2J\x00\n", "../../etc/passwd", "/dev/zero",
    [], {}, [[]],
    [1] * 1000, {"x": {"x": {"x": 1}}}, {str(number): number for number in range(300)},
)  # fmt: skip
"""What stands where something else should."""
WORDS: tuple[bytes, ...] = (
    b"nan", b"inf", b"-1", b"1e999", b"9" * 30, b"9" * 5000, b"[" * 500, b"[" * 100_000, b"{", b"}",
    b'"', b"'",
    b"\x00", b"\xff\xfe", b"\r", b"\n\n", b"= =", b"[[a]]\n", b"a." * 300, b"'''", b"null", b"true",
    b"#", b"\\u0000", b"/dev/zero", b"..", b"1979-05-27",
)  # fmt: skip
"""What is put between words, or in their place."""


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """Flip bits, cut off, leave out, repeat, exchange or put in bytes, one to four times."""
    for _ in range(chance.randint(1, 4)):
        begin, end = sorted(chance.randint(0, len(content)) for _ in range(2))
        end = min(end, begin + 4096)
        piece = content[begin:end]
        match chance.randrange(7):
            case 0:
                piece = bytes(byte ^ (1 << chance.randrange(8)) for byte in piece[:8]) + piece[8:]
            case 1:
                content = content[:begin]
                piece = b""
            case 2:
                piece = b""
            case 3:
                piece = piece * chance.randint(2, 20)
            case 4:
                piece = chance.randbytes(len(piece))
            case 5:
                piece = chance.choice(WORDS) + piece
            case 6:
                piece = bytes([chance.choice((0, 255))]) * len(piece)
        content = content[:begin] + piece + content[end:]
    return content


def damaged_words(content: bytes, chance: random.Random) -> bytes:
    """Put words where others stand, or damage the bytes."""
    words = content.split(b" ")
    if len(words) < 2 or chance.random() < 0.4:
        return damaged_bytes(content, chance)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(words))
        ending = b"\n" if words[place].endswith(b"\n") else b""
        words[place] = chance.choice((chance.choice(WORDS), damaged_bytes(words[place], chance))) + ending
    return b" ".join(words)


def damaged_value(value: Any, chance: random.Random) -> Any:
    """Exchange, leave out or nest one value within lists and tables."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return chance.choice(VALUES)
    holder, key = chance.choice(places)
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder[key] = [holder[key]]
        case 2:
            deep: Any = holder[key]
            for _ in range(chance.choice((3, 60, 400))):
                deep = [deep] if chance.random() < 0.5 else {"x": deep}
            holder[key] = deep
        case _:
            holder[key] = chance.choice(VALUES)
    return value


def damaged_toml(text: bytes, chance: random.Random) -> bytes:
    """Damage a value of TOML so that it stays TOML where it can be written, or else the words."""
    if chance.random() < 0.6:
        value = damaged_value(tomllib.loads(text.decode()), chance)
        with suppress(TypeError, ValueError, RecursionError, AttributeError):
            return tomli_w.dumps(value).encode()
    return damaged_words(text, chance)


def damaged_line(line: bytes, chance: random.Random) -> bytes:
    """Damage a line of JSON: mostly a value in it, sometimes its bytes."""
    if chance.random() < 0.3:
        return damaged_bytes(line, chance)
    value = json.loads(line)
    for _ in range(chance.randint(1, 2)):
        value = damaged_value(value, chance)
    return json.dumps(value, allow_nan=True, skipkeys=True).encode()


class Harmful:
    """Makes the file `canary` if its pickle is executed, one way or another."""

    def __init__(self, canary: Path, chance: random.Random) -> None:
        name = str(canary)
        code = f"open({name!r}, 'w').close()"
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] = chance.choice(
            (
                (os.system, (f"touch {name}",)),
                (os.popen, (f"touch {name}",)),
                (os.mkdir, (name,)),
                (subprocess.call, (["touch", name],)),
                (subprocess.Popen, (["touch", name],)),
                (exec, (code,)),
                (eval, (code,)),
                (open, (name, "w")),
                (Path.touch, (canary,)),
                (shutil.copyfile, ("/etc/hostname", name)),
                (runpy.run_path, (name,)),
                (timeit.timeit, (code,)),
                (torch.save, ([], name)),
                (np.save, (name, [])),
                (torch.load, (name,)),
                (torch.zeros, (10**12,)),
            )
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def _places(value: Any) -> Any:
    """Yield every list or table within, with every index or name in it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


__all__ = [
    "VALUES",
    "WORDS",
    "Harmful",
    "damaged_bytes",
    "damaged_line",
    "damaged_toml",
    "damaged_value",
    "damaged_words",
]
