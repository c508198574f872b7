"""``python -m assistant.ui.serve``: the app in the browser, with its routes, in one process."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.config import ROOT
from assistant.ui.gate import only_this_machine, token_for
from assistant.ui.server import AddressUnusable, address, listen, server

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
        # Where it is not told, Streamlit asks a public server for this machine's address.
        "browser.serverAddress": "localhost",
        "server.enableAgentApi": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }


def build(token: str = "") -> Any:
    """The ASGI app: Streamlit's page, our routes, and the guards around both; ``token``: what visitors must know."""
    import streamlit as st
    import streamlit.net_util
    from starlette.middleware import Middleware
    from streamlit.runtime.pages_manager import PagesManager

    from assistant.media.container import open_nothing_here
    from assistant.ui.gate import TokenGate
    from assistant.ui.guard import HostGuard
    from assistant.ui.routes import routes
    from assistant.ui.services import guarded

    # Streamlit takes a folder called pages/ for its older kind of app until st.navigation has run once, and would show
    # the first visitor of any page but the first a bare script.
    PagesManager.uses_pages_directory = False
    # The guard leaves Streamlit no foreign origin to wonder about; should one slip through, it still asks nobody.
    streamlit.net_util.get_external_ip = streamlit.net_util.get_internal_ip = _no_address
    open_nothing_here("the server leaves strangers' files to its workers")
    gate = [Middleware(TokenGate, token=token)] if token else []
    # The page is Streamlit's own; what stands in it changes with its version.
    shell = (Path(st.__file__).parent / "static" / "index.html").read_bytes()
    guarded.set()
    return st.App(SCRIPT, routes=routes(), middleware=[Middleware(HostGuard, page=shell), *gate])


def _no_address() -> None:
    """In the place of Streamlit's look-ups of this machine's addresses, which contact the network."""


def run(app: Any, host: str, port: int, token: str = "") -> None:
    """Serve this app, as `build` made it, until interrupted.

    Raises:
        AddressUnusable: the port is taken, or the address is not this machine's.
    """
    from streamlit.web.bootstrap import load_config_options

    listening = listen(host, port)
    port = listening.getsockname()[1]
    load_config_options(options(host, port))
    # uvicorn ends in good order at Ctrl-C, and raises the interrupt again afterwards.
    with listening, contextlib.suppress(KeyboardInterrupt):
        server(app, lambda: sys.stderr.write(greeting(host, port, token))).run(sockets=[listening])


def greeting(host: str, port: int, token: str) -> str:
    """What stands in the terminal once the app can be opened."""
    lines = [f"Open {address(host, port, token)}"]
    if token:
        who = "Other accounts on this machine" if only_this_machine(host) else "Others in the network"
        lines.append(f"{who} can reach it; whoever has the token can come in.")
    if not only_this_machine(host):
        lines.append(f"From another machine, put this one's address or name ({socket.gethostname()}) in the link.")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m assistant.ui.serve", description="Open the app in the browser.")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: this machine alone; any other asks for a token, and so does this one "
        "where other people have accounts)",
    )
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument(
        "--no-token",
        action="store_true",
        help="ask for none, although other people have accounts on this machine (with the default --host alone)",
    )
    parser.add_argument("--home", help="the folder that holds the library")
    parser.add_argument("--pack", help="auto, demo, standard, or a folder")
    given = parser.parse_args(arguments)
    # Read back by `config.load` in this process and in the workers.
    if given.home:
        os.environ["ASSISTANT_HOME"] = given.home
    if given.pack:
        os.environ["ASSISTANT_PACK"] = given.pack
    try:
        token = token_for(given.host, os.environ, asked=not given.no_token)
    except ValueError as error:
        parser.error(str(error))
    try:
        run(build(token), given.host, given.port, token)
    except AddressUnusable as error:
        parser.exit(error.exit_code, f"error: {error}\n")


if __name__ == "__main__":
    main()
