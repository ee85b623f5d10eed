"""Tests of restoring whole tomograms: exact where the network is, whole or not at all, on the right scale."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from napari_cryorestore import restoration
from napari_cryorestore.checkpoint import Checkpoint, Label, save_weights
from napari_cryorestore.compute_config import TilingConfig
from napari_cryorestore.data.imaging import filtered_imaging
from napari_cryorestore.data.tile_journal import FileJournal
from napari_cryorestore.io.input_stamps import stamps_of
from napari_cryorestore.io.tomogram import open_tomogram
from napari_cryorestore.io.volume_output import write_volume
from napari_cryorestore.io.volumes import open_volume
from napari_cryorestore.methods import build_method
from napari_cryorestore.methods.icecream import IcecreamConfig
from napari_cryorestore.methods.noise2noise import Noise2NoiseConfig
from napari_cryorestore.networks import Sizes, UNetConfig, build_network
from napari_cryorestore.physics.wiener_filter import RadialFilter
from napari_cryorestore.recording import Recording
from napari_cryorestore.restoration import Cancelled, Model, ModelRef, RestoreConfig, layer_name, restore
from napari_cryorestore.runs.events import Evaluated
from napari_cryorestore.runs.run_dir import RunDir
from napari_cryorestore.runs.trained_on import TrainedOn
from napari_cryorestore.samples import real_pair

from ..restoring import restoration as restoration_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_cryorestore.findings import Finding
    from napari_cryorestore.methods.base import MethodConfig

SHAPE = (18, 41, 36)
SMALL = UNetConfig(features=2, levels=2)
FILTER = RadialFilter((0.9, 0.5, 0.1))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two halves on scales of their own, with origin and start."""
    random = np.random.default_rng(0)
    signal = gaussian_filter(random.standard_normal(SHAPE), 1.5) * 10
    folder = tmp_path_factory.mktemp("halves")
    for name, scale, offset in (("even", 3.0, 100.0), ("odd", 5.0, -40.0)):
        write_volume(
            folder / f"{name}.mrc", offset + scale * (signal + random.standard_normal(SHAPE)),
            voxel_size=7.5, origin=(10.0, 20.0, 30.0), start=(-3, 4, 5), label="test",
        )  # fmt: skip
    return folder / "even.mrc", folder / "odd.mrc"


def checkpoint(
    folder: Path, method: MethodConfig | None = None, *, wiener: RadialFilter | None = None, step: int = 600
) -> Path:
    """Save random weights for a method."""
    method = method or Noise2NoiseConfig()
    channels = build_method(method).channels
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(folder, build_network(SMALL, channels=channels, seed=0), Label(step, method, SMALL, wiener))
    return folder


