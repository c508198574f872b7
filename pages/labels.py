"""labels."""

from assistant.ui import labels_page

labels_page.page()
