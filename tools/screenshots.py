"""Take the pictures of the app that docs/ and the README show: ``python tools/screenshots.py``.

Starts the real app on a library of its own, analyses the sample video with the demo pack, asks, and looks at each page.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "assistant" / "packs" / "demo" / "sample.mp4"
WAIT_MS = 180_000
READY = "[data-testid=stChatInputTextArea]:not([disabled])"


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The address of the app over this library."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["-m", "assistant.ui.serve", "--no-token", "--port", str(port), "--home", str(home), "--pack", "demo"]
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)


class Camera:
    """A browser window that takes pictures of one app."""

    def __init__(self, browser: Any, address: str, folder: Path, width: int, height: int, dark: bool = False) -> None:
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.context.set_default_timeout(WAIT_MS)
        self.page = self.context.new_page()
        self.address, self.folder = address, folder

    def open(self, path: str, wait_for: str) -> None:
        self.page.goto(self.address + path)
        self.page.wait_for_selector(wait_for)
        self.rest()

    def rest(self, seconds: float = 1.5) -> None:
        """Let pictures load and movements end."""
        self.page.wait_for_timeout(1000 * seconds)

    def take(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}.png")
        print(self.folder / f"{name}.png")  # noqa: T201 - a tool for the terminal

    def close(self) -> None:
        self.context.close()


def analyse_and_ask(camera: Camera) -> str:
    """Bring the sample in as a person would, look on, ask; the path of its page."""
    page = camera.page
    camera.open("/", ".drop .zone")
    camera.take("start-empty")
    page.locator("input[type=file]").set_input_files(str(SAMPLE))
    page.wait_for_selector(".status progress")
    camera.rest(0.5)
    camera.take("analysing")
    page.wait_for_selector(READY)
    for question in ("What happens in this video?", "Does a dog appear?"):
        field = page.get_by_test_id("stChatInputTextArea")
        field.fill(question)
        field.press("Enter")
        page.locator("[data-testid=stChatMessage]", has_text=question).wait_for()
        page.wait_for_selector(READY)
        camera.rest(2)
    page.locator("[data-testid=stChatMessage] a[href^='#t=']").nth(1).click()
    camera.rest()
    return page.url.removeprefix(camera.address)


def tour(browser: Any, address: str, folder: Path) -> None:
    """Every page, in light and dark, wide and narrow."""
    camera = Camera(browser, address, folder, 1280, 860)
    watch = analyse_and_ask(camera)
    query = watch.partition("?")[2]
    camera.take("watch-light")
    camera.page.get_by_role("button", name="Why?").click()
    camera.page.wait_for_selector(".why .text")
    camera.rest()
    camera.page.locator(".why").evaluate("node => node.scrollIntoView({block: 'end'})")
    camera.rest()
    camera.take("why")
    camera.open("/", ".shelf .title")
    camera.take("start")
    camera.open(f"/summaries?{query}", "h1")
    camera.page.get_by_role("button", name="Write the summary").click()
    camera.page.get_by_role("button", name="Write it again").wait_for()
    camera.rest()
    camera.take("summaries")
    camera.open("/search", "h1")
    camera.page.get_by_role("textbox").fill("circle")
    camera.page.keyboard.press("Enter")
    camera.rest(3)
    camera.take("search")
    for name in ("labels", "models", "settings"):
        camera.open(f"/{name}?{query}", "h1")
        camera.rest(2)
        camera.take(name)
    camera.close()
    for name, width, height, dark in (
        ("watch-dark", 1280, 860, True),
        ("phone", 390, 844, False),
        ("phone-dark", 390, 844, True),
    ):
        camera = Camera(browser, address, folder, width, height, dark)
        camera.open(watch, ".track[data-kind=actions] .bar")
        camera.rest()
        camera.take(name)
        camera.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures that docs/ shows.")
    parser.add_argument("--to", type=Path, default=ROOT / "docs")
    folder = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*flags, "--disable-sync"])
        tour(browser, address, folder)
        browser.close()


if __name__ == "__main__":
    main()
