"""What a person can set."""

from assistant.ui import settings

settings.page()
