"""The queue of analyses: order, progress, cancelling, and what a worker's or the server's death costs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT

from assistant.config import ComputeSettings, Settings, SpeechSettings
from assistant.core import documents
from assistant.core.timeline import Segment, Span, Video
from assistant.jobs import JobQueue, Patience, QueueFull, WorkerSpec
from assistant.jobs.process import Spent
from assistant.jobs.run import Estimate
from assistant.jobs.watchdog import Watchdog
from assistant.jobs.worker.limits import WorkerLimits
from assistant.jobs.worker.stack_sampler import sample_stacks
from assistant.jobs.worker.target import PartialSaver
from assistant.store import Library
from assistant.store.files import is_alive

TESTS = ROOT / "tests"
SPEC = WorkerSpec("job_targets:open_target", (TESTS,), WorkerLimits(resident_bytes=150_000_000))
PATIENCE = Patience(decode_seconds=1.5, cancel_seconds=1.0, idle_seconds=60.0)
SOON = 30.0


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with Library(tmp_path_factory.mktemp("jobs") / "library") as opened:
        yield opened


@pytest.fixture(scope="module")
def queue(library):
    """One queue for most tests, so that they share a warm worker where they leave one."""
    settings = Settings(library.home)
    with JobQueue(settings, library=library, worker=SPEC, patience=PATIENCE, most_waiting=4) as running:
        yield running


@pytest.fixture
def film(tmp_path):
    """Writes a film: a script that the worker of these tests follows."""

    def write(name="film.mp4", folder=None, **script):
        path = (folder or tmp_path) / name
        path.write_text(json.dumps({"segments": 3, "name": f"{tmp_path.name} {name}", **script}))
        return path

    return write


def ran(path):
    """Which parts of a film were really worked on, each with its worker."""
    log = Path(f"{path}.ran")
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []


def until(true, seconds=SOON):
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
    return value


def test_jobs_run_in_the_order_asked_for_in_one_warm_worker(queue, library, film):
    paths = [film(f"{n}.mp4") for n in range(3)]
    jobs = [queue.submit(path, f"film {n}") for n, path in enumerate(paths)]
    done = [queue.wait(job.id, SOON) for job in jobs]
    assert [(job.state, job.fraction, job.segments_done, job.reason) for job in done] == [("done", 1.0, 3, "")] * 3
    assert done[0].finished_at <= done[1].started_at <= done[1].finished_at <= done[2].started_at
    assert len({worker for path in paths for _, worker in ran(path)}) == 1
    assert [len(library.timeline(job.sha256).segments) for job in done] == [3, 3, 3]
    assert [job.name for job in queue.jobs() if job.id in {j.id for j in jobs}] == ["film 0", "film 1", "film 2"]


def test_finished_segments_and_time_left_show_while_the_rest_runs(queue, library, film):
    job = queue.submit(film(segments=12, pause=0.4), "film")
    shown = until(lambda: (j := queue.job(job.id)) and j.sha256 and j.seconds_left is not None and j)
    assert shown.state == "running"
    assert shown.stage == "decode"
    assert 0.0 < shown.fraction < 1.0
    assert 0.0 < shown.seconds_left < 60.0
    assert shown.segments_done >= 2
    assert library.timeline(shown.sha256) is None
    assert [segment.id for segment in until(lambda: library.partial(shown.sha256))][:2] == [1, 2]
    queue.cancel(job.id)


def test_segments_of_an_earlier_analysis_are_not_shown_with_those_of_this_one(library, film):
    path = film()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    library.add_video(path, "film", Video(str(path), sha256, 9.0, 64, 48, 25.0, False))
    library.save_partial(sha256, [Segment(7, Span(6.0, 7.0))])
    PartialSaver(library, path).take(Segment(1, Span(0.0, 3.0)))
    assert [segment.id for segment in library.partial(sha256)] == [1]


@pytest.mark.parametrize("how", ["crash", "kill", "hang", "stop", "spin", "hold"])
def test_a_worker_that_dies_or_sticks_is_replaced_and_the_job_goes_on_where_it_was(queue, film, how):
    path = film(at={"2": how}, once=True)
    job = queue.wait(queue.submit(path, "film").id, SOON)
    assert (job.state, job.deaths) == ("done", 1)
    assert [part for part, _ in ran(path)] == [1, 2, 3]
    assert len({worker for _, worker in ran(path)}) == 2


@pytest.mark.parametrize(("how", "model_seconds"), [("load", 60.0), ("compute", 2.5)])
def test_a_worker_that_is_busy_in_one_native_call_for_long_is_left_alone(home, film, how, model_seconds):
    patience = Patience(decode_seconds=2.5, model_seconds=model_seconds)
    path = film(at={"2": how})
    with JobQueue(Settings(home), worker=SPEC, patience=patience) as queue:
        started = time.monotonic()
        job = queue.wait(queue.submit(path, "film").id, 2 * SOON)
    assert (job.state, job.deaths) == ("done", 0)
    assert time.monotonic() - started > 3.0, "the call was too short to show anything"


def test_a_model_that_stands_still_and_computes_nothing_is_found(home, film):
    patience = Patience(decode_seconds=1.0, model_seconds=2.0)
    with JobQueue(Settings(home), worker=SPEC, patience=patience) as queue:
        job = queue.wait(queue.submit(film(at={"2": "doze"}, once=True), "film").id, SOON)
    assert (job.state, job.deaths) == ("done", 1)


def test_a_job_that_kills_two_workers_is_set_aside_and_the_queue_goes_on(queue, film):
    bad = queue.submit(film("bad.mp4", at={"2": "crash"}), "bad")
    good = queue.submit(film("good.mp4"), "good")
    assert queue.wait(good.id, SOON).state == "done"
    job = queue.job(bad.id)
    assert (job.state, job.deaths) == ("set_aside", 2)
    assert "set aside" in job.reason
    assert "crashed (SIGSEGV)" in job.reason
    assert "MP4" in job.reason


def test_a_worker_killed_from_outside_costs_nothing_that_was_finished(queue, film):
    path = film(segments=5, pause=0.2)
    job = queue.submit(path, "film")
    until(lambda: len(ran(path)) >= 2)
    os.kill(queue.worker_process_id, signal.SIGKILL)
    assert queue.wait(job.id, SOON).state == "done"
    assert [part for part, _ in ran(path)] == [1, 2, 3, 4, 5]


def test_what_is_no_video_fails_with_its_line_and_leaves_nothing(queue, library, film):
    upload = library.new_upload("bad.mp4")
    content = film(upload.name, upload.parent, refuse=True).read_bytes()
    job = queue.wait(queue.submit(upload, "bad.mp4").id, SOON)
    assert (job.state, job.reason) == ("failed", "this is no video; try another file")
    until(lambda: not upload.exists())
    assert library.entry(hashlib.sha256(content).hexdigest()) is None


def test_missing_weights_fail_with_the_remedy_and_keep_the_upload_for_another_try(queue, library, film):
    upload = library.new_upload("film.mp4")
    film(upload.name, upload.parent, weights=True)
    job = queue.wait(queue.submit(upload, "film.mp4").id, SOON)
    assert (job.state, job.reason) == ("failed", "the weights are missing; run models pull")
    assert upload.exists()


def test_an_upload_that_was_analysed_lies_in_the_library_once(queue, library, film):
    upload = library.new_upload("film.mp4")
    film(upload.name, upload.parent)
    job = queue.wait(queue.submit(upload, "film.mp4").id, SOON)
    assert job.state == "done"
    until(lambda: not upload.exists())
    assert library.entry(job.sha256).path.is_file()


def test_a_slip_of_the_program_is_one_line_without_a_traceback(queue, film):
    job = queue.wait(queue.submit(film(at={"2": "raise"}), "film").id, SOON)
    assert job.state == "failed"
    assert "RuntimeError" in job.reason
    assert "Traceback" not in job.reason
    assert "\n" not in job.reason
    assert queue.wait(queue.submit(film("next.mp4"), "next").id, SOON).state == "done"


@pytest.mark.parametrize("how", ["memory", "eat"])
def test_a_memory_bomb_is_one_failed_job(queue, film, how):
    job = queue.wait(queue.submit(film(at={"2": how}, stage="speech"), "film").id, SOON)
    assert job.state == "failed"
    assert "more memory" in job.reason
    assert queue.wait(queue.submit(film("next.mp4"), "next").id, SOON).state == "done"


def test_what_a_library_prints_is_no_event(queue, film):
    assert queue.wait(queue.submit(film(at={"2": "print"}), "film").id, SOON).state == "done"


def test_a_running_job_is_cancelled_kindly_keeps_its_stages_and_goes_on_when_asked(queue, film):
    path = film(segments=6, pause=0.3)
    job = queue.submit(path, "film")
    until(lambda: len(ran(path)) >= 2)
    worker = queue.worker_process_id
    queue.cancel(job.id)
    assert queue.wait(job.id, SOON).state == "cancelled"
    assert queue.worker_process_id == worker, "a worker that listens stays warm"
    assert 2 <= len(ran(path)) < 6
    assert queue.wait(queue.retry(job.id).id, SOON).state == "done"
    assert [part for part, _ in ran(path)] == [1, 2, 3, 4, 5, 6]


def test_a_job_that_does_not_listen_is_ended_with_its_worker(queue, film):
    path = film(segments=500, pause=0.1, deaf=True)
    job = queue.submit(path, "film")
    until(lambda: ran(path))
    asked = time.monotonic()
    queue.cancel(job.id)
    assert queue.wait(job.id, SOON).state == "cancelled"
    assert time.monotonic() - asked < PATIENCE.cancel_seconds + 5.0


def test_a_waiting_job_is_cancelled_at_once_and_never_runs(queue, film):
    first = queue.submit(film("a.mp4", segments=4, pause=0.2), "a")
    path = film("b.mp4")
    second = queue.submit(path, "b")
    queue.cancel(second.id)
    assert queue.job(second.id).state == "cancelled"
    assert queue.wait(first.id, SOON).state == "done"
    assert ran(path) == []


def test_the_queue_has_a_bound_and_says_so(queue, film):
    running = queue.submit(film("a.mp4", segments=100, pause=0.1), "a")
    until(lambda: queue.job(running.id).state == "running")
    for number in range(4):
        queue.submit(film(f"{number}.mp4"), "waiting")
    with pytest.raises(QueueFull, match=r"4 videos are waiting already; wait"):
        queue.submit(film("more.mp4"), "more")
    for job in queue.jobs():
        queue.cancel(job.id)
    until(lambda: not any(job.is_open for job in queue.jobs()))


def test_the_same_work_asked_for_twice_is_one_job(queue, film):
    path = film(segments=5, pause=0.2)
    first = queue.submit(path, "film")
    assert queue.submit(path, "film").id == first.id
    assert queue.submit(path, "film", options={"settings": {"speech": {"language": "de"}}}).id != first.id
    assert queue.wait(first.id, SOON).state == "done"


def test_a_worker_with_nothing_to_do_goes(home, film):
    patience = dataclasses.replace(PATIENCE, idle_seconds=0.1)
    with JobQueue(Settings(home), worker=SPEC, patience=patience) as queue:
        assert queue.wait(queue.submit(film(), "film").id, SOON).state == "done"
        until(lambda: queue.worker_process_id is None)
        assert queue.wait(queue.submit(film("b.mp4"), "b").id, SOON).state == "done"


def test_closing_the_queue_ends_the_worker_and_the_job_waits_for_the_next_start(home, film):
    path = film(segments=8, pause=0.2)
    with JobQueue(Settings(home), worker=SPEC, patience=PATIENCE) as queue:
        job = queue.submit(path, "film")
        until(lambda: len(ran(path)) >= 2)
        worker = queue.worker_process_id
    until(lambda: not is_alive(worker))
    with JobQueue(Settings(home), worker=SPEC, patience=PATIENCE) as queue:
        again = queue.wait(job.id, SOON)
    assert (again.state, again.deaths) == ("done", 0)
    assert [part for part, _ in ran(path)] == list(range(1, 9))


SERVER = """
import sys
from pathlib import Path
from assistant.config import Settings
from assistant.jobs import JobQueue, WorkerSpec
spec = WorkerSpec("job_targets:open_target", (Path({tests!r}),))
with JobQueue(Settings(Path(sys.argv[1])), worker=spec) as queue:
    job = queue.submit(Path(sys.argv[2]), "film")
    print(job.id, flush=True)
    queue.wait(job.id, 600)
