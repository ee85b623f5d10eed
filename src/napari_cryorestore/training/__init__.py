"""Training a method, one step after another, into a run folder."""
