"""Passage re-ranking: which line holds the answer to a question."""
