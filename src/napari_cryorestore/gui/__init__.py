"""What napari shows: thin Qt skins over models that know no Qt."""

import os

# Read by OpenMP when PyTorch loads it, which no module here does on import: threads that spin while they wait
# would take the cores from the window and from one another.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
