"""A timeline made ready for questions: what was seen and done in each segment, in stems, and what was said."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

from assistant.chat.rules.words import Label, Phrase, Stems, colour_stems, shape_stems, stems
from assistant.core.timeline import Segment, Span, Timeline

# A second label of the same list this likely is taken as seen too: two labels of a softmax can both exceed it only
# when the model wavers between exactly these two.
_ALSO_SEEN = 0.4
# Below these the words of an answer say "probably".
SURE_ACTION = 0.5
SURE_DESCRIPTION = 0.35


@dataclass(frozen=True)
class Seen:
    """One segment as the answerer knows it; ``action`` is None where the flags forbid quoting it."""

    segment: Segment
    shot: int
    action: Label | None
    descriptions: tuple[Label, ...]

    @property
    def id(self) -> int:
        return self.segment.id

    @property
    def description(self) -> Label | None:
        return self.descriptions[0] if self.descriptions else None

    def action_says(self, phrase: Phrase) -> bool:
        return self.action is not None and phrase.within(self.action)

    def description_saying(self, phrases: Sequence[Phrase]) -> Label | None:
        """The description that says all phrases at once: a red circle is no red square beside a blue circle."""
        for label in self.descriptions:
            if all(phrase.within(label) for phrase in phrases):
                return label
        return None

    def says(self, phrases: Sequence[Phrase]) -> bool:
        """Whether this segment shows all of the phrases: what its action does not say, one description must say."""
        return self.description_saying([p for p in phrases if not self.action_says(p)]) is not None or (
            all(self.action_says(p) for p in phrases)
        )


@dataclass(frozen=True)
class Run:
    """Neighbouring segments of one shot that show the same thing: one occurrence."""

    seen: tuple[Seen, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(one.id for one in self.seen)

    @property
    def first(self) -> Seen:
        return self.seen[0]

    @property
    def span(self) -> Span:
        return Span(self.seen[0].segment.span.start_seconds, self.seen[-1].segment.span.end_seconds)


@dataclass(frozen=True)
class Said:
    """One utterance, with the segment in which most of it is said."""

    span: Span
    text: str
    stems: Stems
    segment_id: int


class Facts:
    """What a timeline holds, indexed once for many questions."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.seen = tuple(_seen(timeline))
        self.said = tuple(_said(timeline))
        labels = [score.label for s in timeline.segments for score in s.actions]
        labels += [score.label for s in timeline.segments for score in s.descriptions]
        self.vocabulary = frozenset(word for label in dict.fromkeys(labels) for word in stems(label))
        """The stems of every label that any model gave to any segment, rivals included."""
        self.shown_words = frozenset(word for one in self.seen for label in _labels(one) for word in label.stems)
        self.attribute_words = colour_stems() | shape_stems()

    @property
    def duration_seconds(self) -> float:
        return self.timeline.video.duration_seconds

    def runs(self, chosen: Iterable[Seen], same: Callable[[Seen], object] | None = None) -> tuple[Run, ...]:
        """The chosen segments joined into occurrences: neighbours of one shot for which ``same`` agrees."""
        key = same or (lambda one: (one.action and one.action.text, one.description and one.description.text))
        groups: list[list[Seen]] = []
        for one in chosen:
            last = groups[-1][-1] if groups else None
            if last is not None and last.id + 1 == one.id and last.shot == one.shot and key(last) == key(one):
                groups[-1].append(one)
            else:
                groups.append([one])
        return tuple(Run(tuple(group)) for group in groups)

    def within(self, span: Span, moment: bool = False) -> tuple[Seen, ...]:
        """The segments of a stretch: at a moment the one on screen, else those that lie in it for a good part."""
        if moment:
            at = self.timeline.segment_at(min(span.start_seconds, self.duration_seconds))
            return (self.seen[at.id - 1],) if at is not None else ()
        least = min(0.5, span.seconds / 2)
        return tuple(
            one
            for one in self.seen
            if one.segment.span.overlap_seconds(span) > min(least, one.segment.span.seconds / 2)
        )


def facts_of(timeline: Timeline) -> Facts:
    """The facts of a timeline, kept for the last few timelines asked about."""
    key = id(timeline)
    with _lock:
        known = _kept.get(key)
        if known is not None and known.timeline is timeline:
            _kept.move_to_end(key)
            return known
    made = Facts(timeline)
    with _lock:
        _kept[key] = made  # holds the timeline, so its id stays its own
        while len(_kept) > 4:
            _kept.popitem(last=False)
    return made


_kept: OrderedDict[int, Facts] = OrderedDict()
_lock = Lock()


def _labels(one: Seen) -> list[Label]:
    return [*one.descriptions, *([one.action] if one.action else [])]


def _seen(timeline: Timeline) -> Iterable[Seen]:
    known: dict[str, Label] = {}
    shot = 0
    for segment in timeline.segments:
        middle = segment.span.middle_seconds
        while shot + 1 < len(timeline.shots) and timeline.shots[shot + 1].span.start_seconds <= middle:
            shot += 1
        best = segment.action
        action = best.label if best is not None and "none_of_my_labels" not in segment.flags else None
        looks = [d.label for place, d in enumerate(segment.descriptions) if place == 0 or d.score >= _ALSO_SEEN]
        for text in [*looks, *([action] if action else [])]:
            if text not in known:
                known[text] = Label.of(text)
        yield Seen(segment, shot, known[action] if action else None, tuple(known[text] for text in looks))


def _said(timeline: Timeline) -> Iterable[Said]:
    """Every utterance once, although it may stand in each segment that it touches, in order of time."""
    best: dict[tuple[float, str], tuple[float, int, Span]] = {}
    for segment in timeline.segments:
        for utterance in segment.utterances:
            key = (utterance.span.start_seconds, utterance.text)
            overlap = segment.span.overlap_seconds(utterance.span)
            if key not in best or overlap > best[key][0]:
                best[key] = (overlap, segment.id, utterance.span)
    for (_, text), (_, segment_id, span) in sorted(best.items(), key=lambda item: item[1][2].start_seconds):
        yield Said(span, " ".join(text.split()), stems(text), segment_id)
