"""settings."""

from assistant.ui import settings_page

settings_page.page()
