"""Timelines and conversations as files for other programs."""
