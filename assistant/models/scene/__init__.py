"""Models that say what a frame looks like, and the label lists they choose from."""
