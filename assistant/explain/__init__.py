"""Why was this predicted? Experiments on the clip that the recogniser saw, each with its control."""

from assistant.explain.answers import AnswerExplanation, explain_answer
from assistant.explain.document import Explanation
from assistant.explain.measure import explain
from assistant.explain.scene import SceneExplanation, explain_scene

__all__ = [
    "AnswerExplanation",
    "Explanation",
    "SceneExplanation",
    "explain",
    "explain_answer",
    "explain_scene",
]
