"""What a video is about, and every export."""

from assistant.ui import summaries

summaries.page()
