"""The reranker's training: questions, the lines that answer them, and lines that do not."""
