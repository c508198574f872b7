"""Requests from elsewhere, paths that climb and texts that are scripts: none gets anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from asgi import ask
from desk_fixture import desk, fill, job_of

from assistant.core.timeline import Absence, ActionScore, Answer, Description, Utterance
from assistant.exports.render import Material, render
from assistant.ui.services import Services
from assistant.ui.text import markdown, shown_name, with_citations


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Iterator[Services]:
    with desk(tmp_path_factory.mktemp("requests") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def sha256(here: Services, tmp_path_factory) -> str:
    return fill(here.assistant.library, tmp_path_factory.mktemp("film"))


# Other sites, other hosts, no token

FOREIGN = {
    "no token": ({}, "127.0.0.1:8501", False),
    "wrong token": ({"x-assistant-token": "0" * 43}, "127.0.0.1:8501", False),
    "empty token": ({"x-assistant-token": ""}, "127.0.0.1:8501", False),
    "another site": ({"origin": "https://evil.example"}, "127.0.0.1:8501", True),
    "another port": ({"origin": "http://127.0.0.1:9999"}, "127.0.0.1:8501", True),
    "no origin at all": ({"origin": "null"}, "127.0.0.1:8501", True),
    "a file": ({"origin": "file://"}, "127.0.0.1:8501", True),
    "a longer name": ({"origin": "http://127.0.0.1:8501.evil.example"}, "127.0.0.1:8501", True),
    "a name and a sign": ({"origin": "http://127.0.0.1:8501@evil.example"}, "127.0.0.1:8501", True),
    "cross-site": ({"sec-fetch-site": "cross-site"}, "127.0.0.1:8501", True),
    "same-site": ({"sec-fetch-site": "same-site"}, "127.0.0.1:8501", True),
    "a rebound name": ({}, "evil.example:8501", True),
    "a rebound name with its origin": ({"origin": "http://evil.example:8501"}, "evil.example:8501", True),
    "a name like an address": ({}, "127.0.0.1.evil.example", True),
    "no host": ({}, "", True),
}
WRITES = (
    ("PUT", "/api/upload?name=a.mp4"),
    ("POST", "/api/jobs/{job}/cancel"),
    ("POST", "/api/jobs/{job}/resume"),
    ("POST", "/api/proxy/{sha256}"),
    ("POST", "/api/why/{sha256}/1"),
    ("DELETE", "/api/why/{sha256}/1"),
    ("POST", "/api/correct/{sha256}/1"),
)
READS = (
    "/api/shelf",
    "/api/why/{sha256}/1",
    "/api/desk/{sha256}",
    "/api/video/{sha256}",
    "/api/picture/{sha256}/keyframe-1.jpg",
)


@pytest.mark.parametrize("who", FOREIGN)
@pytest.mark.parametrize("what", WRITES, ids=" ".join)
def test_nobody_but_the_page_changes_anything(here, sha256, who, what):
    headers, host, knows_token = FOREIGN[who]
    method, target = what
    job = here.jobs.jobs()[0] if here.jobs.jobs() else job_of()
    given = {**headers, **({"x-assistant-token": here.token} if knows_token else {})}
    before = (list(here.jobs.jobs()), here.assistant.library.corrections(sha256))
    reply = ask(method, target.format(sha256=sha256, job=job.id), headers=given, host=host, body=[b"{}"])
    assert reply.status in (400, 403, 421)
    assert (list(here.jobs.jobs()), here.assistant.library.corrections(sha256)) == before
    assert list(here.assistant.library.files.uploads.iterdir()) == []


@pytest.mark.parametrize("who", [who for who in FOREIGN if FOREIGN[who][2]])
@pytest.mark.parametrize("target", READS)
def test_another_site_reads_nothing(here, sha256, who, target):
    headers, host, _ = FOREIGN[who]
    reply = ask("GET", target.format(sha256=sha256), headers=headers, host=host)
    assert reply.status in (400, 403, 421)
    assert sha256.encode() not in reply.body


# Paths

CLIMBS = [
    "..",
    "../..",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fpasswd",
    "..\\..\\windows",
    "..%5c..%5cwindows",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "....//....//etc/passwd",
    "..;/..;/etc/passwd",
    "..%00/",
    "%00",
    "a%00.jpg",
    "keyframe-1.jpg%00.png",
    "keyframe-1.jpg/..",
    "keyframe-1.jpg/../../library.sqlite",
    "keyframe--1.jpg",
    "keyframe-1.jpg\n",
    "KEYFRAME-1.JPG",
    "keyframe-٣.jpg",
    "keyframe-1.jpeg",
    "~",
    "~root",
    "$HOME",
    "`id`",
    "con",
    "..%c0%af..%c0%afetc",
    "．．／etc",
    "http://127.0.0.1/a",
]


@pytest.mark.parametrize("climb", CLIMBS, ids=ascii)
@pytest.mark.parametrize(
    "route", ["/api/video/{}", "/api/desk/{}", "/api/picture/{sha256}/{}", "/api/picture/{}/keyframe-1.jpg"]
)
def test_no_path_leads_out_of_the_library(here, sha256, route, climb):
    reply = ask("GET", route.format(climb, sha256=sha256))
    assert reply.status in (307, 404, 405)
    assert b"root:" not in reply.body
    assert b"SQLite" not in reply.body


@pytest.mark.parametrize("climb", CLIMBS, ids=ascii)
def test_the_name_of_an_upload_decides_no_path(here, climb):
    head = b"\x00\x00\x00\x20ftypisom" + bytes(8192)
    headers = {"x-assistant-token": here.token}
    reply = ask("PUT", f"/api/upload?name={quote(climb, safe='%')}", headers=headers, body=[head])
    assert reply.status == 200
    job = here.jobs.job(reply.json()["job"])
    assert job.path.parent == here.assistant.library.files.uploads
    assert job.path.read_bytes() == head
    job.path.unlink()
    here.jobs.jobs().clear()


# Scripts in every text

SCRIPTS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<math><mi xlink:href=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>@import'//evil.example'</style>",
    "<form action=//evil.example><button>x",
    "<template><script>alert(1)</script></template>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" onmouseover="alert(1)',
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<scr<script>ipt>alert(1)</script>",
    "<img src=x\x00 onerror=alert(1)>",
    "<img\tsrc=x\tonerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script\\>alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](https://evil.example/a.png)",
    "[x]: javascript:alert(1)\n[x]",
    "<https://evil.example>",
    "<javascript:alert(1)>",
    "`<script>`alert(1)",
    "$\\href{javascript:alert(1)}{x}$",
    ":material/home: :red[x] :smile:",
    "[S1](javascript:alert(1))",
    "[S1][x]",
    "\u202e<script>alert(1)</script>",
    "﹤script﹥alert(1)﹤/script﹥",
]


class Tags(HTMLParser):
    """Which tags and attributes a page really has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags(page: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(page)
    parser.close()
    return parser.found


def everywhere(timeline, text: str) -> Material:
    """An export in which every text that can come from outside is this one."""
    segments = tuple(
        replace(
            segment,
            actions=(ActionScore(text, 0.9, text),),
            descriptions=(Description(text, 0.8, text),),
            utterances=(Utterance(segment.span, text),),
            flags=("none_of_my_labels",),
            notes={"none_of_my_labels": text},
        )
        for segment in timeline.segments
    )
    film = replace(timeline, segments=segments, absences=(Absence(text, text),))
    return Material(text, film, lambda _: None, (Answer(text, text),), {0: text, 1: text}, {1: text})


@pytest.mark.parametrize("text", SCRIPTS, ids=ascii)
def test_no_text_becomes_a_tag_in_the_page_that_is_exported(timeline, text):
    # Marks of segments in answers and summaries are ours, and lead to a segment of this page.
    harmless = "xyyy" + " ".join(re.findall(r"\[S\d+\]", text))
    assert tags(render(everywhere(timeline, text), "html").decode()) == tags(
        render(everywhere(timeline, harmless), "html").decode()
    )
    assert tags(render(everywhere(timeline, text), "vtt").decode()) == []


@pytest.mark.parametrize("text", SCRIPTS, ids=ascii)
def test_no_text_becomes_markup_on_a_page(timeline, text):
    reader = (
        pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    )

    def inside(shown: str) -> set[str]:
        inline = [child.type for token in reader.parse(shown) for child in token.children or ()]
        return {*(token.type for token in reader.parse(shown)), *inline}

    plain = {"paragraph_open", "inline", "paragraph_close", "text", "text_special", "softbreak", "hardbreak"}
    assert inside(markdown(text)) <= plain
    assert inside(markdown(shown_name(text))) <= plain
    for streaming in (False, True):
        shown = with_citations(text, timeline, streaming=streaming)
        links = [
            child.attrGet("href")
            for token in reader.parse(shown)
            for child in token.children or ()
            if child.type == "link_open"
        ]
        assert all(link.startswith("#t=") for link in links)
        assert inside(shown) <= plain | {"link_open", "link_close"}


def test_there_are_as_many_attempts_as_promised():
    assert len(FOREIGN) >= 15
    assert len(CLIMBS) >= 25
    assert len(SCRIPTS) >= 40
