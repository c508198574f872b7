"""Actions: what the recogniser says is being done in each window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.analysis.analyzer import AnalysisContext, WindowResult
from assistant.analysis.windows import Window
from assistant.core.documents import Json
from assistant.models.protocols import Recognition

VERSION = "3"  # to be raised with every change of what the recogniser is shown or what is computed of it


class ActionsAnalyzer:
    """Results: ``scores`` ``[1, labels]``, ``embedding`` ``[1, D]``, where known ``changes`` ``[clips, steps]``."""

    kind = "actions"

    def __init__(self, context: AnalysisContext) -> None:
        self._context = context

    def key(self) -> Json:
        settings = self._context.settings
        return {
            "model": list(self._context.models.identity("actions")),
            "views": settings.actions.views,
            "saving": settings.compute.save_work,
            "version": VERSION,
        }

    def frame_size(self) -> int:
        return self._context.models.recognizer().frame_size

    def about(self) -> Json:
        recognizer = self._context.models.recognizer()
        return {"labels": list(recognizer.labels), "none_below": recognizer.none_below}

    def observe(self, windows: Sequence[Window], found: Mapping[str, Sequence[WindowResult]]) -> Sequence[WindowResult]:
        settings = self._context.settings
        recognitions = self._context.models.recognizer().recognize(
            [window.clips for window in windows], views=settings.actions.views, save_work=settings.compute.save_work
        )
        return [_result(recognition) for recognition in recognitions]


def _result(recognition: Recognition) -> WindowResult:
    arrays = {"scores": recognition.probabilities[None], "embedding": recognition.embedding[None]}
    if recognition.changes is not None:
        arrays["changes"] = recognition.changes
    return WindowResult(arrays, {"tokens": recognition.tokens, "tokens_without": recognition.tokens_without})
