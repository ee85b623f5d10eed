from __future__ import annotations

import pytest

from napari_cryorestore.io.star import read_star

TEXT = """
# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnTomoTiltSeriesPixelSize #2
1 1.35

data_general
_rlnTomoSubTomosAre2DStacks 1
_rlnName 'with blanks'

data_particles

loop_
_rlnTomoName #1
_rlnCoordinateX #2
TS_01 10.5
"TS 02"  11   # a remark
TS#3  12
"""


def test_every_block_becomes_a_table():
    optics, general, particles = read_star(TEXT, name="p.star")
    assert (optics.name, optics.columns, optics.rows) == (
        "optics",
        ("rlnOpticsGroup", "rlnTomoTiltSeriesPixelSize"),
        (("1", "1.35"),),
    )
    assert general.rows == (("1", "with blanks"),)
    assert particles.texts("rlnTomoName") == ["TS_01", "TS 02", "TS#3"]
    assert particles.numbers("rlnCoordinateX").tolist() == [10.5, 11, 12]


def test_a_text_without_blocks_has_no_tables():
    assert read_star("hello\nworld", name="p.star") == []


def test_a_row_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"p.star has 1 values in line 5, but its table 'x' has 2 columns"):
        read_star("data_x\nloop_\n_a\n_b\n1\n", name="p.star")


@pytest.mark.parametrize("value", ["none", "nan", "inf"])
def test_what_is_no_number_is_refused(value):
    (table,) = read_star(f"data_x\nloop_\n_a\n1\n{value}\n", name="p.star")
    with pytest.raises(ValueError, match=f"p.star has '{value}' in row 2 of a"):
        table.numbers("a")
