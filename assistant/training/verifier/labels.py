"""Claims about labels: what an action or scene label carries, and what it does not."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

from assistant.training.verifier.material import FOLDER, Line
from assistant.training.verifier.numbers import split

_EVERYDAY = Path(__file__).resolve().parents[3] / "prompts" / "labels" / "everyday.txt"

# What a label stands for in a claim: the label itself, or a thing named vaguely.
_THINGS = ("something", "something", "something", "an object", "a thing", "an item")
_THIRD_PERSON = {"lying": "lies", "digging": "digs", "dropping": "drops", "hitting": "hits", "letting": "lets"} | {
    "plugging": "plugs", "putting": "puts", "spinning": "spins", "tipping": "tips", "trying": "tries",
    "burying": "buries", "touching": "touches", "approaching": "approaches", "attaching": "attaches",
    "closing": "closes", "poking": "pokes", "taking": "takes", "wiping": "wipes", "scooping": "scoops",
    "moving": "moves", "piling": "piles", "removing": "removes", "squeezing": "squeezes", "pushing": "pushes",
}  # fmt: skip

_PARTICIPLES = dict(
    pair.split("/")
    for pair in split(
        "attaching/attached bending/bent burying/buried closing/closed covering/covered digging/dug dropping/dropped "
        "folding/folded hitting/hit holding/held laying/laid lifting/lifted moving/moved opening/opened "
        "picking/picked piling/piled plugging/plugged poking/poked pouring/poured pulling/pulled pushing/pushed "
        "putting/put removing/removed rolling/rolled scooping/scooped showing/shown spilling/spilled spinning/spun "
        "spreading/spread sprinkling/sprinkled squeezing/squeezed stuffing/stuffed taking/taken tearing/torn "
        "throwing/thrown tilting/tilted tipping/tipped turning/turned twisting/twisted uncovering/uncovered "
        "unfolding/unfolded wiping/wiped"
    )
)

_ACTION_CLAIMS = (
    '"{label}" is the action.', "The action is {lower}.", "The action shown is {lower}.", "It shows {lower}.",
    "What is being done is {lower}.", "The video shows {vague}.", "One sees {vague}.", "Here we see {lower}.",
    'The action label is "{label}".', "{label}.", "This part shows {vague}.",
    "{person}.", "{person}.", "{passive}.", "{passive}.", "{passive}.",
    "The recogniser sees {lower}.", "The best action is {lower}.", "Somebody can be seen {vague}.",
    'Die Handlung ist "{label}".', 'Zu sehen ist "{label}".', 'La acción es "{label}".', 'Se ve "{label}".',
)  # fmt: skip
_SCENE_CLAIMS = (
    "The scene looks like this: {label}.", "It looks like {a}.", "The picture shows {a}.", "There is {a}.",
    "{A} can be seen.", "The scene is {a}.", "One sees {a}.", 'The scene label is "{label}".', "{A}.",
    'The best description is {a}.', "The describer sees {a}.", "The describer's best label is {label}.",
    'Die Szene sieht aus wie "{label}".', 'La escena parece "{label}".', "It seems to show {a}.",
)  # fmt: skip
_ACTION_QUESTIONS = (
    "What is being done?", "What happens here?", "What is the person doing?", "Which action is shown?",
    "What does the recogniser see?", "What happens at first?", "What happens in the end?", "What comes next?",
    "What is done with the {thing}?", "What happens to the {thing}?", "What is done to the {thing} after that?",
    "What happens in this video?", "What do the hands do?", "What is going on?", "Was passiert hier?", "¿Qué se hace?",
)  # fmt: skip
_SCENE_QUESTIONS = (
    "What does it look like?", "Where does this take place?", "What can be seen?", "What is in the picture?",
    "What kind of place is it?", "What does the describer see?", "What is seen after the cut?",
    "When is {noun} seen?", "Was sieht man?", "¿Qué se ve?",
)  # fmt: skip
_OTHER_QUESTIONS = (
    "What colour is the {thing}?", "Who does it?", "Who is it?", "How many {thing}s are there?", "Whose {thing} is it?",
    "Which {thing} is it?", "Why does that happen?", "How old is the person?", "What is in the {thing}?",
    "How big is {noun}?", "What colour is {noun}?", "Whose is {noun}?", "Who is behind {noun}?", "Which brand is it?",
    "How full is the {thing} in the end?", "Where was it bought?", "How long has it been there?",
    "What is said?", "Who is speaking?", "How long does it take?", "Why is it done?",
    "What is the name of the person?",
    "How many people are there?", "What colour is the shirt?", "Wer spricht?", "¿Quién habla?",
    "How much does it cost?",
)  # fmt: skip
# What no label carries, whatever it says.
_INVENTED = (
    "The person wears a {colour} shirt.", "The {thing} is {colour}.", "There are {number} people.",
    "The person is called {name}.", "The person is {mood}.", "It was filmed in {place}.",
    "The {thing} belongs to {name}.",
    "A man of about {number} is shown.", "The person says that the {thing} is {colour}.", "It happens at night.",
    "The brand of the {thing} is well known.", "A {thing} is picked up.", "A {colour} {thing} is put down.",
)  # fmt: skip
_FILLING = {
    "colour": split("red blue green black white yellow grey"),
    "thing": split("cup bottle box phone book spoon bag key towel plate pen toy shoe glass knife"),
    "number": split("two three four five seven thirty forty"),
    "name": split("Anna Peter Maria Tom Sara Lukas"),
    "mood": split("happy tired angry sad nervous bored"),
    "place": split("Berlin a_hotel a_school Spain a_garage the_office"),
}


@cache
def actions() -> tuple[str, ...]:
    """The 174 labels of Something-Something v2 (Goyal et al. 2017, arXiv:1706.04261)."""
    return tuple((FOLDER / "ssv2_labels.lst").read_text(encoding="utf-8").splitlines())


@cache
def scenes() -> tuple[str, ...]:
    rows = _EVERYDAY.read_text(encoding="utf-8").splitlines()
    return tuple(row for row in rows if row and not row.startswith("#"))


def line(kind: str, label: str, rng: random.Random) -> Line:
    return Line(kind, label, score=round(rng.uniform(0.12, 0.9), 2) if rng.random() < 0.4 else None)


def claim(kind: str, label: str, rng: random.Random) -> str:
    """A sentence that the label carries."""
    if kind == "scene":
        article = (
            "" if re.match(r"(close-up|person|people|two|group|news|[a-z]+s\b)", label) and rng.random() < 0.5 else "a "
        )
        if article and label[0] in "aeiou":
            article = "an "
        named = article + label
        text = rng.choice(_SCENE_CLAIMS).format(label=label, a=named, A=named[0].upper() + named[1:])
    else:
        lower = label[0].lower() + label[1:]
        vague = re.sub(r"\bsomething\b", lambda _: rng.choice(_THINGS), lower)
        person = _person(label, rng)
        text = rng.choice(_ACTION_CLAIMS).format(
            label=label, lower=lower, vague=vague, person=person, passive=_passive(label, rng) or person
        )
    return text


def _person(label: str, rng: random.Random) -> str:
    """The label as a sentence: ``Pushing something ...`` -> ``Somebody pushes something ...`` or ``is pushing``."""
    first, _, rest = label.partition(" ")
    if first == "Something":
        return re.sub(r"^Something (being|colliding|falling)", r"Something is \1", label)
    rest = re.sub(r"\bsomething\b", lambda _: rng.choice(_THINGS), rest)
    who = rng.choice(("Somebody", "Someone", "A person", "The person", "He", "She"))
    verb = first.lower()
    if (verb in _THIRD_PERSON or re.search(r"[^aeiou]ing$", verb) is not None) and rng.random() < 0.5:
        return f"{who} {_THIRD_PERSON.get(verb, verb[:-3] + 's')} {rest}"
    return f"{who} is {verb} {rest}"


def _passive(label: str, rng: random.Random) -> str | None:
    """``Pouring something ...`` -> ``Something is poured ...``; None where the label has no such form."""
    found = re.fullmatch(r"(\w+) something\b(.*)", label)
    if not found or found[1].lower() not in _PARTICIPLES:
        return None
    rest = re.sub(r"\bsomething\b", lambda _: rng.choice(_THINGS), found[2])
    return f"{rng.choice(('Something', 'Something', 'An object'))} is {_PARTICIPLES[found[1].lower()]}{rest}"


def questions(kind: str, label: str, answered: bool, rng: random.Random) -> str:
    """A question that a claim of this label answers, or one that it does not, though it may be about the same."""
    pool = _OTHER_QUESTIONS if not answered else _ACTION_QUESTIONS if kind == "action" else _SCENE_QUESTIONS
    noun = f"the {label}" if kind == "scene" else "the thing"
    return rng.choice(pool).format(thing=rng.choice(_FILLING["thing"]), noun=noun)


def wrong(kind: str, label: str, rng: random.Random) -> tuple[str, bool]:
    """Another label of the same list, often a near one; whether it is near."""
    pool = [other for other in (actions() if kind == "action" else scenes()) if other != label]
    if rng.random() < 0.5:
        return rng.choice(pool), False
    words = set(label.lower().split())

    def likeness(other: str) -> float:
        others = set(other.lower().split())
        return len(words & others) / len(words | others)

    return rng.choice(sorted(pool, key=likeness, reverse=True)[:4]), True


_SEEN = (
    "{A} can be seen.", "The picture shows {a}.", "The describer recognises {a}.", "There is {a} in the picture.",
    "The describer calls the picture {a}.", "One sees {a}.", "{A} is visible.", "The camera shows {a}.",
)  # fmt: skip
_SAID = ("{A} is mentioned.", "Somebody talks about {a}.", "There is talk of {a}.", "{A} comes up in what is said.")


def witness(noun: str, seen: bool, rng: random.Random) -> str:
    """That a thing is seen, or that it is spoken of: two witnesses, and one does not stand for the other."""
    named = f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
    return rng.choice(_SEEN if seen else _SAID).format(a=named, A=named[0].upper() + named[1:])


def invented(rng: random.Random) -> str:
    """A sentence about what labels do not hold."""
    text = rng.choice(_INVENTED)
    return text.format(**{name: rng.choice(words).replace("_", " ") for name, words in _FILLING.items()})
