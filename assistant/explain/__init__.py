"""Why was this predicted? Experiments on the clip that the recogniser saw, each with its control."""

from assistant.explain.answers import AnswerExplanation, explain_answer
from assistant.explain.document import Explanation
from assistant.explain.looks import LooksExplanation, explain_looks
from assistant.explain.measure import explain

__all__ = [
    "AnswerExplanation",
    "Explanation",
    "LooksExplanation",
    "explain",
    "explain_answer",
    "explain_looks",
]
