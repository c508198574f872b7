"""How people put the world's actions into words, and what may be said of which event without being wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.core.timeline import clock
from assistant.synthetic.scenes import CAMERA_ACTIONS
from assistant.synthetic.truth import Event, Truth
from assistant.synthetic.vocabulary import ACTIONS, DAYS, NUMBERS

MOVING = ("moving left", "moving right", "moving up", "moving down")
# Everything appears somehow when its scene begins, and stays still while nothing else is done with it: such words
# point at one event only where the thing itself occurs once.
LOOSE_ACTIONS = ("appearing", "vanishing", "staying still")

# What a refusal says, and what a found thing is never told with.
REFUSAL = ("no",)
DENIALS = ("does not", "not in", "there is no", "never", "nothing")


@dataclass(frozen=True, slots=True)
class Verb:
    """One way to say an action: "does it ...", "it ...", "it is ..."."""

    base: str
    third: str
    gerund: str


# The first wording of each is nearest to the label.
VERBS: dict[str, tuple[Verb, ...]] = {
    **{
        f"moving {way}": (
            Verb(f"move {way}", f"moves {way}", f"moving {way}"),
            Verb(*(f"{form} {more}" for form in ("move", "moves", "moving"))),
        )
        for way, more in (("left", "to the left"), ("right", "to the right"), ("up", "upwards"), ("down", "downwards"))
    },
    "coming closer": (
        Verb("come closer", "comes closer", "coming closer"),
        Verb("approach", "approaches", "approaching"),
    ),
    "going away": (Verb("go away", "goes away", "going away"), Verb("move away", "moves away", "moving away")),
    "rotating": (Verb("rotate", "rotates", "rotating"), Verb("turn around", "turns around", "turning around")),
    "shaking": (Verb("shake", "shakes", "shaking"),),
    "circling": (Verb("circle around", "circles around", "circling around"),),
    "appearing": (Verb("appear", "appears", "appearing"),),
    "vanishing": (Verb("vanish", "vanishes", "vanishing"), Verb("disappear", "disappears", "disappearing")),
    "staying still": (Verb("stay still", "stays still", "staying still"),),
    "camera panning": (Verb("pan", "pans", "panning"),),
    "camera zooming": (Verb("zoom", "zooms", "zooming"),),
}
# The beginning of a word that any right answer about the action has.
STEMS: dict[str, str] = {
    **{f"moving {way}": way for way in ("left", "right", "up", "down")},
    "coming closer": "closer",
    "going away": "away",
    "rotating": "rotat",
    "shaking": "shak",
    "circling": "circling",
    "appearing": "appear",
    "vanishing": "vanish",
    "staying still": "still",
    "camera panning": "pan",
    "camera zooming": "zoom",
}

_TURNING = ("rotating", "shaking", "circling")
_NEARING = ("coming closer", "going away")
# Action of an event -> what is plainly false of it. What stands in neither place might be argued about (a circling
# thing moves left at times), so no question rests on it.
FALSE_OF: dict[str, tuple[str, ...]] = {
    **{
        name: (*_TURNING, *_NEARING, opposite)
        for name, opposite in zip(MOVING, ("moving right", "moving left", "moving down", "moving up"), strict=True)
    },
    "coming closer": (*MOVING, *_TURNING, "going away"),
    "going away": (*MOVING, *_TURNING, "coming closer"),
    "rotating": (*MOVING, *_NEARING, "shaking"),
    "shaking": (*_NEARING, "rotating"),
    "circling": (*_NEARING, "shaking"),
    **{name: (*MOVING, *_TURNING, *_NEARING) for name in LOOSE_ACTIONS},
    "camera panning": _TURNING,
    "camera zooming": _TURNING,
}

_EMPTY_WORDS = frozenset(
    ("the", "is", "are", "was", "we", "you", "at", "on", "to", "now", "here", "this", "a", "an", "and", "over", "see")
)


def arguable(event: Event, action: str) -> bool:
    """Whether somebody could say the action of the event without being plainly wrong."""
    if action in CAMERA_ACTIONS:
        return event.action == action
    return action not in FALSE_OF[event.action]


class Facts:
    """A truth prepared for questions, with the dice of one set of questions."""

    def __init__(self, truth: Truth, rng: random.Random) -> None:
        self.truth = truth
        self.rng = rng
        self.events = truth.events
        self.seen = {event.description for event in truth.events}

    def verb(self, action: str) -> Verb:
        return self.rng.choice(VERBS[action])

    def alone(self, index: int, noun: Callable[[Event], bool]) -> bool:
        """Whether, of all events about the noun, the action can be said of this one only."""
        action = self.events[index].action
        others = [event for other, event in enumerate(self.events) if other != index and noun(event)]
        return not any(arguable(event, action) for event in others)

    def object_alone(self, index: int) -> bool:
        """Whether "the red circle moves left" names this event and no other, and is not about the camera."""
        event = self.events[index]
        return event.action not in CAMERA_ACTIONS and self.alone(
            index, lambda other: other.description == event.description
        )

    def only(self, index: int) -> bool:
        """Whether the thing is seen in this event alone."""
        return [event.description for event in self.events].count(self.events[index].description) == 1

    def denied(self, noun: Callable[[Event], bool]) -> list[str]:
        """The actions that are plainly false of every event about the noun; empty where there is none."""
        events = [event for event in self.events if noun(event)]
        if not events:
            return []
        return [action for action in ACTIONS if not any(arguable(event, action) for event in events)]

    def distant_labels(self, index: int, count: int = 2) -> tuple[str, ...]:
        """Up to so many labels of events far from this one: only an answer that lists everything has them."""
        near = {event.action for other, event in enumerate(self.events) if abs(other - index) < 3}
        far = sorted({event.action for event in self.events} - near)
        return tuple(self.rng.sample(far, min(count, len(far))))

    def second_inside(self, event: Event) -> int | None:
        """A whole second well inside the event, or None where there is none."""
        # The middle of a transition is up to 0.4 s from where it ends.
        first, last = event.span.start_seconds + 1.0, event.span.end_seconds - 1.0
        inside = [second for second in range(int(first), int(last) + 1) if first <= second <= last]
        return self.rng.choice(inside) if inside else None

    @property
    def sentences(self) -> list[tuple[int, str]]:
        """Index of the event and its sentence, for all that speak."""
        return [(index, event.speech) for index, event in enumerate(self.events) if event.speech]

    @property
    def said_words(self) -> set[str]:
        return {word for _, sentence in self.sentences for word in sentence.split()}


def content_words(sentence: str, without: Sequence[str] = ()) -> tuple[str, ...]:
    """The words of a sentence that carry it, each once."""
    return tuple(dict.fromkeys(word for word in sentence.split() if word not in _EMPTY_WORDS and word not in without))


def days_in(sentence: str) -> list[str]:
    return [word for word in sentence.split() if word in DAYS]


def numbers_in(sentence: str) -> list[str]:
    return [word for word in sentence.split() if word in NUMBERS]


def at(second: float) -> str:
    """A time as a person types it."""
    return clock(second)


def with_article(noun: str) -> str:
    return f"{'an' if re.match('[aeiou]', noun) else 'a'} {noun}"
