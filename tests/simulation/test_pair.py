from __future__ import annotations

from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_cryorestore.config import settings_of
from napari_cryorestore.io.pairing import pair_halves
from napari_cryorestore.io.particle_list import read_picks
from napari_cryorestore.io.tilts_beside import find_tilt_file, read_tilt_angles, tilts_beside
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.simulation import SimulatedPair, SimulationConfig, pair, simulate, write_pair

if TYPE_CHECKING:
    from pathlib import Path


def small(**changes: object) -> SimulationConfig:
    return SimulationConfig(**{"shape": (32, 40, 36), "tilt_step": 6.0, **changes})


@pytest.fixture(scope="module")
def simulated() -> SimulatedPair:
    return simulate(small())


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_volumes_have_the_shape_asked_for(simulated: SimulatedPair) -> None:
    for volume in (simulated.even, simulated.odd, simulated.truth, simulated.clean):
        assert volume.shape == (32, 40, 36)
        assert volume.dtype == np.float32
        assert np.isfinite(volume).all()
    assert simulated.voxel_size == 10.0
    assert simulated.angles == tuple(np.arange(-60.0, 61.0, 6.0))


def test_a_pair_is_deterministic_by_its_seed(simulated: SimulatedPair) -> None:
    again = simulate(small())
    np.testing.assert_array_equal(again.even, simulated.even)
    np.testing.assert_array_equal(again.odd, simulated.odd)
    other = simulate(small(seed=1))
    assert abs(correlation(other.truth, simulated.truth)) < 0.9
    assert abs(correlation(other.even, simulated.even)) < 0.2


def test_the_seed_draws_the_same_cell_for_every_way_of_recording(simulated: SimulatedPair) -> None:
    other = simulate(small(split="tilt", snr=3.0))
    np.testing.assert_array_equal(other.truth, simulated.truth)
    np.testing.assert_array_equal(other.clean, simulated.clean)


def test_protein_is_dark(simulated: SimulatedPair) -> None:
    assert simulated.truth.min() < -2
    assert simulated.truth.max() < 0.15
    assert correlation(simulated.clean, simulated.truth) > 0.5


@pytest.mark.parametrize("split", ["dose", "tilt"])
def test_halves_have_independent_noise_on_a_common_signal(split: str) -> None:
    result = simulate(small(split=split, snr=1e6))
    assert correlation(result.even, result.odd) > 0.75  # by tilt, each half is coarsely sampled
    noisy = simulate(small(split=split, snr=1e-4))
    assert abs(correlation(noisy.even, noisy.odd)) < 0.06


def test_without_noise_dose_halves_are_the_clean_volume() -> None:
    result = simulate(small(snr=1e9))
    np.testing.assert_allclose(result.even, result.clean, atol=1e-3)


def test_halves_by_dose_and_by_tilt_are_equally_noisy(simulated: SimulatedPair) -> None:
    quiet = simulate(small(split="tilt", snr=1e9))
    tilt = simulate(small(split="tilt"))
    dose_noise = (simulated.even - simulated.clean).var()
    assert (tilt.even - quiet.even).var() == pytest.approx(dose_noise, rel=0.1)


def test_projections_have_the_noise_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair, "weighted_back_project", lambda images, angles, *, shape: images)
    images = simulate(small(snr=0.2))
    middle = (images.clean.shape[2] - 36) // 2
    signal = images.clean[:, :, middle : middle + 36].var(axis=(1, 2)).mean()
    noise = (images.even / 2 + images.odd / 2 - images.clean).var()
    assert signal / noise == pytest.approx(0.2, rel=0.1)


