"""Language models that talk, on this machine or behind a local server."""
