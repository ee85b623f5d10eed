"""Reading and writing tomograms, their halves and their tilt angles."""
