"""Which models speak: packs with sizes and licences, fetching with progress, and what this machine is good for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from assistant.core.files import human_bytes
from assistant.errors import AssistantError
from assistant.models import registry as packs
from assistant.models.packs.download import pull
from assistant.models.registry import PartState
from assistant.ui.chrome import open_services, tell, tell_failure, told
from assistant.ui.services import Services, change
from assistant.ui.tasks import TASKS, Task
from assistant.ui.text import markdown
from assistant.ui.view import kind_name

PULL, CHECK = "pull", "check"
STATE_NAMES = {"here": "on this machine", "missing": "not here", "optional": "not here, optional"}
MARKS = {
    "good": ":material/check:",
    "note": ":material/info:",
    "warning": ":material/warning:",
    "problem": ":material/error:",
}


def page() -> None:
    here = open_services()
    st.title("Models", anchor=False)
    try:
        pack = here.assistant.pack
        speaking = pack.name
        st.markdown(f"The **{markdown(speaking)}** pack speaks: {markdown(pack.note)}.")
    except AssistantError as error:
        speaking = ""
        tell(error)
    with told():
        rows = packs.describe(here.settings)
        for name in dict.fromkeys(row.pack for row in rows):
            _pack(here, name, [row for row in rows if row.pack == name], name == speaking)
    _machine(here)


def _pack(here: Services, name: str, rows: Sequence[PartState], speaks: bool) -> None:
    missing = [row for row in rows if row.state == "missing"]
    with st.container(border=True, key=f"pack-{name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{markdown(name.capitalize())} pack**", width="stretch")
            if speaks:
                st.badge("in use", color="green")
            elif not missing and st.button("Use it", key=f"use-{name}"):
                change(here, {"pack": name})
                st.rerun()
        st.table(
            [
                {
                    "For": kind_name(row.kind),
                    "Model": markdown(row.model),
                    "Size": human_bytes(row.size_bytes) if row.size_bytes else "",
                    "Licence": markdown(row.licence),
                    "State": STATE_NAMES[row.state],
                }
                for row in rows
            ],
            hide_index=True,
        )
        if name == "standard":
            _fetch(here, [row for row in rows if row.state != "here"])


def _fetch(here: Services, wanted: Sequence[PartState]) -> None:
    task = TASKS.get(PULL)
    if task is not None and task.running:
        _fetching()
        return
    if task is not None and task.failed:
        tell_failure(task)
    if wanted:
        size = human_bytes(sum(row.size_bytes for row in wanted))
        st.caption(
            f"Fetched once from the model hub, about {size}; nothing of your videos is sent. It can be stopped "
            "and goes on where it was."
        )
        if st.button(f"Get the standard pack ({size})", type="primary", icon=":material/download:", key="pull"):
            TASKS.start(PULL, lambda task: pull(here.settings, task.say, task.stop.is_set), again=True)
            st.rerun()


@st.fragment(run_every=0.7)
def _fetching() -> None:
    task = TASKS.get(PULL)
    if task is None or task.finished:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(markdown(task.message) or "Connecting …", width="stretch")
        if st.button("Cancel", type="tertiary", key="cancel-pull"):
            TASKS.stop(PULL)


def _machine(here: Services) -> None:
    st.subheader("This machine", anchor=False)
    task = TASKS.get(CHECK)
    if task is None or task.finished:
        if st.button(
            "Check this machine" if task is None else "Check again", icon=":material/stethoscope:", key="check"
        ):
            TASKS.start(CHECK, lambda task: _examine(here, task), again=True)
            st.rerun()
        if task is None:
            st.caption("Says what is slow or missing, and how long a minute of video will take. It takes some seconds.")
        elif task.failed:
            tell_failure(task)
        else:
            for severity, what, remedy in task.result:
                st.markdown(f"{MARKS.get(severity, '')} {markdown(what)}" + (f": {markdown(remedy)}" if remedy else ""))
        return
    _checking()


@st.fragment(run_every=0.7)
def _checking() -> None:
    task = TASKS.get(CHECK)
    if task is None or task.finished:
        st.rerun()
    st.markdown("Looking around …")


def _examine(here: Services, _: Task) -> list[tuple[str, str, str]]:
    """The findings of `doctor`, from a process of its own: this one need not load torch for them."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from assistant.evaluation.doctor import examine

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(examine, here.settings).result()
    return [(item.severity, item.what, item.remedy) for item in found]