def test_a_worse_camera_passes_less_detail() -> None:
    sharp, blurred = (simulate(small(mtf=mtf)).clean for mtf in (1.0, 0.2))
    assert np.abs(np.diff(blurred, axis=1)).mean() < 0.9 * np.abs(np.diff(sharp, axis=1)).mean()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": (32, 8, 64)}, "at least 32 voxels along each axis"),
        ({"tilt_min": 60, "tilt_max": -60}, "lower angle first"),
        ({"tilt_step": 60}, "smaller step"),
        ({"snr": 0}, "greater than 0"),
        ({"tilt_max": 85}, "less than or equal to 80"),
    ],
)
def test_impossible_settings_are_refused_with_a_sentence(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SimulationConfig(**changes)


def test_size_is_the_edge_of_a_cube_and_the_number_of_particles_grows_with_it() -> None:
    assert SimulationConfig(size=64).box == (64, 64, 64)
    counts = [
        pair._particles(config, pair._scene(config))
        for config in (SimulationConfig(size=48), SimulationConfig(), SimulationConfig(particles=3))
    ]
    assert counts == [8, 62, 3]


def test_asymmetric_tilts_end_within_the_range() -> None:
    angles = SimulationConfig(tilt_min=-65, tilt_max=46, tilt_step=2.5).angles
    assert angles[0] == -65
    assert angles[-1] == 45


def test_every_setting_has_a_sentence() -> None:
    assert all(item.help.endswith(".") for item in settings_of(SimulationConfig))


def test_written_files_are_found_as_a_pair_with_its_tilts(simulated: SimulatedPair, tmp_path: Path) -> None:
    paths = write_pair(tmp_path / "new", simulated)
    assert [path.name for path in paths] == [
        "sim_even.mrc", "sim_odd.mrc", "sim_truth.mrc", "sim_clean.mrc", "sim.tlt",
        "sim_particles.csv",
    ]  # fmt: skip
    even, odd, truth, _, tilts, _ = paths
    (found,) = [item for item in pair_halves(list(paths[:4])) if item.odd is not None]
    assert (found.even, found.odd) == (even, odd)
    assert find_tilt_file(even) == find_tilt_file(odd) == tilts
    assert tilts_beside(even).range == (-60.0, 60.0)
    assert read_tilt_angles(tilts) == simulated.angles
    volume = open_volume(truth)
    assert volume.voxel_size == pytest.approx(10.0)
    np.testing.assert_array_equal(volume.data, simulated.truth)
    assert all(mrcfile.validate(path) for path in paths[:4])


def test_the_particles_lie_where_their_list_says(tmp_path: Path) -> None:
    result = simulate(SimulationConfig(shape=(64, 64, 64), tilt_step=20, seed=1))
    *_, listed = write_pair(tmp_path, result)
    picks = read_picks(listed, voxel_size=10.0)
    assert picks.scores is None
    assert len(picks.positions) == len(result.particles) > 10
    np.testing.assert_allclose(
        picks.positions / 10 - 0.5, [item.position for item in result.particles], atol=1e-3
    )
    solid = [item.position for item in result.particles if item.name == "ribosome"]
    hollow = [item.position for item in result.particles if item.name == "cage"]
    smooth = gaussian_filter(result.truth, 1.0)
    seen = {key: map_coordinates(smooth, np.transpose(places), order=1)
            for key, places in (("solid", solid), ("hollow", hollow))}  # fmt: skip
    shell = [place for z, y, x in hollow for place in ((z + 4.9, y, x), (z - 4.9, y, x))]
    assert seen["solid"].max() < -0.4
    assert np.median(seen["hollow"]) > -0.3
    assert np.median(map_coordinates(smooth, np.transpose(shell), order=1)) < -0.4


def test_particles_beside_the_volume_are_not_listed() -> None:
    positions = np.array([item.position for item in simulate(small(particles=30)).particles])
    assert (positions >= -0.5).all()
    assert (positions < np.array([32, 40, 36]) - 0.5).all()


def test_nothing_is_written_where_a_file_would_be_overwritten(
    simulated: SimulatedPair, tmp_path: Path
) -> None:
    (tmp_path / "sim.tlt").write_text("0\n")
    with pytest.raises(FileExistsError, match=r"sim\.tlt exists and is never overwritten"):
        write_pair(tmp_path, simulated)
    assert [path.name for path in tmp_path.iterdir()] == ["sim.tlt"]
