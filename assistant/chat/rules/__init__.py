"""Understanding questions and composing answers from a timeline alone, without a language model."""
