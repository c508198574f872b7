"""What every page has in common: the style, the sidebar, the chosen video, and how errors are told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import streamlit as st

from assistant.errors import AssistantError
from assistant.store import Entry
from assistant.ui import components
from assistant.ui.services import Services, guarded, services
from assistant.ui.tasks import Task
from assistant.ui.text import in_words, markdown

WEB = Path(__file__).parent / "web"
# A file of ours: a named icon would be fetched from the network.
ICON = WEB / "icon.png"
START, WATCH, SEARCH = "pages/start.py", "pages/watch.py", "pages/search.py"
START_IT = "start it with make run, or with python -m assistant.ui.serve"
SUMMARIES, LABELS, MODELS, SETTINGS = "pages/summaries.py", "pages/labels.py", "pages/models.py", "pages/settings.py"


@lru_cache(maxsize=1)
def _style() -> str:
    return f"<style>{(WEB / 'page.css').read_text(encoding='utf-8')}</style>"


def style() -> None:
    """Our few rules for Streamlit's own parts; no data ever comes near them."""
    st.html(_style())


def open_services() -> Services:
    """The services, or a page that says what is wrong with the library or with how it was started, and nothing else."""
    if not guarded.is_set():
        tell(AssistantError("the app was started without its own server, and would be open to other pages", START_IT))
        st.stop()
    try:
        return services()
    except AssistantError as error:
        tell(error)
        st.stop()


def tell(error: AssistantError) -> None:
    """Say what happened and the one thing to do."""
    st.error(
        f"{markdown(_sentence(in_words(error.what)))}  \n{markdown(_sentence(in_words(error.remedy)))}".strip(),
        icon=":material/info:",
    )


def tell_failure(task: Task) -> None:
    """Say why a task has no result."""
    tell(AssistantError(task.what, task.remedy))


@contextmanager
def told() -> Iterator[None]:
    """Errors that are meant for people become a note on the page."""
    try:
        yield
    except AssistantError as error:
        tell(error)


def sidebar(here: Services) -> None:
    """The way to everything: a new video, the library, the other pages."""
    with st.sidebar:
        if st.button("New video", icon=":material/add:", key="new-video", width="stretch"):
            go(START)
        opened = components.shelf(
            here,
            key="shelf-side",
            small=True,
            current=chosen(),
            limit=12,
            empty="Videos that you analyse are kept here.",
        )
        if opened:
            go(WATCH, opened)
        st.divider()
        current = chosen()
        query = {"video": current} if current else None
        st.page_link(SEARCH, label="Search", icon=":material/search:", width="stretch")
        st.page_link(SUMMARIES, label="Summaries", icon=":material/notes:", query_params=query, width="stretch")
        st.page_link(LABELS, label="Labels", icon=":material/label:", query_params=query, width="stretch")
        st.page_link(MODELS, label="Models", icon=":material/neurology:", width="stretch")
        st.page_link(SETTINGS, label="Settings", icon=":material/settings:", width="stretch")


def visit() -> str:
    """A name of this visit that no other page knows."""
    return str(st.session_state.setdefault("visit", secrets.token_hex(16)))


def chosen() -> str | None:
    """The hash of the video that this visit is about."""
    given = st.query_params.get("video")
    if given:
        st.session_state["video"] = given
    kept = st.session_state.get("video")
    return str(kept) if kept else None


def chosen_entry(here: Services) -> Entry | None:
    """The chosen video, where the library holds it."""
    sha256 = chosen()
    return here.assistant.library.entry(sha256) if sha256 else None


def go(page: str, sha256: str | None = None, seconds: float | None = None) -> None:
    """Turn to another page, and to a video there."""
    if sha256:
        st.session_state["video"] = sha256
    query = {"video": sha256} if sha256 else {}
    if seconds is not None:
        query["t"] = f"{seconds:.3f}"
    st.switch_page(page, query_params=query)


def choose_first(here: Services, what: str, page: str) -> None:
    """The empty state of a page that is about one video: the videos, which open on this page."""
    st.markdown(f"Choose a video to see {what}, or begin with a new one.")
    opened = components.shelf(here, key="shelf-choose", small=False, empty="There is none yet.")
    if opened:
        go(page, opened)
    if st.button("New video", key="empty-new", type="primary"):
        go(START)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
