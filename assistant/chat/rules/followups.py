"""Questions that lean on the conversation: "and after that?", "what about the square?", "when does it turn?"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.chat.rules.facts import Facts
from assistant.chat.rules.questions import THERE, Asked, Topic, understand
from assistant.chat.rules.words import Phrase, colour_stems, shape_stems, stems

_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|she|him|her|this one|that one|these|those)\b")
_ELLIPSIS = re.compile(r"^(?:and|but|or|so|what about|how about|what of|also)\b")
_BARE = re.compile(
    r"^(?:and )?(?:when|where|why|who|how often|how many(?: times)?|how long|how sure are you|are you sure|really)"
    r"(?: (?:is|was|does|did) (?:that|this|it))?\W*$"
)
_KIND_WORD = re.compile(r"\b(?:what|which|who|when|where|why|how|does|do|did|is|are|was|were)\b")


@dataclass(frozen=True)
class Exchange:
    """An earlier question and the segments that its answer cited."""

    question: str
    cited: tuple[int, ...] = ()


def in_context(asked: Asked, history: Sequence[Exchange], facts: Facts) -> Asked:
    """The question with what it leaves out taken from the conversation; unchanged where it stands by itself."""
    if asked.foreign or not history or not asked.refers:
        return asked
    last = history[-1]
    before = in_context(understand(last.question, facts), history[:-1], facts)
    text = " ".join(asked.text.lower().split())
    if asked.relation and not asked.anchors:
        return _relative(asked, before, last)
    if _BARE.match(text):
        return _bare(asked, before, last)
    if _is_elliptic(text):
        return _elliptic(asked, before)
    if THERE.search(text) and last.cited and not (asked.windows or asked.place_ids or asked.anchors):
        return replace(asked, place_ids=last.cited, refers=False)
    if _PRONOUN.search(text):
        return _with_antecedent(asked, before, last, facts)
    return asked


def _relative(asked: Asked, before: Asked, last: Exchange) -> Asked:
    """ "After that": after what the last answer cited."""
    if not last.cited:
        return asked
    anchor = Topic(ids=last.cited, text="that")
    # "and after that?" asks again what was asked, if that was what is seen or said.
    said = asked.said or (before.said and not asked.topics and _is_elliptic(" ".join(asked.text.lower().split())))
    return replace(asked, anchors=(anchor,), said=said, near=True, refers=False)


def _bare(asked: Asked, before: Asked, last: Exchange) -> Asked:
    """ "When?", "why?", "are you sure?": the new kind about the old topic, or about what was cited."""
    topics = before.topics
    if not topics and last.cited:
        topics = (Topic(ids=last.cited),)
    kind = "sure" if "sure" in asked.text.lower() or "really" in asked.text.lower() else asked.kind
    if kind in ("why", "sure") and last.cited:
        topics = (Topic(ids=last.cited),)
    said = before.said and kind not in ("why", "sure")
    return replace(asked, kind=kind, topics=topics, said=said, windows=before.windows, place_ids=before.place_ids)


def _elliptic(asked: Asked, before: Asked) -> Asked:
    """ "And the square?", "and in the last minute?": the old question with the new thing or the new time in it."""
    narrowing = asked.windows or asked.place_ids or asked.place_missing or (asked.relation and asked.anchors)
    merged = replace(
        before,
        text=asked.text,
        windows=asked.windows if narrowing else before.windows,
        place_ids=asked.place_ids if narrowing else before.place_ids,
        place_missing=asked.place_missing,
        relation=asked.relation if narrowing else before.relation,
        anchors=asked.anchors if narrowing else before.anchors,
        ordinal=asked.ordinal if asked.ordinal is not None else (before.ordinal if not asked.topics else None),
        refers=False,
    )
    if not asked.topics:
        return merged
    if not before.topics or before.said:
        return replace(merged, topics=tuple(replace(t, said=before.said) for t in asked.topics))
    return replace(merged, topics=(_exchanged(before.topic, asked.topic),), kind=merged.kind)


def _exchanged(old: Topic, new: Topic) -> Topic:
    """The old topic with the same kind of thing exchanged: "the blue one" for "the red circle" is the blue circle."""
    looks = colour_stems() | shape_stems()
    old_looks = [p for p in old.phrases if set(p.stems) <= looks]
    old_deeds = [p for p in old.phrases if not set(p.stems) <= looks]
    new_looks = [p for p in new.phrases if set(p.stems) <= looks]
    new_deeds = [p for p in new.phrases if not set(p.stems) <= looks]
    if new_looks and not new_deeds:
        kept = old_looks if re.search(r"\bones?\b", new.text) else []
        if kept and all(set(p.stems) <= colour_stems() for p in new_looks):
            new_looks = [*new_looks, *(p for p in kept if not set(p.stems) <= colour_stems())]
        return Topic((*new_looks, *old_deeds), text=new.text)
    if new_deeds and not new_looks and old_looks and all(p.same for p in new_deeds):
        return Topic((*old_looks, *new_deeds), text=new.text)
    return new


def _with_antecedent(asked: Asked, before: Asked, last: Exchange, facts: Facts) -> Asked:
    """Pronouns stand for the thing that was asked about, else for what the first cited segment shows."""
    looks = colour_stems() | shape_stems()
    named = [p for p in before.topic.phrases if set(p.stems) <= looks or not p.same]
    if not named and last.cited and (one := facts.seen[last.cited[0] - 1]).description is not None:
        named = [Phrase(word, stems(word)) for word in one.description.text.split()] if one.description else []
    if not named or any(set(p.stems) & looks for t in asked.topics for p in t.phrases):
        return asked
    topic = asked.topic
    return replace(asked, topics=(replace(topic, phrases=(*named, *topic.phrases)), *asked.topics[1:]), refers=False)


def _is_elliptic(text: str) -> bool:
    if re.match(r"^(?:what|how) about\b|^what of\b", text):
        return True
    return bool(_ELLIPSIS.match(text)) and not _KIND_WORD.search(_ELLIPSIS.sub("", text, count=1))
