"""Interactive, self-supervised restoration of cryo-electron tomograms."""
