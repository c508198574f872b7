"""The words that the image_text_encoder chooses from."""

from assistant.ui import labels

labels.page()
