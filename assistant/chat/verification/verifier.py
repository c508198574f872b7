"""One sentence, one verdict: rules first, then a model or the words alone; and whether it answers the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from assistant.chat.verification.about import about_video
from assistant.chat.verification.absence import absent
from assistant.chat.verification.coverage import says
from assistant.chat.verification.entailment import KIND, Finding, Thresholds
from assistant.chat.verification.evidence import Evidence, Line, evidence_of
from assistant.chat.verification.labels import (
    label_quoted,
    labels_listed,
    placeholder_claim,
    quotes_held,
    rank_right,
    scores_right,
    sureness_right,
)
from assistant.chat.verification.language import lexicon, stems
from assistant.chat.verification.order import order_right, split_order, swapped, times_right
from assistant.chat.verification.relevance import YES_NO, answers
from assistant.chat.verification.spans import (
    FOR,
    LISTED_BEFORE,
    LISTING,
    MARK_RUN,
    TIMES,
    everywhere,
    lasting,
    listed,
    repeats,
)
from assistant.chat.verification.statement import MARK, QUOTED, Statement
from assistant.chat.verification.wording import words_agree
from assistant.core.timeline import EvidenceKind, Timeline, Verdict
from assistant.models.protocols import Entailment, EntailmentModel, Passage, Reranker
from assistant.models.protocols import Statement as Judged

_ANSWER_WORD = re.compile(r"^\W*(?:yes|no)\b\s*[,:.;]\s*", re.IGNORECASE)
_SERIES = re.compile(
    r"\b(?:appear|come|follow)?\s*\b(?:one after (?:the other|another)|in (?:that|this) order)\b", re.IGNORECASE
)
_PICTURE = re.compile(
    r"\b(?:describer|descriptions?|recogni[sz]er|labels?|pictures?|image|visible|can be seen|to be seen|is seen|"
    r"are seen|is shown|in view|"
    r"on (?:the )?screen|looks like|best action|recogni[sz]es|depict\w*|in the frame)\b",
    re.IGNORECASE,
)
_SPEECH = re.compile(
    r"\b(?:say|says|said|saying|tells?|told|asks?|asked|mentions?|mentioned|explains?|explained|announces?|"
    r"states?|voice|heard|spoken|"
    r"speaks?|claims?|replies|replied|answers|reply|talks?|adds|jokes?|admits|warns|promises|thanks|greets|"
    r"suggests|recommends|"
    r"according to|words|narrat\w+)\b",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"\b(?:the )?action(?: of ([^,;.\[]+?))? (?:is )?(?:unknown|not known|unclear|not recogni[sz]ed)\b", re.IGNORECASE
)
_CAUSE = re.compile(
    r"\b(?:because of|because|due to|thanks to|owing to|since(?= (?:the|he|she|it|they|there|this|that|a|no)\b)|"
    r"so that|in order to)\b",
    re.IGNORECASE,
)
_PIECE = re.compile(r"[,;]|\b(?:and|while|whereas|then)\b", re.IGNORECASE)
_REPORT = re.compile(r"\b(?:asks?|asked|wonders?|wants to know|question)\b", re.IGNORECASE)
_ORDER: tuple[Verdict, ...] = ("contradicted", "unsupported", "not_checkable", "supported")


@dataclass(frozen=True)
class Judgement:
    """The verdict on one sentence, why in one sentence, where, and whether it answers (None: nothing asked)."""

    verdict: Verdict
    reason: str
    segment_ids: tuple[int, ...]
    evidence: EvidenceKind = "timeline"
    answers_question: bool | None = None


class ClaimVerifier(Protocol):
    """Holds a sentence against a timeline and a question."""

    def verify(self, claim: str, question: str, timeline: Timeline, segment_ids: Sequence[int] = ()) -> Judgement: ...


@dataclass(frozen=True)
class LayeredVerifier:
    """Rules; then the entailment model where there is one, words alone where not; then relevance."""

    model: EntailmentModel | None = None
    limits: Thresholds = field(default_factory=Thresholds)
    reranker: Reranker | None = None

    def verify(self, claim: str, question: str, timeline: Timeline, segment_ids: Sequence[int] = ()) -> Judgement:
        """The judgement on one sentence; ``segment_ids`` are the existing segments that it cites."""
        evidence = evidence_of(timeline)
        spoken = [line.language for line in evidence.cited(segment_ids) if line.kind == "speech"]
        foreign = bool(spoken) and not any(one.startswith("en") for one in spoken)
        statement = Statement(
            _SERIES.sub(" ", _ANSWER_WORD.sub("", claim)), tuple(segment_ids), evidence.names, foreign
        )
        # What a yes-or-no question says is what is to be shown; other questions only ask about what is there.
        asked = () if YES_NO.search(question) else stems(question)
        found = self._judged(statement, asked, evidence)
        probabilities = None
        if self.model is not None and statement.ids:
            lines = tuple(_written(line) for line in evidence.cited(statement.ids))
            probabilities = self.model.score([Judged(lines, question, MARK.sub("", claim).strip())])[0]
            found = self._weighed(found, probabilities)
        relevant = answers(claim, question, statement.ids, evidence) if question.strip() else None
        if relevant is not None and probabilities is not None and probabilities.answers is not None:
            sure = not self.limits.model_denies_answer <= probabilities.answers <= self.limits.model_sees_answer
            relevant = probabilities.answers > 0.5 if sure else relevant
        if relevant is not None and (likely := self._quote_answers(claim, question)) is not None:
            sure = not self.limits.quote_misses <= likely <= self.limits.quote_answers
            relevant = likely > self.limits.quote_answers if sure else relevant
        return Judgement(found.verdict, found.reason, statement.ids, found.evidence, relevant)

    def _quote_answers(self, claim: str, question: str) -> float | None:
        """How likely the words that a claim quotes answer the question; None where it says more than a quotation."""
        words = MARK.sub("", claim).strip(" .")
        quoted = [found.group(0) for found in QUOTED.finditer(words)]
        if self.reranker is None or not quoted or sum(map(len, quoted)) < 0.8 * len(words):
            return None
        text = " ".join(one.strip('\u201c\u201d"\u201e\u00ab\u00bb ') for one in quoted)
        return self.reranker.relevance(question, [Passage(text)])[0]

    def _weighed(self, found: Finding, model: Entailment) -> Finding:
        """A model confirms what words left open and objects to what only words let pass; a rule's word stands."""
        open_still = found.verdict == "not_checkable" or (found.verdict == "unsupported" and found.by_words)
        if open_still and model.supported >= self.limits.model_supports:
            return replace(found, verdict="supported", reason="the entailment model finds it borne out there")
        doubt = model.contradicted + model.not_there
        if found.verdict == "supported" and found.by_words and doubt >= self.limits.model_objects:
            verdict: Verdict = "contradicted" if model.contradicted > model.not_there else "unsupported"
            return replace(found, verdict=verdict, reason="the entailment model does not find it borne out there")
        return found

    def _judged(self, statement: Statement, asked: Sequence[str], evidence: Evidence) -> Finding:
        if (found := about_video(statement, evidence)) is not None:
            return found
        if (found := absent(statement, evidence)) is not None:
            return found
        if not statement.ids:
            return Finding("unsupported", "no segment is cited for it", "timeline")
        if (found := labels_listed(statement, evidence)) is not None and (
            (wrong := times_right(statement, evidence)) is None or wrong.verdict == "supported"
        ):
            return found
        counted = listed(statement, evidence)
        if counted is not None and counted.verdict != "supported":
            return counted
        if counted is not None:
            text = LISTED_BEFORE.sub("", LISTING.sub("", statement.text, count=1))
            statement = replace(statement, text=text)
        findings = [rule(statement, evidence) for rule in (times_right, order_right, repeats, lasting, everywhere)]
        wrong = _worst([one for one in findings if one is not None])
        if wrong is not None and wrong.verdict in ("contradicted", "unsupported"):
            return wrong
        parts = _parts(statement)
        found = _worst([self._part(part, asked, evidence) for part in parts])
        assert found is not None
        return wrong if found.verdict == "not_checkable" and wrong is not None and _bare_order(statement) else found

    def _part(self, statement: Statement, asked: Sequence[str], evidence: Evidence) -> Finding:
        if _UNKNOWN.search(statement.text):
            flagged = [_unknown(number, evidence) for number in statement.ids]
            rest = replace(statement, text=_UNKNOWN.sub(lambda m: m.group(1) or " ", statement.text))
            if not all(flagged):
                return Finding("contradicted", "an action is recognised there", "actions")
            if not rest.units:
                return Finding("supported", "no action label reached the limit there", "actions")
            statement = rest
        lines = _channel(statement, evidence.cited(statement.ids))
        for rule in (
            lambda: rank_right(statement, evidence),
            lambda: self._quoted(statement, lines, asked, evidence),
            lambda: _wrong(scores_right(statement, lines, evidence)),
            lambda: sureness_right(statement, evidence),
            lambda: label_quoted(statement, lines),
            lambda: placeholder_claim(statement, lines) if split_order(statement.text) is None else None,
            lambda: swapped(statement, lines),
        ):
            if (found := rule()) is not None:
                return found
        if not lines:
            said = _SPEECH.search(statement.bare) is not None
            return Finding(
                "unsupported",
                f"nothing is {'said' if said else 'seen or said'} there",
                "speech" if said else "timeline",
            )
        return self._clauses(statement, lines, asked, evidence)

    def _quoted(
        self, statement: Statement, lines: Sequence[Line], asked: Sequence[str], evidence: Evidence
    ) -> Finding | None:
        """A right quotation carries the clause that it stands in; what else the sentence says is judged by itself."""
        found = quotes_held(statement, lines, evidence)
        if found is None or found.verdict != "supported":
            return found
        kept = QUOTED.sub(" \u241e ", MARK.sub(" ", statement.text))
        pieces = [piece for piece in _PIECE.split(kept) if "\u241e" not in piece and not _SPEECH.search(piece)]
        others = [replace(statement, text=piece) for piece in pieces]
        everything = evidence.cited(statement.ids)
        judged = [words_agree(one, everything, evidence, asked, self.limits) for one in others if len(one.units) > 1]
        return _worst([found, *judged])

    def _clauses(
        self, statement: Statement, lines: Sequence[Line], asked: Sequence[str], evidence: Evidence
    ) -> Finding:
        """The sentence as a whole, then the cause that it gives by itself."""
        whole = _without_words(statement, lines, evidence)
        found = words_agree(whole, lines, evidence, asked, self.limits)
        if found.verdict == "supported" and (cause := _CAUSE.search(statement.bare)):
            reason = replace(statement, text=statement.bare[cause.end() :])
            there = words_agree(reason, lines, evidence, (), self.limits)
            if reason.units and there.verdict != "supported":
                return Finding("unsupported", "this reason is not given there", there.evidence)
        if found.verdict == "supported":
            return _each_cited(whole, lines, evidence, found) or _asserted(statement, lines, found)
        scored = scores_right(statement, lines, evidence)
        only = found.verdict == "not_checkable" and all(
            lexicon().is_kind(u.stems[0], "generic") for u in statement.weak_units
        )
        return scored if only and scored is not None else found


