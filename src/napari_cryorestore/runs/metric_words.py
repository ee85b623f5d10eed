"""What each quality number means, in words for the user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricWords:
    """How a number is called, and one sentence on how to read it."""

    title: str
    sentence: str


METRIC_WORDS: dict[str, MetricWords] = {
    "n2n": MetricWords(
        "Held-out agreement",
        "How well the restored half predicts the other, noisy half in a region that was never trained on: "
        "a fall of more than 5 % below its best means over-fitting.",
    ),
    "fill": MetricWords(
        "Wedge filling",
        "How well measured information that was hidden from the network is filled in again, in a region "
        "that was never trained on: higher is better, small jumps mean nothing.",
    ),
    "half_fsc": MetricWords(
        "Half-map FSC",
        "How alike the restorations of the two halves are, averaged over resolution: highest for a "
        "too smooth early result, so only a collapse tells something.",
    ),
    "half_correlation": MetricWords(
        "Half-map correlation",
        "How alike the restorations of the two halves are in real space: highest for a too smooth early "
        "result, so only a collapse tells something.",
    ),
    "wedge_share": MetricWords(
        "Share in the wedge",
        "The missing wedge's share of the restored energy (a ±60° wedge is a third of Fourier space): "
        "it says how much was filled in, not whether it is true.",
    ),
}


def words_for(metric: str) -> MetricWords:
    """Return the words of a metric; a metric that nobody described gets its own name."""
    return METRIC_WORDS.get(metric) or MetricWords(
        metric.replace("_", " "), "A number that this method reports."
    )


__all__ = ["METRIC_WORDS", "MetricWords", "words_for"]
