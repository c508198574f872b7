"""The first page: one thing to do, and the videos that are there already."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import streamlit as st

from assistant.config import ROOT
from assistant.errors import VideoUnreadable
from assistant.ui import components
from assistant.ui.chrome import MODELS, WATCH, go, open_services, told
from assistant.ui.services import Services
from assistant.ui.text import markdown, shown_name

KNOWN_WITHIN_SECONDS = 12.0
SAMPLE = ROOT / "assistant" / "packs" / "demo" / "sample.mp4"


def page() -> None:
    here = open_services()
    st.title("What do you want to know about a video?", anchor=False)
    st.markdown("Drop it here, watch what is found arrive, then ask. Every answer points at its moments.")
    opened = components.drop(here)
    if opened:
        go(WATCH, opened)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if SAMPLE.is_file() and st.button("Try the sample video", icon=":material/play_circle:", key="sample"):
            _begin(here, SAMPLE, "Sample video.mp4")
        with st.popover("From a path on this machine", icon=":material/folder_open:"), st.form("path", border=False):
            given = st.text_input("Path or file:// link", placeholder="/home/me/Videos/lesson.mp4", key="path")
            if st.form_submit_button("Analyse", type="primary"):
                with told():
                    path = local_path(given)
                    _begin(here, path, path.name)
    _pack_note(here)
    st.subheader("Your library", anchor=False)
    opened = components.shelf(
        here, key="shelf-main", small=False, empty="Nothing here yet. Drop a video above, or try the sample."
    )
    if opened:
        go(WATCH, opened)


def local_path(given: str) -> Path:
    """The file that a person named by its path or by a ``file://`` link.

    Raises:
        VideoUnreadable: nothing was given, an address on the network, or no such file.
    """
    text = given.strip().strip('"')
    parts = urlsplit(text)
    if parts.scheme in ("http", "https", "ftp"):
        raise VideoUnreadable(
            "videos are not fetched from the network", "save the file on this machine and drop it above"
        )
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(text).expanduser()
    if not text or not path.is_file():
        raise VideoUnreadable(
            "there is no such file on the machine that runs the app", "check the path and its spelling"
        )
    return path.absolute()


def _begin(here: Services, path: Path, name: str) -> None:
    """Queue the analysis and turn to its page as soon as it is known which video it is."""
    with told():
        job = here.jobs.submit(path, name)
        deadline = time.monotonic() + KNOWN_WITHIN_SECONDS
        with st.spinner("Looking into the file …"):
            while time.monotonic() < deadline and job.state in ("waiting", "running") and not job.sha256:
                time.sleep(0.1)
                job = here.jobs.job(job.id) or job
        if job.sha256:
            go(WATCH, job.sha256)
        if job.state == "failed":
            here.jobs.forget(job.id)  # it is told here, and no video came of it
            what, _, remedy = job.reason.partition("; ")
            raise VideoUnreadable(what, remedy)
        st.toast(f"{markdown(shown_name(name))} is in the queue.")


def _pack_note(here: Services) -> None:
    """Who speaks, and for what that is no good; or that nobody can, and the way out."""
    with told():
        pack = here.assistant.pack
        if "demo" in pack.name.split("+"):
            with st.container(horizontal=True, vertical_alignment="center", key="pack-note"):
                st.caption(f"{_who_speaks(pack.name, pack.note)}.", width="stretch")
                st.page_link(MODELS, label="Get models for real videos", icon=":material/download:")


def _who_speaks(name: str, note: str) -> str:
    return f"The demo pack speaks: {markdown(note)}" if name == "demo" else f"By kind: {markdown(note)}"
