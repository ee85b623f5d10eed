"""Crops for training, tiles for restoration, and the masks that choose them."""
