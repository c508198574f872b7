"""Training examples composed from the written timelines: evidence with or without the right lines, twins, errors."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.models.protocols import Statement
from assistant.training.verifier import alterations, labels, retelling
from assistant.training.verifier.material import Fact, Line, Transcript
from assistant.training.verifier.numbers import numbers, other_number, put_numbers, split
from assistant.training.verifier.retelling import names_in

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
            self._true: 28, self._planted: 28, self._altered: 13, self._absent: 9, self._label: 10, self._joined: 2,
            self._attributed: 3, self._quoted: 1, self._witness: 4, self._slip: 3,
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
        sentence, kinds = rng.choice(fact.true), ["num", "time", "opp", "neg", "name", "swap"]
        around = {number + step for number in fact.lines for step in (-1, 0, 1)} & set(range(len(transcript.lines)))
        others = [n for line in around for _, _, n in numbers(transcript.lines[line].text, transcript.language)]
        wrong, kind = None, ""
        while kinds and wrong in (None, sentence):
            kind = kinds.pop(rng.randrange(len(kinds)))
            if kind == "name":
                wrong = alterations.wrong_name(sentence, names_in(transcript), rng)
            elif kind == "swap":
                wrong = alterations.exchanged(sentence, transcript.language, names_in(transcript), rng)
            elif kind == "num":
                wrong = alterations.wrong_number(sentence, transcript.language, rng, others)
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
        question, answers = "", None
        if rng.random() < 0.85:
            question, answers = labels.questions(kind, label, answered, rng), float(answered)
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
        sentence = (
            f"{parts[0].rstrip('.')}{rng.choice(_JOIN[transcript.language])}{retelling.inner(parts[1], transcript)}"
        )
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
        claim = retelling.inner(rng.choice(fact.true), transcript)
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

    def _witness(self, transcript: Transcript) -> Example | None:
        """A thing that is seen, or only said; and whether a claim is about its being seen or being said."""
        rng = self._rng
        line = rng.choice(transcript.lines)
        nouns = re.findall(r"\b(?:a|an|the|my|his|her|your|our) ([a-z]{3,})\b(?! [a-z]+ing)", line.text)
        if transcript.language != "en" or line.kind != "speech" or not nouns:
            return None
        said, claimed_seen = rng.random() < 0.6, rng.random() < 0.6
        if said:
            noun = rng.choice(nouns)
            lines = [line, labels.line("scene", rng.choice(labels.scenes()), rng)]
        else:
            noun = rng.choice([label for label in labels.scenes() if " " not in label])
            lines = [line, labels.line("scene", noun, rng)]
        if noun in (lines[1] if said else lines[0]).text.lower():
            return None
        right = claimed_seen != said
        sentence = labels.witness(noun, claimed_seen, rng)
        evidence = tuple(written(each, rng) for each in rng.sample(lines, 2))
        question = f"Is there a {noun} to be seen?" if claimed_seen else f"Is a {noun} mentioned?"
        asked = rng.random() < 0.5
        support = SUPPORTED if right else NOT_THERE
        return Example(
            Statement(evidence, question if asked else "", sentence), support, 1.0 if asked else None, "witness"
        )

    def _slip(self, transcript: Transcript) -> Example | None:
        """A number said wrong and put right at once: the second one counts."""
        rng, fact, language = self._rng, self._fact(transcript), transcript.language
        sentence = rng.choice(fact.true)
        there = {n for _, _, n in numbers(sentence, language)}
        lines = [(n, right) for n in fact.lines for _, _, right in numbers(transcript.lines[n].text, language)]
        lines = [(n, right) for n, right in lines if right in there and transcript.lines[n].kind == "speech"]
        if not lines:
            return None
        number, right = rng.choice(lines)
        wrong = other_number(right, rng)
        if wrong in there or any(value == wrong for _, value in lines):
            return None
        line = transcript.lines[number]
        heard = replace(line, text=alterations.slip(line.text, language, right, wrong, rng))
        true = rng.random() < 0.4
        if not true:
            sentence = put_numbers(sentence, language, lambda value: wrong if value == right else value, rng)
        evidence = tuple(written(heard if n == number else transcript.lines[n]) for n in fact.lines)
        question, answers = self._question(transcript, fact)
        return Example(Statement(evidence, question, sentence), SUPPORTED if true else CONTRADICTED, answers, "slip")

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
        if fact.near and chance < 0.76:
            return fact.near, 0.0
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
            lines = retelling.in_segments(lines, numbers, set(needed), rng)
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
        if rng.random() < 0.4 and (names := names_in(transcript)):
            texts = alterations.rename(texts, names, rng)
        if rng.random() < 0.5:
            texts = retelling.renumbered(texts, language, kind, rng)
        return Example(Statement(tuple(texts[2:]), texts[0], texts[1]), support, answers, kind)
