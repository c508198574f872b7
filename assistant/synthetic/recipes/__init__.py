"""Data, training and held-out figures of the demo pack's models; torch is imported where it is needed."""