def _written(line: Line) -> str:
    """A line of evidence with its witness, as entailment models were taught to read it."""
    who = f"{line.speaker}: " if line.speaker else ""
    return f"{'scene' if line.kind == 'description' else line.kind}: {who}{line.text}"


def _unknown(number: int, evidence: Evidence) -> bool:
    segment = evidence.timeline.segments[number - 1]
    return not segment.actions or "none_of_my_labels" in segment.flags


def _worst(findings: Sequence[Finding]) -> Finding | None:
    return min(findings, key=lambda one: _ORDER.index(one.verdict), default=None)


def _wrong(found: Finding | None) -> Finding | None:
    return found if found is not None and found.verdict != "supported" else None


def _bare_order(statement: Statement) -> bool:
    return split_order(statement.text) is not None


def _channel(statement: Statement, lines: Sequence[Line]) -> list[Line]:
    """The lines that may carry it: what is said, where it tells of words; what is seen, where of a picture."""
    text = statement.bare
    heard = {word for line in lines if line.kind == "speech" for word in line.stems}
    pictured = _PICTURE.search(text)
    if pictured and set(stems(pictured.group(0))) & heard - {"is", "are", "seen", "can", "be", "in", "on", "to", "the"}:
        return list(lines)  # its subject is a label or a picture that somebody talks of
    if _PICTURE.search(text) and not _SPEECH.search(text):
        return [line for line in lines if line.kind != "speech"]
    if _SPEECH.search(text) and not _PICTURE.search(text):
        labels = [line for line in lines if line.kind in ("action", "description")]
        if not any(_SPEECH.search(line.text) for line in labels):
            return [line for line in lines if line.kind == "speech"]
    return list(lines)


