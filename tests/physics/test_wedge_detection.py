from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.physics.wedge import Wedge, apply_mask
from napari_cryorestore.physics.wedge_detection import DetectedWedge, detect_wedge


def real_volume(name):
    """Read real data from the package's samples or the test data folder, or skip."""
    folder = os.environ.get("CRYORESTORE_TEST_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data"
    for path in (Path(str(files("napari_cryorestore"))) / "samples" / name, Path(folder) / name):
        if path.is_file():
            return np.asarray(open_volume(path).data)
    return pytest.skip(f"{name} is missing: set CRYORESTORE_TEST_DATA to the folder that holds it")


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def wedged_noise(shape, wedge):
    return apply_mask(torch.from_numpy(noise(shape)), wedge.mask(shape)).numpy()


def assert_detected(detected, wedge, *, within):
    assert detected.reliable
    assert detected.wedge.tilt_axis == wedge.tilt_axis
    assert detected.wedge.tilt_min == pytest.approx(wedge.tilt_min, abs=within)
    assert detected.wedge.tilt_max == pytest.approx(wedge.tilt_max, abs=within)


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("tilts", [(-60, 60), (-66, 43), (-40, 70), (-50.5, 57.3), (-80, 80), (-30, 30)])
def test_the_range_sign_and_axis_of_a_masked_noise_volume_are_found_to_a_degree(tilts, axis):
    wedge = Wedge(*tilts, axis)
    assert_detected(detect_wedge(wedged_noise((48, 72, 64), wedge)), wedge, within=1)


def test_blocks_of_a_large_volume_are_averaged_and_sub_degree_accurate():
    wedge = Wedge(-61.4, 47.7)
    assert_detected(detect_wedge(wedged_noise((130, 150, 140), wedge)), wedge, within=0.5)


def test_a_narrow_missing_wedge_is_still_found():
    wedge = Wedge(-85, 85)
    assert_detected(detect_wedge(wedged_noise((64, 64, 64), wedge)), wedge, within=1.5)


def test_a_falling_spectrum_and_eight_bits_do_not_hide_the_wedge():
    shape, wedge = (64, 80, 80), Wedge(-66, 48)
    k = torch.fft.fftfreq(64)[:, None, None] ** 2 + torch.fft.fftfreq(80)[:, None] ** 2
    falling = torch.exp(-40 * (k + torch.fft.rfftfreq(80) ** 2)) * wedge.mask(shape)
    smooth = apply_mask(torch.from_numpy(noise(shape)), falling).numpy()
    bytes_ = np.round(127 + 25 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)
    assert_detected(detect_wedge(bytes_), wedge, within=1)


@pytest.mark.parametrize("name", ["mpn40_A_even.mrc", "mpn40_A_odd.mrc"])
def test_the_range_of_the_real_sample_is_found(name):
    assert_detected(detect_wedge(real_volume(name)), Wedge(-60, 60), within=3)


def test_the_range_of_a_real_asymmetric_tomogram_with_a_bead_is_found():
    volume = real_volume("mt13pf_10A.mrc")
    assert_detected(detect_wedge(volume), Wedge(-65, 57), within=3)
    assert_detected(detect_wedge(volume[::-1]), Wedge(-57, 65), within=3)
    assert_detected(detect_wedge(volume.transpose(0, 2, 1)), Wedge(-65, 57, "x"), within=3)


def test_a_memory_mapped_volume_gives_the_same_answer(tmp_path):
    volume = wedged_noise((40, 48, 56), Wedge(-60, 50))
    np.save(tmp_path / "volume.npy", volume)
    assert detect_wedge(np.load(tmp_path / "volume.npy", mmap_mode="r")) == detect_wedge(volume)


@pytest.mark.parametrize("shape", [(64, 64, 64), (24, 80, 40)])
def test_noise_without_a_wedge_is_not_believed(shape):
    detected = detect_wedge(noise(shape))
    assert not detected.reliable
    assert detected.contrast < 0.4


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_a_volume_whose_wedge_was_filled_is_not_believed(strength):
    shape, wedge = (64, 64, 64), Wedge(-60, 60)
    made_up = torch.from_numpy(noise(shape, seed=1))
    filled = wedged_noise(shape, wedge) + strength * apply_mask(made_up, ~wedge.mask(shape)).numpy()
    assert not detect_wedge(filled).reliable


def test_a_flat_spectrum_has_no_contrast():
    point = np.zeros((32, 32, 32), dtype=np.float32)
    point[16, 16, 16] = 1
    assert not detect_wedge(point).reliable


@pytest.mark.parametrize(
    "volume",
    [
        np.zeros((32, 32, 32)),
        np.full((32, 32, 32), np.nan),
        noise((12, 64, 64)),
        wedged_noise((64, 64, 64), Wedge(-89, 89)),
        np.sign(wedged_noise((64, 64, 64), Wedge(-60, 60))) * (noise((64, 64, 64)) > 0),
    ],
    ids=["constant", "not a number", "too thin", "next to nothing missing", "three values"],
)
def test_a_volume_that_says_nothing_gives_the_full_range(volume):
    assert detect_wedge(volume) == DetectedWedge(Wedge(-90, 90), 0.0, reliable=False)


def test_a_block_of_nan_is_left_out():
    wedge = Wedge(-60, 60)
    volume = wedged_noise((40, 140, 260), wedge)
    volume[:, :, 200:] = np.nan
    assert_detected(detect_wedge(volume), wedge, within=1)


def test_an_image_is_refused():
    with pytest.raises(ValueError, match=r"three axes \(z, y, x\).*\(5, 6\)"):
        detect_wedge(np.zeros((5, 6)))


def test_a_beam_along_x_is_believed_of_a_large_and_clear_volume_only():
    sample = real_volume("mpn40_A_even.mrc")
    assert detect_wedge(sample.transpose(2, 1, 0)).beam == "x"
    assert detect_wedge(sample[16:48].transpose(2, 1, 0)).beam == "z"
    assert detect_wedge(sample[16:48].transpose(1, 0, 2)).beam == "y"


def test_a_small_dual_axis_tomogram_is_not_called_turned():
    detected = detect_wedge(real_volume("imod_int8_oldheader_tardis.rec"))
    assert (detected.beam, detected.reliable) == ("z", False)


def test_a_mask_of_few_values_has_no_wedge():
    box = np.zeros((64, 80, 96), dtype=np.float32)
    box[10:50, 12:70, 20:80] = 1
    for mask in (box, box - np.roll(box, 5, axis=2)):
        assert detect_wedge(mask) == DetectedWedge(Wedge(-90, 90), 0.0, reliable=False)
