"""First questions made from a video's own labels and words."""

from __future__ import annotations

from collections import Counter

from assistant.chat.rules.facts import facts_of
from assistant.chat.rules.sentences import safe, with_article
from assistant.core.timeline import Timeline, clock


def suggestions(timeline: Timeline, most: int = 4) -> list[str]:
    """Questions that this video answers, different in kind; fewer where it holds little."""
    facts = facts_of(timeline)
    if not facts.seen:
        return []
    asked = ["What happens in it?"]
    looks = Counter(one.description.text for one in facts.seen if one.description)
    actions = Counter(one.action.text for one in facts.seen if one.action)
    if facts.said:
        middle = facts.said[len(facts.said) // 2]
        asked.append(f"What is said at {clock(middle.span.middle_seconds)}?")
    if looks:
        asked.append(f"When is there {with_article(looks.most_common(1)[0][0])}?")
    if actions:
        asked.append(f"How many times is there \u201c{safe(actions.most_common(1)[0][0])}\u201d?")
    if len(facts.seen) > 2:
        second = facts.seen[len(facts.seen) // 2].segment.span.middle_seconds
        asked.append(f"What happens after {clock(second)}?")
    return asked[:most]
