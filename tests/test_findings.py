"""What was noticed is told once, the gravest first."""

from napari_cryorestore.findings import Finding, gravest_first, problems

NOTE = Finding("note", "voxel size", "The voxel size is 1 Å.")
WARNING = Finding(
    "warning", "tilt range", "The tilt range is −78…78°.", "Check the tilt file.", about="TS_01"
)
PROBLEM = Finding("problem", "halves", "The odd half is constant.", "Choose another file.")


def test_text_names_what_it_is_about_and_ends_with_the_remedy():
    assert WARNING.text == "TS_01: The tilt range is −78…78°. Check the tilt file."
    assert NOTE.text == "The voxel size is 1 Å."


def test_the_gravest_is_read_first_and_nothing_twice():
    assert gravest_first((NOTE, WARNING, NOTE, PROBLEM)) == (PROBLEM, WARNING, NOTE)
    assert problems((NOTE, WARNING, PROBLEM)) == (PROBLEM,)
