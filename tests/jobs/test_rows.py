"""Jobs as they lie in the library: each change is whole, an order is kept, and what has ended can wait again."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.jobs.rows import KEPT_ENDED_JOBS, JobRows, QueueFull
from assistant.store import Library

KINDS = ("analyze", "proxy", "explain")


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "home") as made:
        yield made


@pytest.fixture
def rows(library):
    return JobRows(library)


@pytest.fixture
def add(rows, tmp_path):
    """Adds a job for a file of this name."""

    def add(name: str, kind: str = "analyze", most: int = 100, **options):
        return rows.add(tmp_path / name, name, kind, options, most)

    return add


def test_a_new_job_waits_and_says_what_it_was_asked(rows, add, tmp_path):
    job = add("a.mp4", "explain", sha256="ab" * 32, segment=3)
    assert rows.get(job.id) == job
    assert (job.state, job.kind, job.name, job.path) == ("waiting", "explain", "a.mp4", tmp_path / "a.mp4")
    assert (job.sha256, job.options) == ("ab" * 32, {"sha256": "ab" * 32, "segment": 3})
    assert (job.fraction, job.deaths, job.started_at, job.finished_at) == (0.0, 0, None, None)
    assert job.is_open


def test_the_same_work_asked_for_twice_is_one_job(rows, add):
    first = add("a.mp4")
    assert add("a.mp4").id == first.id
    assert add("a.mp4", "proxy").id != first.id
    assert add("a.mp4", settings={"pack": "demo"}).id != first.id
    assert len(rows.all()) == 3


def test_work_whose_end_was_asked_for_is_asked_for_anew(rows, add):
    first = add("a.mp4")
    rows.take(KINDS)
    rows.request_cancel(first.id)
    assert add("a.mp4").id != first.id


def test_jobs_are_taken_oldest_first_each_once_and_by_their_kind(rows, add):
    names = [add(name).name for name in ("c.mp4", "a.mp4", "b.mp4")]
    other = add("d.mp4", "proxy")
    assert [rows.take(("analyze",)).name for _ in names] == names
    assert rows.take(("analyze",)) is None
    assert rows.take(("proxy", "explain")).id == other.id


def test_two_that_take_at_once_never_get_the_same_job(rows, add):
    wanted = {add(f"{number}.mp4").id for number in range(12)}
    taken: list[str] = []

    def take() -> None:
        while job := rows.take(("analyze",)):
            taken.append(job.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(wanted)


def test_a_full_queue_says_how_many_wait_and_of_what(rows, add):
    for number in range(2):
        add(f"{number}.mp4", most=2)
    with pytest.raises(QueueFull, match=r"^2 videos are waiting already; wait until some are done, or cancel one$"):
        add("more.mp4", most=2)
    add("why", "explain", most=1)
    with pytest.raises(QueueFull, match=r"^1 explanations are waiting"):
        add("why again", "explain", most=1)
    rows.take(("analyze",))
    add("more.mp4", most=2)  # one has begun, so there is room


def test_a_job_that_ends_keeps_its_reason_and_how_far_it_came(rows, add):
    done, failed = add("a.mp4"), add("b.mp4")
    for job in (done, failed):
        rows.take(KINDS)
        rows.update(job.id, fraction=0.4, stage="decode", seconds_left=3.0)
    rows.end(done.id, "done", sha256="cd" * 32)
    rows.end(failed.id, "failed", "the file is damaged; copy it again")
    done, failed = rows.get(done.id), rows.get(failed.id)
    assert (done.state, done.fraction, done.sha256, done.stage, done.seconds_left) == ("done", 1.0, "cd" * 32, "", None)
    assert (failed.state, failed.fraction, failed.reason) == ("failed", 0.4, "the file is damaged; copy it again")
    assert not done.is_open
    assert not failed.is_open
    assert failed.finished_at >= failed.started_at >= failed.created_at


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(rows, add):
    waiting, running = add("a.mp4"), add("b.mp4", "proxy")
    rows.take(("proxy",))
    assert rows.request_cancel(waiting.id) == "waiting"
    assert rows.request_cancel(running.id) == "running"
    assert rows.get(waiting.id).state == "cancelled"
    assert rows.get(running.id).state == "running"
    assert rows.cancel_requested(running.id)
    assert not rows.cancel_requested(waiting.id)


def test_the_end_of_a_job_that_is_gone_counts_as_asked_for(rows):
    assert rows.cancel_requested("nobody")
    assert rows.request_cancel("nobody") is None
    assert rows.get("nobody") is None
    assert rows.retry("nobody") is False


def test_what_nobody_runs_any_more_waits_again_in_its_old_place(rows, add):
    first, second = add("a.mp4"), add("b.mp4")
    rows.take(KINDS)
    assert rows.wait_again(("proxy",)) == 0
    assert rows.wait_again(KINDS) == 1
    assert [rows.take(KINDS).id, rows.take(KINDS).id] == [first.id, second.id]


def test_what_was_to_end_when_its_runner_died_has_ended(rows, add):
    job = add("a.mp4")
    rows.take(KINDS)
    rows.request_cancel(job.id)
    assert rows.wait_again(KINDS) == 0
    assert rows.get(job.id).state == "cancelled"


@pytest.mark.parametrize("state", ["failed", "cancelled", "set_aside"])
def test_a_job_that_ended_badly_waits_again_last_in_line(rows, add, state):
    job = add("a.mp4")
    rows.take(KINDS)
    rows.update(job.id, deaths=2)
    rows.end(job.id, state, "why")
    later = add("b.mp4")
    assert rows.retry(job.id)
    again = rows.get(job.id)
    assert (again.state, again.reason, again.deaths, again.finished_at) == ("waiting", "", 0, None)
    assert [each.id for each in rows.all()] == [later.id, job.id]


def test_what_is_done_or_still_open_is_not_tried_again(rows, add):
    job = add("a.mp4")
    assert not rows.retry(job.id)
    rows.take(KINDS)
    assert not rows.retry(job.id)
    rows.end(job.id, "done")
    assert not rows.retry(job.id)
    assert rows.get(job.id).state == "done"


def test_a_job_whose_upload_is_gone_goes_on_from_the_librarys_own_file(rows, add, library, tmp_path, timeline):
    job = add("upload.mp4")  # which is no file any more
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"film")
    library.add_video(kept, "kept.mp4", timeline.video)
    rows.end(job.id, "failed", "the disk was full", timeline.video.sha256)
    assert rows.retry(job.id)
    assert rows.get(job.id).path == library.entry(timeline.video.sha256).path


def test_only_an_ended_job_is_forgotten(rows, add):
    job = add("a.mp4")
    rows.forget(job.id)
    assert rows.get(job.id) is not None
    rows.end(job.id, "done")
    rows.forget(job.id)
    assert rows.all() == []


def test_of_ended_jobs_the_newest_are_kept_and_no_open_one_is_lost(rows, add, library):
    open_job = add("open.mp4", "proxy")
    for number in range(KEPT_ENDED_JOBS + 20):
        rows.end(add(f"{number}.mp4").id, "done")
    add("last.mp4")
    names = [job.name for job in rows.all()]
    assert names[0] == open_job.name
    assert names[-2:] == [f"{KEPT_ENDED_JOBS + 19}.mp4", "last.mp4"]
    assert "0.mp4" not in names
    assert len(names) <= KEPT_ENDED_JOBS + 3


def test_a_name_that_is_no_text_is_kept_as_text_and_its_path_as_it_is(rows, tmp_path):
    path = tmp_path / "caf\udce9.mp4"
    job = rows.add(path, "caf\udce9\x00.mp4", "analyze", {}, 10)
    assert rows.get(job.id).path == path
    assert job.name.encode("utf-8")
    assert "\x00" not in job.name


def test_jobs_outlive_the_process(tmp_path):
    with Library(tmp_path / "home") as library:
        job = JobRows(library).add(tmp_path / "a.mp4", "a.mp4", "analyze", {}, 10)
    with Library(tmp_path / "home") as library:
        assert JobRows(library).get(job.id) == job


STEPS = st.lists(st.sampled_from(["add", "take", "cancel", "end", "retry", "again", "forget"]), max_size=25)


@given(steps=STEPS, choices=st.lists(st.integers(0, 100), min_size=25, max_size=25))
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_a_job_is_in_one_known_state_and_places_stay_distinct(rows, tmp_path, steps, choices):
    for job in rows.all():
        rows.end(job.id, "done")
        rows.forget(job.id)
    for step, choice in zip(steps, choices, strict=False):
        known = rows.all()
        chosen = known[choice % len(known)].id if known else "nobody"
        if step == "add":
            rows.add(tmp_path / str(choice), str(choice), KINDS[choice % 3], {}, 100)
        elif step == "take":
            taken = rows.take((KINDS[choice % 3],))
            assert taken is None or taken.state == "running"
        elif step == "cancel":
            rows.request_cancel(chosen)
        elif step == "end":
            rows.end(chosen, ("done", "failed", "set_aside")[choice % 3], "x")
        elif step == "retry":
            rows.retry(chosen)
        elif step == "again":
            rows.wait_again(KINDS)
        else:
            rows.forget(chosen)
    found = rows.all()
    assert len({job.id for job in found}) == len(found)
    assert all(job.state in ("waiting", "running", "done", "failed", "cancelled", "set_aside") for job in found)
    assert all((job.finished_at is not None) or job.is_open or job.state == "cancelled" for job in found)
    order = [rows.take(KINDS) for _ in range(sum(job.state == "waiting" for job in found))]
    assert [job.id for job in order] == [job.id for job in found if job.state == "waiting"]
