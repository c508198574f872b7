"""The whole analysis on real files; ``pytest -m slow tests/test_media.py`` prints the figures."""

import json
import resource
import time
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import SHARED

from assistant.config import load
from assistant.core.timeline import Timeline
from assistant.engine import Assistant
from assistant.errors import InputUnusable, UnknownSegment
from assistant.evaluation.measures import match_times
from assistant.explain import Explanation

MEDIA = SHARED / "media"
GROUPS = ("actions", "speech", "shots", "long", "derived")
TOLERANCE_SECONDS = 0.15
VOICE_TOLERANCE_SECONDS = 0.5
SILENT = (
    "speech/no_speech_rain.mp3",
    "actions/chaplin_two_men.mp4",
    "odd/silent_black_10s.mp4",
    "long/black_363s_1080p_silent_audio.mp4",
)
# MANIFEST.csv names a talk with its own sound here (109.56-139.56 s); truth.json leaves its voice out.
VOICE_NOT_IN_TRUTH = {"long/collage_dev.mp4": (109.56, 139.56)}

pytestmark = pytest.mark.slow


def files(*groups: str) -> list[str]:
    return [str(p.relative_to(MEDIA)) for g in groups for p in sorted((MEDIA / g).glob("*")) if p.is_file()]


@pytest.fixture(scope="module")
def assistant(tmp_path_factory) -> Assistant:
    return Assistant(load(tmp_path_factory.mktemp("library"), "demo"))


@pytest.fixture(scope="module")
def truth() -> dict:
    if not MEDIA.is_dir():
        pytest.skip("the folder ../shared/media with real test files is not at hand")
    return json.loads((MEDIA / "truth.json").read_text())


def check_timeline(timeline: Timeline) -> None:
    end = timeline.video.duration_seconds
    for spans in ([s.span for s in timeline.segments], [s.span for s in timeline.shots]):
        assert spans[0].start_seconds == 0
        assert spans[-1].end_seconds == pytest.approx(end, abs=1e-6)
        assert all(a.end_seconds == pytest.approx(b.start_seconds) for a, b in pairwise(spans))
    assert Timeline.from_json(json.loads(json.dumps(timeline.to_json()))) == timeline
    for segment in timeline.segments:
        said = [u.span for u in segment.utterances]
        assert all(0 <= s.start_seconds <= s.end_seconds <= end + 1e-6 for s in said)


def test_every_ordinary_file_gives_a_timeline_and_no_words_where_nobody_speaks(truth, assistant, capsys):
    rows = []
    for name in files(*GROUPS):
        started = time.monotonic()
        timeline = assistant.analyze(MEDIA / name)
        rows.append((time.monotonic() - started, name, len(timeline.segments)))
        check_timeline(timeline)
        spoken = truth.get(name, {}).get("speech_seconds")
        if spoken == [] or name in SILENT:
            assert not timeline.speech_spans, name
            assert not any(s.utterances for s in timeline.segments), name
            assert any(a.what == "speech" and a.reason for a in timeline.absences), name
    with capsys.disabled():
        print(f"\n{len(rows)} files, slowest: {max(rows)}, peak {peak_megabytes()} MB")


def test_hard_cuts_are_found_where_the_truth_names_them(truth, assistant, capsys):
    matched = found = true = 0
    for name, facts in truth.items():
        if "cuts_seconds" not in facts:
            continue
        timeline = assistant.analyze(MEDIA / name)
        cuts = [s.span.start_seconds for s in timeline.shots if s.transition == "cut"]
        matches = match_times(cuts, facts["cuts_seconds"], TOLERANCE_SECONDS)
        matched, found, true = matched + matches.matched, found + matches.found, true + matches.true
    f1 = 2 * matched / (found + true)
    with capsys.disabled():
        print(f"\ncuts: {matched} of {true} found, {found - matched} wrong, F1 {f1:.3f}")
    assert f1 >= 0.90


def test_voice_is_found_where_the_truth_says_and_nowhere_else(truth, assistant):
    for name, facts in truth.items():
        if "speech_seconds" not in facts:
            continue
        timeline = assistant.analyze(MEDIA / name)
        talk = VOICE_NOT_IN_TRUTH.get(name, (0.0, 0.0))
        spans = [(s.start_seconds, s.end_seconds) for s in timeline.speech_spans]
        ours = [span for span in spans if not talk[0] <= span[0] < talk[1]]
        for found, true in groups(ours, [tuple(span) for span in facts["speech_seconds"]]):
            assert found, f"{name}: no voice at {true}, only {ours}"
            assert true, f"{name}: voice at {found}"
            starts, ends = (found[0][0], true[0][0]), (found[-1][1], true[-1][1])
            assert abs(starts[0] - starts[1]) <= VOICE_TOLERANCE_SECONDS, f"{name}: {found} against {true}"
            assert abs(ends[0] - ends[1]) <= VOICE_TOLERANCE_SECONDS, f"{name}: {found} against {true}"


def groups(ours, truth):
    """Spans that overlap each other, found and true: a breath may split one interval, or be bridged between two."""
    spans = sorted([(*span, 0) for span in ours] + [(*span, 1) for span in truth])
    merged, end = [], float("-inf")
    for span in spans:
        if span[0] > end:
            merged.append(([], []))
        merged[-1][span[2]].append(span[:2])
        end = max(end, span[1])
    return merged


def test_every_odd_file_gives_a_timeline_or_one_line(assistant, truth, capsys):
    rows, lines, refused = [], [], []
    for name in files("odd"):
        started = time.monotonic()
        try:
            check_timeline(assistant.analyze(MEDIA / name))
        except InputUnusable as error:
            lines.append(f"{Path(name).name}: {error}")
            refused.append(error)
        rows.append((time.monotonic() - started, name))
    with capsys.disabled():
        print(f"\n{len(rows)} odd files, {len(lines)} refused, slowest {max(rows)}, peak {peak_megabytes()} MB")
        print("\n".join(lines))
    assert all(error.remedy and "\n" not in str(error) for error in refused)
    assert max(rows)[0] < 60
    assert peak_megabytes() < 2000


EXPLAINED = ("asl_eat.mkv", "black_swan.mp4", "flower_opening.mp4", "pour_coffee.mp4", "throw_ball_dog.mp4")


def test_every_segment_of_five_real_files_can_be_explained(truth, assistant, capsys):
    count = 0
    for name in EXPLAINED:
        timeline = assistant.analyze(MEDIA / "actions" / name)
        for segment in timeline.segments:
            document = assistant.explain(timeline.video.sha256, segment.id).to_json()
            assert Explanation.from_json(document).to_json() == document
            assert document["label"] == segment.actions[0].label
            count += 1
    with capsys.disabled():
        print(f"\n{count} segments of {len(EXPLAINED)} files explained")


def test_sound_alone_has_no_action_to_explain(truth, assistant):
    timeline = assistant.analyze(MEDIA / "speech" / "en_one_two_three.wav")
    with pytest.raises(UnknownSegment, match="no actions to explain"):
        assistant.explain(timeline.video.sha256, 1)


def peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
