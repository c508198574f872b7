"""The conversation beside the player: streamed, stoppable, kept per video, every claim with its moment."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from assistant.chat.answer import EXTRACTIVE
from assistant.core.corrections import CORRECTED
from assistant.core.timeline import Answer, Citation, Claim, Timeline
from assistant.errors import AssistantError
from assistant.store import Entry, StoredTurn
from assistant.ui.chrome import tell, visit
from assistant.ui.services import Services
from assistant.ui.tasks import STOPS
from assistant.ui.text import markdown, time_link, with_citations

TICK_SECONDS = 0.1
HISTORY_TURNS = 6
SHOWN_TURNS = 15  # drawn at first, and more at a press: every run of the page draws them anew
ANSWERERS = {"auto": "Best at hand", "extractive": "From the timeline", "llm": "Language model"}
STOPPED = "Stopped by you."
UNCHECKED = "Stopped by you. What stands here was not checked against the timeline."


@dataclass(frozen=True)
class Pending:
    """A question that waits to be answered in this run; ``turn`` is the one it replaces, ``typed``: in the field."""

    question: str
    turn: int | None = None
    typed: bool = False


def chat_panel(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    """The whole panel; ``timeline`` is None while the analysis still runs."""
    with st.container(key="chat"):
        conversation = _conversation(here, entry)
        _head(here, entry, conversation)
        room = st.container(key="chat-scroll", height=460, border=False, autoscroll=True)
        asked = st.chat_input(
            "Ask about this video" if timeline else "Ask when it is finished",
            key="question",
            submit_mode="stop",
            disabled=timeline is None,
        )
        if timeline is None:
            room.markdown(
                "Questions can be asked as soon as the analysis is finished. What was found so far is "
                "on the lanes already."
            )
            return
        if asked and len(asked) > here.settings.limits.max_question_characters:
            # The field refuses a text that is too long without a word, so it takes any, and this says what is wrong.
            st.session_state["too-long"], asked = asked, None
        with room:
            # First and always there, so that the suggestions go at once when a question is asked.
            hints = st.empty()
            turns = here.assistant.library.chats.turns(conversation) if conversation else []
            _conversation_so_far(here, timeline, _shown(turns))
            if "too-long" in st.session_state:
                _shorten(here)
            pending = Pending(asked, typed=True) if asked else st.session_state.pop("pending", None)
            if pending:
                _answer(here, entry, timeline, turns, conversation, pending)
                return
            STOPS.forget(visit())
            if not turns:
                with hints.container():
                    _suggest(here, entry)
            else:
                _go_on(here, entry, turns)


def _conversation(here: Services, entry: Entry) -> int | None:
    """The conversation on show: the one chosen in this visit, else the newest; None where there is none."""
    chosen = st.session_state.get("conversation", {}).get(entry.sha256, "newest")
    known = here.assistant.library.chats.conversations(entry.sha256)
    if chosen == "newest":
        return known[0].id if known else None
    return chosen if any(item.id == chosen for item in known) else None


def _choose(entry: Entry, conversation: int | None) -> None:
    st.session_state.setdefault("conversation", {})[entry.sha256] = conversation


def _head(here: Services, entry: Entry, conversation: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="chat-head"):
        st.markdown("**Ask this video**", width="stretch")
        with st.popover("", icon=":material/more_horiz:", help="Conversations and who answers", type="tertiary"):
            if st.button("New conversation", icon=":material/add:", type="tertiary", disabled=conversation is None):
                _choose(entry, None)
                st.rerun()
            st.segmented_control(
                "Who answers",
                list(ANSWERERS),
                format_func=ANSWERERS.__getitem__,
                default="auto",
                key="answerer",
                required=True,
            )
            for item in here.assistant.library.chats.conversations(entry.sha256)[:10]:
                if item.turns and st.button(
                    markdown(item.title[:60]) or "Untitled",
                    key=f"conversation-{item.id}",
                    type="tertiary",
                    disabled=item.id == conversation,
                ):
                    _choose(entry, item.id)
                    st.rerun()
    st.caption(_who(here))


def _who(here: Services) -> str:
    """Who speaks, in one line."""
    try:
        name, has_model = here.assistant.pack.name, here.assistant.models.has_chat_model()
    except AssistantError:
        return "No pack of models is on this machine"
    answerer = st.session_state.get("answerer") or here.settings.chat.answerer
    by_model = answerer == "llm" or (answerer == "auto" and has_model)
    return f"{'A language model answers' if by_model else 'Composed from the timeline'} · {markdown(name)} pack"


def _suggest(here: Services, entry: Entry) -> None:
    st.markdown("Ask anything about what is done, seen or said. For instance:")
    for number, question in enumerate(here.assistant.suggestions(entry.sha256)[:4]):
        with st.container(key=f"suggest-{number}"):
            if st.button(markdown(question), key=f"suggestion-{number}", width="stretch"):
                st.session_state["pending"] = Pending(question)
                st.rerun()


def _go_on(here: Services, entry: Entry, turns: Sequence[StoredTurn]) -> None:
    """Two questions more that were not asked yet."""
    asked = {turn.question for turn in turns}
    left = [question for question in here.assistant.suggestions(entry.sha256) if question not in asked][:2]
    for number, question in enumerate(left):
        with st.container(key=f"suggest-more-{number}"):
            if st.button(markdown(question), key=f"more-{number}", type="tertiary", icon=":material/arrow_forward:"):
                st.session_state["pending"] = Pending(question)
                st.rerun()


def _shown(turns: Sequence[StoredTurn]) -> Sequence[StoredTurn]:
    """The newest turns, and above them the way to the ones before."""
    before = len(turns) - int(st.session_state.get("shown-turns", SHOWN_TURNS))
    if before <= 0:
        return turns
    noun = "question" if before == 1 else "questions"
    if st.button(f"Show {before} earlier {noun}", key="earlier", type="tertiary", icon=":material/expand_less:"):
        st.session_state["shown-turns"] = len(turns) - before + 4 * SHOWN_TURNS
        st.rerun()
    return turns[before:]


def _conversation_so_far(here: Services, timeline: Timeline, turns: Sequence[StoredTurn]) -> None:
    pending = st.session_state.get("pending")
    for turn in turns:
        if pending and pending.turn == turn.id:
            continue
        if st.session_state.get("editing") == turn.id:
            _editor(here, turn)
        else:
            st.chat_message("user").markdown(markdown(turn.question))
        with st.chat_message("assistant"):
            show_answer(turn.answer, timeline)
            _tools(here, turn)


def show_answer(answer: Answer, timeline: Timeline) -> None:
    """The text with its citations, what the check found, and who spoke."""
    st.markdown(with_citations(answer.text, timeline, answer.citations) or "No answer.")
    loose = _uncited(answer)
    if loose:
        st.markdown(" ".join(time_link(citation.span, citation.segment_id) for citation in loose))
    _verdicts(answer, timeline)
    mine = _corrected_by_person(answer, timeline)
    if mine:
        segments = ("segment " if len(mine) == 1 else "segments ") + ", ".join(map(str, mine))
        st.caption(f":material/edit: Rests on your correction of {segments}")
    if answer.model not in ("", EXTRACTIVE):
        st.caption(f":material/forum: Answered by the language model {markdown(answer.model)}")
    for notice in answer.notices:
        st.caption(markdown(notice))


def _uncited(answer: Answer) -> list:
    return [citation for citation in answer.citations if f"[S{citation.segment_id}]" not in answer.text]


def _corrected_by_person(answer: Answer, timeline: Timeline) -> list[int]:
    """The segments that the answer points at and that the person put right."""
    cited = sorted({citation.segment_id for citation in answer.citations})
    return [number for number in cited if (found := timeline.segment(number)) and CORRECTED in found.flags]


def _verdicts(answer: Answer, timeline: Timeline) -> None:
    checkable = [claim for claim in answer.claims if claim.verdict != "not_checkable"]
    # A tick says that it is true and that it answers; None: nobody asked whether it does.
    held = [c for c in checkable if c.verdict == "supported" and c.answers_question is not False]
    if answer.unresolved:
        numbers = ", ".join(str(number) for number in answer.unresolved)
        st.caption(f":material/link_off: Points at what does not exist: segment {numbers}")
    if not checkable:
        return
    doubtful = [claim for claim in checkable if claim not in held]
    noun = "statement" if len(checkable) == 1 else "statements"
    line = f"{len(held)} of {len(checkable)} {noun} supported"
    if not doubtful:
        st.caption(f":material/check: {line}")
        return
    with st.expander(f"{line}: see which are not", icon=":material/rule:"):
        for claim in doubtful:
            st.markdown(_doubt(claim, timeline, answer.citations))


def _doubt(claim: Claim, timeline: Timeline, cited: Sequence[Citation]) -> str:
    words = {"contradicted": "Contradicted", "supported": "True, but beside the question"}
    word = words.get(claim.verdict, "Not supported")
    reason = f" ({markdown(claim.reason)})" if claim.reason else ""
    return f"**{word}:** {with_citations(claim.text, timeline, cited)}{reason}"


def _tools(here: Services, turn: StoredTurn) -> None:
    chats = here.assistant.library.chats
    with st.container(horizontal=True, key=f"tools-{turn.id}"):
        rated = st.feedback("thumbs", key=f"rating-{turn.id}", default={"up": 1, "down": 0, None: None}[turn.rating])
        rating = {1: "up", 0: "down", None: None}[rated]
        if rating != turn.rating:
            chats.rate(turn.id, rating)  # type: ignore[arg-type]
        st.markdown("[Copy](#copy)")
        if st.button("", icon=":material/refresh:", help="Answer again", key=f"again-{turn.id}", type="tertiary"):
            st.session_state["pending"] = Pending(turn.question, turn.id)
            st.rerun()
        if st.button("", icon=":material/edit:", help="Edit the question", key=f"edit-{turn.id}", type="tertiary"):
            st.session_state["editing"] = turn.id
            st.rerun()
        if turn.partial:
            st.caption("stopped before its end")


def _shorten(here: Services) -> None:
    """A question that is too long, to be shortened; nothing of it is lost."""
    text, most = st.session_state["too-long"], here.settings.limits.max_question_characters
    st.markdown(f"Your question has {len(text):,} characters; up to {most:,} can be asked. Shorten it here:")
    with st.form("shorten", border=False):
        question = st.text_area("Your question", text, key="shortened", height=200)
        with st.container(horizontal=True):
            ask = st.form_submit_button("Ask it", type="primary")
            leave = st.form_submit_button("Leave it")
    if leave or (ask and 0 < len(question.strip()) <= most):
        del st.session_state["too-long"]
        if ask:
            st.session_state["pending"] = Pending(question.strip())
        st.rerun()
    if ask and question != text:
        st.session_state["too-long"] = question
        st.rerun()


def _editor(here: Services, turn: StoredTurn) -> None:
    with st.form(f"editor-{turn.id}", border=False):
        question = st.text_area(
            "Your question",
            turn.question,
            key=f"edited-{turn.id}",
            height="content",
            max_chars=here.settings.limits.max_question_characters,
        )
        with st.container(horizontal=True):
            ask = st.form_submit_button("Ask again", type="primary")
            leave = st.form_submit_button("Leave it")
    if ask or leave:
        st.session_state.pop("editing", None)
        if ask and question.strip():
            here.assistant.library.chats.drop_after(turn.id)
            st.session_state["pending"] = Pending(question.strip(), turn.id)
        st.rerun()


def _answer(
    here: Services,
    entry: Entry,
    timeline: Timeline,
    turns: Sequence[StoredTurn],
    conversation: int | None,
    pending: Pending,
) -> None:
    """Stream one answer and keep it, however it ends."""
    from assistant.chat.answer import Turn

    before = [turn for turn in turns if pending.turn is None or turn.id < pending.turn]
    history = [Turn(turn.question, turn.answer) for turn in before[-HISTORY_TURNS:]]
    st.chat_message("user").markdown(markdown(pending.question))
    with st.chat_message("assistant"):
        slot = st.empty()
        slot.markdown("Looking …")
        # Its place is where the answer's tools will be. A question from the field has its Stop in the field.
        st.markdown("" if pending.typed else "[Stop](#stop)")
    if conversation is None:
        conversation = here.assistant.library.chats.start(entry.sha256)
        _choose(entry, conversation)
    stop = threading.Event()
    text, answer, failure = "", None, None
    try:
        pieces = here.assistant.ask(
            entry.sha256,
            pending.question,
            history=history,
            answerer=st.session_state.get("answerer") or "auto",
            cancelled=stop.is_set,
        )
        for piece in pumped(pieces, stop, partial(STOPS.pressed, visit())):
            if isinstance(piece, Answer):
                answer = piece
            elif isinstance(piece, AssistantError):
                failure = piece
            elif piece:
                text += piece
            # Each call is also where Streamlit ends this run when something else on the page is pressed.
            _show(slot, text, timeline)
    finally:
        stop.set()
        if failure is None:
            _keep(
                here,
                conversation,
                pending,
                answer or _stopped(pending.question, text),
                partial=answer is None,
            )
    if failure is not None:
        slot.empty()
        tell(failure)
        return
    st.rerun()


def _stopped(question: str, text: str) -> Answer:
    """What was said until the person stopped it: answers are checked at their end, which this one never reached."""
    return Answer(question, text, model="", found=False, notices=(UNCHECKED if text.strip() else STOPPED,))


def _show(slot: DeltaGenerator, text: str, timeline: Timeline) -> None:
    slot.markdown(with_citations(text, timeline, streaming=True) if text else "Looking …")


def _keep(here: Services, conversation: int, pending: Pending, answer: Answer, partial: bool) -> None:
    # Nothing of Streamlit's here: in a run that was cut short, even a look at the session's state ends it at once.
    chats = here.assistant.library.chats
    if pending.turn is not None:
        chats.replace_turn(pending.turn, pending.question, answer, partial)
        return
    chats.append_turn(conversation, pending.question, answer, partial)


def pumped(
    pieces: Iterator[str | Answer], stop: threading.Event, pressed: Callable[[], bool] = lambda: False
) -> Iterator[str | Answer | AssistantError]:
    """The pieces as another thread produces them, and "" at least every `TICK_SECONDS`, until Stop is ``pressed``.

    An error that is meant for people comes as the last item.
    """
    ready: queue.SimpleQueue[str | Answer | BaseException | None] = queue.SimpleQueue()

    def produce() -> None:
        try:
            for piece in pieces:
                ready.put(piece)
                if stop.is_set():
                    break
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    threading.Thread(target=produce, name="answer", daemon=True).start()
    while not pressed():
        try:
            item = ready.get(timeout=TICK_SECONDS)
        except queue.Empty:
            yield ""
            continue
        if item is None:
            return
        if isinstance(item, AssistantError):
            yield item
            return
        if isinstance(item, BaseException):
            raise item
        yield item
