"""What each number of a comparison is called, and what it can and cannot tell."""

from __future__ import annotations

from napari_cryorestore.runs.metric_words import MetricWords

NUMBER_WORDS: dict[str, MetricWords] = {
    "fsc": MetricWords(
        "Shell correlation",
        "How alike two volumes are at each size of detail. A high value between two restored halves does "
        "not prove that the detail is real: one network, with the same habits, made both, and what it "
        "invents in one it invents in the other.",
    ),
    "resolution_0.5": MetricWords(
        "Shell correlation falls to 0.5",
        "The size of detail at which the correlation first falls below 0.5. Between restored halves it is "
        "no resolution of the specimen; only against a truth or data that the network never saw does it "
        "tell what is right.",
    ),
    "resolution_0.143": MetricWords(
        "Shell correlation falls to 0.143",
        "The size of detail at which the correlation first falls below 0.143, the usual limit for half "
        "maps of raw data. Between restored halves it is no resolution of the specimen.",
    ),
    "correlation": MetricWords(
        "Correlation with the reference",
        "How alike a volume and the reference are, over all detail. Strong coarse features decide it, so "
        "it says little about fine detail; in the wedge, the reference alone knows what belongs there.",
    ),
    "power": MetricWords(
        "Radial power",
        "How strong the spectrum is at each size of detail. A fall below the raw data's is smoothing; more "
        "power is not more truth.",
    ),
    "wedge_power": MetricWords(
        "Power in the wedge",
        "How strong a coefficient inside the missing wedge is, on average, against one in the measured "
        "region of the same detail: near 0 is an empty wedge, 1 as strong as what was measured. It says "
        "how much was supplied, not whether it is true.",
    ),
    "supplied_share": MetricWords(
        "Supplied by the network",
        "The share of the volume's variation that lies in the missing wedge, where the microscope saw "
        "nothing. It is exact bookkeeping: neither good nor bad, and no sign of error.",
    ),
    "agreement": MetricWords(
        "Agreement with the other half",
        "How well the measured part of a restored half predicts the raw data of the other half, which it "
        "was not made from. The other half's noise keeps it far below 1, so compare methods with it on the "
        "same data. Where the network was trained it may know that noise by heart, and agree too well; of "
        "what was supplied in the wedge it knows nothing.",
    ),
    "half_disagreement": MetricWords(
        "Half-map disagreement",
        "How far the two restored halves differ, as a share of the volume's variation. It is no map of "
        "errors: where both halves are wrong in the same way, they agree.",
    ),
    "snr_squared": MetricWords(
        "Signal-to-noise ratio",
        "How far structure stands out from the background, squared, against the background's variance. It "
        "rewards smoothing: a volume without any detail has the best one.",
    ),
    "snr_literal": MetricWords(
        "Signal-to-noise ratio, Eq. 8 as printed",
        "As printed by Jones et al. 2026: contrast, not squared, against the background's variance, with "
        "the volume scaled to standard deviation 1. It rewards smoothing even more.",
    ),
    "precision": MetricWords(
        "Precision",
        "The share of the picks that are in the reference list. Particles missing from the reference count "
        "against it, however real they are.",
    ),
    "recall": MetricWords(
        "Recall",
        "The share of the reference list that was picked. It grows with the number of picks, so read it "
        "together with the precision.",
    ),
    "f1": MetricWords(
        "F1",
        "Precision and recall in one number, their harmonic mean, at the score where it is highest. That "
        "score was chosen with the reference in hand, so the number flatters a little.",
    ),
    "pr_auc": MetricWords(
        "Area under precision and recall",
        "Precision averaged over recall, by trapezoids: 1 is perfect. It flatters lists that end early "
        "less than usual, as nothing is added beyond the recall that was reached.",
    ),
    "average_precision": MetricWords(
        "Average precision",
        "The same area by steps, without interpolation: the stricter of the two.",
    ),
    "mean_distance": MetricWords(
        "Mean distance",
        "How far the picks that were found lie from their partners in the reference. It cannot be larger "
        "than the tolerance.",
    ),
}
"""By the number's name, in the order in which numbers are shown."""


def number_words(name: str) -> MetricWords:
    """Return the words of a number; those for its spread and count are its own."""
    for ending, added in (("_spread", ", spread"), ("_boxes", ", boxes")):
        if name.endswith(ending):
            whole = NUMBER_WORDS[name.removesuffix(ending)]
            return MetricWords(whole.title + added, whole.sentence)
    return NUMBER_WORDS[name]


__all__ = ["NUMBER_WORDS", "number_words"]
