"""A lock that a process holds through a file, and that ends with the process, however it ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO

from assistant.store.disk import private, reported

try:
    import fcntl
except ImportError:  # a system without it: one process is assumed
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """Held by at most one process (and at most one object) at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: IO[bytes] | None = None
        self._taking = threading.Lock()

    @property
    def held(self) -> bool:
        return self._handle is not None

    def acquire(self) -> bool:
        """Whether the lock is ours now; does not wait. Several threads of one holder share it."""
        with self._taking:
            if self._handle is None:
                self._handle = self._taken()
            return self._handle is not None

    def _taken(self) -> IO[bytes] | None:
        with reported(self._path.parent):
            handle = os.fdopen(private(str(self._path), os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                handle.close()
                return None
        return handle

    def release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()
