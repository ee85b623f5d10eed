"""Comparing volumes: what is shown of them side by side, free of Qt, of napari and of any screen."""
