"""The words that the describer chooses from."""

from assistant.ui import labels

labels.page()
