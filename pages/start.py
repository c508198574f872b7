"""Where a video comes in."""

from assistant.ui import start

start.page()
