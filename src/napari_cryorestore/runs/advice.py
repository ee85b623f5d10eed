"""What a run's numbers advise, and the sentences that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_cryorestore.runs.held_out import lost_share

if TYPE_CHECKING:
    from napari_cryorestore.runs.held_out import HeldOut

Kind = Literal["suggested", "best", "newest", "none"]
Light = Literal["unknown", "good", "slow", "bad"]


@dataclass(frozen=True)
class StepAdvice:
    """Everything that a run's numbers advise; lights, sentences and buttons are made from it alone.

    Attributes
    ----------
    step : int or None
        The step to take; ``None`` where there is none.
    kind : str
        Why that one: ``"suggested"`` by three previews and more; ``"best"``, the highest score where nothing
        can be suggested; ``"newest"`` where nothing was scored; ``"none"`` where nothing was saved.
    light : str
        ``"good"`` where the step is the newest that was scored, ``"slow"`` where an earlier one is better or
        the numbers are doubtful, ``"bad"`` where the run over-fits, ``"unknown"`` before three previews.
    sentence : str
        How training is doing, and where an earlier step is the better one, which.
    apart : str
        How agreement and wedge filling pull apart, if they do: then agreement alone decides.
    newest : int or None
        The newest step that could be taken.
    why : str
        Why the step is not the one of the best agreement; empty where it is.
    """

    step: int | None
    kind: Kind
    light: Light
    sentence: str
    apart: str = ""
    newest: int | None = None
    why: str = ""

    @property
    def suggested(self) -> int | None:
        """The step, if it is a suggestion."""
        return self.step if self.kind == "suggested" else None


ONE_MAP = "One map has no held-out agreement: wedge filling alone decides."


def no_number_words() -> str:
    """Return what is said where previews give no number that tells one step from another."""
    return (
        "No number tells which step is best: one map has no held-out agreement, and this method fills no "
        "wedge. Look at the previews."
    )


def too_early_words(*, ended: bool) -> str:
    """Return what is said before three previews."""
    if ended:
        return "Too few held-out numbers to tell whether this run over-fitted."
    return "Quality is judged once there are three previews."


def fallen_words(best: HeldOut, last: HeldOut) -> str:
    """Return by how much agreement lies below its best."""
    return f"{last.by} is {100 * lost_share(best, last):.0f} % below its best (step {best.step})"


def use_words(step: int, why: str, *, ended: bool) -> str:
    """Return what to do where an earlier step is the better one, and why that one."""
    use = f"Use step {step}" if ended else f"Stop, and use step {step}"
    return f"{use}: {why}." if why else f"{use}."


def why_words(step: int, *, top: int, peak: int, decides: str) -> str:
    """Return why a step is taken that is not the one of the best agreement; nothing where it is.

    Parameters
    ----------
    step : int
        That is taken.
    top : int
        Of the highest score.
    peak : int
        Of the best agreement.
    decides : str
        What the score is, in words.
    """
    if step == peak:
        return ""
    if step != top:
        return f"within the noise of {decides} it is as good as step {top}, and fewer steps learn less noise"
    return f"averaged over neighbouring previews, {decides} is highest there"


def apart_words(by_score: HeldOut, by_agreement: HeldOut) -> str:
    """Return how agreement and filling differ between two steps, and which of them decides why."""
    (first, second) = sorted((by_score, by_agreement), key=lambda item: item.step)
    return (
        f"Agreement and wedge filling pull apart between steps {first.step} and {second.step} "
        f"({_signed(first.n2n)} → {_signed(second.n2n)} and {_signed(first.fill)} → {_signed(second.fill)}): "
        "agreement decides, as it compares with measured voxels what was restored from them, while filling "
        "judges a second pass over a restored block. Do not trust what fills the wedge here."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


__all__ = [
    "ONE_MAP",
    "Kind",
    "Light",
    "StepAdvice",
    "apart_words",
    "fallen_words",
    "no_number_words",
    "too_early_words",
    "use_words",
    "why_words",
]
