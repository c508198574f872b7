"""Other words for a wording: the same question as others would put it, and as hurried people type it."""

from __future__ import annotations

import random
import re

# Words that may stand for one another in a question, each found by a pattern that leaves the places ``{...}`` alone.
# Words on which an answer's form hangs (before, after, first, last) are in none of them.
_ALIKE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\bhappens\b", ("goes on", "takes place", "occurs", "happens here")),
    (r"\bis going on\b", ("is happening", "goes on", "takes place")),
    (r"\b(?:shown|seen|visible)\b", ("shown", "seen", "visible", "displayed", "pictured")),
    (r"\b(?:video|clip|film)\b", ("video", "clip", "film", "recording", "footage", "movie")),
    (r"\b(?:narrator|speaker|voice)\b", ("narrator", "speaker", "voice", "commentator", "voice-over")),
    (r"\b(?:mentioned|named)\b", ("mentioned", "named", "brought up", "talked of", "spoken of")),
    (r"\bis said\b", ("is spoken", "is being said", "gets said", "is uttered")),
    (r"\bis spoken\b", ("is said", "is being spoken", "is uttered")),
    (r"\bdo we (?=see|hear)", ("do you ", "does one ", "do I ")),
    (r"\bwhile\b", ("when", "as", "during the time that", "at the moment when")),
    (r"(?<=\bthe )(?:moment|scene|part)\b", ("moment", "scene", "part", "shot", "spot", "passage")),
    (r"\bscenes\b", ("scenes", "shots", "moments", "places")),
    (r"^(?:Tell me|Say)\b", ("Let me know", "Tell us", "Please say", "I would like to know")),
    (r"^(?:Find|Show me|Go to)\b", ("Take me to", "Bring me to", "Look for", "Search for", "Point me to")),
    (r"\b[Ww]hich(?= (?:colour|color|shape|day|object|thing|words|numbers|code|scene|movement|sentence)\b)", ("what",)),
    (r"\b[Ww]hat(?= (?:colour|color|shape|day|object|thing|words|numbers|code|scene|movement|sentence)\b)", ("which",)),
    (r"\bcolour\b", ("color", "hue", "tint")),
    (r"\bcolours\b", ("colors", "hues", "tints")),
    (r"\bshape(?= (?:is|has|does|of)\b)", ("shape", "form")),
    (r"\bHow often\b", ("How many times", "On how many occasions")),
    (r"\bHow many times\b", ("How often", "On how many occasions")),
    (r"\bDoes\b", ("Did",)),
    (r"\b(?:beginning|start)\b", ("beginning", "start", "outset", "opening")),
    (r"\bnext\b", ("next", "thereafter", "afterwards")),
    (r"\bsomething\b", ("something", "anything at all", "any object")),
    (r"\bSummari[sz]e\b", ("Recap", "Outline", "Give an overview of")),
)
_MOST = 2
_SHARE = 0.5
_OPENINGS = (
    *("Please tell me: ", "Tell me, ", "One question: ", "So, ", "In this video, ", "Please: ", "Hey, ", "OK, "),
    *("Could you tell me ", "Do you know ", "Can you say ", "Would you tell me ", "I would like to know, "),
    *("Quick question: ", "I wonder: ", "Could you please say: ", "Looking at the video, ", "Say, "),
)
_ENDINGS = ("please?", "in this video?", "here?", "exactly?", "would you say?", "do you think?")


def with_other_words(question: str, rng: random.Random) -> str:
    """The wording with one or two of its words put in another way; half of the time as it is.

    Args:
        question: may hold open places, ``{thing}`` and the like, which stay.
    """
    if rng.random() >= _SHARE:
        return question
    found = [(pattern, others) for pattern, others in _ALIKE if re.search(pattern, question)]
    for pattern, others in rng.sample(found, min(len(found), rng.randint(1, _MOST))):
        other = rng.choice(others)
        question = re.sub(pattern, other, question, count=1)
    return question[:1].upper() + question[1:]


def loosened(question: str, rng: random.Random) -> str:
    """The question as hurried people type it: now and then an opening, an ending, no capital, or no question mark."""
    draw = rng.random()
    if draw < 0.1 and question[:4] not in ("And ", "Are "):
        return rng.choice(_OPENINGS) + question[0].lower() + question[1:]
    if draw < 0.14 and question.endswith("?") and question.count(" ") > 2:
        return f"{question[:-1]}{rng.choice((', ', ' '))}{rng.choice(_ENDINGS)}"
    if draw < 0.2:
        return question[0].lower() + question[1:]
    if draw < 0.26:
        return question.rstrip("?.")
    if draw < 0.3:
        return (question[0].lower() + question[1:]).rstrip("?.")
    return question
