"""Everything that a person can set, in one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from assistant.config import Settings
from assistant.models.runtime.device import DEVICES, PRECISIONS
from assistant.ui.chrome import open_services, told
from assistant.ui.services import Services, change

LANGUAGES = {
    "": "Detected", "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ru": "Russian", "uk": "Ukrainian", "tr": "Turkish",
    "ar": "Arabic", "hi": "Hindi", "zh": "Chinese", "ja": "Japanese", "ko": "Korean",
}  # fmt: skip
SUBTITLES = {"beside": "Beside the speech model", "instead": "Instead of it", "off": "Not at all"}
ANSWERERS = {"auto": "Best at hand", "extractive": "From the timeline", "llm": "Language model"}


def page() -> None:
    here = open_services()
    st.title("Settings", anchor=False)
    st.caption("They hold from now on, for new analyses and answers. Finished stages that they do not touch are kept.")
    with told():
        _form(here)
    st.subheader("Library", anchor=False)
    st.caption("Videos, timelines and conversations lie here, and nowhere else:")
    st.code(str(here.settings.home), language=None)


def _form(here: Services) -> None:
    with st.form("settings"):
        left, right = st.columns(2, gap="medium")
        with left:
            chosen = _answers(here.settings)
        with right:
            chosen |= _computing(here.settings)
        if st.form_submit_button("Keep", type="primary"):
            change(here, chosen)
            st.toast("Kept.")
            st.rerun()


def _answers(now: Settings) -> dict[str, Any]:
    """The half of the form that is about speech and answers, and what was chosen in it."""
    language = _choice("Language that is spoken", LANGUAGES, now.speech.language or "", "set-language")
    subtitles = _choice("Read a video's subtitles", SUBTITLES, now.speech.subtitles, "set-subtitles")
    answerer = _choice("Who answers", ANSWERERS, now.chat.answerer, "set-answerer")
    model = st.text_input(
        "Language model",
        now.chat.language_model,
        key="set-model",
        placeholder="the pack's own",
        help="A name of the hub's cache, a folder, or an address on this machine with the model's name behind #",
    )
    seconds = st.number_input("Seconds for an answer", 5, 3600, int(now.chat.timeout_seconds), key="set-seconds")
    context = st.number_input(
        "Tokens that the language model holds",
        0,
        2_000_000,
        now.chat.context_tokens,
        key="set-context",
        help="For a server that does not tell its context; 0 is what the server says.",
    )
    withhold = st.toggle(
        "Leave out statements that the video does not support", now.chat.withhold_unsupported, key="set-withhold"
    )
    return {
        "speech": {"language": language or None, "subtitles": subtitles},
        "chat": {
            "answerer": answerer,
            "language_model": model.strip(),
            "timeout_seconds": float(seconds),
            "context_tokens": int(context),
            "withhold_unsupported": withhold,
        },
    }


def _computing(now: Settings) -> dict[str, Any]:
    """The half of the form that is about the models' work, and what was chosen in it."""
    device = st.selectbox("Compute on", DEVICES, index=_at(list(DEVICES), now.compute.device), key="set-device")
    precision = st.selectbox(
        "Precision", PRECISIONS, index=_at(list(PRECISIONS), now.compute.precision), key="set-precision"
    )
    clips = st.number_input(
        "Clips of each segment", 1, 8, now.actions.clips, key="set-clips", help="More clips are slower and steadier."
    )
    views = st.number_input("Views of each clip", 1, 3, now.actions.views, key="set-views")
    saving = st.toggle(
        "Save work where nothing changes",
        now.compute.save_work,
        key="set-saving",
        help="A segment that shows the same as an earlier one takes over its result, and says so; within a "
        "segment, fewer frames are read where little changes.",
    )
    return {
        "compute": {"device": device, "precision": precision, "save_work": saving},
        "actions": {"clips": int(clips), "views": int(views)},
    }


def _choice(label: str, options: Mapping[str, str], now: str, key: str) -> str:
    """One of several settings, chosen by what a person calls it."""
    names = list(options)
    return st.selectbox(label, names, format_func=options.__getitem__, index=_at(names, now), key=key)


def _at(names: list[str], name: str) -> int:
    return names.index(name) if name in names else 0
