"""Models that say what is being done; one file a backend."""
