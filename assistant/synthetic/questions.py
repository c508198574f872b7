"""Questions about a generated video whose answers are known: many kinds, several wordings, some without an answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from assistant.synthetic.scenes import CAMERA_ACTIONS
from assistant.synthetic.traps import TRAPS
from assistant.synthetic.truth import Event, Question, Truth
from assistant.synthetic.wording import (
    DENIALS,
    LOOSE_ACTIONS,
    REFUSAL,
    STEMS,
    VERBS,
    Facts,
    arguable,
    at,
    content_words,
    days_in,
    numbers_in,
    with_article,
)

Maker = Callable[[Facts], Iterator[Question]]
_COUNTED = tuple(action for action in STEMS if action not in LOOSE_ACTIONS)


def ask_about(truth: Truth) -> tuple[Question, ...]:
    """14 to 16 questions that follow from the truth and its seed, at least a quarter of them unanswerable."""
    rng = random.Random(f"questions {truth.seed}")
    facts = Facts(truth, rng)
    unanswerable = 4
    answerable = rng.randint(10, 12)
    chosen = [*_choose(facts, MAKERS, answerable), *_choose(facts, TRAPS, unanswerable)]
    rng.shuffle(chosen)
    return tuple(chosen)


def _choose(facts: Facts, makers: Sequence[Maker], count: int) -> list[Question]:
    """So many questions, of as many kinds as there are: one of each kind in turn, in random order."""
    piles = [list(maker(facts)) for maker in makers]
    facts.rng.shuffle(piles)
    for pile in piles:
        facts.rng.shuffle(pile)
    chosen: dict[str, Question] = {}
    while len(chosen) < count and any(piles):
        for pile in piles:
            if pile and len(chosen) < count:
                question = pile.pop()
                chosen.setdefault(question.question, question)
    return list(chosen.values())


def _words(event: Event) -> tuple[str, ...]:
    """What an answer that tells the event must say of its action."""
    return (STEMS[event.action],)


def first_and_last(facts: Facts) -> Iterator[Question]:
    last = len(facts.events) - 1
    wordings = {
        (0, "first"): (
            "What happens first?",
            "How does the video begin?",
            "What is the first thing that happens?",
            "What happens at the beginning of the video?",
        ),
        (last, "last"): (
            "What happens last?",
            "How does the video end?",
            "What is the last thing that happens?",
            "What happens at the end of the video?",
        ),
    }
    for (index, kind), texts in wordings.items():
        event = facts.events[index]
        excludes = facts.distant_labels(index)
        yield Question(facts.rng.choice(texts), kind, _words(event), excludes, (index,))
        looks = f"What is the {kind} thing to be seen?", f"Which object is shown {kind}?"
        yield Question(facts.rng.choice(looks), kind, (event.color, event.shape), excludes, (index,))


def what_it_does(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        if not facts.only(index) or event.action in CAMERA_ACTIONS:
            continue
        thing = event.description
        texts = [f"What does the {thing} do?", f"What happens to the {thing}?", f"Tell me what the {thing} does."]
        if event.action not in LOOSE_ACTIONS:
            texts.append(f"How does the {thing} move?")
        yield Question(facts.rng.choice(texts), "do", _words(event), facts.distant_labels(index, 1), (index,))


def when(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        verb = facts.verb(event.action)
        if event.action in CAMERA_ACTIONS:
            if not facts.alone(index, lambda other: other.action in CAMERA_ACTIONS):
                continue
            texts: tuple[str, ...] = (
                f"When does the camera {verb.base}?",
                f"Where in the video does the camera {verb.base}?",
            )
        elif facts.object_alone(index):
            thing = event.description
            texts = (
                f"When does the {thing} {verb.base}?",
                f"At what time does the {thing} {verb.base}?",
                f"Where in the video does the {thing} {verb.base}?",
                f"Show me the moment when the {thing} {verb.third}.",
            )
        else:
            continue
        # With another word for the action in the question, an answer need not use the label.
        contains = _words(event) if verb == VERBS[event.action][0] else ()
        yield Question(facts.rng.choice(texts), "when", contains, DENIALS, (index,))


def how_often(facts: Facts) -> Iterator[Question]:
    for action in _COUNTED:
        indices = tuple(index for index, event in enumerate(facts.events) if event.action == action)
        if not indices or any(arguable(event, action) for event in facts.events if event.action != action):
            continue
        base = facts.verb(action).base
        who = "the camera" if action in CAMERA_ACTIONS else "something"
        texts = f"How many times does {who} {base}?", f"How often does {who} {base}?"
        yield Question(facts.rng.choice(texts), "count", (str(len(indices)),), (), indices)
    for shape in sorted({event.shape for event in facts.events}):
        indices = tuple(index for index, event in enumerate(facts.events) if event.shape == shape)
        texts = f"In how many scenes is there {with_article(shape)}?", f"How many scenes show {with_article(shape)}?"
        yield Question(facts.rng.choice(texts), "count", (str(len(indices)),), (), indices)


def after_and_before(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        if not facts.object_alone(index):
            continue
        told = f"the {event.description} {facts.verb(event.action).third}"
        texts = {
            (index + 1, "after"): (
                f"What happens after {told}?",
                f"What happens right after {told}?",
                f"{told[0].upper()}{told[1:]}: what comes next?",
            ),
            (index - 1, "before"): (f"What happens before {told}?", f"What happens just before {told}?"),
        }
        for (neighbour, kind), wordings in texts.items():
            if 0 <= neighbour < len(facts.events):
                other = facts.events[neighbour]
                excludes = facts.distant_labels(neighbour, 1)
                yield Question(facts.rng.choice(wordings), kind, _words(other), excludes, (neighbour, index))


def in_order(facts: Facts) -> Iterator[Question]:
    alone = [index for index in range(len(facts.events)) if facts.object_alone(index) and facts.only(index)]
    if len(alone) < 2:
        return
    for _ in range(3):
        one, other = facts.rng.sample(alone, 2)
        first, second = facts.events[one], facts.events[other]
        base, third = facts.verb(first.action).base, facts.verb(second.action).third
        word = facts.rng.choice(("before", "after"))
        true = (one < other) == (word == "before")
        text = f"Does the {first.description} {base} {word} the {second.description} {third}?"
        yield Question(text, "order", ("yes",) if true else REFUSAL, () if true else ("yes",), (one, other))


def what_is_said(facts: Facts) -> Iterator[Question]:
    sentences = facts.sentences
    for index, sentence in sentences:
        event = facts.events[index]
        words = content_words(sentence)
        span = event.speech_span
        inside = [second for second in range(int(span.end_seconds) + 1) if span.contains(second)] if span else []
        if inside:
            yield Question(f"What is said at {at(facts.rng.choice(inside))}?", "said", words, (), (index,))
        if facts.object_alone(index):
            third = facts.verb(event.action).third
            texts = (
                f"What is said while the {event.description} {third}?",
                f"What does the narrator say while the {event.description} {third}?",
            )
            yield Question(facts.rng.choice(texts), "said", words, (), (index,))
    if sentences:
        for place, (index, sentence) in (("first", sentences[0]), ("last", sentences[-1])):
            yield Question(f"What is the {place} thing that is said?", "said", content_words(sentence), (), (index,))


def said_about(facts: Facts) -> Iterator[Question]:
    for index, sentence in facts.sentences:
        thing = facts.events[index].description
        mentions = [other for other, text in facts.sentences if thing in text]
        if mentions == [index]:
            texts = f"What is said about the {thing}?", f"What does the narrator say about the {thing}?"
            words = content_words(sentence, without=thing.split())
            yield Question(facts.rng.choice(texts), "said_about", words, (), (index,))


def spoken_details(facts: Facts) -> Iterator[Question]:
    """What a sentence beside the picture tells: a day, a code, numbers."""
    asides = {
        "day": [(index, days_in(text)) for index, text in facts.sentences if days_in(text)],
        "code": [(index, numbers_in(text)) for index, text in facts.sentences if "code" in text],
        "numbers": [(index, numbers_in(text)) for index, text in facts.sentences if "count" in text],
    }
    wordings = {
        "day": ("Which day of the week is mentioned?", "Which day does the narrator name?"),
        "code": ("What is the code?", "Which code is read out?"),
        "numbers": ("Which numbers are counted?", "What does the narrator count?"),
    }
    for kind, found in asides.items():
        if len(found) == 1:
            index, words = found[0]
            yield Question(facts.rng.choice(wordings[kind]), "heard", tuple(dict.fromkeys(words)), (), (index,))
    for day in sorted({day for _, days in asides["day"] for day in days}):
        indices = tuple(index for index, days in asides["day"] if day in days)
        texts = f"When is {day.capitalize()} mentioned?", f"When does somebody say {day.capitalize()}?"
        yield Question(facts.rng.choice(texts), "heard", (day,), DENIALS, indices)


def attributes(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        if event.action in CAMERA_ACTIONS:
            continue
        verb = facts.verb(event.action)
        excludes = _colors_far_from(facts, index)
        if facts.alone(index, lambda other, event=event: other.shape == event.shape):  # type: ignore[misc]
            texts = (
                f"What colour is the {event.shape} that {verb.third}?",
                f"Which colour does the {event.shape} have that {verb.third}?",
                f"What color is the {event.shape} that is {verb.gerund}?",
            )
            yield Question(facts.rng.choice(texts), "attribute", (event.color,), excludes, (index,))
        if facts.alone(index, lambda other, event=event: other.color == event.color):  # type: ignore[misc]
            texts = (
                f"What is the shape of the {event.color} thing that {verb.third}?",
                f"What shape is the {event.color} thing that {verb.third}?",
                f"Which shape does the {event.color} object have that is {verb.gerund}?",
            )
            yield Question(facts.rng.choice(texts), "attribute", (event.shape,), (), (index,))


def which_thing(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        if event.action in CAMERA_ACTIONS or event.action in LOOSE_ACTIONS or not facts.alone(index, lambda _: True):
            continue
        verb = facts.verb(event.action)
        texts = f"What is {verb.gerund}?", f"Which object {verb.third}?", f"What {verb.third}?"
        excludes = _colors_far_from(facts, index)
        yield Question(facts.rng.choice(texts), "which", (event.color, event.shape), excludes, (index,))


def truly(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        if facts.object_alone(index):
            verb = facts.verb(event.action)
            thing = event.description
            texts = (
                f"Is there {with_article(thing)} that {verb.third}?",
                f"Does the {thing} {verb.base}?",
                f"Can I see {with_article(thing)} that is {verb.gerund}?",
            )
            yield Question(facts.rng.choice(texts), "yes_no", ("yes",), DENIALS, (index,))
    for shape in sorted({event.shape for event in facts.events}):
        indices = tuple(index for index, event in enumerate(facts.events) if event.shape == shape)
        yield Question(f"Is there {with_article(shape)} in the video?", "yes_no", ("yes",), DENIALS, indices)


def at_a_time(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        second = facts.second_inside(event)
        if second is None:
            continue
        excludes = facts.distant_labels(index)
        texts = f"What happens at {at(second)}?", f"What is going on at {at(second)}?"
        yield Question(facts.rng.choice(texts), "at_time", _words(event), excludes, (index,))
        if event.action not in LOOSE_ACTIONS:
            texts = f"What can be seen at {at(second)}?", f"Which object is on screen at {at(second)}?"
            yield Question(facts.rng.choice(texts), "at_time", (event.color, event.shape), excludes, (index,))


def camera(facts: Facts) -> Iterator[Question]:
    moves = [index for index, event in enumerate(facts.events) if event.action in CAMERA_ACTIONS]
    for index in moves:
        event = facts.events[index]
        verb = facts.verb(event.action)
        if facts.only(index):
            texts = (
                f"What does the camera do while the {event.description} is shown?",
                f"How does the camera move when the {event.description} is on screen?",
            )
            yield Question(facts.rng.choice(texts), "camera", _words(event), (), (index,))
        if facts.alone(index, lambda _: True):
            texts = (
                f"What can be seen while the camera {verb.third}?",
                f"Which object is shown while the camera {verb.third}?",
            )
            yield Question(facts.rng.choice(texts), "camera", (event.color, event.shape), (), (index,))
    if len({facts.events[index].action for index in moves}) == 1:
        text = facts.rng.choice(("What does the camera do?", "How does the camera move?"))
        yield Question(text, "camera", _words(facts.events[moves[0]]), (), tuple(moves))


def said_or_seen(facts: Facts) -> Iterator[Question]:
    for day in sorted({day for _, text in facts.sentences for day in days_in(text)}):
        indices = tuple(index for index, text in facts.sentences if day in text)
        yield Question(f"Is {day.capitalize()} something that is said or seen?", "said_or_seen", ("said",), (), indices)
    silent = [
        (index, event.description)
        for index, event in enumerate(facts.events)
        if facts.only(index) and not any(event.description in text for _, text in facts.sentences)
    ]
    for index, thing in silent:
        texts = f"Is the {thing} seen, or is it only talked about?", f"Is the {thing} something that is seen or said?"
        yield Question(facts.rng.choice(texts), "said_or_seen", ("seen",), (), (index,))


def silence(facts: Facts) -> Iterator[Question]:
    for index, event in enumerate(facts.events):
        if event.speech is None and facts.object_alone(index):
            third = facts.verb(event.action).third
            yield Question(f"What is said while the {event.description} {third}?", "silence", REFUSAL, (), (index,))


def _colors_far_from(facts: Facts, index: int) -> tuple[str, ...]:
    """A colour of something that has neither the shape nor the action in question, so no right answer names it."""
    event = facts.events[index]
    alike = {other.color for other in facts.events if other.shape == event.shape or other.action == event.action}
    far = sorted({other.color for other in facts.events} - alike)
    return (facts.rng.choice(far),) if far else ()


MAKERS: tuple[Maker, ...] = (
    first_and_last,
    what_it_does,
    when,
    how_often,
    after_and_before,
    in_order,
    what_is_said,
    said_about,
    spoken_details,
    attributes,
    which_thing,
    truly,
    at_a_time,
    camera,
    said_or_seen,
    silence,
)
