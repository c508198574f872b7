"""Find moments in all videos."""

from assistant.ui import search

search.page()
