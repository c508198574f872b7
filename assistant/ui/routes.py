"""The routes beside the Streamlit page, in the same process: upload, media with ranges, pictures, and small JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import anyio.to_thread
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from assistant.core.corrections import labels_of_person
from assistant.errors import AssistantError
from assistant.ui import playback, why
from assistant.ui.files import LibraryFile
from assistant.ui.guard import may_read, may_write
from assistant.ui.library_view import job_view, shelf_view
from assistant.ui.services import Services, services
from assistant.ui.tasks import STOPS
from assistant.ui.text import in_words
from assistant.ui.uploads import upload
from assistant.ui.view import desk_view, partial_view

_VISIT = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PICTURE = re.compile(r"(keyframe|frames)-[0-9]{1,6}\.jpg")

CACHED = "private, max-age=3600"

Handler = Callable[[Request, Services], Response]


class SegmentNumber(Convertor[int]):
    """The number of a segment in a path; Python refuses to read a number of thousands of digits."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("segment", SegmentNumber())


def routes() -> list[BaseRoute]:
    """What `serve` adds to the app."""
    return [
        Route("/api/upload", upload, methods=["PUT"]),
        Route("/api/shelf", _reads(shelf)),
        Route("/api/jobs/{job}", _reads(one_job)),
        Route("/api/jobs/{job}/{action}", _writes(change_job), methods=["POST"]),
        Route("/api/desk/{sha256}", _reads(desk)),
        Route("/api/video/{sha256}", _reads(media)),
        Route("/api/proxy/{sha256}", _writes(make_proxy), methods=["POST"]),
        Route("/api/picture/{sha256}/{name}", _reads(picture)),
        Route("/api/why/{sha256}/{number:segment}", _reads(read_why), methods=["GET"]),
        Route("/api/why/{sha256}/{number:segment}", _writes(start_why), methods=["POST"]),
        Route("/api/why/{sha256}/{number:segment}", _writes(stop_why), methods=["DELETE"]),
        Route("/api/correct/{sha256}/{number:segment}", _writes(correct), methods=["POST"]),
        Route("/api/stop/{visit}", _writes(stop_answer), methods=["POST"]),
        # Streamlit would answer with its page.
        Route("/api/{rest:path}", _reads(nothing), methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    ]


def nothing(request: Request, here: Services) -> Response:
    """What lies at an address that names nothing."""
    return _missing()


def shelf(_: Request, here: Services) -> Response:
    """The library and the queue."""
    return JSONResponse(shelf_view(here), headers={"cache-control": "no-store"})


def one_job(request: Request, here: Services) -> Response:
    job = here.jobs.job(request.path_params["job"])
    return JSONResponse(job_view(job)) if job is not None else _missing()


def change_job(request: Request, here: Services) -> Response:
    """Cancel a job, let a stopped one go on, or take one that has ended off the list."""
    job_id, action = request.path_params["job"], request.path_params["action"]
    job = here.jobs.job(job_id)
    if job is None:
        return _missing()
    if action == "cancel":
        here.jobs.cancel(job_id)
    elif action == "resume":
        here.jobs.retry(job_id)
    elif action == "forget":
        here.jobs.forget(job_id)
    else:
        return _missing()
    changed = here.jobs.job(job_id)
    return JSONResponse(job_view(changed) if changed else {})


def desk(request: Request, here: Services) -> Response:
    """What the player's page shows of one video: finished, or as far as its analysis is."""
    library = here.assistant.library
    entry = library.entry(_sha256(request))
    if entry is None:
        return _missing()
    jobs = [job for job in here.jobs.jobs() if job.sha256 == entry.sha256 and job.kind == "analyze"]
    job = next((job for job in jobs if job.state in ("running", "waiting")), jobs[-1] if jobs else None)
    timeline = library.analysed(entry.sha256)
    if timeline is not None:
        right = library.corrected(timeline)
        view = desk_view(timeline, {segment.id: labels_of_person(segment) for segment in right.segments})
    else:
        # A long analysis is looked at every second: only what the page does not have yet.
        after = request.query_params.get("after", "")
        known = int(after) if after.isdecimal() and len(after) < 10 else 0
        fresh = [segment for segment in library.partial(entry.sha256) if segment.id > known]
        view = partial_view(fresh, entry.video.duration_seconds)
    view |= {
        "finished": timeline is not None,
        "askable": timeline is not None or here.assistant.early_timeline(entry.sha256) is not None,
        "job": job_view(job) if job else None,
        "media": playback.state(here, entry),
        "frame_rate": entry.video.frame_rate,
        "has_picture": entry.video.has_picture,
    }
    return JSONResponse(view, headers={"cache-control": "no-store"})


def media(request: Request, here: Services) -> Response:
    """The file itself, or its H.264 proxy; ranges are answered with 206."""
    entry = here.assistant.library.entry(_sha256(request))
    path = playback.file_to_play(here, entry) if entry else None
    if path is None:
        return _missing()
    return LibraryFile(here.assistant.library.home, path, playback.media_type(path), CACHED)


def make_proxy(request: Request, here: Services) -> Response:
    """Begin the proxy of a file that this browser could not play."""
    entry = here.assistant.library.entry(_sha256(request))
    if entry is None:
        return _missing()
    if here.assistant.library.file(entry.sha256, playback.PROXY_NAME) is None:
        playback.begin_proxy(here, entry)
    return JSONResponse(playback.state(here, entry))


def picture(request: Request, here: Services) -> Response:
    name = request.path_params["name"]
    path = here.assistant.library.picture(_sha256(request), name) if _PICTURE.fullmatch(name) else None
    if path is None:
        return _missing()
    return LibraryFile(here.assistant.library.home, path, "image/jpeg", CACHED)


def read_why(request: Request, here: Services) -> Response:
    view = why.look(here, _asked(request))
    return JSONResponse(view, headers={"cache-control": "no-store"}) if view else _missing()


def start_why(request: Request, here: Services) -> Response:
    """Begin to measure why a label was predicted; the answer says how far that is."""
    asked = _asked(request)
    entry = here.assistant.library.entry(asked.sha256)
    return JSONResponse(why.begin(here, entry, asked)) if entry is not None else _missing()


def stop_why(request: Request, here: Services) -> Response:
    why.stop(here, _asked(request))
    return JSONResponse({})


def stop_answer(request: Request, here: Services) -> Response:
    """End the answer that is being written in this visit."""
    visit = request.path_params["visit"]
    if not _VISIT.fullmatch(visit):
        return _missing()
    STOPS.press(visit)
    return JSONResponse({})


def _asked(request: Request) -> why.Asked:
    return why.Asked(_sha256(request), request.path_params["number"], _label(request))


def correct(request: Request, here: Services) -> Response:
    """Keep what the person says is right (``kind``, ``label`` in the query), or withdraw it (no label)."""
    library, sha256 = here.assistant.library, _sha256(request)
    timeline = library.analysed(sha256)
    segment = timeline.segment(request.path_params["number"]) if timeline else None
    kind, label = request.query_params.get("kind", ""), _label(request)
    if segment is None or kind not in ("action", "description"):
        return _missing()
    if label:
        library.correct(sha256, segment, kind, label)
    else:
        library.withdraw_correction(sha256, segment.id, kind)
    return JSONResponse({})


def _reads(handler: Handler) -> Callable[[Request], Any]:
    return _guarded(handler, lambda request, here: may_read(request))


def _writes(handler: Handler) -> Callable[[Request], Any]:
    return _guarded(handler, lambda request, here: may_write(request, here.token))


def _guarded(handler: Handler, allowed: Callable[[Request, Services], bool]) -> Callable[[Request], Any]:
    """The handler in a thread of its own, behind a check, with errors as sentences."""

    def answer(request: Request) -> Response:
        try:
            here = services()
            if not allowed(request, here):
                return JSONResponse({"what": "This page is out of date", "remedy": "reload it"}, status_code=403)
            return handler(request, here)
        except AssistantError as error:
            return JSONResponse({"what": in_words(error.what), "remedy": in_words(error.remedy)}, status_code=409)

    async def endpoint(request: Request) -> Response:
        return await anyio.to_thread.run_sync(answer, request)

    return endpoint


def _sha256(request: Request) -> str:
    value = str(request.path_params["sha256"])
    return value if _SHA256.fullmatch(value) else "0" * 64


def _label(request: Request) -> str:
    return request.query_params.get("label", "").strip()[:200]


def _missing() -> Response:
    return JSONResponse({"what": "This is not in the library", "remedy": "go back to the start"}, status_code=404)
