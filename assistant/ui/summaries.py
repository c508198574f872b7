"""Summaries of one video, chapter by chapter and segment by segment, and every export."""

from __future__ import annotations

from typing import Any

import streamlit as st

from assistant.core.timeline import Timeline, clock, length
from assistant.exports.render import FORMATS, MEDIA_TYPES
from assistant.store import Entry
from assistant.ui.chrome import SUMMARIES, WATCH, choose_first, chosen_entry, go, open_services, tell_failure, told
from assistant.ui.services import Services
from assistant.ui.tasks import TASKS, Task
from assistant.ui.text import markdown, shown_name, with_citations

KIND = "summary"
FORMAT_NAMES = {
    "json": "JSON, everything",
    "csv": "CSV, a row a segment",
    "srt": "SRT subtitles",
    "vtt": "VTT subtitles",
    "md": "Markdown",
    "html": "HTML report with pictures",
}


def page() -> None:
    here = open_services()
    entry = chosen_entry(here)
    st.title("Summaries", anchor=False)
    if entry is None:
        choose_first(here, "its summaries", SUMMARIES)
        return
    timeline = here.assistant.timeline(entry.sha256)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{markdown(shown_name(entry.name))}** · {length(entry.video.duration_seconds)}", width="stretch")
        if st.button("Watch it", icon=":material/play_arrow:", type="tertiary"):
            go(WATCH, entry.sha256)
    if timeline is None:
        st.markdown("This video is still being analysed. Its summaries can be written when that is finished.")
        return
    with told():
        _summary(here, entry, timeline)
        _exports(here, entry)


def _summary(here: Services, entry: Entry, timeline: Timeline) -> None:
    key = (KIND, entry.sha256)
    task = TASKS.get(key)
    if task is not None and task.running:
        _progress(entry)
        return
    if task is not None and task.failed:
        tell_failure(task)
    document = here.assistant.library.document(entry.sha256, KIND, "latest")
    label = "Write the summary" if document is None else "Write it again"
    if document is None:
        st.markdown("There is no summary yet. It takes a moment, longer with a language model.")
    if st.button(label, icon=":material/notes:", type="primary" if document is None else "secondary", key="summarize"):
        TASKS.start(key, lambda task: _write(here, entry.sha256, task), again=True)
        st.rerun()
    if document is not None:
        _show(document, timeline, entry)


def _write(here: Services, sha256: str, task: Task) -> None:
    document = here.assistant.summarize(sha256, cancelled=task.stop.is_set).to_json()
    here.assistant.library.save_document(sha256, KIND, "latest", document)


@st.fragment(run_every=0.5)
def _progress(entry: Entry) -> None:
    task = TASKS.get((KIND, entry.sha256))
    if task is None or task.finished:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Writing the summary …")
        if st.button("Cancel", type="tertiary", key="cancel-summary"):
            TASKS.stop((KIND, entry.sha256))


def _show(document: dict[str, Any], timeline: Timeline, entry: Entry) -> None:
    st.subheader("The whole", anchor=False)
    _part(document["whole"], timeline, entry)
    if len(document["chapters"]) > 1:
        st.subheader("Chapters", anchor=False)
        for part in document["chapters"]:
            _part(part, timeline, entry, timed=True)
    with st.expander(f"Segment by segment ({len(document['segments'])})"):
        for part in document["segments"]:
            _part(part, timeline, entry, timed=True)
    for notice in document.get("notices", ()):
        st.caption(markdown(notice))
    st.caption(f"Written by: {markdown(_writer(document['model']))}")


def _writer(model: str) -> str:
    return "composed from the timeline, no language model" if model == "extractive" else model


def _part(part: dict[str, Any], timeline: Timeline, entry: Entry, timed: bool = False) -> None:
    # On this page there is no player: a time opens the video there.
    text = with_citations(part["text"], timeline).replace("](#t=", f"](/watch?video={entry.sha256}&t=")
    start = float(part["start_seconds"])
    link = f"[{clock(start)}](/watch?video={entry.sha256}&t={start:.3f}) " if timed else ""
    st.markdown(link + text)


def _exports(here: Services, entry: Entry) -> None:
    st.subheader("Take it with you", anchor=False)
    with st.container(horizontal=True):
        export_buttons(here, entry)


def export_buttons(here: Services, entry: Entry) -> None:
    """One button a format; the file is made when it is pressed."""
    for kind in FORMATS:
        st.download_button(
            FORMAT_NAMES[kind],
            _export(here, entry.sha256, kind),
            file_name=f"{shown_name(entry.name)}.{kind}",
            mime=MEDIA_TYPES[kind],
            icon=":material/download:",
            key=f"export-{kind}",
            on_click="ignore",
        )


def _export(here: Services, sha256: str, kind: str) -> Any:
    return lambda: here.assistant.export(sha256, kind)[1]
