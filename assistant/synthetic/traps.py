"""Questions that a generated video does not answer, each tempting in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.synthetic.scenes import CAMERA_ACTIONS
from assistant.synthetic.truth import Question
from assistant.synthetic.vocabulary import COLORS, DAYS, SHAPES
from assistant.synthetic.wording import LOOSE_ACTIONS, REFUSAL, Facts, at, with_article

_FOREIGN = ("dog", "cat", "car", "person", "tree", "house", "ball", "boat", "bird", "bicycle")
_TOPICS = ("the weather", "money", "the dog", "dinner", "the price", "football")
_UNKNOWABLE = (
    "What is the name of the narrator?",
    "Who made this video?",
    "In which city was this filmed?",
    "Why was this video made?",
    "How old is the speaker?",
)


def absent_thing(facts: Facts) -> Iterator[Question]:
    """A colour and a shape that both occur, but not together; or a thing of which one half occurs nowhere."""
    colors, shapes = {event.color for event in facts.events}, {event.shape for event in facts.events}
    for color in COLORS:
        for shape in SHAPES:
            thing = f"{color} {shape}"
            if thing in facts.seen or any(thing in sentence for _, sentence in facts.sentences):
                continue
            swapped = color in colors and shape in shapes
            verb = facts.verb(facts.rng.choice(_plain_actions(facts)))
            texts = (
                f"What does the {thing} do?",
                f"When does the {thing} {verb.base}?",
                f"What happens after the {thing} {verb.third}?",
                f"Is there {with_article(thing)} in the video?",
                f"What is said about the {thing}?",
            )
            yield _unanswerable(facts.rng.choice(texts), "swapped_attributes" if swapped else "absent_object")


def foreign_thing(facts: Facts) -> Iterator[Question]:
    for thing in _FOREIGN:
        texts = (
            f"When does the {thing} appear?",
            f"Does {with_article(thing)} appear?",
            f"What does the {thing} do?",
            f"What colour is the {thing}?",
            f"Is there {with_article(thing)} in the video?",
        )
        yield _unanswerable(facts.rng.choice(texts), "foreign_object")


def wrong_action(facts: Facts) -> Iterator[Question]:
    """Something that is there, asked for what it never does."""
    for thing in sorted(facts.seen):
        for action in _false_of_thing(facts, thing):
            verb = facts.verb(action)
            texts = (
                f"When does the {thing} {verb.base}?",
                f"At what time does the {thing} {verb.base}?",
                f"Does the {thing} {verb.base}?",
                f"Is there {with_article(thing)} that {verb.third}?",
            )
            yield _unanswerable(facts.rng.choice(texts), "wrong_action")


def wrong_premise(facts: Facts) -> Iterator[Question]:
    """A question that takes for granted what is not so."""
    for thing in sorted(facts.seen):
        for action in _false_of_thing(facts, thing):
            verb = facts.verb(action)
            texts = (
                f"What happens after the {thing} {verb.third}?",
                f"Why does the {thing} {verb.base}?",
                f"What is said while the {thing} {verb.third}?",
                f"What does the {thing} do after it {verb.third}?",
            )
            yield _unanswerable(facts.rng.choice(texts), "wrong_premise")


def wrong_attribute(facts: Facts) -> Iterator[Question]:
    for shape in sorted({event.shape for event in facts.events}):
        for action in facts.denied(lambda event, shape=shape: event.shape == shape):  # type: ignore[misc]
            if action not in CAMERA_ACTIONS and action not in LOOSE_ACTIONS:
                verb = facts.verb(action)
                texts = f"What colour is the {shape} that {verb.third}?", f"Which colour has the {verb.gerund} {shape}?"
                yield _unanswerable(facts.rng.choice(texts), "wrong_attribute")


def nobody_does_it(facts: Facts) -> Iterator[Question]:
    for action in facts.denied(lambda _: True):
        verb = facts.verb(action)
        if action in CAMERA_ACTIONS:
            texts: tuple[str, ...] = (f"When does the camera {verb.base}?", f"Does the camera {verb.base}?")
        else:
            texts = (f"When does something {verb.base}?", f"Which object {verb.third}?")
        yield _unanswerable(facts.rng.choice(texts), "absent_action")


def beyond_the_end(facts: Facts) -> Iterator[Question]:
    for _ in range(3):
        second = facts.truth.duration_seconds + facts.rng.uniform(8, 240)
        texts = f"What happens at {at(second)}?", f"What is said at {at(second)}?", f"What can be seen at {at(second)}?"
        yield _unanswerable(facts.rng.choice(texts), "beyond_the_end")


def never_said(facts: Facts) -> Iterator[Question]:
    for day in DAYS:
        if day not in facts.said_words:
            name = day.capitalize()
            texts = f"When is {name} mentioned?", f"When does somebody say {name}?", f"What is said about {name}?"
            yield _unanswerable(facts.rng.choice(texts), "never_said")
    for topic in _TOPICS:
        yield _unanswerable(f"What does the narrator say about {topic}?", "never_said")


def unknowable(facts: Facts) -> Iterator[Question]:
    for text in _UNKNOWABLE:
        yield _unanswerable(text, "unknowable")


def _unanswerable(text: str, trap: str) -> Question:
    # "No ...", "not in this video", "nothing", "nobody": every refusal has a word that begins like this.
    return Question(text, "unanswerable", REFUSAL, ("yes",), (), answerable=False, trap=trap)


def _plain_actions(facts: Facts) -> list[str]:
    """The actions of this video that a thing can be said to do."""
    found = {event.action for event in facts.events} - set(CAMERA_ACTIONS) - {"appearing"}
    return sorted(found) or ["rotating"]


def _false_of_thing(facts: Facts, thing: str) -> list[str]:
    actions = facts.denied(lambda event: event.description == thing)
    return [action for action in actions if action not in CAMERA_ACTIONS and action not in LOOSE_ACTIONS]


TRAPS: tuple[Callable[[Facts], Iterator[Question]], ...] = (
    absent_thing,
    foreign_thing,
    wrong_action,
    wrong_premise,
    wrong_attribute,
    nobody_does_it,
    beyond_the_end,
    never_said,
    unknowable,
)
