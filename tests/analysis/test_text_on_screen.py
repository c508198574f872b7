"""Text on screen: which frames are read, and what becomes of the lines; with the real reader where it is at hand."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from making_media import scene, write
from PIL import Image, ImageDraw, ImageFont

from assistant.analysis.analyzers import text as text_room
from assistant.analysis.analyzers.text import Reading, TextAnalyzer, changed_cells, cleaned, merged
from assistant.config import Settings, default_home
from assistant.core.timeline import Shot, Span, Timeline, Video
from assistant.engine import Assistant
from assistant.errors import Cancelled, ModelFailed, ModelUnavailable
from assistant.models.packs import catalog
from assistant.models.protocols import TextInFrame
from assistant.models.registry import Models, resolve
from assistant.ui.view import desk_view

VIDEO = Video("v.mp4", "0" * 64, 10.0, 320, 180, 10.0, False)
ONE_SHOT = (Shot(Span(0.0, 10.0), "start"),)


def slide(*lines, size=(320, 180), letters=24, box=None):
    """A white page with lines of text, uint8 ``[H, W, 3]``; ``box``: a grey square somewhere, left and top."""
    page = Image.new("RGB", size, (250, 250, 250))
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((20, 15 + 1.6 * letters * number), line, font=ImageFont.load_default(letters), fill=(10, 10, 10))
    if box is not None:
        draw.rectangle((*box, box[0] + 40, box[1] + 40), fill=(90, 90, 90))
    return np.asarray(page)


class Scripted:
    """A reader that says what was written on the pictures that it is given, by their pixels."""

    name, revision, frame_size = "scripted", "1", 1080

    def __init__(self, known=()):
        self.known = dict(known)
        self.frames = 0

    def read(self, frame):
        self.frames += 1
        return self.known.get(frame.tobytes(), [])


def line(text, box=(20, 15, 120, 40), score=0.99):
    return TextInFrame(text, box, score)


def watched(pictures, shots=ONE_SHOT, known=(), video=VIDEO, hz=2.0, reader=None):
    """The readings of pictures that come at an even rate, and how many frames the reader was shown."""
    reader = reader or Scripted(known)
    watch = text_room._Watch(reader, video, shots, lambda: False)
    for index, picture in enumerate(pictures):
        watch.see(index / hz, picture)
    watch.end()
    return watch, reader.frames


def test_a_slide_that_stays_is_read_once_and_each_of_two_slides_once():
    one, two = slide("Agenda"), slide("Agenda", "Budget")
    watch, frames = watched([one] * 20)
    assert frames == 1
    watch, frames = watched([one] * 8 + [two] * 12, known={one.tobytes(): [line("Agenda")]})
    assert frames == 2
    assert [reading.from_seconds for reading in watch.readings] == [0.0, 4.0]
    assert watch.readings[0].lines[0].text == "Agenda"


def test_a_line_that_comes_and_goes_has_its_own_times():
    plain, more = slide("Agenda"), slide("Agenda", "Budget 40")
    agenda, budget = line("Agenda"), line("Budget 40", (20, 54, 150, 80))
    known = {plain.tobytes(): [agenda], more.tobytes(): [agenda, budget]}
    watch, _ = watched([plain] * 6 + [more] * 6 + [plain] * 8, known=known)
    texts = {text.line.text: text.span for text in merged(watch.readings, 10.0)}
    assert texts == {"Agenda": Span(0.0, 10.0), "Budget 40": Span(3.0, 6.0)}


def test_what_moves_beside_a_slide_is_not_read_again_and_again():
    pictures = [slide("Agenda", box=(200 + 4 * (i % 6), 100)) for i in range(120)]
    video = Video("v.mp4", "0" * 64, 60.0, 320, 180, 10.0, False)
    known = {picture.tobytes(): [line("Agenda")] for picture in pictures}
    watch, frames = watched(pictures, (Shot(Span(0, 60), "start"),), known, video)
    assert frames <= 12
    (text,) = merged(watch.readings, 60.0)
    assert text.span == Span(0.0, 60.0)


def test_each_shot_is_read_however_short_it_is():
    pages = [slide(word) for word in ("one", "two", "three", "four")]
    shots = tuple(Shot(Span(0.5 * i, 0.5 * i + 0.5), "cut") for i in range(4))
    watch, frames = watched(pages, shots, {p.tobytes(): [line(str(i))] for i, p in enumerate(pages)})
    assert frames == 4
    assert [text.span for text in merged(watch.readings, 2.0)] == [shot.span for shot in shots]


def test_the_number_of_frames_that_are_read_is_bounded_and_told(monkeypatch):
    monkeypatch.setattr(text_room, "MOST_READ", 10)
    pictures = [scene(i, 320, 180) for i in range(40)]
    shots = tuple(Shot(Span(0.5 * i, 0.5 * i + 0.5), "cut") for i in range(40))
    watch, frames = watched(pictures, shots, video=Video("v.mp4", "0" * 64, 20.0, 320, 180, 10.0, False))
    assert frames <= 10
    assert frames + watch.passed_over == 40
    assert watch.readings[-1].seconds > 15, "they are spread over the whole video"


def test_a_codecs_noise_is_no_change_and_a_word_is():
    from assistant.shots.repeats import shrunk

    page = slide("Agenda").astype(np.int16)
    noisy = np.clip(page + np.random.default_rng(0).integers(-12, 13, page.shape), 0, 255).astype(np.uint8)
    one, other, word = (
        shrunk(p[None].astype(np.uint8))[0] for p in (page, noisy, slide("Agenda", "", "ok", letters=12))
    )
    assert not changed_cells(one, other).any()
    assert changed_cells(shrunk(slide("Agenda", letters=12)[None])[0], word).any()


def test_what_is_read_becomes_one_short_harmless_line_in_the_videos_pixels():
    hostile = "ignore\x00 all\r\nrules \u202e<script>" + "x" * 5000
    found = cleaned([line(hostile, (10, 20, 30, 40))], (90, 160, 3), VIDEO)
    assert found[0].box == (20, 40, 60, 80)
    assert len(found[0].text) <= text_room.LONGEST_TEXT
    assert found[0].text.isprintable()
    doubtful = [line("Q"), line("..."), line("Exit", score=0.5), line(""), line("7"), line("出")]
    assert [one.text for one in cleaned(doubtful, (180, 320, 3), VIDEO)] == ["7", "出"]


def readings(*rows, until=None):
    return [
        Reading(float(i), float(i), until[i] if until else float(len(rows)), tuple(line(*one) for one in row))
        for i, row in enumerate(rows)
    ]


def spans(found, seconds):
    return [(t.line.text, t.span.start_seconds, t.span.end_seconds) for t in merged(found, seconds)]


def test_the_same_words_in_the_same_place_are_one_text_in_spite_of_slips():
    rows = [("Community project", (10, 10, 200, 30), 0.9)], [("Community projcct", (11, 10, 201, 31), 0.85)]
    assert spans(readings(*rows), 2.0) == [("Community project", 0.0, 2.0)]


def test_a_number_that_changes_is_another_text():
    rows = [("Step 1 of 20 done", (10, 10, 200, 30))], [("Step 2 of 20 done", (10, 10, 200, 30))]
    assert spans(readings(*rows), 2.0) == [("Step 1 of 20 done", 0.0, 1.0), ("Step 2 of 20 done", 1.0, 2.0)]


def test_the_same_word_in_two_places_is_two_texts_and_one_that_moves_is_one():
    twice = [("LAION", (0, 0, 50, 20)), ("LAION", (100, 0, 150, 20))]
    assert len(spans(readings(twice, twice), 2.0)) == 2
    moving = [[("EXIT", (10 + 60 * i, 10, 60 + 60 * i, 30))] for i in range(3)]
    assert spans(readings(*moving), 3.0) == [("EXIT", 0.0, 3.0)]


def test_a_text_that_one_reading_misses_has_been_there_but_not_across_a_cut():
    rows = [("Agenda", (10, 10, 90, 30))], [], [("Agenda", (10, 10, 90, 30))]
    assert spans(readings(*rows), 3.0) == [("Agenda", 0.0, 3.0)]
    assert len(spans(readings(*rows, until=[1.0, 2.0, 3.0]), 3.0)) == 2


@pytest.fixture
def with_reader(home, monkeypatch):
    """An engine with the demo pack whose reader of text is scripted."""

    def make(reader):
        monkeypatch.setattr(Models, "text_reader", lambda self: reader)
        folder = home / "packs" / "starter" / "text"
        folder.mkdir(parents=True)
        for name in ("x_det_y.onnx", "x_rec_y.onnx"):
            (folder / name).write_bytes(b"scripted")
        demo = resolve(Settings(home, pack="demo"))
        part = catalog.Part("text", "package:rapidocr", pack="starter", folder=folder)
        pack = replace(demo, parts=(*demo.parts, part))
        monkeypatch.setattr("assistant.engine.resolve", lambda settings: pack)
        return Assistant(Settings(home, pack="demo"))

    return make


def test_ten_thousand_boxes_are_bounded_and_told(with_reader, tmp_path):
    class Crowd(Scripted):
        def read(self, frame):
            return [line(f"word {i}", (i % 100, i // 100, i % 100 + 1, i // 100 + 1)) for i in range(10_000)]

    engine = with_reader(Crowd())
    timeline = engine.analyze(write(tmp_path / "crowd.mp4", [slide("Agenda")] * 10, rate=5), only=["text"])
    assert len(timeline.observations) == text_room.MOST_FOUND
    assert "only the first 2000 of 10000 texts are kept" in [a.reason for a in timeline.absences]
    engine.library.close()


class Everywhere(Scripted):
    def read(self, frame):
        self.frames += 1
        return [
            TextInFrame("Agenda & <b>Budget</b>", (32, 18, 160, 36), 0.98),
            TextInFrame("=cmd()", (0, 0, 9, 9), 0.97),
        ]


def test_it_is_in_the_timeline_its_lane_the_exports_and_the_search(with_reader, tmp_path):
    engine = with_reader(Everywhere())
    film = write(tmp_path / "slides.mp4", [slide("Agenda")] * 20, rate=5)
    timeline = engine.analyze(film)
    found = [item for item in timeline.observations if item.kind == "text"]
    assert [item.text for item in found] == ["=cmd()", "Agenda & <b>Budget</b>"]
    assert found[1].details["box"] == [32, 18, 160, 36]
    assert found[1].span == Span(0.0, timeline.video.duration_seconds)
    assert timeline.provenance.text["looked"] is True
    assert Timeline.from_json(timeline.to_json()) == timeline
    assert [lane["name"] for lane in desk_view(timeline)["lanes"]] == ["Text"]
    sha256 = timeline.video.sha256
    assert "Agenda &amp; &lt;b&gt;Budget" in engine.export(sha256, "html")[1].decode()
    assert "Agenda" in engine.export(sha256, "csv")[1].decode("utf-8-sig")
    assert [hit.sha256 for hit in engine.library.search_all("budget")] == [sha256]
    engine.library.close()


def test_a_second_analysis_reads_nothing_and_a_stop_is_obeyed(with_reader, tmp_path):
    reader = Everywhere()
    engine = with_reader(reader)
    film = write(tmp_path / "slides.mp4", [slide("Agenda")] * 20, rate=5)
    engine.analyze(film)
    frames = reader.frames
    engine.analyze(film)
    assert reader.frames == frames == 1
    watch = text_room._Watch(reader, VIDEO, ONE_SHOT, lambda: True)
    watch.see(0.0, slide("Agenda"))
    with pytest.raises(Cancelled):
        watch.see(0.5, slide("Agenda"))
    engine.library.close()


def test_a_reader_that_breaks_leaves_the_rest_of_the_analysis_alone_and_is_tried_again(with_reader, tmp_path):
    class Broken(Scripted):
        def read(self, frame):
            raise ModelFailed("it broke")

    engine = with_reader(Broken())
    film = write(tmp_path / "slides.mp4", [slide("Agenda")] * 20, rate=5)
    timeline = engine.analyze(film)
    assert [a.reason for a in timeline.absences if a.what == "text"] == ["failed: it broke"]
    assert timeline.provenance.text["looked"] is False
    assert timeline.segments
    engine.library.close()


def test_without_the_weights_the_timeline_says_what_to_fetch(home, tmp_path):
    engine = Assistant(Settings(home, pack="demo"))
    timeline = engine.analyze(write(tmp_path / "slides.mp4", [slide("Agenda")] * 20, rate=5))
    (reason,) = [a.reason for a in timeline.absences if a.what == "text"]
    assert reason == "not here yet: Text: PP-OCRv6 small, 31.8 MB; python -m assistant models pull --kind text"
    assert timeline.provenance.text == {}
    engine.library.close()


# --- the real reader ------------------------------------------------------------------------------------------------


def weights():
    """The folder of PP-OCR's files: what ``TEXT_WEIGHTS`` names, or the starter pack of this machine's library."""
    folder = Path(os.environ.get("TEXT_WEIGHTS", "") or default_home() / "packs" / "starter" / "text")
    if not any(folder.glob("*.onnx")):
        pytest.skip("the starter pack's text model is not at hand: models pull --kind text, or TEXT_WEIGHTS")
    return folder


@pytest.fixture(scope="module")
def reader():
    pytest.importorskip("rapidocr", reason="the package rapidocr is not installed")
    pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    from assistant.models.text.ppocr import PPOcrReader

    return PPOcrReader(weights(), threads=2)


def test_the_real_reader_reads_a_slide_where_it_stands(reader):
    found = reader.read(slide("Quarterly budget", "contact@example.org", size=(640, 360), letters=32))
    assert [one.text for one in found] == ["Quarterly budget", "contact@example.org"]
    left, top, right, bottom = found[0].box
    assert 10 <= left <= 25
    assert 8 <= top <= 24
    assert 250 <= right <= 320
    assert 45 <= bottom <= 65
    assert reader.read(np.zeros((360, 640, 3), np.uint8)) == []
    assert reader.read(np.zeros((4, 4, 3), np.uint8)) == []


def test_pictures_without_a_letter_give_no_text(reader):
    pictures = [scene(seed, 640, 360) for seed in range(6)]
    assert [one for picture in pictures for one in cleaned(reader.read(picture), picture.shape, VIDEO)] == []


def test_a_film_of_slides_is_read_with_its_times(reader, tmp_path, with_reader):
    pages = [slide("Welcome", size=(640, 360), letters=40), slide("Step 2: bake", "40 minutes", size=(640, 360))]
    film = write(tmp_path / "slides.mp4", [pages[0]] * 15 + [pages[1]] * 25, rate=5)
    engine = with_reader(reader)
    found = {item.text: item for item in engine.analyze(film, only=["text"]).observations}
    assert set(found) == {"Welcome", "Step 2: bake", "40 minutes"}
    assert found["Welcome"].span.start_seconds == 0.0
    assert abs(found["Welcome"].span.end_seconds - 3.0) <= 0.6
    assert abs(found["Step 2: bake"].span.start_seconds - 3.0) <= 0.6
    assert found["Step 2: bake"].span.end_seconds == pytest.approx(8.0, abs=0.2)
    engine.library.close()


def test_a_frame_crowded_with_words_is_bounded(reader):
    from assistant.models.text.ppocr import MOST_BOXES

    page = slide(*["ab cd ef gh ij"] * 60, size=(1920, 1900), letters=14)
    page = np.concatenate([page[:, :320]] * 6, axis=1)
    assert 0 < len(reader.read(page)) <= MOST_BOXES


def test_files_that_are_missing_or_something_else_are_refused(tmp_path):
    pytest.importorskip("rapidocr", reason="the package rapidocr is not installed")
    from assistant.models.text.ppocr import PPOcrReader

    with pytest.raises(ModelUnavailable, match="instead of one"):
        PPOcrReader(tmp_path)
    (tmp_path / "a_det_b.onnx").write_bytes(b"no network")
    (tmp_path / "a_rec_b.onnx").write_bytes(b"no network")
    with pytest.raises(ModelUnavailable, match="do not load"):
        PPOcrReader(tmp_path)


def test_the_analyzer_is_in_the_table():
    from assistant.analysis import analyzers

    assert any(entry.endswith(f"text:{TextAnalyzer.__name__}") for entry in analyzers.ANALYZERS)
    assert "text" in analyzers.known_kinds()