class Line(nn.Module):
    """Passes its first channel on, changed linearly."""

    sizes = Sizes(multiple=4, reach=0)

    def __init__(self, slope: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self.slope, self.offset = slope, offset

    def forward(self, inputs: Tensor) -> Tensor:
        return self.slope * inputs[:, :1] + self.offset


@pytest.fixture
def network_is(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put another network in the place of the one that a checkpoint describes."""

    def put(network: nn.Module) -> None:
        monkeypatch.setattr(
            Checkpoint, "build", lambda self: (build_method(self.label.method), network.eval())
        )

    return put


def request(source: Any, even: Path, output: Path, **more: Any) -> RestoreConfig:
    settings: dict[str, Any] = {"device": "cpu", "precision": "32", "threads": 1, "tile": 80, **more}
    return restoration_of(source, even, output, **settings)


def voxels(path: Path) -> np.ndarray:
    with mrcfile.open(path) as file:
        return np.array(file.data)


# Which weights ------------------------------------------------------------------------------------------


def test_of_a_run_the_suggested_step_restores_and_the_header_says_so(
    halves: tuple[Path, Path], tmp_path: Path
) -> None:
    run = RunDir.create(tmp_path / "run", config="", environment={})
    for step, n2n in ((10, 0.2), (20, 0.5), (30, 0.3)):
        run.write_checkpoint(step, lambda folder, step=step: checkpoint(folder, step=step))
        run.record(Evaluated(step=step, metrics={"n2n": n2n}))
    found: list[Finding] = []
    restore(request(run.path, halves[0], tmp_path / "a.mrc", odd=halves[1]), found=found.append)
    labels = open_volume(tmp_path / "a.mrc").labels
    assert labels[0] == "cryorestore: Noise2Noise @ step 20"
    assert "Step 20 is taken, as the held-out numbers suggest; the newest is step 30." in labels
    assert found == []
    restore(request(run.path, halves[0], tmp_path / "b.mrc", step="newest"), found=found.append)
    assert open_volume(tmp_path / "b.mrc").labels[0] == "cryorestore: Noise2Noise @ step 30"
    assert [finding.topic for finding in found] == ["step", "halves"]


# What comes out ------------------------------------------------------------------------------------------


def test_the_identity_gives_the_mean_of_the_halves(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(Line())
    even, odd = halves
    output = restore(request(checkpoint(tmp_path / "c"), even, tmp_path / "out.mrc", odd=odd, tile=40))
    assert output == tmp_path / "out.mrc"
    np.testing.assert_allclose(voxels(output), (voxels(even) + voxels(odd)) / 2, atol=1e-3)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("batch", [None, 3])
def test_the_identity_gives_one_half_back(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any, which: int, batch: int | None
) -> None:
    network_is(Line())
    source = checkpoint(tmp_path / "c")
    output = restore(request(source, halves[which], tmp_path / "out.mrc", tile=40, batch=batch))
    np.testing.assert_allclose(voxels(output), voxels(halves[which]), atol=1e-3)


def test_restored_halves_are_put_back_on_their_own_scale(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(Line(slope=0.5))
    even, odd = halves
    output = restore(request(checkpoint(tmp_path / "c"), even, tmp_path / "out.mrc", odd=odd))
    expected = sum((0.5 * (half - half.mean()) + half.mean()) / 2 for half in map(voxels, halves))
    np.testing.assert_allclose(voxels(output), expected, atol=1e-3)


def test_a_real_network_restores_as_it_does_in_one_piece(halves: tuple[Path, Path], tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "c")
    output = restore(request(source, halves[0], tmp_path / "out.mrc"))
    raw = voxels(halves[0])
    # a single tile reaches that far beyond the borders
    padded = np.pad((raw - raw.mean()) / raw.std(), [(8, 8), (9, 8), (8, 8)], mode="reflect")
    with torch.no_grad():
        whole = build_network(SMALL, seed=0)(torch.from_numpy(padded)[None, None].float())[0, 0].numpy()
    expected = whole[8:-8, 9:-8, 8:-8] * raw.std() + raw.mean()
    np.testing.assert_allclose(voxels(output), expected, atol=1e-4)


def test_a_volume_that_was_contrast_stretched_is_restored_likewise(
    halves: tuple[Path, Path], tmp_path: Path
) -> None:
    source = checkpoint(tmp_path / "c")
    write_volume(tmp_path / "stretched.mrc", voxels(halves[0]) * 100 + 7, voxel_size=7.5, label="x")
    one = restore(request(source, halves[0], tmp_path / "one.mrc"))
    other = restore(request(source, tmp_path / "stretched.mrc", tmp_path / "other.mrc"))
    np.testing.assert_allclose(voxels(other), voxels(one) * 100 + 7, rtol=1e-4)


# The FSC loss leaves the amplitude open --------------------------------------------------------------------


def test_amplitudes_that_the_loss_leaves_open_are_fitted_to_the_data(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    """Without noise, slope and offset are recovered exactly."""
    network_is(Line(slope=0.02, offset=0.7))
    source = checkpoint(tmp_path / "c", Noise2NoiseConfig(loss="fsc"))
    copy = tmp_path / "copy.mrc"
    copy.write_bytes(halves[0].read_bytes())
    found: list[Finding] = []
    output = restore(request(source, halves[0], tmp_path / "out.mrc", odd=copy), found=found.append)
    assert "The two halves are the same volume" in found[0].sentence
    np.testing.assert_allclose(voxels(output), voxels(halves[0]), atol=1e-2)


def test_noise_is_no_part_of_the_fitted_amplitude(tmp_path: Path, network_is: Any) -> None:
    """Each restored half is compared with the other, whose noise it does not share."""
    random = np.random.default_rng(1)
    signal = gaussian_filter(random.standard_normal((40, 48, 48)), 1.5) * 10
    raw = [signal + random.standard_normal(signal.shape) for _ in range(2)]
    for name, half in zip(("even", "odd"), raw, strict=True):
        write_volume(tmp_path / f"{name}.mrc", half, voxel_size=7.5, label="x")
    network_is(Line(slope=10.0))
    source = checkpoint(tmp_path / "c", Noise2NoiseConfig(loss="fsc"))
    output = restore(
        request(source, tmp_path / "even.mrc", tmp_path / "out.mrc", odd=tmp_path / "odd.mrc", tile=80)
    )
    mean = (raw[0] + raw[1]) / 2
    expected = signal.var() / raw[0].var()  # regression of one noisy half on the other
    slope = np.polyfit(mean.ravel(), voxels(output).ravel(), 1)[0]
    assert slope == pytest.approx(expected, rel=0.05)


# The file ------------------------------------------------------------------------------------------------


def test_the_file_is_valid_and_keeps_what_it_inherits(halves: tuple[Path, Path], tmp_path: Path) -> None:
    asked = request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", odd=halves[1])
    output = restore(asked)
    assert mrcfile.validate(output)
    with mrcfile.open(output) as file:
        header = file.header
        assert file.data.dtype == np.float32
        assert file.voxel_size.x == pytest.approx(7.5)
        assert [float(header.origin[axis]) for axis in "xyz"] == [10, 20, 30]
        assert [int(header[f"n{axis}start"]) for axis in "xyz"] == [-3, 4, 5]
        assert header.nlabl == 2
        assert header.label[1].decode().startswith("made of: weights ")
        assert header.label[0].decode().strip() == "cryorestore: Noise2Noise @ step 600"


def test_a_file_that_exists_is_refused_and_stays(halves: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.mrc"
    output.write_text("mine")
    with pytest.raises(FileExistsError, match="never overwritten"):
        restore(request(checkpoint(tmp_path / "c"), halves[0], output))
    assert output.read_text() == "mine"


def test_cancelling_leaves_nothing(halves: tuple[Path, Path], tmp_path: Path, network_is: Any) -> None:
    network_is(Line())
    shares: list[float] = []
    with pytest.raises(Cancelled):
        restore(
            request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", tile=24),
            progress=shares.append, cancelled=lambda: len(shares) > 2,
        )  # fmt: skip
    assert 0 < max(shares) < 1
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_cancelling_is_heard_within_a_tile(halves: tuple[Path, Path], tmp_path: Path) -> None:
    shares: list[float] = []
    questions: list[str] = []

    def cancelled() -> bool:
        asker = sys._getframe(1).f_code.co_name
        questions.append(asker)
        return questions.count("check") == 5  # by the network, before its fifth layer

    with pytest.raises(Cancelled):
        restore(
            request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc"),
            progress=shares.append, cancelled=cancelled,
        )  # fmt: skip
    assert max(shares, default=0.0) == 0.0
    assert questions[-1] == "check"
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_progress_goes_from_0_to_1_over_both_halves(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(Line())
    shares: list[float] = []
    source = checkpoint(tmp_path / "c")
    restore(request(source, halves[0], tmp_path / "out.mrc", odd=halves[1], tile=40), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any(0 < share < 0.5 for share in shares)
    assert any(0.5 < share < 1 for share in shares)


@pytest.mark.parametrize("loss", ["l2", "fsc"])
def test_the_last_look_through_the_file_is_shown_and_can_be_cancelled(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any, loss: Any
) -> None:
    network_is(Line())
    source = checkpoint(tmp_path / "c", Noise2NoiseConfig(loss=loss))
    config = request(source, halves[0], tmp_path / "out.mrc", odd=halves[1])
    shares: list[float] = []
    with pytest.raises(Cancelled, match="was cancelled"):
        restore(config, progress=shares.append, cancelled=lambda: bool(shares) and shares[-1] > 0.99)
    assert len([share for share in shares if share > 0.98]) > 2
    assert shares[-1] < 0.995
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    del shares[:]
    restore(config, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_voxels_that_are_no_numbers_are_refused(halves: tuple[Path, Path], tmp_path: Path) -> None:
    broken = voxels(halves[0])
    broken[1, 2, 3] = np.nan
    content = bytearray(halves[0].read_bytes())
    content[1024:] = broken.tobytes()
    (tmp_path / "nan.mrc").write_bytes(content)
    with pytest.raises(ValueError, match=r"The tomogram \(nan\.mrc\) contains NaN or infinite voxels"):
        restore(request(checkpoint(tmp_path / "c"), tmp_path / "nan.mrc", tmp_path / "out.mrc"))
    assert not list(tmp_path.glob("out*"))


def test_memory_is_bounded_by_tiles_not_by_the_volume(
    tmp_path: Path, network_is: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    network_is(Line())
    monkeypatch.setattr("napari_cryorestore.physics.normalize._SLAB_VOXELS", 10_000)  # 32 MiB otherwise
    monkeypatch.setattr("napari_cryorestore.physics.wedge_detection.BLOCK", 32)  # 128 otherwise
    shape, tile = (1000, 40, 40), 40
    write_volume(
        tmp_path / "tall.mrc", np.random.default_rng(0).standard_normal(shape), voxel_size=7.5, label="x"
    )
    source = checkpoint(tmp_path / "c", Noise2NoiseConfig(loss="fsc"))
    tracemalloc.start()
    restore(request(source, tmp_path / "tall.mrc", tmp_path / "out.mrc", tile=tile))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 4 * tile**3 < 0.5 * 4 * np.prod(shape)


# A full disk ---------------------------------------------------------------------------------------------


class Full:
    """Is full from a certain call of a function on."""

    def __init__(self, original: Any, *, calls: int) -> None:
        self.original, self.left = original, calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.original(*args, **kwargs)


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [(os, "posix_fallocate", 0), (FileJournal, "write", 0), (FileJournal, "write", 2), (np, "save", 5)],
)
def test_a_disk_that_fills_up_is_told_and_nothing_is_left(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any, monkeypatch: pytest.MonkeyPatch,
    owner: Any, name: str, calls: int,
) -> None:  # fmt: skip
    if not hasattr(owner, name):
        pytest.skip("this system cannot reserve disk space")
    network_is(Line())
    config = request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", tile=24)
    original, full = getattr(owner, name), Full(getattr(owner, name), calls=calls)
    monkeypatch.setattr(owner, name, lambda *args, **kwargs: full(*args, **kwargs))
    with pytest.raises(OSError, match="has no free space left: free some or choose another folder"):
        restore(config)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    monkeypatch.setattr(owner, name, original)
    np.testing.assert_allclose(voxels(restore(config)), voxels(halves[0]), atol=1e-3)


# Wedge and Wiener filter ------------------------------------------------------------------------------------


def test_the_wiener_filter_alone(halves: tuple[Path, Path], tmp_path: Path) -> None:
    even, odd = halves
    output = restore(request("wiener", even, tmp_path / "out.mrc", odd=odd, tilt_range=(-60, 60)))
    wiener = filtered_imaging(open_tomogram((even, odd), recording=Recording(tilt_range=(-60, 60)))).wiener
    assert wiener is not None
    expected = np.zeros(SHAPE, np.float32)
    for raw in map(voxels, halves):
        padded = np.pad((raw - raw.mean()) / raw.std(), 17, mode="reflect")
        filtered = wiener.for_mean().apply(torch.from_numpy(padded)).numpy()[17:-17, 17:-17, 17:-17]
        expected += (filtered * raw.std() + raw.mean()) / 2
    assert np.corrcoef(voxels(output).ravel(), expected.ravel())[0, 1] > 0.995
    with mrcfile.open(output) as file:
        assert file.header.label[0].decode().strip() == "cryorestore: Wiener filter"


def test_the_wiener_filter_needs_both_halves(halves: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs both half maps: give the other half \(--odd\)"):
        restore(request("wiener", halves[0], tmp_path / "out.mrc"))


class Spy(Line):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs)
        return super().forward(inputs)


@pytest.mark.parametrize("both", [True, False])
def test_the_filter_of_the_tomogram_or_else_the_checkpoints(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any, both: bool
) -> None:
    network_is(spy := Spy())
    source = checkpoint(tmp_path / "c", Noise2NoiseConfig(input="wiener+raw"), wiener=FILTER)
    odd = halves[1] if both else None
    restore(request(source, halves[0], tmp_path / "out.mrc", odd=odd))
    own = filtered_imaging(open_tomogram(halves)).wiener
    wiener = own if both else FILTER
    assert wiener is not None
    raw = spy.seen[0][:, 1:] / 0.2
    torch.testing.assert_close(spy.seen[0][:, :1], wiener.apply(raw), rtol=1e-4, atol=1e-4)


def test_without_any_filter_it_says_what_it_needs(halves: tuple[Path, Path], tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "c", Noise2NoiseConfig(input="wiener+raw"))
    with pytest.raises(ValueError, match="give both halves or use the input 'raw'"):
        restore(request(source, halves[0], tmp_path / "out.mrc"))
    assert not (tmp_path / "out.mrc").exists()


def test_a_method_with_a_wedge_needs_the_tilt_range(halves: tuple[Path, Path], tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "c", IcecreamConfig())
    with pytest.raises(ValueError, match="The method needs the tilt range, but no tilt file"):
        restore(request(source, halves[0], tmp_path / "out.mrc"))


def test_the_header_warns_of_tilts_that_the_spectrum_contradicts(tmp_path: Path) -> None:
    even, odd = real_pair()
    source = tmp_path / "c"
    source.mkdir()
    network, known = build_network(SMALL, channels=1, seed=0), TrainedOn(Recording(tilt_range=(-30, 30)))
    save_weights(source, network, Label(600, Noise2NoiseConfig(), SMALL, FILTER, known))
    found: list[Finding] = []
    wrong = request(source, even, tmp_path / "out.mrc", odd=odd, tilt_range=(-30, 30), voxel_size=40.0)
    restore(wrong, found=found.append)
    header = " ".join(open_volume(tmp_path / "out.mrc").labels)
    assert "warning: The tilt range -30...30 deg is from the run, but the spectrum shows" in header
    assert any("−30…30° is from the run, but the spectrum shows −62…62°" in item.sentence for item in found)


@pytest.mark.parametrize(("passes", "calls"), [(None, 2), (1, 1), (2, 2)])
def test_the_number_of_passes_may_be_chosen_anew(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any, passes: Any, calls: int
) -> None:
    network_is(spy := Spy())
    source = checkpoint(tmp_path / "c", IcecreamConfig(double_size=False))
    restore(request(source, halves[0], tmp_path / "out.mrc", tilt_range=(-60, 60), passes=passes))
    assert len(spy.seen) == calls


def test_averaging_over_flips_may_be_chosen_anew(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(spy := Spy())
    source = checkpoint(tmp_path / "c", IcecreamConfig(double_size=False, passes=1))
    restore(request(source, halves[0], tmp_path / "out.mrc", tilt_range=(-60, 60), average_flips=True))
    assert len(spy.seen) == 4


# Devices ----------------------------------------------------------------------------------------------------


class Hungry(Line):
    """Runs out of memory for more voxels than it can take."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.numel() > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(inputs)


def test_fewer_tiles_at_once_where_memory_is_short(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(Hungry(2 * 40**3))
    output = restore(request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", tile=40, batch=8))
    np.testing.assert_allclose(voxels(output), voxels(halves[0]), atol=1e-3)


def test_too_little_memory_for_one_tile_is_said(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(Hungry(100))
    with pytest.raises(
        MemoryError, match=r"too little memory for a tile of \(36, 40, 36\) voxels: choose smaller"
    ):
        restore(request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", tile=40, batch=2))
    assert not list(tmp_path.glob("out*"))


def test_where_memory_runs_out_it_begins_anew_with_smaller_tiles(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cryorestore.restoration.tiling.CPU_TILES", (128, 32, 24))
    network_is(Hungry(24**3))
    said: list[str] = []
    config = request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", odd=halves[1], tile=None)
    output = restore(config, say=said.append)
    np.testing.assert_allclose(voxels(output), (voxels(halves[0]) + voxels(halves[1])) / 2, atol=1e-3)
    assert said[-1] == "Memory ran out: beginning anew with tiles of 24 x 24 x 24 voxels."


def test_tiles_outside_the_mask_get_the_mean(
    halves: tuple[Path, Path], tmp_path: Path, network_is: Any
) -> None:
    network_is(Line(slope=3.0))
    mask = np.zeros(SHAPE, dtype=np.float32)
    mask[:, :4] = 1
    write_volume(tmp_path / "mask.mrc", mask, voxel_size=7.5, label="x")
    source, even = checkpoint(tmp_path / "c"), voxels(halves[0])
    output = restore(request(source, halves[0], tmp_path / "out.mrc", tile=24, mask=tmp_path / "mask.mrc"))
    result, mean = voxels(output), even.mean()
    np.testing.assert_allclose(result[:, 36:], mean, rtol=1e-5)
    np.testing.assert_allclose(result[:, :4], mean + 3 * (even[:, :4] - mean), atol=1e-3)


def test_any_other_error_stays_what_it_is(halves: tuple[Path, Path], tmp_path: Path, network_is: Any) -> None:
    class Broken(Line):
        def forward(self, inputs: Tensor) -> Tensor:
            raise RuntimeError("shapes do not match")

    network_is(Broken())
    with pytest.raises(RuntimeError, match="shapes do not match"):
        restore(request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc"))


class OnGpu:
    """A model that would compute on a GPU."""

    def __init__(self, restore: Any) -> None:
        self.device, self.restore, self.first = torch.device("cuda"), restore, None
        self.network, self.method = nn.Identity(), build_method(Noise2NoiseConfig())


@pytest.mark.parametrize(("most", "tile"), [(193**3, 192), (129**3, 128), (97**3, 96), (65**3, 64), (10, 64)])
def test_a_gpu_takes_the_largest_tile_that_fits(
    halves: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, tile: int
) -> None:
    tomogram = open_tomogram(halves[0])
    config = request(checkpoint(tmp_path / "c"), halves[0], tmp_path / "out.mrc", tile=None)
    model = Model.of(config.model, tomogram, hardware=config.hardware)
    tried: list[int] = []

    def attempt(tiles: Tensor, scale: object) -> Tensor:
        tried.append(tiles.shape[-1])
        if tiles.numel() > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return tiles

    plan = restoration.fitting_plan((2000, 2000, 2000), OnGpu(attempt), config.tiling)  # type: ignore[arg-type]
    assert (plan.sizes, plan.batch) == ((tile,) * 3, 4)
    assert tried == [
        size for size in (192, 160, 128, 112, 96, 80) if size >= tile
    ]  # the smallest is taken untried
    monkeypatch.setattr("napari_cryorestore.restoration.tiling.free_memory", lambda device: 8e9)
    on_cpu = restoration.fitting_plan((2000, 2000, 2000), model, config.tiling)
    assert (on_cpu.sizes, on_cpu.batch) == ((128, 128, 128), 2)


def test_an_error_in_the_trial_is_no_lack_of_memory(halves: tuple[Path, Path]) -> None:
    def broken(tiles: Tensor, scale: object) -> Tensor:
        raise RuntimeError("no kernel image")

    with pytest.raises(RuntimeError, match="no kernel image"):
        restoration.fitting_plan(SHAPE, OnGpu(broken), TilingConfig())  # type: ignore[arg-type]


def test_half_precision_is_close(halves: tuple[Path, Path], tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "c")
    exact, rough = (
        voxels(restore(request(source, halves[0], tmp_path / f"{p}.mrc", precision=p)))
        for p in ("32", "bf16")
    )
    assert not np.array_equal(exact, rough)
    assert np.corrcoef(exact.ravel(), rough.ravel())[0, 1] > 0.999


def test_unknown_device_or_precision_is_refused(halves: tuple[Path, Path], tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "c")
    with pytest.raises(ValueError, match="no device 'cuda:99' here"):
        restore(request(source, halves[0], tmp_path / "out.mrc", device="cuda:99"))
    with pytest.raises(ValueError, match="precision"):
        restore(request(source, halves[0], tmp_path / "out.mrc", precision="half"))


def test_a_tile_that_is_nearly_all_margin_is_exceeded_and_that_is_said(
    halves: tuple[Path, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    restore(request("wiener", halves[0], tmp_path / "out.mrc", odd=halves[1], tile=16), say=said.append)
    assert "Tiles of 16 voxels are too small for this model: 64 voxels are taken." in said


def test_halves_that_changed_since_the_model_learned_from_them_are_told(
    halves: tuple[Path, Path], tmp_path: Path
) -> None:
    even = Path(shutil.copy(halves[0], tmp_path))
    run = RunDir.create(tmp_path / "run", config="", environment={"inputs": stamps_of([even])})
    source = checkpoint(run.path / "checkpoints/step_00000600")
    for name, expected in (("same", 0), ("changed", 1)):
        found: list[Finding] = []
        restore(request(source, even, tmp_path / f"{name}.mrc"), found=found.append)
        assert (
            len([item for item in found if "not the file that the run began with" in item.sentence])
            == expected
        )
        write_volume(tmp_path / "other.mrc", np.ones(SHAPE) * np.arange(36), voxel_size=7.5, label="other")
        (tmp_path / "other.mrc").replace(even)
    found = []
    restore(request(source, halves[1], tmp_path / "another.mrc"), found=found.append)
    assert not any("began with" in item.sentence for item in found)


# Names ------------------------------------------------------------------------------------------------------


def test_layers_are_named_after_tomogram_method_and_step(tmp_path: Path) -> None:
    checkpoint(tmp_path / "checkpoints/step_00000600", IcecreamConfig())
    assert layer_name("TS01", ModelRef(weights=tmp_path)) == "TS01 · ICECREAM @ 600"
    assert layer_name("TS01", ModelRef(method="wiener")) == "TS01 · Wiener filter"
    with pytest.raises(FileNotFoundError):
        layer_name("TS01", ModelRef(weights=tmp_path / "gone"))
