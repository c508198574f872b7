"""Why was this predicted? Experiments on the clip that the recogniser saw, each with its control."""

from assistant.explain.document import Explanation
from assistant.explain.evidence import AnswerExplanation, SceneExplanation, explain_answer, explain_scene
from assistant.explain.measure import explain

__all__ = [
    "AnswerExplanation",
    "Explanation",
    "SceneExplanation",
    "explain",
    "explain_answer",
    "explain_scene",
]
