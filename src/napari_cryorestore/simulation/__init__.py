"""Simulated half tomograms with a known truth; numpy and scipy only."""

from __future__ import annotations

from napari_cryorestore.simulation.pair import (
    SimulatedPair,
    SimulatedParticle,
    SimulationConfig,
    simulate,
    write_pair,
)

__all__ = ["SimulatedPair", "SimulatedParticle", "SimulationConfig", "simulate", "write_pair"]
