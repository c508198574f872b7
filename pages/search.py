"""search."""

from assistant.ui import search_page

search_page.page()
