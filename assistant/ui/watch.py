"""The page where a video is watched and talked about."""

from __future__ import annotations

import math

import streamlit as st

from assistant.core.plaintext import one_line
from assistant.core.timeline import Timeline, length
from assistant.core.transcript import track_name
from assistant.jobs import Job
from assistant.store import Entry
from assistant.ui import components
from assistant.ui.chat_panel import chat_panel
from assistant.ui.chrome import MODELS, START, WATCH, choose_first, chosen, go, open_services, told, visit
from assistant.ui.services import Services, pack_name, track_of, with_track
from assistant.ui.summaries import export_buttons
from assistant.ui.text import markdown, shown_name

UNDER_WAY = ("waiting", "running")
TRACK_FIELDS = ("track", "other_tracks", "audio_track")
_WITNESSES = (
    ("Actions", "actions"),
    ("Scene", "descriptions"),
    ("Speech", "speech"),
    ("Subtitles", "subtitles"),
)


def page() -> None:
    here = open_services()
    sha256 = chosen()
    entry = here.assistant.library.entry(sha256) if sha256 else None
    if entry is None:
        st.title("Watch", anchor=False)
        choose_first(here, "it here", WATCH)
        return
    st.query_params["video"] = entry.sha256
    timeline = here.assistant.timeline(entry.sha256)
    with st.container(key="watch"):
        _head(here, entry, timeline)
        left, right = st.columns([64, 36], gap="medium")
        with left, st.container(key="desk-side"):
            _desk(here, entry, timeline)
        with right, told():
            chat_panel(here, entry, timeline or here.assistant.early_timeline(entry.sha256))


@st.fragment
def _desk(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    # A fragment: what the component tells must not end an answer that is streaming beside it.
    version = "analysed" if timeline else "running"
    job = _last_analysis(here, entry)
    if timeline and job is not None and job.state in UNDER_WAY:
        version = f"again {job.id}"  # the component then follows this job
    components.desk(here, entry.sha256, entry.video, version, visit(), _start_seconds())


def _start_seconds() -> float:
    try:
        given = float(st.query_params.get("t", "0"))
    except ValueError:
        return 0.0
    return max(0.0, given) if math.isfinite(given) else 0.0


def _head(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    video = entry.video
    about = [length(video.duration_seconds)]
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
        if timeline is not None:
            _sound_track(here, entry, timeline)
            with (
                st.container(key="only-icon-exports", width="content"),
                st.popover("Take it with you", icon=":material/download:", type="tertiary"),
            ):
                export_buttons(here, entry)
        with (
            st.container(key="only-icon-video", width="content"),
            st.popover("This video", icon=":material/more_horiz:", type="tertiary"),
        ):
            _menu(here, entry, timeline)


def _last_analysis(here: Services, entry: Entry) -> Job | None:
    jobs = [job for job in here.jobs.jobs() if job.sha256 == entry.sha256 and job.kind == "analyze"]
    return next((job for job in jobs if job.state in UNDER_WAY), jobs[-1] if jobs else None)


def _sound_track(here: Services, entry: Entry, timeline: Timeline) -> None:
    """Which sound track was transcribed, where the file has several, and the choice of another."""
    taken, others = timeline.provenance.speech.get("track"), timeline.provenance.speech.get("other_tracks")
    if not taken or not others:
        return
    tracks = {track["number"]: one_line(track_name(track)) for track in (taken, *others)}
    numbers = sorted(tracks)
    job = _last_analysis(here, entry)
    asked = track_of(job.options) if job is not None else 0
    is_under_way = job is not None and job.state in UNDER_WAY
    # A key of its own for each analysis and its end: then the choice shows again what was transcribed.
    key = f"track-{entry.sha256[:12]}-{taken['number']}-{f'{job.id}-{job.state}' if job is not None else ''}"
    st.selectbox(
        "Sound track",
        numbers,
        index=numbers.index(asked if is_under_way and asked in numbers else taken["number"]),
        format_func=lambda number: f"Sound track {tracks[number]}",
        disabled=is_under_way,
        key=key,
        on_change=lambda: _hear(here, entry, st.session_state[key]),
        label_visibility="collapsed",
        width=240,
        help="This one was transcribed. Choose another, and speech is analysed again; actions and scene are kept.",
    )
    if job is not None and job.state == "failed" and asked in tracks:
        st.caption(f"Sound track {markdown(tracks[asked])} could not be analysed: {markdown(one_line(job.reason))}")


def _hear(here: Services, entry: Entry, number: int) -> None:
    with told():
        here.jobs.submit(entry.path, entry.name, options={"sha256": entry.sha256, **with_track(number)})


def _menu(here: Services, entry: Entry, timeline: Timeline | None) -> None:
    name = st.text_input("Name", entry.name, max_chars=200, key=f"name-{entry.sha256[:12]}")
    if name.strip() and name != entry.name:
        here.assistant.library.rename(entry.sha256, name.strip())
        st.rerun()
    if timeline is not None:
        with st.expander("How it was analysed"):
            for what, fed in _WITNESSES:
                values = getattr(timeline.provenance, fed)
                if not values:
                    continue
                shown = {key: value for key, value in values.items() if key not in TRACK_FIELDS}
                if track := values.get("track"):
                    shown["sound track"] = track_name(track)
                st.caption(f"**{what}**: " + ", ".join(f"{key} {markdown(str(value))}" for key, value in shown.items()))
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
