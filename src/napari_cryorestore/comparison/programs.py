"""Which other program made a volume, and what that says of its missing wedge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from napari_cryorestore.findings import Finding

if TYPE_CHECKING:
    from napari_cryorestore.io.volume_format import Volume


@dataclass(frozen=True)
class Program:
    """A program that restores tomograms.

    Attributes
    ----------
    name : str
        As its authors spell it.
    pattern : str
        What its name looks like in labels and names of files, whatever the case of letters.
    fills : bool or None
        Whether it fills the missing wedge; ``None`` if that is not known.
    """

    name: str
    pattern: str
    fills: bool | None = None


PROGRAMS = (
    Program("CryoLithe", r"cryo-?lithe", fills=True),
    Program("IsoNet", r"iso-?net", fills=True),
    Program("DeepDeWedge", r"dewedg|(?<![a-z])ddw(?![a-z])", fills=True),
    Program("ICECREAM", r"ice-?cream", fills=True),
    Program("Topaz", r"topaz", fills=False),
    Program("CryoSamba", r"cryo-?samba", fills=False),
    Program("cryoCARE", r"cryo-?care", fills=False),
    Program("Noise2Map", r"noise-?2-?map", fills=False),
)


def program_named(text: str) -> Program | None:
    """Return the program that a text names; ``None`` if it names none that is known."""
    return next((item for item in PROGRAMS if re.search(item.pattern, text, re.IGNORECASE)), None)


def program_of(volume: Volume, given: str | None = None) -> tuple[str, Finding]:
    """Return which program made a volume, and in a sentence what that says of it.

    Parameters
    ----------
    volume : Volume
        With its labels, the name of its file, and the folder that this lies in, which are looked at in turn.
    given : str, optional
        The program, where the user says it.

    Returns
    -------
    name : str
        Empty if nothing names it.
    finding : Finding
        A note: program, file, date, and what was measured and what was supplied.
    """
    path = volume.path
    said = {
        "its header": " ".join(volume.labels),
        "its name": path.name,
        "its folder": path.parent.name,
    }
    program, source = program_named(given or ""), ""
    if given is None:
        named = ((program_named(text), where) for where, text in said.items())
        program, source = next(((item, where) for item, where in named if item), (None, ""))
    name = program.name if program is not None else given or ""
    date = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    how = f", as {source} says" if source else ""
    by = f"was made by {name}{how}" if name else "does not say which program made it"
    sentence = f"{path.name}, of {date}, {by}. {_of_wedge(program)}"
    return name, Finding("note", "origin", sentence)


def _of_wedge(program: Program | None) -> str:
    if program is None or program.fills is None:
        return "Whether its missing wedge was filled is not known: the slice kx kz shows it."
    if program.fills:
        return "It fills the missing wedge: what lies there was supplied, not measured."
    return "It removes noise and supplies nothing in the missing wedge."


__all__ = ["PROGRAMS", "Program", "program_named", "program_of"]
