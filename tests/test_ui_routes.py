"""The routes beside the page: uploads, media, jobs, explanations, and who may use them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from asgi import ask
from desk_fixture import FakeAssistant, FakeJobs, fill, job_of

from assistant.config import Limits, Settings
from assistant.store import Library
from assistant.ui import services as shared
from assistant.ui.services import Services
from assistant.ui.sniffing import HEAD_BYTES, looks_like_media
from assistant.ui.tasks import Task, Tasks


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Services]:
    settings = Settings(home=tmp_path / "home", limits=Limits(max_bytes=3_000_000))
    with Library(settings.home) as library:
        made = Services(settings, FakeAssistant(settings, library), FakeJobs())
        shared.install(made)
        yield made
        shared.install(None)


@pytest.fixture
def sha256(here: Services, tmp_path: Path) -> str:
    return fill(here.assistant.library, tmp_path)


def token(here: Services) -> dict[str, str]:
    return {"x-assistant-token": here.token}


MP4_HEAD = b"\x00\x00\x00\x20ftypisom" + bytes(HEAD_BYTES)


def test_an_upload_goes_to_disk_and_into_the_queue(here):
    reply = ask("PUT", "/api/upload?name=lesson.mp4", headers=token(here), body=[MP4_HEAD, bytes(1_500_000), b"end"])
    job = here.jobs.job(reply.json()["job"])
    assert reply.status == 200
    assert job.name == "lesson.mp4"
    assert job.path.read_bytes() == MP4_HEAD + bytes(1_500_000) + b"end"
    assert job.path.suffix == ".mp4"


def test_the_name_of_an_upload_is_never_part_of_a_path(here):
    name = "..%2F..%2Fetc%2Fpasswd%3Cimg%20src%3Dx%3E.mp4"
    job = here.jobs.job(ask("PUT", f"/api/upload?name={name}", headers=token(here), body=[MP4_HEAD]).json()["job"])
    assert job.path.parent == here.assistant.library.files.uploads
    assert "passwd" not in job.path.name


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, [MP4_HEAD], 403),
        ({"x-assistant-token": "wrong"}, [MP4_HEAD], 403),
        ({"origin": "https://elsewhere.example"}, [MP4_HEAD], 403),
        ({"sec-fetch-site": "cross-site"}, [MP4_HEAD], 403),
        ({}, [b"<html>not a video</html>" * 300], 415),
        ({}, [b""], 415),
        ({"content-length": "4000000"}, [MP4_HEAD], 413),
        ({}, [MP4_HEAD, *[bytes(1_000_000)] * 4], 413),
        ({"content-length": str(10**16)}, [MP4_HEAD], 413),
    ],
)
def test_a_refused_upload_says_why_and_leaves_nothing(here, headers, body, status):
    given = headers if headers in ({}, {"x-assistant-token": "wrong"}) and status == 403 else {**token(here), **headers}
    reply = ask("PUT", "/api/upload?name=a.mp4", headers=given, body=body)
    assert reply.status == status
    assert reply.json()["what"]
    assert reply.json()["remedy"]
    assert list(here.assistant.library.files.uploads.iterdir()) == []
    assert here.jobs.jobs() == []


def test_an_upload_that_would_fill_the_disk_is_refused_before_it_begins(here, monkeypatch):
    shared.install(replace(here, settings=replace(here.settings, limits=Limits())))
    reply = ask("PUT", "/api/upload?name=a.mp4", headers={**token(here), "content-length": str(1)}, body=[MP4_HEAD])
    assert reply.status == 200
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000})())
    reply = ask("PUT", "/api/upload?name=b.mp4", headers={**token(here), "content-length": "9"}, body=[MP4_HEAD])
    assert reply.status == 507
    assert "room" in reply.json()["what"]


def test_an_upload_that_breaks_off_leaves_nothing(here):
    reply = ask("PUT", "/api/upload?name=a.mp4", headers=token(here), body=[MP4_HEAD, b"half"], disconnects=True)
    assert reply.status == 499
    assert list(here.assistant.library.files.uploads.iterdir()) == []


def test_a_foreign_host_name_is_not_served(here, sha256):
    assert ask("GET", "/api/shelf").status == 200
    assert ask("GET", "/api/shelf", host="localhost:8501").status == 200
    assert ask("GET", "/api/shelf", host="[::1]:8501").status == 200
    assert ask("GET", "/api/shelf", host="rebound.example").status == 421
    assert ask("GET", f"/api/video/{sha256}", host="127.0.0.1.rebound.example").status == 421


def test_another_site_cannot_read_a_video(here, sha256):
    assert ask("GET", f"/api/video/{sha256}", headers={"sec-fetch-site": "cross-site"}).status == 403
    assert ask("GET", f"/api/video/{sha256}", headers={"sec-fetch-site": "same-origin"}).status == 200


def test_every_reply_forbids_loading_from_elsewhere(here):
    policy = ask("GET", "/api/shelf").headers["content-security-policy"]
    assert "img-src 'self' data: blob:" in policy
    assert "frame-ancestors 'self'" in policy


def test_media_is_served_by_ranges(here, sha256):
    whole = ask("GET", f"/api/video/{sha256}")
    part = ask("GET", f"/api/video/{sha256}", headers={"range": "bytes=10-19"})
    assert (whole.status, whole.headers["content-type"]) == (200, "video/mp4")
    assert (part.status, part.body) == (206, whole.body[10:20])


@pytest.mark.parametrize("name", ["keyframe-1.jpg", "frames-5.jpg"])
def test_pictures_of_a_segment_are_served(here, sha256, name):
    assert ask("GET", f"/api/picture/{sha256}/{name}").headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    "target",
    [
        "/api/video/" + "0" * 64,
        "/api/video/..%2f..%2flibrary.sqlite",
        "/api/picture/{}/library.sqlite",
        "/api/picture/{}/..%2f..%2foriginal.mp4",
        "/api/picture/{}/keyframe-999.jpg",
        "/api/desk/nothing",
        "/api/jobs/nothing",
        "/api/why/{}/1",
    ],
)
def test_what_is_not_there_is_a_plain_404(here, sha256, target):
    assert ask("GET", target.format(sha256)).status == 404


def test_the_desk_shows_a_finished_timeline(here, sha256):
    view = ask("GET", f"/api/desk/{sha256}").json()
    assert view["finished"]
    assert [s["doing"][0]["label"] for s in view["segments"]][:2] == ["moving left", "turning"]
    assert view["segments"][2]["flags"] == ["None of the 14 labels fits well: best 0.22."]
    assert view["media"]["playable"]


def test_the_desk_shows_what_is_finished_of_a_running_analysis(here, sha256):
    library, timeline = here.assistant.library, here.assistant.timeline(sha256)
    library.database.write("DELETE FROM timelines")
    library.save_partial(sha256, timeline.segments[:2])
    here.jobs.all.append(job_of(1, sha256=sha256, state="running", stage="decode", fraction=0.4, seconds_left=12.0))
    view = ask("GET", f"/api/desk/{sha256}").json()
    assert not view["finished"]
    assert len(view["segments"]) == 2
    assert [s["id"] for s in ask("GET", f"/api/desk/{sha256}?after=1").json()["segments"]] == [2]
    assert len(ask("GET", f"/api/desk/{sha256}?after=-1").json()["segments"]) == 2
    assert (view["job"]["says"], view["job"]["fraction"], view["job"]["seconds_left"]) == ("Watching", 0.4, 12.0)


def test_the_shelf_puts_jobs_without_a_video_first(here, sha256):
    here.jobs.all.append(job_of(1, "<b>talk</b>.mkv"))
    here.jobs.all.append(job_of(2, "bad.avi", state="failed", reason="the file is damaged; re-encode it"))
    items = ask("GET", "/api/shelf").json()["items"]
    assert [item["name"] for item in items] == ["bad.avi", "<b>talk</b>.mkv", "shapes lesson.mp4"]
    assert (items[0]["job"]["what"], items[0]["job"]["remedy"]) == ("the file is damaged", "re-encode it")


def test_a_job_can_be_cancelled_and_resumed_from_the_page_alone(here):
    here.jobs.all.append(job_of(1))
    path = f"/api/jobs/{1:032x}"
    assert ask("POST", f"{path}/cancel").status == 403
    assert ask("POST", f"{path}/cancel", headers=token(here)).json()["state"] == "cancelled"
    assert ask("POST", f"{path}/resume", headers=token(here)).json()["state"] == "waiting"
    assert ask("POST", f"{path}/explode", headers=token(here)).status == 404


def test_a_correction_is_kept_and_withdrawn(here, sha256):
    path = f"/api/correct/{sha256}/2?kind=action&label="
    ask("POST", path + "spinning%3Cb%3E", headers=token(here))
    view = ask("GET", f"/api/desk/{sha256}").json()
    assert view["segments"][1]["corrected"] == {"action": "spinning<b>"}
    ask("POST", path, headers=token(here))
    assert ask("GET", f"/api/desk/{sha256}").json()["segments"][1]["corrected"] == {}


def test_an_explanation_is_begun_once_and_read_when_it_is_done(here, sha256):
    path = f"/api/why/{sha256}/2"
    assert ask("POST", path).status == 403
    state = ask("POST", path, headers=token(here)).json()
    deadline = time.monotonic() + 5
    while state["state"] == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
        state = ask("GET", path).json()
    assert state["explanation"]["label"] == "turning"


def test_a_task_that_fails_says_so_and_can_be_begun_again():
    tasks = Tasks()

    def fail(_: Task) -> None:
        raise RuntimeError("a slip")

    first = tasks.start("key", fail)
    while first.running:
        time.sleep(0.005)
    assert first.failed
    assert "slip" not in first.what
    assert tasks.start("key", lambda _: 3) is not first


def test_every_readable_media_file_passes_the_first_look_and_no_page_does(media):
    heads = {}
    for path in (
        p for folder in ("actions", "speech", "shots", "derived", "long", "odd") for p in (media / folder).iterdir()
    ):
        with path.open("rb") as handle:
            heads[path.name] = handle.read(HEAD_BYTES)
    refused = {name for name, head in heads.items() if not looks_like_media(head)}
    assert refused <= {"html_error_page.mp4", "zero_byte.webm"}
    assert "html_error_page.mp4" in refused


def test_settings_are_changed_for_this_process_and_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSISTANT_HOME", str(tmp_path))
    monkeypatch.delenv("ASSISTANT_PACK", raising=False)
    shared.install(None)
    first = shared.services()
    shared.change(first, {"speech": {"language": "de"}, "pack": "demo"})
    second = shared.services()
    assert (second.settings.speech.language, second.settings.pack, second.token) == ("de", "demo", first.token)
    second.jobs.close()
    shared.install(None)
    monkeypatch.setenv("ASSISTANT_PACK", "standard")
    third = shared.services()
    assert (third.settings.speech.language, third.settings.pack) == ("de", "standard")
    third.jobs.close()
    for made in (first, second, third):
        made.assistant.library.close()
    shared.install(None)