"""


def test_a_server_killed_in_mid_analysis_takes_its_worker_along_and_the_next_one_goes_on(home, film):
    path = film(segments=8, pause=0.2)
    code = SERVER.format(tests=str(TESTS))
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(home), str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with server:
        job_id = server.stdout.readline().strip()
        until(lambda: len(ran(path)) >= 2)
        worker = ran(path)[0][1]
        server.kill()
    until(lambda: not is_alive(worker), 5.0)
    with JobQueue(Settings(home), worker=SPEC, patience=PATIENCE) as queue:
        job = queue.wait(job_id, SOON)
    assert (job.state, job.deaths) == ("done", 0)
    assert [part for part, _ in ran(path)] == list(range(1, 9))
    with Library(home) as library:
        assert [s.id for s in library.timeline(job.sha256).segments] == list(range(1, 9))
    assert list((home / "temporary").iterdir()) == []


def test_of_two_processes_with_one_library_one_works_and_both_can_ask_and_cancel(library, film, queue):
    first = queue.submit(film("a.mp4", segments=50, pause=0.1), "a")
    until(lambda: queue.job(first.id).state == "running")
    with JobQueue(Settings(library.home), worker=SPEC, patience=PATIENCE) as other:
        second = other.submit(film("b.mp4"), "b")
        assert other.worker_process_id is None
        other.cancel(first.id)
        assert other.wait(first.id, SOON).state == "cancelled"
        assert other.wait(second.id, SOON).state == "done"
        assert other.worker_process_id is None
    assert queue.job(second.id).state == "done"


def test_deleting_a_video_while_it_is_analysed_ends_the_job_and_leaves_nothing(queue, library, film):
    path = film(segments=50, pause=0.1)
    job = queue.submit(path, "film")
    shown = until(lambda: (j := queue.job(job.id)) and j.sha256 and j)
    library.delete_video(shown.sha256)
    assert queue.wait(job.id, SOON).state == "cancelled"
    assert library.entry(shown.sha256) is None
    assert not (library.home / "videos" / shown.sha256).exists()


def test_a_name_and_a_path_from_anywhere_reach_the_worker_as_they_are(queue, library, film, tmp_path):
    name = '<b>"\n\u202e' + "é" * 60
    path = film(os.fsdecode(b"caf\xe9 .mp4"))
    job = queue.wait(queue.submit(path, name).id, SOON)
    assert job.state == "done"
    assert library.entry(job.sha256).name == name
    assert library.entry(job.sha256).path == path


def test_a_proxy_is_made_beside_the_analyses_and_lies_in_the_library(home, media, film):
    from assistant.config import Limits
    from assistant.media.probe import probe

    path = media / "actions" / "asl_yes.mkv"
    video = probe(path, Limits())
    with Library(home) as library, JobQueue(Settings(home), library=library, patience=PATIENCE) as queue:
        library.add_video(path, path.name, video)
        job = queue.submit(path, path.name, kind="proxy", options={"sha256": video.sha256})
        assert queue.worker_process_id is None, "analyses have a worker of their own"
        job = queue.wait(job.id, 120.0)
        assert (job.state, job.reason, job.sha256) == ("done", "", video.sha256)
        proxy = library.file(video.sha256, "proxy.mp4")
        assert probe(proxy, Limits()).video_codec == "h264"
        assert list((home / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("how", "state", "reason"),
    [
        ("crash", "set_aside", "cannot be explained: it stopped 2 attempts (it crashed (SIGSEGV)); convert"),
        ("hang", "set_aside", "cannot be explained: it stopped 2 attempts (decoding stood still"),
        ("eat", "failed", "more memory"),
        ("refuse", "failed", "this is no video; try another file"),
    ],
)
def test_what_breaks_while_a_video_is_explained_is_one_failed_job(queue, film, how, state, reason):
    stage = "decode" if how == "hang" else "explain"
    broken = film(refuse=True) if how == "refuse" else film(at={"2": how}, stage=stage)
    asked = {"sha256": "0" * 64, "segment": 1, "label": how}
    job = queue.wait(queue.submit(broken, "film", kind="explain", options=asked).id, SOON)
    assert (job.state, job.kind) == (state, "explain")
    assert reason in job.reason
    assert queue.wait(queue.submit(film("next.mp4"), "next", kind="explain", options=asked).id, SOON).state == "done"


def test_an_explanation_does_not_wait_for_an_analysis(queue, film):
    long = queue.submit(film(segments=100, pause=0.1), "long")
    until(lambda: queue.job(long.id).state == "running")
    asked = {"sha256": "0" * 64, "segment": 1, "label": ""}
    assert queue.wait(queue.submit(film("b.mp4"), "b", kind="explain", options=asked).id, SOON).state == "done"
    assert queue.job(long.id).state == "running"
    queue.cancel(long.id)
    queue.wait(long.id, SOON)


def test_a_kind_of_job_that_nobody_does_is_refused(queue, film):
    with pytest.raises(ValueError, match="no such kind"):
        queue.submit(film(), "film", kind="dance")


def handles():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="counts handles in /proc")
def test_no_thread_or_handle_is_left_over_by_jobs_and_replaced_workers(queue, film):
    def one(number, **script):
        job = queue.wait(queue.submit(film(f"{number}.mp4", segments=1, **script), "film").id, SOON)
        assert job.state in ("done", "failed")

    one(0)
    before = handles(), threading.active_count()
    for number in range(1, 13):
        one(number, **({"at": {"1": "kill"}, "once": True} if number % 4 == 0 else {"refuse": number % 3 == 0}))
    assert (handles(), threading.active_count()) == before


@pytest.mark.soak
def test_two_hundred_jobs_leave_memory_and_handles_flat(home, film):
    def resident(process_id):
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * 4096

    with JobQueue(Settings(home), worker=SPEC, patience=PATIENCE) as queue:
        seen: list[tuple[int, int, int]] = []
        for number in range(200):
            job = queue.submit(film(f"{number}.mp4"), "film")
            assert queue.wait(job.id, SOON).state == "done"
            seen.append((resident(os.getpid()), resident(queue.worker_process_id), handles()))
    for first, last in zip(zip(*seen[:50], strict=True), zip(*seen[-50:], strict=True), strict=True):
        assert sum(last) <= 1.03 * sum(first)


# --- the parts ------------------------------------------------------------------------------------------------------


def test_in_a_decoder_only_progress_counts():
    dog = Watchdog(Patience(decode_seconds=15.0, model_seconds=120.0), started=0.0)
    dog.progress(1.0, "decode")
    for second in range(2, 16):
        dog.beat(second, "decode", f"position {second}")
        assert dog.verdict(second) == ""
    assert "decoding stood still for 16 s" in dog.verdict(17.0)


def test_a_model_may_take_its_time_while_it_moves():
    dog = Watchdog(Patience(decode_seconds=15.0, model_seconds=120.0), started=0.0)
    dog.progress(0.0, "decode")
    for second in range(600):
        dog.beat(second, "model", f"layer {second // 60}")
        assert dog.verdict(second) == ""
    for second in range(600, 661):
        dog.beat(second, "model", "layer 9")
        assert dog.verdict(second) == ""
    assert "stood still" in dog.verdict(662.0)
    dog.beat(663.0, "decode", "a")
    assert dog.verdict(663.0) == ""


def test_one_operation_of_a_large_model_may_take_minutes_while_it_computes():
    dog = Watchdog(Patience(model_seconds=120.0, busy_seconds=900.0), started=0.0)
    dog.progress(0.0, "decode")
    for second in range(1, 900):
        dog.beat(second, "model", "layer 1")
        dog.look(second, Spent(0.1 * second, 0, 0))
        assert dog.verdict(second) == ""
    for second in range(900, 903):
        dog.beat(second, "model", "layer 1")
    assert "stood still" in dog.verdict(902.0)
    idle = Watchdog(Patience(model_seconds=120.0, busy_seconds=900.0), started=0.0)
    idle.progress(0.0, "decode")
    for second in range(1, 123):
        idle.beat(second, "model", "layer 1")
        idle.look(second, Spent(0.001 * second, 0, 0))
    assert "stood still" in idle.verdict(122.0)


def test_a_silent_worker_that_reads_or_computes_is_waited_for_and_one_that_does_not_is_not():
    for signs in ((0.5, 0, 0), (0.0, 1, 0), (0.0, 0, 4096)):
        dog = Watchdog(Patience(decode_seconds=15.0, model_seconds=120.0), started=0.0)
        dog.progress(0.0, "decode")
        for second in range(1, 120):
            dog.look(second, Spent(*(second * sign for sign in signs)))
            assert dog.verdict(second) == ""
        assert "stood still" in dog.verdict(121.0)
    dog = Watchdog(Patience(decode_seconds=15.0), started=0.0)
    dog.progress(0.0, "decode")
    for second in range(1, 32):
        dog.look(second, Spent(1.0, 2, 3))
    assert "decoding stood still" in dog.verdict(31.0)


def test_a_file_that_is_measured_before_its_first_frame_counts_as_long_as_it_is_read():
    dog = Watchdog(Patience(decode_seconds=15.0, opening_seconds=100.0), started=0.0)
    for second in range(100):
        dog.beat(second, "decode", f"read {second}")
        assert dog.verdict(second) == ""
    assert "did not begin" in dog.verdict(101.0)
    stuck = Watchdog(Patience(decode_seconds=15.0), started=0.0)
    for second in range(18):
        stuck.beat(second, "decode", "read 0")
    assert "decoding stood still" in stuck.verdict(17.0)


def test_a_worker_that_falls_silent_while_it_decodes_is_noticed():
    dog = Watchdog(Patience(decode_seconds=15.0), started=0.0)
    dog.progress(1.0, "decode")
    assert dog.verdict(15.0) == ""
    assert dog.verdict(17.0) != ""


def test_a_machine_that_is_too_busy_to_beat_is_no_stuck_decoder():
    dog = Watchdog(Patience(decode_seconds=15.0), started=0.0)
    dog.progress(0.0, "decode")
    for second in range(4, 80, 4):
        dog.beat(second, "decode", "a")
        assert dog.verdict(second) == ""


def test_a_job_has_a_time_limit():
    dog = Watchdog(Patience(job_seconds=3600.0), started=0.0)
    dog.progress(3601.0, "speech")
    assert "longer than 1 h" in dog.verdict(3601.0)


def test_the_time_left_follows_the_speed_after_the_models_are_loaded():
    estimate = Estimate()
    estimate.feed(0.0, "decode", 0.0, 100.0)
    assert estimate.seconds_left(20.0) is None
    estimate.feed(20.0, "decode", 1.0, 100.0)
    estimate.feed(30.0, "decode", 51.0, 100.0)
    assert estimate.fraction == pytest.approx(0.408)
    assert estimate.seconds_left(30.0) == pytest.approx(10.0 / 0.4 * (1.0 - 0.408))
    estimate.feed(31.0, "decode", 2.0, 100.0)
    assert estimate.fraction == pytest.approx(0.408), "it never falls"
    estimate.feed(40.0, "speech", 0.0, 0.0)
    assert estimate.fraction == pytest.approx(0.8)


def test_whereabouts_tell_a_waiting_thread_and_move_with_it():
    ready = threading.Event()
    go = threading.Event()

    def work():
        ready.set()
        go.wait()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    found = sample_stacks(thread.ident, "decode")
    other = sample_stacks(thread.ident, "")
    again = sample_stacks(thread.ident, "")
    go.set()
    thread.join()
    assert found.where == "decode"
    assert other.where == "other"
    assert other.position == again.position


def test_settings_reach_the_worker_as_they_are_and_a_job_may_change_a_part():
    settings = Settings(Path("/home/x"), speech=SpeechSettings("de"), compute=ComputeSettings(threads=3))
    sent = json.loads(json.dumps(documents.dump(settings)))
    assert documents.load(Settings, sent) == settings
    changed = documents.load(
        Settings, documents.merged(sent, {"speech": {"language": "fr"}, "descriptions": {"label_lists": ["a"]}})
    )
    assert changed.speech.language == "fr"
    assert changed.descriptions.label_lists == ("a",)
    assert changed.compute == settings.compute
