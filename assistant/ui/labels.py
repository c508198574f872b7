"""The label lists for scenes: pick, edit, add; only the labels are computed again."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from assistant.errors import AssistantError, LibraryUnusable, PromptInvalid
from assistant.models.scene import labels
from assistant.ui.chrome import chosen_entry, open_services, tell, told
from assistant.ui.services import Services, change, with_track
from assistant.ui.text import markdown, shown_name

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


def page() -> None:
    here = open_services()
    own = here.settings.home / labels.OWN_FOLDER
    st.title("Labels", anchor=False)
    st.markdown(
        "“Scene” always chooses from a list, so a list needs a label that fits. Edit the lists or add your own; "
        "a video then only has its scenes described again."
    )
    names = labels.available(own=own)
    # Each part by itself: a list that cannot be used does not hide the others.
    for part in (
        lambda: _in_use(here, names),
        lambda: _edit(names, own),
        lambda: _add(names, own),
        lambda: _again(here),
    ):
        with told():
            part()


def _in_use(here: Services, names: list[str]) -> None:
    chosen = [n for n in here.settings.descriptions.label_lists or here.assistant.pack.label_lists if n in names]
    picked = st.multiselect("Lists in use", names, default=chosen, key="lists")
    if sorted(picked) != sorted(chosen) and st.button(
        "Use these", type="primary", disabled=not picked, key="use-lists"
    ):
        change(here, {"descriptions": {"label_lists": picked}})
        st.rerun()


def _edit(names: list[str], own: Path) -> None:
    # A list that was just added is shown. The field exists already in the run that adds one, so it is set in the next.
    if (added := st.session_state.pop("added-list", None)) in names:
        st.session_state["list"] = added
    name = st.selectbox("Edit a list", names, key="list")
    if name is None:
        return
    path, original = labels.file_of(name, own=own), labels.file_of(name)
    text = path.read_text(encoding="utf-8")
    edited = st.text_area("One label a line; lines that begin with # are notes", text, height=320, key=f"text-{name}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Save the list", disabled=edited == text, type="primary", key="save-list"):
            _save(own, name, edited)
            st.toast("Saved.")
            st.rerun()
        count = sum(1 for line in edited.splitlines() if line.strip() and not line.startswith("#"))
        st.caption(f"{count} labels" + (" · changed, not saved" if edited != text else ""))
        if path.parent == own and original.is_file() and st.button("Back to the original", key="original-list"):
            path.unlink(missing_ok=True)
            st.session_state.pop(f"text-{name}", None)
            st.rerun()


def _add(names: list[str], own: Path) -> None:
    with st.expander("Add a list of your own", icon=":material/add:"), st.form("new-list", border=False):
        name = st.text_input("Name", placeholder="kitchen", max_chars=41).strip().lower()
        text = st.text_area("Labels, one a line", placeholder="a pan on the stove\nan empty table", height=160)
        if st.form_submit_button("Add it"):
            try:
                if not _NAME.fullmatch(name) or name in names or name.startswith("templates"):
                    raise PromptInvalid(
                        "this name is taken or holds other signs than letters, digits, - and _", "choose another name"
                    )
                _save(own, name, text)
            except AssistantError as error:
                tell(error)
            else:
                st.session_state["added-list"] = name
                st.rerun()


def _save(own: Path, name: str, text: str) -> None:
    """Write a list into the person's folder, checked first: what is there stays where the new text cannot be used.

    Raises:
        PromptInvalid: fewer than two labels, one twice, signs that are no text.
        LibraryUnusable: the file cannot be written.
    """
    draft = own / f".{name}.txt"
    try:
        own.mkdir(parents=True, exist_ok=True)
        draft.write_text(text.replace("\r\n", "\n").rstrip("\n") + "\n", encoding="utf-8")
        labels.checked(draft)
        draft.replace(own / f"{name}.txt")
    except PromptInvalid as error:
        raise PromptInvalid(error.what.replace(str(draft), f"the list {name}"), error.remedy) from error
    except OSError as error:
        reason = f"the list {name} cannot be written ({error.strerror})"
        raise LibraryUnusable(reason, "make the library's folder writable") from error
    finally:
        draft.unlink(missing_ok=True)


def _again(here: Services) -> None:
    entry = chosen_entry(here)
    if entry is None or not entry.has_timeline:
        return
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Describe **{markdown(shown_name(entry.name))}** with the lists as they are now:")
        if st.button("Describe it again", icon=":material/refresh:", key="describe-again"):
            timeline = here.assistant.timeline(entry.sha256)
            track = timeline.provenance.speech.get("audio_track") if timeline else 0
            job = here.jobs.submit(entry.path, entry.name, options=with_track(track) if track else None)
            st.toast(f"{'Queued' if job.state == 'waiting' else 'Begun'}; actions and words are kept as they are.")
