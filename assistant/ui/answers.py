"""An answer on the page: its text with the moments, what the check found, who spoke, and what the person says of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from assistant.chat.answer import EXTRACTIVE
from assistant.core.corrections import CORRECTED
from assistant.core.timeline import Answer, Citation, Claim, Timeline
from assistant.store import StoredTurn
from assistant.ui.services import Services
from assistant.ui.text import markdown, place_link, with_citations

# What may be wrong with an answer, and what helps.
REASONS = {
    "It is not true": "Where a label is wrong, correct it on the segment's card: answers then say what you say.",
    "Not what I asked": "Edit the question: say what, and where in the video.",
    "Something is missing": "Ask for it, or have the question answered again.",
    "The moment is wrong": "Correct the segment that it leads to, or name the time in your question.",
}


def show_answer(answer: Answer, timeline: Timeline) -> None:
    """The text with its citations, what the check found, and who spoke."""
    st.markdown(with_citations(answer.text, timeline, answer.citations) or "No answer.")
    loose = _uncited(answer)
    if loose:
        st.markdown(" ".join(place_link(one.segment_id, timeline, span=one.span) for one in loose))
    _verdicts(answer, timeline)
    mine = _corrected_by_person(answer, timeline)
    if mine:
        segments = ("segment " if len(mine) == 1 else "segments ") + ", ".join(map(str, mine))
        st.caption(f":material/edit: Rests on your correction of {segments}")
    if answer.model not in ("", EXTRACTIVE):
        st.caption(f":material/forum: Answered by the language model {markdown(answer.model)}")
    for notice in answer.notices:
        st.caption(markdown(notice))


def _uncited(answer: Answer) -> list[Citation]:
    return [citation for citation in answer.citations if f"[S{citation.segment_id}]" not in answer.text]


def _corrected_by_person(answer: Answer, timeline: Timeline) -> list[int]:
    """The segments that the answer points at and that the person put right."""
    cited = sorted({citation.segment_id for citation in answer.citations})
    return [number for number in cited if (found := timeline.segment(number)) and CORRECTED in found.flags]


def _verdicts(answer: Answer, timeline: Timeline) -> None:
    """What the check found. A tick says two things of every statement: the video supports it, and it answers."""
    if answer.unresolved:
        numbers = ", ".join(str(number) for number in answer.unresolved)
        st.caption(f":material/link_off: Points at what does not exist: segment {numbers}")
    checkable = [claim for claim in answer.claims if claim.verdict != "not_checkable"]
    held = [c for c in checkable if c.verdict == "supported" and c.answers_question is not False]
    doubtful = [claim for claim in checkable if claim not in held]
    # That something is not in the video is no answer that a tick could praise.
    if not doubtful and (not held or answer.outcome != "answer"):
        return
    noun = "statement" if len(checkable) == 1 else "statements"
    line = f"{len(held)} of {len(checkable)} {noun} supported"
    if doubtful:
        with st.expander(f"{line}: see which are not", icon=":material/rule:"):
            for claim in doubtful:
                st.markdown(_doubt(claim, timeline, answer.citations))
    elif all(claim.answers_question for claim in held):
        st.caption(f":material/check: {line} by the video, and on the question")
    else:
        st.caption(f":material/rule: {line} by the video; whether that answers the question was not checked")


def _doubt(claim: Claim, timeline: Timeline, cited: Sequence[Citation]) -> str:
    words = {"contradicted": "Contradicted", "supported": "In the video, but not what was asked"}
    word = words.get(claim.verdict, "Not supported")
    reason = f" ({markdown(claim.reason)})" if claim.reason else ""
    return f"**{word}:** {with_citations(claim.text, timeline, cited)}{reason}"


def reason_field(here: Services, turn: StoredTurn) -> None:
    """What was wrong with an answer, and what comes of having said so."""
    chosen = st.pills(
        "What was wrong with it?", REASONS, default=turn.reason or None, key=f"reason-{turn.id}", width="stretch"
    )
    if (chosen or "") != turn.reason:
        here.assistant.library.chats.rate(turn.id, "down", chosen or "")
    advice = REASONS.get(chosen or "", "")
    st.caption(f"What you ask next does not build on this answer. {advice}".strip())
