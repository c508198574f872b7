"""Search over everything that was ever seen or said in the library."""

from __future__ import annotations

import streamlit as st

from assistant.core.plaintext import one_line
from assistant.core.timeline import clock
from assistant.store import Hit
from assistant.ui.chrome import WATCH, go, open_services
from assistant.ui.services import Services
from assistant.ui.text import markdown, shown_name

MOST_HITS = 40


def page() -> None:
    here = open_services()
    st.title("Search your library", anchor=False)
    query = st.text_input(
        "Words", placeholder="green bar, turning, friday …", key="query", label_visibility="collapsed"
    )
    if not query.strip():
        st.markdown(
            "Type words to find the moments where they are said, done or seen, in every video that you analysed."
        )
        return
    hits = here.assistant.library.search_all(query, MOST_HITS)
    if not hits:
        st.markdown(f"Nothing in the library matches “{markdown(one_line(query))}”. Other words may.")
        return
    count = "1 moment" if len(hits) == 1 else f"{len(hits)} moments, the best first"
    st.caption(count + (" (there may be more)" if len(hits) == MOST_HITS else ""))
    for hit in hits:
        _hit(here, hit)


def _hit(here: Services, hit: Hit) -> None:
    picture = here.assistant.library.picture(hit.sha256, f"keyframe-{hit.segment_id}.jpg")
    with st.container(horizontal=True, vertical_alignment="center", key=f"hit-{hit.sha256[:8]}-{hit.segment_id}"):
        if picture is not None:
            st.image(str(picture), width=112)
        with st.container():
            st.markdown(f"**{markdown(shown_name(hit.name))}**")
            st.caption(markdown(one_line(hit.excerpt)))
        if st.button(
            f"{clock(hit.span.start_seconds)}",
            icon=":material/play_arrow:",
            type="tertiary",
            key=f"open-{hit.sha256[:8]}-{hit.segment_id}",
        ):
            go(WATCH, hit.sha256, hit.span.start_seconds)
