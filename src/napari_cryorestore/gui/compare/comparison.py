"""What a viewer compares: it outlives the panel, and is shown again when the panel is opened again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from napari_cryorestore.comparison.model import CompareModel
from napari_cryorestore.comparison.result_cache import ResultCache
from napari_cryorestore.comparison.volume_jobs import VolumeJobs

if TYPE_CHECKING:
    from napari_cryorestore.gui.live_runs import LiveRuns


class Comparison:
    """The rows and settings of one viewer, with what was computed for them.

    Parameters
    ----------
    runs : LiveRuns
        The viewer's; they see to it that work ends before the window does.

    Attributes
    ----------
    model : CompareModel
        Rows, crosshair and settings.
    spectra, volumes, numbers, maps : ResultCache
        Fourier slices, opened and restored volumes, curves and tables, maps of what was supplied.
    jobs : VolumeJobs
        How rows are opened.
    """

    def __init__(self, runs: LiveRuns) -> None:
        self.model = CompareModel()
        self.spectra, self.volumes = ResultCache("spectra"), ResultCache("volumes", 1 << 30)
        self.numbers, self.maps = ResultCache("numbers"), ResultCache("maps")
        self.jobs = VolumeJobs()
        known = ref(runs)
        for store in (self.spectra, self.volumes, self.numbers, self.maps):
            store.began = lambda work: _hold(known(), work)


def _hold(runs: LiveRuns | None, work: ResultCache) -> None:
    if runs is not None:
        runs.hold(work)


_COMPARISONS: WeakKeyDictionary[LiveRuns, Comparison] = WeakKeyDictionary()


def comparison_of(runs: LiveRuns) -> Comparison:
    """Return the comparison that belongs to a viewer's runs; the same for as long as the viewer lives."""
    if runs not in _COMPARISONS:
        _COMPARISONS[runs] = Comparison(runs)
    return _COMPARISONS[runs]


__all__ = ["Comparison", "comparison_of"]
