"""summaries."""

from assistant.ui import summaries_page

summaries_page.page()
