"""Whether a sentence answers the question that was asked: the kind of thing, the thing, and the moment asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.chat.verification.about import SPOKEN
from assistant.chat.verification.evidence import Evidence
from assistant.chat.verification.language import akin, expresses, lexicon, stem, tokens
from assistant.chat.verification.numbers import find_numbers
from assistant.chat.verification.order import split_order
from assistant.chat.verification.statement import CLOCK, MARK, QUOTED, Statement, seconds_of
from assistant.chat.words import listed_words

_HOW_MUCH = re.compile(
    r"\bwhat (?:does|do|did|would|will) .{1,60}\bcost\b|\bhow (?:many|much|long|far|old|often|tall|high|deep|"
    r"wide|thick|heavy|big|large|hot|cold|fast|late|soon|big|strong|expensive|full|loud|warm|wide)\b|"
    r"\bwhat (?:number|percentage|price|temperature|amount|age|size|time|share|year|length|weight|height|speed|"
    r"cost|fee)\b|\bwie ?(?:viel\w*|lange|oft|alt|gro(?:ß|ss)|weit|hoch)\b|"
    r"\bcu[áa]nt\w+\b",
    re.IGNORECASE,
)
_WHY = re.compile(
    r"^\W*(?:and |but |so )?(?:why|what (?:for|is the reason|was the reason)|for what reason|how come|warum|"
    r"wieso|weshalb|por qué)\b",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"^\W*(?:and |but |so )?(?:who|whose|whom|by whom|to whom|wer|wen|wem|quién|quiénes)\b", re.IGNORECASE
)
_NAME = re.compile(r"\b(?:name|title|brand|make|model|called)\b.{0,6}\b(?:of|is|was|are|has)?\b", re.IGNORECASE)
_WHICH = re.compile(
    r"\b(?:which|what (?:kind|sort|type|brand|make) of|welche\w*|qué|cuál\w*)\s+(?:of the |of these )?([^\W\d_]+)",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"\b(?:what|which) colou?r\w*\b|\bwelche farbe\b|\bde qué color\b", re.IGNORECASE)
YES_NO = re.compile(
    r"^\W*(?:and |but |so )?(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|may|must|"
    r"isn't|aren't|doesn't|didn't)\b",
    re.IGNORECASE,
)
_WHAT_OF = re.compile(
    r"^\W*what(?:'s| is| was| are| were) (?:the |his |her |their |its )?([^\W\d_]+(?: [^\W\d_]+)?) (?:of|for)\b",
    re.IGNORECASE,
)
_CAUSES = re.compile(
    r"\b(?:because|since|so that|so|in order to|due to|owing to|thanks to|therefore|otherwise|reason|cause[sd]?|"
    r"for|as|or (?:they|it|you|he|she|we)|"
    r"until|if|too|weil|da|damit|denn|wegen|porque|para)\b",
    re.IGNORECASE,
)
_PURPOSE = re.compile(r"\b[Tt]o (?!(?:the|an?|his|her|their|this|that|it|them|him|me|us|you|be|have)\b)([a-z]+)")
_REPORTED_QUESTION = re.compile(
    r"\b(?:asks?|asked|wonders?|wondered|question is)\b(?! (?:to|for|not to)\b)", re.IGNORECASE
)
_ASKS_FOR_IT = re.compile(r"\b(?:ask|asks|asked|question|wonder|want to know|fragt|pregunta)\w*\b", re.IGNORECASE)
_MENTION_OF_START = re.compile(
    r"\b(?:at the (?:very )?(?:start|beginning)|at first|in the beginning|first thing)\b", re.IGNORECASE
)
_MENTION_OF_END = re.compile(r"\b(?:at the (?:very )?end|in the end|last thing|finally)\b", re.IGNORECASE)
_ABSTRACT = tuple(
    map(
        stem,
        (  # noqa: SIM905
            "kind type sort amount number price name title reason colour time much many long far old often tall "
            "high deep wide thick heavy big large hot cold fast late soon strong expensive full loud warm "
            "percentage temperature age size share length weight height speed fee order"
        ).split(),
    )
)
_SEEN = re.compile(r"\b(?:seen|see|shown|visible|best|label|description|recogni\w+)\b", re.IGNORECASE)
_ABSTRACT_STEMS = frozenset(_ABSTRACT)
_PRONOUN = re.compile(r"\W*(?:yes,? |about |around )?(?:it|they|he|she|this|that|there|you|we|one)\b", re.IGNORECASE)
_WHEN = re.compile(
    r"^\W*(?:and |but |so )?(?:when|at what time|on (?:which|what) (?:day|date)|since when|until "
    r"when)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:when|while|until|till|since|before|after|once|as soon as|during|at the (?:start|beginning|end)|"
    r"always|never|now|today|tomorrow|"
    r"yesterday|tonight|morning|noon|midday|afternoon|evening|night|midnight|overnight|daily|weekly|day|week|"
    r"month|year|hour|o.clock|"
    r"spring|summer|autumn|winter|christmas|easter|\w+day|january|february|march|april|may|june|july|august|"
    r"september|october|november|december)s?\b",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"\b(?:a|an|per|each|every) (?:second|minute|hour|day|week|month|year|person|head|piece)\b", re.IGNORECASE
)
_WHERE = re.compile(r"^\W*(?:and |but |so )?(?:where|wo|wohin|woher|dónde)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:in|at|on|into|onto|under|behind|beside|near|next to|from|to|inside|outside|through|along|"
    r"above|below|between|there|here|"
    r"left|right|around|upstairs|downstairs|home|away)\b",
    re.IGNORECASE,
)
_LANGUAGE_WORDS = frozenset(map(stem, ["language", "languages", "sprache", "sprachen", "idioma", "lengua"]))
_COST = re.compile(
    r"\b(?:cost\w*|prices?|priced|fees?|charge[sd]?|pay|paid|expensive|cheap\w*|free|worth)\b", re.IGNORECASE
)
_MONEY = re.compile(r"[€$£]|\b(?:euros?|dollars?|cents?|pounds?|francs?|crowns?|money)\b", re.IGNORECASE)
_TIME_UNITS = frozenset(
    map(stem, ["second", "minute", "hour", "day", "week", "month", "year", "decade", "century", "time"])
)
_LENGTH_UNITS = frozenset(map(stem, ["millimetre", "centimetre", "metre", "kilometre", "mile", "inch", "foot", "yard"]))
_MEASURED = (
    (re.compile(r"\bhow long\b", re.IGNORECASE), _TIME_UNITS | _LENGTH_UNITS),
    (re.compile(r"\bhow (?:old|soon|late|often)\b", re.IGNORECASE), _TIME_UNITS),
    (re.compile(r"\bhow (?:far|thick|wide|tall|high|deep)\b", re.IGNORECASE), _LENGTH_UNITS | _TIME_UNITS),
    (
        re.compile(r"\bhow (?:hot|cold|warm)\b|\btemperature\b", re.IGNORECASE),
        frozenset(("degre", "celsiu", "fahrenheit", "percent")),
    ),
    (
        re.compile(r"\bhow heavy\b|\bweight\b", re.IGNORECASE),
        frozenset(map(stem, ["gram", "kilogram", "kilo", "pound", "ounce", "ton"])),
    ),
)
_ORDER = re.compile(
    r"\b(?:order|sequence|comes? first|comes? last|come first|earlier|before or after)\b", re.IGNORECASE
)
_MOMENT_SLACK = 2.0
_EDGE_SHARE = 1 / 3


def answers(claim: str, question: str, ids: Sequence[int], evidence: Evidence) -> bool:
    """Whether a sentence, taken as true, says what the question wants to know."""
    bare = MARK.sub(" ", claim)
    if not _of_the_moment(question, ids, evidence):
        return False
    if re.search(
        r"\b(?:not in (?:this|the) video|cannot tell|can't tell|nobody says|not said|not mentioned)\b",
        bare,
        re.IGNORECASE,
    ):
        return True
    if _REPORTED_QUESTION.search(bare) and not _ASKS_FOR_IT.search(question) and not _WHO.search(question):
        return False
    if _ORDER.search(question) and (split_order(bare) or re.search(r"\b(?:then|first|last|next|finally)\b|,.*,", bare)):
        return True
    asked, told = Statement(question, (), evidence.names), Statement(bare, (), evidence.names)
    for wanted in (_place, _time, _colour, _amount, _reason, _person, _named, _which, _property, _yes_no):
        if (fits := wanted(question, bare, asked, told, evidence)) is not None:
            return fits
    return True


def _of_the_moment(question: str, ids: Sequence[int], evidence: Evidence) -> bool:
    """Whether the evidence is of the moment asked for; a question without one accepts any."""
    if not ids:
        return True
    spans = [evidence.timeline.segments[number - 1].span for number in ids]
    times = [seconds_of(match) for match in CLOCK.finditer(question)]
    times += [
        max(n.values) * {"second": 1.0, "minut": 60.0}[n.unit]
        for n in find_numbers(tokens(question))
        if n.unit in ("second", "minut") and re.search(r"\b(?:at|after|around|by) (?:the )?(?:second|minute|\d|"
        r"\w+ (?:seconds|minutes)\b)", question, re.IGNORECASE)
        and not _HOW_MUCH.search(question)
    ]  # fmt: skip
    if times and not re.search(r"\b(?:before|after|until|since|later|earlier)\b", question, re.IGNORECASE):
        low, high = min(times) - _MOMENT_SLACK, max(times) + _MOMENT_SLACK
        return any(span.start_seconds <= high and span.end_seconds >= low for span in spans)
    duration = evidence.timeline.video.duration_seconds
    if len(evidence.timeline.segments) > 5:
        if _MENTION_OF_START.search(question):
            return any(span.start_seconds <= _EDGE_SHARE * duration for span in spans)
        if re.search(r"\b(?:at|in) the (?:very )?end(?: of the (?:video|clip))?\W*$", question, re.IGNORECASE):
            return any(span.end_seconds >= (1 - _EDGE_SHARE) * duration for span in spans)
    return True


def _shares(asked: Statement, told: Statement, least: float = 0.0) -> bool:
    """Whether the sentence takes up what the question is about: more than ``least`` of its words, one at least."""
    units = [unit for unit in asked.units if not expresses(_ABSTRACT, unit.stems[-1], loosely=False)]
    if not units:
        return True
    hits = sum(any(expresses(told.stems, one) or _opposed(one, told) for one in unit.stems) for unit in units)
    if least:
        return hits > least * len(units)
    weak = {unit.stems[-1] for unit in asked.weak_units} & {unit.stems[-1] for unit in told.weak_units}
    return hits >= 1 or bool(_plain(asked) & _plain(told)) or bool(weak - _ABSTRACT_STEMS)


def _opposed(word: str, told: Statement) -> bool:
    return bool(lexicon().opposite.get(word, frozenset()) & set(told.stems))


def _plain(statement: Statement) -> set[str]:
    """Nouns of the product that bear no evidence but may be what a question is about: an action, a part, a model."""
    kept = lexicon()
    return {
        one for one in statement.stems
        if kept.is_kind(one, "picture", "video") and not kept.is_kind(one, "function", "generic", "speech")
        and one not in ("video", "clip", "film", "seen", "see", "show", "shown", "look", "best")
    }  # fmt: skip


def _place(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    if not _WHERE.search(question) or asked.has("telling", "picture", "speech"):
        return None
    heard = any(expresses(line.stems, unit.stems[-1]) for line in evidence.speech for unit in told.units)
    return False if heard and not _PLACE.search(bare) else None


def _time(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    """A time that is told, unless the question asks for a place in the video, which the marks give."""
    if not _WHEN.search(question) or asked.has("telling", "picture", "speech"):
        return None
    if _TIME.search(bare) or CLOCK.search(bare) or any(not n.vague or n.ordinal for n in told.numbers):
        return None
    return (
        None if not any(expresses(line.stems, u.stems[-1]) for line in evidence.speech for u in told.units) else False
    )


def _colour(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    if not _COLOUR.search(question):
        return None
    colours = {stem(word) for word in listed_words("colours")}
    return any(word in colours for word in told.stems)


def _amount(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    if not _HOW_MUCH.search(question) or re.search(
        r"\bhow (?:much|well|long).{0,12}\b(?:like|know)\b", question, re.IGNORECASE
    ):
        return None
    without = [
        n
        for n in told.numbers
        if not (n.values == {1.0} and not n.unit and not re.search(r"\b(?:only|just|exactly|is|one of|one)\b", bare))
    ]
    without = [n for n in without if not n.ordinal]
    quantity = re.search(
        r"\b(?:no|none|nobody|nothing|both|all|half|several|many|few|a lot|once|twice|never|every|until|"
        r"unlimited|empty|full|free)\b",
        bare,
        re.IGNORECASE,
    )
    counted = (bool(without) and (bool(CLOCK.search(bare)) or any(not _echo(n, asked) for n in without))) or bool(
        CLOCK.search(bare)
    )
    if not counted and not quantity:
        return False
    if (
        not counted
        and not re.search(r"\bhow (?:many|often)\b", question, re.IGNORECASE)
        and quantity
        and quantity.group(0).lower() in ("every", "all", "many", "full", "both")
    ):
        return False
    if quantity and not counted and quantity.group(0).lower() in ("every", "all"):
        return False
    if _COST.search(question):
        return bool(_COST.search(bare) or _MONEY.search(bare)) or any(
            n.end == len(told.tokens) and not n.unit for n in without
        )
    if re.search(r"\bhow old\b", question, re.IGNORECASE) and re.search(r"\bfor [\w-]+ years?\b", bare, re.IGNORECASE):
        return False
    kind = next((units for pattern, units in _MEASURED if pattern.search(question)), None)
    if (
        kind is not None
        and without
        and not any(not n.unit or n.unit in kind for n in without)
        and not CLOCK.search(bare)
    ):
        return False
    if _RATE.search(bare) and not _RATE.search(question) and re.search(r"\bhow many\b", question, re.IGNORECASE):
        return False
    topic = _counted_thing(question)
    if topic and not any(expresses(told.stems, one) for one in topic):
        units = {n.unit for n in without}
        return any(one in units for one in topic) or (_shares(asked, told, 0.5) and topic[0] not in evidence.vocabulary)
    return _shares(asked, told) or (
        bool(_PRONOUN.match(bare)) and (kind is None or any(n.unit in kind for n in without))
    )


def _echo(number: object, asked: Statement) -> bool:
    return any(number.same_value(other) for other in asked.numbers)  # type: ignore[attr-defined]


def _counted_thing(question: str) -> list[str]:
    """What "how many" or "how much" counts: the noun behind it."""
    found = re.search(r"\bhow (?:many|much) ((?:[^\W\d_]+ ?){1,3})", question, re.IGNORECASE)
    if not found:
        return []
    kept = lexicon()
    words: list[str] = []
    for word in tokens(found.group(1)):
        if kept.is_kind(word, "function", "negation") or kept.is_kind(stem(word), "generic"):
            break
        if not kept.is_kind(stem(word), "telling"):
            words.append(stem(word))
    return [word for word in words if not kept.is_kind(word, "person", "video")]


def _reason(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    if not _WHY.search(question):
        return None
    if QUOTED.search(bare):
        return True
    if told.units and not any(expresses(told.stems, one) for unit in asked.units for one in unit.stems):
        return True  # all of it is new
    purpose = any(not find_numbers(tokens(found)) for found in _PURPOSE.findall(bare))
    return (bool(_CAUSES.search(bare)) or purpose) and _new(asked, told)


def _new(asked: Statement, told: Statement) -> bool:
    """Whether the sentence holds a word that the question does not."""
    return any(not any(expresses(asked.stems, one) for one in unit.stems) for unit in told.units) or bool(told.numbers)


def _person(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    if not _WHO.search(question):
        return None
    if not _shares(asked, told):
        return False
    kept = lexicon()
    named = any(
        unit.name and told.tokens[unit.place - 1 : unit.place] not in (["in"], ["at"], ["from"], ["near"])
        for unit in told.units
        if not any(expresses(asked.stems, one) for one in unit.stems)
    )
    known = {member[0] for word in ("person",) for member in kept.alike.get(word, ()) if len(member) == 1}
    roles = known | kept.kinds["somebody"]
    role = any(word in roles for word in told.stems if word not in asked.stems)
    pronoun = re.search(
        r"\b(?:i|me|my|you|he himself|nobody|no one|everybody|everyone|all of them|niemand|jemand|"
        r"alle|nadie|alguien|todos)\b",
        bare,
        re.IGNORECASE,
    )
    return named or role or bool(pronoun) or bool(QUOTED.search(bare))


def _named(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    found = re.search(
        r"\b(?:what|which)\b.{0,12}\b(name|title|brand)\b|\bwhat .{1,40} (?:called|named)\b", question, re.IGNORECASE
    )
    if not found:
        return None
    capital = re.search(r"(?<=[^\W\d_,;:] )[A-ZÄÖÜÉÁ][\w'-]+", bare)
    new = [unit for unit in told.units if unit.name and not any(expresses(asked.stems, one) for one in unit.stems)]
    called = re.search(r"\b(?:is|are|was) (?:called|named|titled)\b|\bname is\b", bare, re.IGNORECASE)
    if not _shares(asked, told) and not called:
        return False
    return bool(new or QUOTED.search(bare) or called or (capital and stem(capital.group(0).lower()) not in asked.stems))


def _which(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    found = _WHICH.search(question)
    if not found:
        return None
    head = stem(tokens(found.group(1))[0])
    if head in _LANGUAGE_WORDS:
        return SPOKEN.search(bare) is not None
    if re.search(rf"\b(?:an?|some|one of the) {re.escape(found.group(1))}\b", bare, re.IGNORECASE):
        return False
    predicate = [unit for unit in asked.units if unit.stems[-1] != head and not akin(unit.stems[-1], head)]
    missed = predicate and not any(
        expresses(told.stems, one) or _opposed(one, told) for unit in predicate for one in unit.stems
    )
    if missed and expresses(told.stems, head, loosely=False):
        return False
    if expresses(told.stems, head):
        return _new(asked, told)
    return _new(asked, told) and (_shares(asked, told) or bool(_SEEN.search(question)) or not predicate)


def _property(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    """ "What is the yield of the field?" wants the yield, not a word about the field."""
    found = _WHAT_OF.search(question)
    if not found:
        return None
    head = [stem(word) for word in tokens(found.group(1)) if not lexicon().light(word)]
    if not head or any(expresses(told.stems, one) for one in head):
        return None
    return any(not n.vague for n in told.numbers) or bool(QUOTED.search(bare))


def _yes_no(question: str, bare: str, asked: Statement, told: Statement, evidence: Evidence) -> bool | None:
    if not YES_NO.search(question):
        return None
    if split_order(bare) or re.match(r"\W*(?:yes|no)\b", bare, re.IGNORECASE):
        return True
    return _shares(asked, told)
