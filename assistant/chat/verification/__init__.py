"""Is a sentence true of a video, and does it answer the question?"""
