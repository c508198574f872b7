"""A file of the library on its way to the browser, opened without following a link that somebody planted there."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
from starlette.responses import FileResponse, JSONResponse
from starlette.types import Receive, Scope, Send

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_STEP = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0)
_FOLDER = _STEP | getattr(os, "O_DIRECTORY", 0)
# A pipe that lies there would otherwise hold the thread until somebody writes into it.
_FILE = _STEP | getattr(os, "O_NONBLOCK", 0)
_BY_STEPS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def open_below(home: Path, path: Path) -> int:
    """A descriptor of the plain file at ``path``, a path below ``home``; no link below ``home`` is followed.

    Raises:
        OSError: it is not there, is no plain file, or a link lies on the way.
    """
    parts = path.relative_to(home).parts
    if ".." in parts or not parts:
        raise FileNotFoundError(path)
    if not _BY_STEPS:
        if os.path.realpath(path) != os.path.join(os.path.realpath(home), *parts):
            raise FileNotFoundError(path)
        return _plain(os.open(path, _FILE))
    folder = os.open(home, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        for name in parts[:-1]:
            below = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        return _plain(os.open(parts[-1], _FILE, dir_fd=folder))
    finally:
        os.close(folder)


def _plain(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError("not a plain file")
    return descriptor


def _library_of(home: Path, path: Path) -> Path | None:
    """The library's folder as it is called on the way to ``path``, where that lies in it."""
    for folder in path.parents:
        with contextlib.suppress(OSError):
            if os.path.samefile(folder, home):
                return folder
    return None


@contextlib.contextmanager
def opened(home: Path, path: Path) -> Iterator[str]:
    """A name under which this very file can be opened, whatever is put in its place meanwhile.

    A file elsewhere is one that the person named, by whatever links they like.

    Raises:
        OSError: as `open_below`.
    """
    inside = _library_of(home, path)
    descriptor = open_below(inside, path) if inside else _plain(os.open(path, _FILE & ~_NO_FOLLOW))
    try:
        yield f"/proc/self/fd/{descriptor}" if os.path.isdir("/proc/self/fd") else str(path)
    finally:
        os.close(descriptor)


class LibraryFile(FileResponse):
    """The answer with a file of the library, or with the file that an entry of the library names; ranges get a 206."""

    def __init__(self, home: Path, path: Path, media_type: str, cache_control: str) -> None:
        super().__init__(path, media_type=media_type, headers={"cache-control": cache_control})
        self.home, self.place = home, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.ExitStack() as stack:
            try:
                self.path = await anyio.to_thread.run_sync(stack.enter_context, opened(self.home, self.place))
            except OSError:
                reply = JSONResponse({"what": "This is not in the library", "remedy": "go back to the start"}, 404)
                await reply(scope, receive, send)
                return
            await super().__call__(scope, receive, send)
