"""What an analysis works with: settings, models, library; one of it per engine."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.config import Settings
from assistant.models.registry import Models
from assistant.store import Library


@dataclass(frozen=True)
class AnalysisContext:
    """Settings, the models that they name, and where results are kept."""

    settings: Settings
    models: Models
    library: Library
