"""The page where a video is watched and talked about."""

from __future__ import annotations

import math

import streamlit as st

from assistant.core.timeline import Timeline, clock
from assistant.store import Entry
from assistant.ui import components
from assistant.ui.chat_panel import chat_panel
from assistant.ui.chrome import MODELS, START, choose_first, chosen, go, open_services, told, visit
from assistant.ui.services import Services, pack_name
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
    components.desk(here, entry.sha256, entry.video, version, visit(), _start_seconds())


def _start_seconds() -> float:
    try:
        given = float(st.query_params.get("t", "0"))
    except ValueError:
        return 0.0
    return max(0.0, given) if math.isfinite(given) else 0.0


def _head(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    video = entry.video
    about = [clock(video.duration_seconds)]
    if video.has_picture:
        about.append(f"{min(video.width, video.height)}p")
    pack = timeline.provenance.pack if timeline else pack_name(here)
    about.append(f"{markdown(pack)} pack")
    if pack == "demo":
        about.append("knows coloured shapes, not real videos")
    with st.container(horizontal=True, key="watch-head"):
        st.markdown(f"### {markdown(shown_name(entry.name))}", anchors=False, width="content")
        st.caption(" · ".join(about), width="content")
        if pack == "demo":
            st.page_link(MODELS, label="Get the standard pack", help="For real videos; the page names its size")
        with st.popover("", icon=":material/more_horiz:", help="This video", type="tertiary"):
            _menu(here, entry, timeline)


def _menu(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    name = st.text_input("Name", entry.name, max_chars=200, key=f"name-{entry.sha256[:12]}")
    if name.strip() and name != entry.name:
        here.assistant.library.rename(entry.sha256, name.strip())
        st.rerun()
    if timeline is not None:
        with st.expander("How it was analysed"):
            for what, fed in (("Actions", "actions"), ("Scene", "descriptions"), ("Speech", "speech")):
                values = getattr(timeline.provenance, fed)
                st.caption(
                    f"**{what}**: " + ", ".join(f"{key} {markdown(str(value))}" for key, value in values.items())
                )
    if st.button("Remove from the library", icon=":material/delete:", type="tertiary"):
        _remove(here, entry)


@st.dialog("Remove this video?")
def _remove(here: Services, entry: Entry) -> None:
    st.markdown(
        f"**{markdown(shown_name(entry.name))}** goes with its timeline, its conversations and your corrections. "
        + ("" if entry.owned else "The file itself stays where it is.")
    )
    with st.container(horizontal=True):
        if st.button("Remove it", type="primary"):
            for job in here.jobs.jobs():
                if job.sha256 == entry.sha256 and job.state in ("waiting", "running"):
                    here.jobs.cancel(job.id)
            here.assistant.library.delete_video(entry.sha256)
            st.session_state.pop("video", None)
            go(START)
        if st.button("Keep it"):
            st.rerun()
