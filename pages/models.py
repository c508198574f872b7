"""Which models speak, and what this machine can do."""

from assistant.ui import models

models.page()
