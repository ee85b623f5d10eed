"""Comparing volumes side by side, without Qt, napari or a screen."""
