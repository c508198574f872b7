"""Where people live: the video, what was found in it, and the conversation about it."""

from assistant.ui import watch

watch.page()
