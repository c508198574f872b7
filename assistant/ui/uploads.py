"""A file on its way from the browser straight to the library's disk; memory stays flat whatever its size."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from assistant.config import Limits
from assistant.core.files import size_beside_limit
from assistant.errors import AssistantError, InputUnusable, LibraryUnusable, VideoTooLarge
from assistant.media.diagnosis import wrong_kind
from assistant.media.formats import HEAD_BYTES, looks_like_media
from assistant.store import Library
from assistant.ui.guard import may_write
from assistant.ui.services import Services, services
from assistant.ui.text import in_words

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
SPARE_BYTES = 256 << 20  # left free on the disk for what the analysis writes


async def upload(request: Request) -> Response:
    """Stream a file to disk and queue its analysis: ``PUT /api/upload?name=...`` -> the job."""
    here = services()
    if not may_write(request, here.token):
        return _refused(403, "This page is out of date", "reload it and try again")
    name = request.query_params.get("name", "")[:1000] or "video"
    try:
        path = await receive(request, here.assistant.library, here.settings.limits, name)
    except ClientDisconnect:
        return Response(status_code=499)
    except VideoTooLarge as error:
        return _refused(413, error.what, error.remedy)
    except LibraryUnusable as error:
        return _refused(507, error.what, error.remedy)
    except InputUnusable as error:
        return _refused(415, error.what, error.remedy)
    return await anyio.to_thread.run_sync(_queue, here, path, name)


async def receive(request: Request, library: Library, limits: Limits, name: str) -> Path:
    """Where the whole body now lies; nothing stays on the disk when anything goes wrong.

    Raises:
        VideoTooLarge: more bytes than the settings allow.
        InputUnusable: not a kind of file that could be a video.
        LibraryUnusable: the disk is full.
        ClientDisconnect: the browser went away.
    """
    _check_room(announced_bytes(request), library.home, limits)
    path = await anyio.to_thread.run_sync(library.new_upload, name)
    try:
        with path.open("wb") as handle:
            await _write(request.stream(), handle, limits)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise LibraryUnusable("the disk is full", "free some space and upload the file again") from error
        raise
    return path


def announced_bytes(request: Request) -> int:
    """The size of the body as the header says it; 0 where it says nothing that is a number."""
    text = request.headers.get("content-length", "")
    # Python refuses to read a number of thousands of digits; eighteen are more than any disk holds.
    return int(text[:18]) if re.fullmatch("[0-9]+", text) else 0


async def _write(stream: AsyncIterator[bytes], handle: BinaryIO, limits: Limits) -> None:
    block, total, checked = bytearray(), 0, False
    async for chunk in stream:
        total += len(chunk)
        if total > limits.max_bytes:
            raise _too_large(limits)
        block += chunk
        if not checked and len(block) >= HEAD_BYTES:
            _check_kind(bytes(block[:HEAD_BYTES]))
            checked = True
        if len(block) >= BLOCK_BYTES:
            await anyio.to_thread.run_sync(handle.write, bytes(block))
            block.clear()
    if not checked:
        _check_kind(bytes(block))
    await anyio.to_thread.run_sync(handle.write, bytes(block))


def _check_kind(head: bytes) -> None:
    if not head:
        raise InputUnusable("The file is empty", "choose another one")
    if not looks_like_media(head):
        what, remedy = wrong_kind(head)
        raise InputUnusable(f"This file {what}", remedy)


def _check_room(announced: int, home: Path, limits: Limits) -> None:
    if announced > limits.max_bytes:
        raise _too_large(limits)
    if announced + SPARE_BYTES > shutil.disk_usage(home).free:
        raise LibraryUnusable("There is not enough room on the disk for this file", "free some space and try again")


def _too_large(limits: Limits) -> VideoTooLarge:
    return VideoTooLarge(
        f"The file is larger than {size_beside_limit(limits.max_bytes)}", "cut it, or save it at a lower quality"
    )


def _queue(here: Services, path: Path, name: str) -> Response:
    try:
        job = here.jobs.submit(path, name)
    except AssistantError as error:
        here.assistant.library.discard_upload(path)
        return _refused(409, error.what, error.remedy)
    logger.info("uploaded job=%s bytes=%d", job.id, path.stat().st_size if path.exists() else 0)
    return JSONResponse({"job": job.id})


def _refused(status: int, what: str, remedy: str) -> Response:
    return JSONResponse({"what": in_words(what), "remedy": in_words(remedy)}, status_code=status)