def _without_words(statement: Statement, lines: Sequence[Line], evidence: Evidence) -> Statement:
    """The sentence without what rules have read already: figures of scores, counts of occurrences, spans."""
    text = statement.text
    if (found := scores_right(statement, lines, evidence)) is not None and found.verdict == "supported":
        text = re.sub(r"\d+(?:[.,]\d+)?\s*(?:%|percent\b|per cent\b)|\b0?[.,]\d+", " ", text)
    if repeats(statement, evidence) is not None:
        text = TIMES.sub(" ", text)
    if lasting(statement, evidence) is not None:
        text = FOR.sub(" ", text)
    return replace(statement, text=text) if text != statement.text else statement


def _parts(statement: Statement) -> list[Statement]:
    """The sentence cut behind each run of marks, unless it orders things; words behind the last marks go with them."""
    text = statement.text
    runs = list(MARK_RUN.finditer(text))
    if len(runs) < 2:
        return [statement]
    pieces: list[tuple[str, tuple[int, ...]]] = []
    start = 0
    for run in runs:
        pieces.append((text[start : run.start()], _ids(run.group(0), statement)))
        start = run.end()
    rest = text[start:].strip(" .!?;,")
    if not Statement(pieces[0][0], ()).units and rest:  # "In [S1] a circle turns, and in [S2] ..."
        pieces = [(text_, ids) for text_, (_, ids) in zip([*(p for p, _ in pieces[1:]), rest], pieces, strict=True)]
    elif rest:
        pieces[-1] = (f"{pieces[-1][0]} {rest}", pieces[-1][1])
    kept = [(words, ids) for words, ids in pieces if ids]
    if any(
        not Statement(words, ()).units and not QUOTED.search(words) and not Statement(words, ()).numbers
        for words, _ in kept
    ):
        return [statement]
    return [replace(statement, text=words, ids=ids) for words, ids in kept] or [statement]


