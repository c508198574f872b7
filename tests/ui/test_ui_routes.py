"""The routes beside the page: uploads, media, jobs, explanations, and who may use them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from asgi import ask
from desk_fixture import desk, fill, job_of

from assistant.config import Limits
from assistant.media.formats import HEAD_BYTES, looks_like_media
from assistant.store import Library
from assistant.ui import services as shared
from assistant.ui.services import Services
from assistant.ui.tasks import Task, Tasks


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Services]:
    with desk(tmp_path / "home") as made:
        yield made


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
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self' blob:"
    for name in ("object-src", "base-uri", "form-action", "frame-ancestors", "frame-src", "worker-src"):
        assert directives[name] == "'none'"
    assert directives["connect-src"] == "'self'"
    assert not [value for name, value in directives.items() if name != "style-src" and "unsafe" in value]
    assert "http" not in policy
    assert "*" not in policy


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
    assert [s["actions"][0]["label"] for s in view["segments"]][:2] == ["moving left", "turning"]
    assert view["segments"][2]["flags"] == ["None of the 14 labels fits well: best 0.22."]
    assert view["media"]["playable"]


def test_the_desk_shows_what_is_finished_of_a_running_analysis(here, sha256):
    library, timeline = here.assistant.library, here.assistant.timeline(sha256)
    library.database.write("DELETE FROM timelines")
    library.save_partial(sha256, timeline.segments[:2])
    here.jobs.all.append(job_of(1, sha256=sha256, state="running", stage="decode", fraction=0.4, seconds_left=12.0))
    view = ask("GET", f"/api/desk/{sha256}").json()
    assert not view["finished"]
    assert not view["askable"]
    assert len(view["segments"]) == 2
    assert [s["id"] for s in ask("GET", f"/api/desk/{sha256}?after=1").json()["segments"]] == [2]
    assert len(ask("GET", f"/api/desk/{sha256}?after=-1").json()["segments"]) == 2
    assert (view["job"]["says"], view["job"]["fraction"], view["job"]["seconds_left"]) == ("Visual analysis", 0.4, 12.0)


def test_the_desk_says_when_a_running_analysis_can_be_asked(here, sha256):
    here.assistant.early = here.assistant.timeline(sha256)
    here.assistant.library.database.write("DELETE FROM timelines")
    view = ask("GET", f"/api/desk/{sha256}").json()
    assert (view["finished"], view["askable"]) == (False, True)


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


def test_an_explanation_is_a_job_that_is_begun_once_and_read_when_it_is_done(here, sha256):
    path = f"/api/why/{sha256}/2"
    assert ask("POST", path).status == 403
    assert ask("GET", path).status == 404
    assert ask("POST", path, headers=token(here)).json()["state"] == "running"
    (job,) = here.jobs.jobs()
    assert (job.kind, job.options) == ("explain", {"sha256": sha256, "segment": 2, "label": ""})
    job.state, job.fraction, job.message = "running", 0.5, "experiment 20 of 40"
    view = ask("GET", path).json()
    assert (view["state"], view["fraction"], view["message"]) == ("running", 0.5, "experiment 20 of 40")
    job.state = "done"
    here.assistant.measure(sha256, 2)
    assert ask("GET", path).json()["explanation"]["label"] == "turning"
    assert ask("POST", path, headers=token(here)).json()["state"] == "done"
    assert len(here.jobs.jobs()) == 1


@pytest.mark.parametrize(
    ("state", "reason", "what", "remedy"),
    [
        ("set_aside", "this video cannot be explained: it stopped 2 attempts (x); convert it", "this video", "convert"),
        ("failed", "this video needs more memory than the analysis may use; choose", "more memory", "choose"),
        ("cancelled", "", "Stopped", "ask again"),
        ("done", "", "has changed meanwhile", "ask again"),
    ],
)
def test_an_explanation_that_came_to_nothing_says_why_and_can_be_asked_for_again(
    here, sha256, state, reason, what, remedy
):
    path = f"/api/why/{sha256}/2"
    ask("POST", path, headers=token(here))
    job = here.jobs.jobs()[0]
    job.state, job.reason = state, reason
    view = ask("GET", path).json()
    assert view["state"] == "failed"
    assert what in view["what"]
    assert remedy in view["remedy"]
    assert ask("POST", path, headers=token(here)).json()["state"] == "running"
    assert len(here.jobs.jobs()) == 2


def test_an_explanation_can_be_stopped(here, sha256):
    path = f"/api/why/{sha256}/2"
    ask("POST", path, headers=token(here))
    assert ask("DELETE", path).status == 403
    ask("DELETE", path, headers=token(here))
    assert here.jobs.jobs()[0].state == "cancelled"


def unplayable(here, sha256):
    """The video as a kind that no browser plays."""
    here.assistant.library.database.write(
        "UPDATE videos SET probe = json_set(probe, '$.container', 'avi') WHERE sha256 = ?", (sha256,)
    )


def test_a_proxy_is_a_job_whose_progress_shows_and_that_can_be_stopped_and_begun_again(here, sha256):
    unplayable(here, sha256)

    def shown():
        return ask("GET", f"/api/desk/{sha256}").json()["media"]

    assert shown()["making"]
    (job,) = here.jobs.jobs()
    assert (job.kind, job.sha256) == ("proxy", sha256)
    job.state, job.fraction = "running", 0.25
    assert (shown()["job"], shown()["fraction"]) == (job.id, 0.25)
    assert ask("GET", f"/api/desk/{sha256}").json()["job"] is None, "it is no analysis"
    assert ask("GET", "/api/shelf").json()["items"][0]["job"] is None
    ask("POST", f"/api/jobs/{job.id}/cancel", headers=token(here))
    stopped = shown()
    assert (stopped["playable"], stopped["making"], stopped["can_make"]) == (False, False, True)
    assert len(here.jobs.jobs()) == 1, "what was stopped stays stopped until somebody asks"
    assert ask("POST", f"/api/proxy/{sha256}", headers=token(here)).json()["making"]


def test_a_proxy_that_cannot_be_made_says_so_and_is_not_begun_again_by_itself(here, sha256):
    unplayable(here, sha256)
    ask("GET", f"/api/desk/{sha256}")
    here.jobs.jobs()[0].state = "set_aside"
    assert "cannot be played here" in ask("GET", f"/api/desk/{sha256}").json()["media"]["reason"]
    assert len(here.jobs.jobs()) == 1


def test_a_file_that_this_browser_could_not_play_after_all_gets_a_proxy(here, sha256):
    assert ask("GET", f"/api/desk/{sha256}").json()["media"]["playable"]
    assert ask("POST", f"/api/proxy/{sha256}", headers=token(here)).json()["making"]
    assert ask("GET", f"/api/desk/{sha256}").json()["media"]["making"]


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
    assert second.assistant.library is first.assistant.library
    for made in (first, third):
        made.assistant.library.close()
    shared.install(None)


def test_damaged_settings_are_left_aside_and_the_app_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSISTANT_HOME", str(tmp_path))
    monkeypatch.delenv("ASSISTANT_PACK", raising=False)
    for damaged in ({"pack": 7}, {"actions": {"clips": "many"}}, ["x"], "x", {"chat": None}, {"no": "such"}):
        with Library(tmp_path) as library:
            library.set_preference("settings", damaged)
        shared.install(None)
        here = shared.services()
        assert here.settings.pack == "auto"
        assert here.settings.actions.clips == 1
        here.jobs.close()
        here.assistant.library.close()
    shared.install(None)


@pytest.mark.skipif(sys.platform != "linux", reason="counts handles in /proc")
def test_fifty_changes_of_the_settings_leave_no_handle_and_no_thread_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSISTANT_HOME", str(tmp_path))
    shared.install(None)

    def left():
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    try:
        shared.change(shared.services(), {"speech": {"language": "fr"}})
        before = left()
        for number in range(50):
            shared.change(shared.services(), {"speech": {"language": "de" if number % 2 else "en"}})
        assert left() == before
        assert shared.services().assistant.library.videos() == []
    finally:
        shared.services().jobs.close()
        shared.services().assistant.library.close()
        shared.install(None)
