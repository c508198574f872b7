"""The real app as somebody outside finds it: started, knocked at, ended.

``python tests/outsider.py HOME HOST [ORIGIN-PORT]`` prints what happened as JSON; the tests run it under strace and in
a network namespace.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HANDSHAKE = (
    "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def say(port: int, request: str, seconds: float = 20.0) -> int:
    """The status of the answer to these bytes, 0 where there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request.encode("latin-1"))
        found = re.match(rb"HTTP/1.1 (\d+)", connection.recv(100))
    return int(found[1]) if found else 0


def knock(port: int, origin: str | None, cookie: str = "", host: str | None = None) -> int:
    """The status of a web socket's handshake: 101 where it opens."""
    more = (f"Origin: {origin}\r\n" if origin else "") + (f"Cookie: {cookie}\r\n" if cookie else "")
    return say(port, HANDSHAKE.format(host=host or f"127.0.0.1:{port}", more=more))


def start(home: Path, host: str, log: Path, *more: str) -> tuple[subprocess.Popen[bytes], int, str]:
    """The app's process, its port and its token ("" where it asks for none), once it can be opened."""
    port = free_port()
    command = [sys.executable, "-m", "assistant.ui.serve", "--host", host, "--port", str(port), "--home", str(home)]
    with log.open("w") as file:
        process = subprocess.Popen([*command, "--pack", "demo", *more], cwd=ROOT, stdout=file, stderr=file)
    deadline = time.monotonic() + 60
    while "Open http" not in log.read_text():
        if time.monotonic() > deadline or process.poll() is not None:
            process.kill()
            raise RuntimeError(log.read_text())
        time.sleep(0.05)
    found = re.search(r"\?token=(\S+)", log.read_text())
    return process, port, found[1] if found else ""


def main(home: Path, host: str) -> None:
    log = home.with_suffix(".log")
    process, port, token = start(home, host, log)
    cookie = f"assistant_access={token}" if token else ""
    own = f"http://127.0.0.1:{port}"
    try:
        began = time.monotonic()
        seen = {
            "own": knock(port, own, cookie),
            "without cookie": knock(port, own),
            "other port": knock(port, "http://127.0.0.1:9987", cookie),
            "all addresses": knock(port, "http://0.0.0.0:9987", cookie),
            "user name": knock(port, "http://evil@localhost", cookie),
            "elsewhere": knock(port, "http://evil.example", cookie),
            "nowhere": knock(port, None, cookie),
            "malformed": knock(port, "http://[", cookie, host="[::1"),
        }
        seconds = time.monotonic() - began
    finally:
        process.terminate()
        process.wait(20)
    print(json.dumps({"seen": seen, "seconds": seconds, "token": bool(token), "log": log.read_text()}))


if __name__ == "__main__":
    if len(sys.argv) > 3:  # in a namespace of its own, where not even the loopback device is up
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    main(Path(sys.argv[1]), sys.argv[2])
