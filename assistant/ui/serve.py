"""``python -m assistant.ui.serve``: the app in the browser, with its routes, in one process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.config import ROOT
from assistant.ui.gate import token_for

SCRIPT = ROOT / "streamlit_app.py"


def options(host: str, port: int) -> dict[str, Any]:
    """The settings of Streamlit that this app stands on, whatever a person's own configuration says."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.maxUploadSize": 1,
        "browser.gatherUsageStats": False,
        "server.enableAgentApi": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }


def build(token: str = "") -> Any:
    """The ASGI app: Streamlit's page, our routes, and the guards around both; ``token``: what visitors must know."""
    import streamlit as st
    from starlette.middleware import Middleware
    from streamlit.runtime.pages_manager import PagesManager

    from assistant.media.container import open_nothing_here
    from assistant.ui.gate import TokenGate
    from assistant.ui.guard import HostGuard
    from assistant.ui.routes import routes

    # Streamlit takes a folder called pages/ for its older kind of app until st.navigation has run once, and would show
    # the first visitor of any page but the first a bare script.
    PagesManager.uses_pages_directory = False
    open_nothing_here("the server leaves strangers' files to its workers")
    gate = [Middleware(TokenGate, token=token)] if token else []
    # The page is Streamlit's own; what stands in it changes with its version.
    shell = (Path(st.__file__).parent / "static" / "index.html").read_bytes()
    return st.App(SCRIPT, routes=routes(), middleware=[Middleware(HostGuard, page=shell), *gate])


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m assistant.ui.serve", description="Open the app in the browser.")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: this machine alone; any other asks for a token)",
    )
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--home", help="the folder that holds the library")
    parser.add_argument("--pack", help="auto, demo, standard, or a folder")
    given = parser.parse_args(arguments)
    # Read back by `config.load` in this process and in the workers.
    if given.home:
        os.environ["ASSISTANT_HOME"] = given.home
    if given.pack:
        os.environ["ASSISTANT_PACK"] = given.pack
    try:
        token = token_for(given.host, os.environ)
    except ValueError as error:
        parser.error(str(error))
    if token:
        sys.stderr.write(
            f"Others can reach this address. They need the token:\n  http://{given.host}:{given.port}/?token={token}\n"
        )
    build(token).run(config=options(given.host, given.port))


if __name__ == "__main__":
    main()
