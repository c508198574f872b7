"""Which weights there are, where they lie, how big they are, and whether they are intact."""
