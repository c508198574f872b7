"""The answerer without a language model: it reads the question, looks into the timeline, and quotes it."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.chat.rules.facts import facts_of
from assistant.chat.rules.followups import Exchange, in_context
from assistant.chat.rules.questions import understand
from assistant.chat.rules.replies import Reply, reply
from assistant.core.timeline import Timeline

NAME = "extractive"


class ExtractiveAnswerer:
    """Composes answers from the timeline's own words; knows English questions only and invents nothing."""

    name = NAME

    def reply(self, question: str, timeline: Timeline, history: Sequence[Exchange] = ()) -> Reply:
        """The answer with its marks ``[S3]``; one that is not in the video says so and has no mark."""
        facts = facts_of(timeline)
        return reply(in_context(understand(question, facts), history, facts), facts)