def _ids(run: str, statement: Statement) -> tuple[int, ...]:
    ids = [int(found) for found in re.findall(r"\d+", run)]
    if len(ids) == 2 and re.search(r"\]\s*(?:to|-|–)\s*\[", run):
        ids = [one for one in statement.ids if ids[0] <= one <= ids[1]]
    return tuple(one for one in ids if one in statement.ids)


def _each_cited(statement: Statement, lines: Sequence[Line], evidence: Evidence, found: Finding) -> Finding | None:
    """Where labels carry a sentence, every segment that it cites must bear some of it out."""
    if found.evidence == "speech" or len(statement.ids) < 2:
        return None
    for number in statement.ids:
        own = [line for line in lines if number in line.segment_ids]
        if not any(says(line, unit) for line in own for unit in statement.units):
            return Finding("unsupported", f"S{number} does not show it", found.evidence)
    return None


def _asserted(statement: Statement, lines: Sequence[Line], found: Finding) -> Finding:
    """What is only asked there is not said there; what only a weak label shows is not seen there."""
    bearing = [line for line in lines if any(says(line, unit) for unit in statement.units)]
    if bearing and all(line.weak for line in bearing) and not statement.has("hedge"):
        return Finding("unsupported", "no action label reached the limit there", "actions")
    if (
        (
            bearing
            and all(line.text.rstrip(' ”"').endswith(("?", "？")) for line in bearing)
            and not _REPORT.search(statement.bare)
        )
        and not statement.numbers
        and len({line.place for line in lines if line.kind == "speech"}) == len(bearing)
    ):
        return Finding("not_checkable", "it is only asked there", KIND[bearing[0].kind])
    return found
