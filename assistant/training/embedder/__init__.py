"""The embedder's training: a question next to the line that answers it, far from all others."""
