"""models."""

from assistant.ui import models_page

models_page.page()
