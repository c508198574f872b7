"""Work that a page asked for and that outlives its run: explanations, summaries, fetching models. A thread each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from assistant.errors import AssistantError, Cancelled

logger = logging.getLogger(__name__)

PRESS_SECONDS = 60.0  # how long a press of Stop waits for the answer that it means, while a long page is drawn

Work = Callable[["Task"], Any]


@dataclass
class Task:
    """One piece of work: how far it is, and in the end its result or the reason why there is none."""

    stop: threading.Event = field(default_factory=threading.Event)
    fraction: float | None = None  # None: not known
    message: str = ""
    lines: list[str] = field(default_factory=list)
    result: Any = None
    what: str = ""
    remedy: str = ""
    finished: bool = False

    @property
    def running(self) -> bool:
        return not self.finished

    @property
    def failed(self) -> bool:
        return bool(self.what)

    def say(self, line: str) -> None:
        """Keep a line of what is going on."""
        self.message = line
        self.lines.append(line)


class Tasks:
    """The tasks of this process by key; the same key is worked on once at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[Hashable, Task] = {}

    def start(self, key: Hashable, work: Work, *, again: bool = False) -> Task:
        """The task of this key: the one that runs or has succeeded (unless ``again``), else one begun now."""
        with self._lock:
            known = self._all.get(key)
            if known is not None and (known.running or not (again or known.failed)):
                return known
            task = self._all[key] = Task()
        threading.Thread(target=_run, args=(work, task), name=f"task {key}", daemon=True).start()
        return task

    def get(self, key: Hashable) -> Task | None:
        return self._all.get(key)

    def stop(self, key: Hashable) -> None:
        """Ask a task to end; it can be begun again."""
        if (task := self.get(key)) is not None:
            task.stop.set()

    def forget(self, key: Hashable) -> None:
        """Drop what is known of a task that has ended."""
        with self._lock:
            if (task := self._all.get(key)) is not None and task.finished:
                del self._all[key]


class Stops:
    """Who pressed Stop, by visit. The answer under way looks here, and its run then ends as any other does.

    Streamlit's own stop would end the run where it stands: what was not drawn yet is taken off the page, and the next
    word about a part that is gone takes the whole page with it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pressed: dict[str, float] = {}

    def press(self, visit: str) -> None:
        now = time.monotonic()
        with self._lock:
            self._pressed = {one: at for one, at in self._pressed.items() if now - at < PRESS_SECONDS}
            self._pressed[visit] = now

    def pressed(self, visit: str) -> bool:
        return time.monotonic() - self._pressed.get(visit, float("-inf")) < PRESS_SECONDS

    def forget(self, visit: str) -> None:
        """No answer is under way: a press that came too late means nothing."""
        with self._lock:
            self._pressed.pop(visit, None)


TASKS = Tasks()
STOPS = Stops()


def _run(work: Work, task: Task) -> None:
    try:
        task.result = work(task)
    except Cancelled:
        task.what, task.remedy = "stopped; what has come so far is kept", "begin again to go on"
    except AssistantError as error:
        task.what, task.remedy = error.what, error.remedy
    except Exception:
        logger.exception("a task failed")
        task.what, task.remedy = "This failed for a reason nobody foresaw", "try again; the log says more"
    finally:
        task.finished = True
