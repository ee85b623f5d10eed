"""The run folder: what a training run writes and everybody else reads."""
