"""The page where a video is watched and talked about."""

from __future__ import annotations

import streamlit as st

from assistant.store import Entry
from assistant.timeline import Timeline, clock
from assistant.ui import components
from assistant.ui.chat_panel import chat_panel
from assistant.ui.chrome import choose_first, chosen, open_services, pack_name, told
from assistant.ui.services import Services
from assistant.ui.text import markdown, shown_name


def page() -> None:
    here = open_services()
    sha256 = chosen()
    entry = here.assistant.library.entry(sha256) if sha256 else None
    if entry is None:
        st.title("Watch", anchor=False)
        choose_first("it here")
        return
    st.query_params["video"] = entry.sha256
    timeline = here.assistant.timeline(entry.sha256)
    with st.container(key="watch"):
        _head(here, entry, timeline)
        left, right = st.columns([64, 36], gap="medium")
        with left, st.container(key="desk-side"):
            _desk(here, entry, timeline)
        with right, told():
            chat_panel(here, entry, timeline)


@st.fragment
def _desk(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    # A fragment: what the component tells must not end an answer that is streaming beside it.
    version = "analysed" if timeline else "running"
    components.desk(here, entry.sha256, entry.video, version, _start_seconds())


def _start_seconds() -> float:
    try:
        return max(0.0, float(st.query_params.get("t", "0")))
    except ValueError:
        return 0.0


def _head(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    video = entry.video
    about = [clock(video.duration_seconds)]
    if video.has_picture:
        about.append(f"{min(video.width, video.height)}p")
    about.append(f"{markdown(timeline.provenance.pack if timeline else pack_name(here))} pack")
    with st.container(horizontal=True, key="watch-head"):
        st.markdown(f"### {markdown(shown_name(entry.name))}", anchors=False, width="content")
        st.caption(" · ".join(about), width="content")
