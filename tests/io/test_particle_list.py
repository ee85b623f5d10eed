from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_cryorestore.io.particle_list import read_picks

SHARED = Path(__file__).parents[3] / "shared" / "data" / "mpn20_A_tm_picks_zyx_score.csv"
RELION = """data_optics

loop_
_rlnOpticsGroup #1
1

data_particles

loop_
_rlnTomoName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnCoordinateZ #4
_rlnAutopickFigureOfMerit #5
TS_01 1 2 3 0.5
TS_01 4 5 6 0.25
TS_02 7 8 9 0.125
"""
CENTRED = """data_particles
loop_
_rlnCenteredCoordinateXAngst
_rlnCenteredCoordinateYAngst
_rlnCenteredCoordinateZAngst
-10 0 30
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="picks.star"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_coordinates_in_voxels_are_read_in_the_order_z_y_x(written):
    picks = read_picks(written(RELION), voxel_size=10.0, tomogram="TS_01")
    assert picks.positions.tolist() == [[35, 25, 15], [65, 55, 45]]
    assert picks.scores.tolist() == [0.5, 0.25]
    assert read_picks(written(RELION), voxel_size=1.0, tomogram="02").positions.tolist() == [[9.5, 8.5, 7.5]]


def test_centred_coordinates_count_from_the_middle(written):
    picks = read_picks(written(CENTRED), voxel_size=10.0, extent=(100, 200, 300))
    assert picks.positions.tolist() == [[80, 100, 140]]
    assert picks.scores is None
    with pytest.raises(ValueError, match="counts from the tomogram's centre"):
        read_picks(written(CENTRED), voxel_size=10.0)


@pytest.mark.parametrize(
    "text",
    [
        "z,y,x,score\n1,2,3,0.5\n",
        "1,2,3,0.5\n",
        "\ufeffscore;x;y;z\n0.5;3;2;1\n",
        "# picks\n\n 1 2  3 0.5\n",
        "Z\tY\tX\tScore\n1\t2\t3\t0.5\n",
        "index,axis-0,axis-1,axis-2,score\n0,1,2,3,0.5\n",
        '"z","y","x","score","note"\n1,2,3,0.5,"a, b"\n',
    ],
)
def test_columns_are_read_however_they_are_divided(written, text):
    picks = read_picks(written(text, "picks.csv"), voxel_size=2.0)
    assert picks.positions.tolist() == [[3, 5, 7]]
    assert picks.scores.tolist() == [0.5]


def test_three_columns_have_no_scores(written):
    assert read_picks(written("1,2,3\n4,5,6\n", "picks.csv"), voxel_size=1.0).scores is None


@pytest.mark.skipif(not SHARED.is_file(), reason="the folder of shared data is missing")
def test_the_real_list_is_read():
    picks = read_picks(SHARED, voxel_size=20.0)
    assert picks.positions[0].tolist() == [63.5 * 20, 109.5 * 20, 66.5 * 20]
    assert picks.scores[0] == 0.2906
    assert len(picks.positions) == len(picks.scores) > 50


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("z,y,x\n", "lists no particles: it holds nothing but the names of its columns"),
        ("1,2\n", "has 2 columns"),
        ("1,2,3,4,5\n", "has 5 columns"),
        ("a,b,c\n1,2,3\n", "has no column z and no column y and no column x among a, b, c"),
        ("1,2,3\n4,five,6\n", "has 'five' in line 2, column 2"),
        ("1,2,3\n4,5\n", "has nothing in line 2, column 3"),
        ("1,2,3\n4,nan,6\n", "has 'nan' in line 2"),
        ("\0\0", "is no text"),
        ("data_x\nloop_\n_rlnMicrographName\na\n", "holds no particles"),
        (
            "data_x\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n",
            "lists no particles: its table 'x' is empty",
        ),
        (RELION, r"has particles of 2 tomograms \(TS_01, TS_02\): name one"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(written, text, words):
    with pytest.raises(ValueError, match=rf"^picks.star {words}"):
        read_picks(written(text), voxel_size=1.0)


@pytest.mark.parametrize(("tomogram", "words"), [("TS_0", "several"), ("TS_9", "none")])
def test_a_tomogram_must_be_named_clearly(written, tomogram, words):
    with pytest.raises(ValueError, match=f"'{tomogram}' names {words} of them"):
        read_picks(written(RELION), voxel_size=1.0, tomogram=tomogram)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_picks(tmp_path / "none.csv", voxel_size=1.0)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_picks(tmp_path, voxel_size=1.0)
    with pytest.raises(ValueError, match="voxel size is 0"):
        read_picks(tmp_path, voxel_size=0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "picks.star")
    with pytest.raises(ValueError, match=r"picks\.star is a pipe"):
        read_picks(tmp_path / "picks.star", voxel_size=1.0)
