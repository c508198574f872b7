"""Strangers' files: opened behind a guard, decoded in one pass, described in a sentence where they cannot be used."""
