"""The app in the browser: what all pages share, then the page that is open."""

import streamlit as st

from assistant.ui import chrome

st.set_page_config(page_title="Video assistant", page_icon=str(chrome.ICON), layout="wide")
chrome.style()
pages = [
    st.Page(chrome.START, title="New video", url_path="start", default=True),
    st.Page(chrome.WATCH, title="Watch", url_path="watch"),
    st.Page(chrome.SEARCH, title="Search", url_path="search"),
    st.Page(chrome.SUMMARIES, title="Summaries", url_path="summaries"),
    st.Page(chrome.LABELS, title="Labels", url_path="labels"),
    st.Page(chrome.MODELS, title="Models", url_path="models"),
    st.Page(chrome.SETTINGS, title="Settings", url_path="settings"),
]
page = st.navigation(pages, position="hidden")
chrome.sidebar(chrome.open_services())
page.run()
