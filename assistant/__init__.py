"""Talk with a video: what is done, what it looks like, what is said, each answer with its moments.

Importing this package loads neither torch nor streamlit; models load when they are first used.
"""

__version__ = "0.1.0"
