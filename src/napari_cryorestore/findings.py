"""What was noticed about an input or a choice: one sentence each, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "problem"]
_ORDER: tuple[Severity, ...] = ("problem", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that the user should know before work starts.

    Attributes
    ----------
    severity : {"note", "warning", "problem"}
        A note tells what was assumed; a warning what may make the result wrong; a problem forbids to go on.
    topic : str
        What it is about, in a word or two, for example "tilt range"; of one topic, one finding is enough.
    sentence : str
        What is the case, with the value; ends with a full stop.
    remedy : str
        What to do about it, as a sentence; empty where nothing needs to be done.
    about : str
        The tomogram or file that it concerns; empty where that is plain.
    """

    severity: Severity
    topic: str
    sentence: str
    remedy: str = ""
    about: str = ""

    @property
    def text(self) -> str:
        """Sentence and remedy in one line, after the name of what they are about."""
        words = " ".join(part for part in (self.sentence, self.remedy) if part)
        return f"{self.about}: {words}" if self.about else words

    @property
    def line(self) -> str:
        """The text after its severity, as a terminal shows it."""
        return f"{self.severity}: {self.text}"


def gravest_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings in the order in which they should be read, duplicates left out."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: _ORDER.index(finding.severity)))


def problems(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return those findings that prevent going on."""
    return tuple(finding for finding in findings if finding.severity == "problem")


__all__ = ["Finding", "Severity", "gravest_first", "problems"]
