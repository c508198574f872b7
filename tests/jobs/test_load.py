"""Several people chat while videos are analysed: the engine and the queue in one process, as the app has them."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import SAMPLE
from real_engine import demo_settings, films, handles, resident_bytes

from assistant.chat.answer import Turn
from assistant.core.timeline import Answer
from assistant.engine import Assistant
from assistant.jobs import JobQueue
from assistant.store import Library
from assistant.ui.chat_panel import pumped

QUESTIONS = (
    "What happens first?",
    "When is a red circle shown?",
    "What is said at the beginning?",
    "How many segments are there?",
    "Does an elephant appear?",
    "What happens after that?",
    "Summarize the video.",
    "What happens at 0:10?",
)
LONG = 1800.0


@dataclass
class Seen:
    """What the load showed; times in seconds."""

    first: list[float] = field(default_factory=list)  # from each question to the first piece of its answer
    whole: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    most_bytes: int = 0
    most_handles: int = 0


def talk(engine: Assistant, sha256: str, questions: tuple[str, ...], seen: Seen) -> None:
    """One person's conversation, kept as the page keeps it."""
    chats = engine.library.chats
    try:
        conversation = chats.start(sha256)
        for question in questions:
            history = [Turn(turn.question, turn.answer) for turn in chats.turns(conversation)]
            asked, first, answer = time.monotonic(), 0.0, None
            stop = threading.Event()
            for piece in pumped(engine.ask(sha256, question, history=history, answerer="extractive"), stop):
                if piece and not first:
                    first = time.monotonic() - asked
                if isinstance(piece, Answer):
                    answer = piece
            assert answer is not None
            seen.first.append(first)
            seen.whole.append(time.monotonic() - asked)
            chats.append_turn(conversation, question, answer)
    except BaseException as error:
        seen.errors.append(repr(error))


def under_load(folder: Path, chats: int, analyses: int, rounds: int, seconds: float) -> Seen:
    """What was seen while so many chats went on beside so many analyses; each chat asks all questions so often."""
    shown, waiting = shutil.copy(SAMPLE, folder / "sample.mp4"), films(folder, analyses, seconds)
    seen = Seen()
    with Library(folder / "library") as library:
        settings = demo_settings(library.home)
        engine = Assistant(settings, library)
        with JobQueue(settings, library=library) as queue:
            ready = queue.wait(queue.submit(Path(shown), "sample").id, LONG)
            assert ready.state == "done", ready.reason
            jobs = [queue.submit(path, path.name) for path in waiting]
            people = [
                threading.Thread(target=talk, args=(engine, ready.sha256, QUESTIONS * rounds, seen))
                for _ in range(chats)
            ]
            for person in people:
                person.start()
            while any(person.is_alive() for person in people):
                seen.most_bytes = max(seen.most_bytes, resident_bytes(os.getpid()))
                seen.most_handles = max(seen.most_handles, handles(os.getpid()))
                assert len(queue.jobs()) <= analyses + 1
                time.sleep(0.05)
            for job in jobs:
                state = queue.wait(job.id, LONG).state
                seen.states[state] = seen.states.get(state, 0) + 1
        kept = sum(item.turns for item in library.chats.conversations(ready.sha256))
    assert kept == chats * rounds * len(QUESTIONS)
    return seen


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_three_chats_beside_two_analyses_are_answered_without_an_error(tmp_path):
    seen = under_load(tmp_path, chats=3, analyses=2, rounds=1, seconds=5.0)
    assert (seen.errors, seen.states) == ([], {"done": 2})
    assert len(seen.first) == 3 * len(QUESTIONS)


@pytest.mark.soak
def test_eight_chats_beside_four_analyses_begin_every_answer_within_three_seconds(tmp_path):
    seen = under_load(tmp_path, chats=8, analyses=4, rounds=6, seconds=40.0)
    print(
        f"{len(seen.first)} answers, {len(seen.errors)} errors; the slowest first piece after {max(seen.first):.2f} s,"
        f" the slowest whole answer after {max(seen.whole):.2f} s; at most {seen.most_bytes / 1e6:.0f} MB and"
        f" {seen.most_handles} handles in the server's process"
    )
    assert (seen.errors, seen.states) == ([], {"done": 4})
    assert max(seen.first) < 3.0
