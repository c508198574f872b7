"""Training examples composed from the written timelines: evidence with or without the right lines, twins, errors."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.models.protocols import Statement
from assistant.training.verifier import alterations, labels
from assistant.training.verifier.material import Fact, Line, Transcript
from assistant.training.verifier.numbers import fresh_number, numbers, put_numbers, split

Support = tuple[float, float, float]  # supported, contradicted, not there
SUPPORTED, CONTRADICTED, NOT_THERE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
# Whether a wrong cause or a scope too wide is spoken against, or only not spoken of, is a matter of reading.
BETWEEN = (0.0, 0.5, 0.5)
_OF_ERROR: dict[str, Support] = {"invent": NOT_THERE, "cause": BETWEEN, "scope": BETWEEN}
# A sentence with one of these errors still is an answer to its question, a wrong one.
_STILL_ANSWERS = frozenset(split("num name time place who opp order"))

_SAYS = {
    "en": (
        "{who} says that {claim}",
        "According to {who}, {claim}",
        "{who} says: {claim}",
        "{who} mentions that {claim}",
    ),
    "de": ("{who} sagt: {claim}", "Laut {who}: {claim}"),
    "es": ("{who} dice: {claim}", "Según {who}, {claim}"),
}
_QUOTES = {
    "en": ('Somebody says "{words}".', 'The words "{words}" are said.', 'It is said: "{words}"', '"{words}"'),
    "de": ("Jemand sagt: „{words}“", 'Es heißt: "{words}"'),
    "es": ("Alguien dice: «{words}»", 'Se dice: "{words}"'),
}
_JOIN = {"en": (" and ", ", while ", ", and "), "de": (" und ", ", und "), "es": (" y ", ", y ")}
_ORDER = ("First {a}, then {b}.", "{a} comes before {b}.", "After {a} comes {b}.")


@dataclass(frozen=True, slots=True)
class Example:
    """``answers`` is None where it stays open; ``kind`` says how the example was made, for the figures."""

    statement: Statement
    support: Support
    answers: float | None
    kind: str


def of_error(kind: str) -> Support:
    return _OF_ERROR.get(kind, CONTRADICTED)


def written(line: Line, rng: random.Random | None = None) -> str:
    """A line of evidence as a prompt writes it; with chance, sometimes in another manner."""
    text = f"{line.speaker}: {line.text}" if line.speaker else line.text
    if line.score is not None and rng is not None and rng.random() < 0.5:
        text = f"{text} {line.score:.2f}"
    if rng is not None and line.kind == "speech" and rng.random() < 0.12:
        return rng.choice((text, f'"{text}"', f"says: {text}"))
    return f"{line.kind}: {text}"


class Composer:
    """An endless stream of examples from some transcripts, the same for the same seed."""

    def __init__(self, transcripts: Sequence[Transcript], seed: int, crowd: float = 0.6) -> None:
        """``crowd``: how often other lines stand beside those that a sentence needs."""
        self._transcripts = list(transcripts)
        self._crowd = crowd
        self._rng = random.Random(seed)
        self._makers = {
            self._true: 30, self._planted: 30, self._altered: 12, self._absent: 12, self._label: 8, self._joined: 3,
            self._attributed: 3, self._quoted: 2,
        }  # fmt: skip

    def __iter__(self) -> Iterator[Example]:
        makers, weights = list(self._makers), list(self._makers.values())
        # The base reads English; of other languages it learns numbers and names rather than meaning.
        shares = [1.0 if transcript.language == "en" else 0.6 for transcript in self._transcripts]
        while True:
            transcript = self._rng.choices(self._transcripts, shares)[0]
            example = self._rng.choices(makers, weights)[0](transcript)
            if example is not None:
                yield example

    # What an example can be ------------------------------------------------------------------------------------

    def _true(self, transcript: Transcript) -> Example | None:
        fact = self._fact(transcript)
        beside = fact.beside and self._rng.random() < 0.3
        sentence = self._rng.choice(fact.beside if beside else fact.true)
        question, answers = self._question(transcript, fact)
        if beside and answers:
            answers = 0.0
        return self._example(transcript, fact.lines, question, sentence, SUPPORTED, answers, "true")

    def _planted(self, transcript: Transcript) -> Example | None:
        fact = self._fact(transcript)
        if not fact.errors:
            return None
        kind, sentence = self._rng.choice(fact.errors)
        question, answers = self._question(transcript, fact)
        if answers and kind not in _STILL_ANSWERS:
            answers = None
        return self._example(transcript, fact.lines, question, sentence, of_error(kind), answers, kind)

    def _altered(self, transcript: Transcript) -> Example | None:
        fact, rng = self._fact(transcript), self._rng
        sentence, kinds = rng.choice(fact.true), ["num", "time", "opp", "neg", "name"]
        wrong, kind = None, ""
        while kinds and wrong in (None, sentence):
            kind = kinds.pop(rng.randrange(len(kinds)))
            if kind == "name":
                wrong = alterations.wrong_name(sentence, _names(transcript), rng)
            else:
                wrong = alterations.ERROR_RULES[kind](sentence, transcript.language, rng)
        if wrong is None or wrong == sentence:
            return None
        question, answers = self._question(transcript, fact)
        return self._example(
            transcript, fact.lines, question, wrong, CONTRADICTED, None if kind == "neg" else answers, f"rule {kind}"
        )

    def _absent(self, transcript: Transcript) -> Example | None:
        fact, rng = self._fact(transcript), self._rng
        chance = rng.random()
        sentence = rng.choice(fact.true) if chance < 0.7 or not fact.errors else rng.choice(fact.errors)[1]
        question, answers = self._question(transcript, fact)
        if answers and chance >= 0.7:
            answers = None
        return self._example(transcript, fact.lines, question, sentence, NOT_THERE, answers, "absent", without=True)

    def _label(self, transcript: Transcript) -> Example:
        rng = self._rng
        kind = rng.choice(("action", "action", "scene"))
        pool = labels.actions() if kind == "action" else labels.scenes()
        label = rng.choice(pool)
        answered = rng.random() < 0.6
        question, answers = (
            ("", None) if rng.random() < 0.2 else (labels.questions(kind, answered, rng), float(answered))
        )
        seen = [labels.line(kind, label, rng)]
        other = labels.line("scene" if kind == "action" else "action", rng.choice(
            labels.scenes() if kind == "action" else labels.actions()), rng)  # fmt: skip
        if rng.random() < 0.7:
            seen.append(other)
        spoken = [] if rng.random() < 0.4 else self._lines(transcript, (), rng.randint(1, 3), without=False)
        lines = [*spoken, *rng.sample(seen, len(seen))]
        chance = rng.random()
        support: Support
        if chance < 0.42:
            sentence, support, name = labels.claim(kind, label, rng), SUPPORTED, "label"
        elif chance < 0.8:
            false, near = labels.wrong(kind, label, rng)
            sentence, name = labels.claim(kind, false, rng), "wrong label"
            support = BETWEEN if near else NOT_THERE
        elif chance < 0.92 or kind == "scene":
            sentence, support, name = labels.invented(rng), NOT_THERE, "beyond the label"
            answers = None
        else:
            return self._order(label)
        evidence = tuple(written(line, rng) for line in lines)
        return Example(Statement(evidence, question, sentence), support, answers, name)

    def _order(self, label: str) -> Example:
        """Two actions and which came first."""
        rng = self._rng
        other = labels.wrong("action", label, rng)[0]
        lines = tuple(written(labels.line("action", each, rng), rng) for each in (label, other))
        first, second = (f'"{each}"' if rng.random() < 0.4 else each[0].lower() + each[1:] for each in (label, other))
        right = rng.random() < 0.5
        text = rng.choice(_ORDER).format(a=first if right else second, b=second if right else first)
        text = text[0].upper() + text[1:]
        answers = 1.0 if rng.random() < 0.5 else None
        question = rng.choice(("What happens first?", "In which order does it happen?")) if answers else ""
        return Example(
            Statement(lines, question, text), SUPPORTED if right else CONTRADICTED, answers, "order of labels"
        )

    def _joined(self, transcript: Transcript) -> Example | None:
        """Two statements in one sentence: true if both are."""
        rng = self._rng
        first, second = rng.sample(transcript.facts, 2)
        error = rng.choice(second.errors) if second.errors and rng.random() < 0.5 else None
        parts = [rng.choice(first.true), error[1] if error else rng.choice(second.true)]
        if rng.random() < 0.5:
            parts.reverse()
        sentence = f"{parts[0].rstrip('.')}{rng.choice(_JOIN[transcript.language])}{_inner(parts[1], transcript)}"
        lines = tuple(sorted({*first.lines, *second.lines}))
        question = rng.choice(first.questions) if rng.random() < 0.5 else ""
        return self._example(
            transcript, lines, question, sentence, of_error(error[0]) if error else SUPPORTED,
            1.0 if question and not error else None, "joined",
        )  # fmt: skip

    def _attributed(self, transcript: Transcript) -> Example | None:
        """Who said it: the right one, or another who speaks in the same video."""
        rng, fact = self._rng, self._fact(transcript)
        who = {transcript.lines[line].speaker for line in fact.lines}
        if len(transcript.speakers) < 2 or len(who) != 1 or "" in who:
            return None
        right, speaker = rng.random() < 0.5, who.pop()
        name = speaker if right else rng.choice([other for other in transcript.speakers if other != speaker])
        claim = _inner(rng.choice(fact.true), transcript)
        sentence = rng.choice(_SAYS[transcript.language]).format(who=name, claim=claim)
        question, answers = self._question(transcript, fact)
        support = SUPPORTED if right else CONTRADICTED
        return self._example(transcript, fact.lines, question, sentence, support, answers, "attributed")

    def _quoted(self, transcript: Transcript) -> Example | None:
        """Words as they were said, or with another word among them."""
        rng = self._rng
        number = rng.randrange(len(transcript.lines))
        line = transcript.lines[number]
        words = line.text.split()
        if line.kind != "speech" or len(words) < 5:
            return None
        start = rng.randrange(len(words) - 3)
        part = words[start : start + rng.randint(4, 10)]
        right = rng.random() < 0.5
        if not right:
            others = [word for other in transcript.lines for word in other.text.split() if len(word) > 4]
            long = [place for place, word in enumerate(part) if len(word) > 3]
            if not long or not others:
                return None
            part[rng.choice(long)] = rng.choice(others)
        sentence = rng.choice(_QUOTES[transcript.language]).format(words=" ".join(part).strip(",.;"))
        support = SUPPORTED if right else BETWEEN
        return self._example(transcript, (number,), "", sentence, support, None, "quoted")

    # The parts of an example -----------------------------------------------------------------------------------

    def _fact(self, transcript: Transcript) -> Fact:
        return self._rng.choice(transcript.facts)

    def _question(self, transcript: Transcript, fact: Fact) -> tuple[str, float | None]:
        """The fact's own question, another fact's, or none; and whether a true sentence about the fact answers it."""
        chance = self._rng.random()
        if chance < 0.12:
            return "", None
        if chance < 0.58:
            return self._rng.choice(fact.questions), 1.0
        other = self._fact(transcript)
        if other is fact:
            return self._rng.choice(fact.questions), 1.0
        # Facts of the same lines may well answer each other's questions.
        return self._rng.choice(other.questions), None if set(other.lines) & set(fact.lines) else 0.0

    def _lines(self, transcript: Transcript, needed: Sequence[int], more: int, without: bool) -> list[Line]:
        """The needed lines with some others around or from afar, in order of time; without: all but the needed."""
        rng, count = self._rng, len(transcript.lines)
        free = [number for number in range(count) if number not in needed]
        if needed and rng.random() < 0.6:  # a segment and its neighbours
            middle = rng.choice(list(needed))
            free.sort(key=lambda number: abs(number - middle))
            chosen = free[:more]
        else:
            chosen = rng.sample(free, min(more, len(free)))
        numbers = sorted(chosen if without else {*chosen, *needed})
        lines = [transcript.lines[number] for number in numbers]
        if rng.random() < 0.35:
            lines = _in_segments(lines, numbers, set(needed), rng)
        return lines

    def _example(
        self, transcript: Transcript, needed: Sequence[int], question: str, sentence: str,
        support: Support, answers: float | None, kind: str, without: bool = False,
    ) -> Example:  # fmt: skip
        rng, language = self._rng, transcript.language
        more = rng.choice((1, 1, 1, 2, 4)) if rng.random() < self._crowd else 0
        if without and rng.random() < 0.92:
            more = max(1, more)  # else: no evidence at all
        lines = self._lines(transcript, needed, more, without)
        if without and len(self._transcripts) > 1 and rng.random() < 0.2:
            other = rng.choice(self._transcripts)
            if other is not transcript:
                lines = self._lines(other, (), more, without=False)
        if lines and rng.random() < 0.5 * self._crowd:
            for label in rng.sample(("action", "scene"), rng.choice((1, 1, 2))):
                pool = labels.actions() if label == "action" else (*transcript.scenes, rng.choice(labels.scenes()))
                lines.insert(rng.randrange(len(lines) + 1), labels.line(label, rng.choice(pool), rng))
        evidence = [
            written(
                replace(line, text=alterations.as_heard(line.text, language, rng)) if line.kind == "speech" else line,
                rng,
            )
            for line in lines
        ]
        texts = [question, sentence, *evidence]
        if rng.random() < 0.4 and (names := _names(transcript)):
            texts = alterations.rename(texts, names, rng)
        if rng.random() < 0.5:
            texts = _renumbered(texts, language, kind, rng)
        return Example(Statement(tuple(texts[2:]), texts[0], texts[1]), support, answers, kind)


def _renumbered(texts: list[str], language: str, kind: str, rng: random.Random) -> list[str]:
    """The same story with other numbers: each number gets another value, the same in all the texts.

    Numbers of a planted error are left in their relation: two that differ stay different.
    """
    values = {value for text in texts for _, _, value in numbers(text, language)}
    table: dict[int, int] = {}
    for value in sorted(values):
        if rng.random() < 0.7:
            new = fresh_number(value, rng)
            if new not in values and new not in table.values():
                table[value] = new
    return [put_numbers(text, language, lambda value: table.get(value, value), rng) for text in texts]


def _in_segments(lines: list[Line], numbers: Sequence[int], needed: set[int], rng: random.Random) -> list[Line]:
    """Neighbouring lines of speech joined as one segment holds them, cut at its edges in mid-sentence."""
    joined: list[Line] = []
    last = -2
    for line, number in zip(lines, numbers, strict=True):
        text = line.text
        words = text.split()
        if line.kind == "speech" and number not in needed and len(words) > 5 and rng.random() < 0.4:
            cut = rng.randint(2, len(words) - 2)
            text = " ".join(words[cut:] if rng.random() < 0.5 else words[:cut])
        before = joined[-1] if joined else None
        same = before is not None and before.kind == line.kind == "speech" and before.speaker == line.speaker
        if before is not None and same and number == last + 1:
            joined[-1] = replace(before, text=f"{before.text} {text}")
        else:
            joined.append(replace(line, text=text))
        last = number
    return joined


_GERMAN_STARTS = frozenset(split("Der Die Das Es Er Sie Ein Eine Man Im"))


def _inner(sentence: str, transcript: Transcript) -> str:
    """The sentence as it stands within another one: its first word small, unless it is a name or a German noun."""
    first = sentence.split()[0].strip(",")
    if transcript.language == "de" and first not in _GERMAN_STARTS:
        return sentence
    if first in _names(transcript) or first in {"I", "I'm"}:
        return sentence
    return sentence[0].lower() + sentence[1:]


_NO_NAMES = frozenset(
    split(
        "I I'm I'd I've I'll Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May "
        "June July August September October November December CPU DC T OK"
    )
)


def _names(transcript: Transcript) -> tuple[str, ...]:
    """Names in a transcript: who speaks, and what is written large within a sentence (not in German)."""
    found = dict.fromkeys(transcript.speakers)
    if transcript.language != "de":
        for line in transcript.lines:
            for name in re.findall(r"(?<=[a-z,] )([A-Z][a-z]{2,})\b", line.text):
                if name not in _NO_NAMES and line.kind == "speech":
                    found[name] = None
    return tuple(found)
