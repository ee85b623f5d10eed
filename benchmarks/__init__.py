"""How fast the program is, how good, and what it survives; run from the root of the repository.

Five folders: ``step`` (a training step), ``quality`` (results against the truth), ``restore`` (whole
volumes), ``faults`` (what goes wrong) and ``window`` (a real napari window). ``python -m benchmarks.step``
lists what a folder can do.
"""
