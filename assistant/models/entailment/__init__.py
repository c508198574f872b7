"""Models that say whether evidence carries a sentence, and whether the sentence answers its question."""
