"""Subtitles are read as text on the video's clock, whatever they lie in, however they are written, and whoever wrote
them."""

from __future__ import annotations

import random
import time

import pytest
from making_media import write_subtitled

from assistant.config import Limits
from assistant.core.timeline import Span
from assistant.media import subtitles
from assistant.media.probe import probe
from assistant.media.sidecars import MAX_BYTES, decoded, sidecars
from assistant.media.subtitles import SubtitleTrack, preferred, said, tracks_of

LINES = ((0.5, 2.0, r"{\i1}Good{\i0} morning"), (2.5, 4.0, r"One\NTwo, three"))
TEXTS = ["Good morning", "One Two, three"]


def read(video, track=None):
    """The texts, times and losses of a track, the first where none is named."""
    track = track or tracks_of(video)[0]
    found = subtitles.read(video, probe(video, Limits()), track)
    return [cue.text for cue in found.cues], [cue.span for cue in found.cues], found.losses


@pytest.fixture
def film(tmp_path):
    return write_subtitled(tmp_path / "talk.mp4", [])


def srt(*texts: str) -> str:
    """A file of these lines, one a second from the first second on."""
    return "".join(f"{n}\n00:00:{n:02d},000 --> 00:00:{n:02d},800\n{text}\n\n" for n, text in enumerate(texts, 1))


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "mov_text"), ("a.mov", "mov_text"), ("a.mkv", "subrip"), ("b.mkv", "ass"), ("c.mkv", "webvtt")],
)
def test_text_tracks_of_every_container_are_read_with_their_times(tmp_path, name, codec):
    video = write_subtitled(tmp_path / name, [(codec, "ger", LINES), (codec, "eng", ((1.0, 2.0, "Hello"),))])
    first, second = tracks_of(video)
    assert (first.source, first.language, second.language) == ("track 1", "de", "en")
    texts, spans, losses = read(video)
    assert texts == TEXTS
    assert spans == [Span(0.5, 2.0), Span(2.5, 4.0)]
    assert losses == ()
    assert read(video, second)[0] == ["Hello"]


def test_times_count_from_the_first_picture(tmp_path):
    video = write_subtitled(tmp_path / "late.mkv", [("subrip", "eng", ((1.5, 2.5, "Here"),))], start=1.0)
    assert read(video)[1] == [Span(0.5, 1.5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_file_beside_the_video_may_be_in_any_encoding(film, encoding):
    text = "Grüße aus Köln, schön groß"
    film.with_suffix(".srt").write_bytes(srt(text).encode(encoding))
    assert read(film)[0] == [text]


@pytest.mark.parametrize(
    ("language", "encoding", "text"),
    [
        ("fr", "cp1252", "Ça va très bien, été à l’hôtel…"),
        ("ru", "cp1251", "Привет, как дела сегодня"),
        ("pl", "cp1250", "Zażółć gęślą jaźń, dziękuję"),
        ("el", "cp1253", "Καλημέρα, τι κάνεις σήμερα"),
        ("ja", "cp932", "こんにちは、元気ですか"),
        ("zh", "gb18030", "你好,今天怎么样"),
    ],
)
def test_old_encodings_are_told_by_the_language_in_the_name(film, language, encoding, text):
    film.with_suffix(f".{language}.srt").write_bytes(srt(text).encode(encoding))
    assert read(film)[0] == [text]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Ça va très bien, été à la forêt"),
        ("cp1251", "Привет, как дела сегодня"),
        ("cp932", "こんにちは、元気ですか。"),
    ],
)
def test_old_encodings_are_told_by_the_text_where_no_name_says(encoding, text):
    assert decoded((text * 10).encode(encoding)) == text * 10


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('<font color="red" face="x">red</font> <b>bold', "red bold"),
        (r"{\an8}{\pos(10,20)}up here", "up here"),
        ("&lt;script&gt;alert(1)&lt;/script&gt; done", "alert(1) done"),
        ("3 < 5 and 7 > 2 &amp; more", "3 < 5 and 7 > 2 & more"),
        ("a\u202egnorw\u202c b\u2066c", "agnorw bc"),
        ("bell\x07 and \x1b[31mcolour", "bell and [31mcolour"),
        ("<c.yellow>old <i>markup</i></c>", "old markup"),
    ],
)
def test_markup_places_and_control_characters_are_not_text(film, raw, text):
    film.with_suffix(".srt").write_text(f"1\n00:00:01,000 --> 00:00:02,000\n{raw}\n", encoding="utf-8")
    assert [" ".join(found.split()) for found in read(film)[0]] == [text]


def test_webvtt_is_read_without_styles_notes_voices_and_captions_that_roll(film):
    film.with_suffix(".vtt").write_text(
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE nobody says this\n\n"
        "intro\n00:00.000 --> 00:02.000 align:start position:0%\n<v Ana>hello <00:01.000><c>world</c>\n\n"
        "00:02.000 --> 00:02.010\nhello world\n\n"
        "00:02.010 --> 00:04.000\nhello world\nnext line\n\n"
        "00:04.000 --> 00:04.010\nnext line\n\n"
        "00:04.010 --> 00:05.000\nnext line\nthe third\n",
        encoding="utf-8",
    )
    assert read(film)[0] == ["hello world", "next line", "the third"]


def test_ass_is_read_without_drawings_comments_and_layers(film):
    event = "0:00:01.00,0:00:02.00,Default,,0,0,0,,"
    film.with_suffix(".ass").write_text(
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        rf"Dialogue: 0,{event}{{\pos(1,2)}}A sign, with a comma\NBelow" + "\n"
        rf"Dialogue: 1,{event}{{\pos(1,3)}}A sign, with a comma\NBelow" + "\n"
        rf"Dialogue: 0,{event}{{\p1}}m 0 0 l 100 100{{\p0}}" + "\n"
        f"Comment: 0,{event}to the translator\n",
        encoding="utf-8",
    )
    assert read(film)[0] == ["A sign, with a comma Below"]


def test_two_people_at_once_both_have_their_line(film):
    film.with_suffix(".srt").write_text(
        "1\n00:00:01,000 --> 00:00:03,000\nfirst\n\n2\n00:00:02,000 --> 00:00:04,000\nsecond\n", encoding="utf-8"
    )
    texts, spans, _ = read(film)
    assert texts == ["first", "second"]
    assert spans == [Span(1.0, 3.0), Span(2.0, 4.0)]


def test_what_a_name_says_is_known_and_another_videos_files_are_left_alone(film):
    ours = ["talk.srt", "talk.de.srt", "Talk.EN-us.SDH.srt", "talk.mp4.fr.forced.vtt", "talk.german.ssa", "talk.hi.srt"]
    theirs = ["talk2.srt", "talk.part2.srt", "other.srt", "talk.txt", "talk.de.txt", "talking.de.srt"]
    for name in [*ours, *theirs]:
        film.with_name(name).write_text(srt("x"), encoding="utf-8")
    film.with_name("talk.it.srt").mkdir()
    found = {one.path.name: one for one in sidecars(film)}
    assert set(found) == set(ours)
    assert [found[name].language for name in ours] == ["", "de", "en", "fr", "de", "hi"]
    assert found["talk.mp4.fr.forced.vtt"].is_forced
    assert found["Talk.EN-us.SDH.srt"].for_deaf


def test_whole_subtitles_come_before_forced_ones_and_the_spoken_language_before_others():
    german, english = SubtitleTrack("a", "srt", "de"), SubtitleTrack("b", "srt", "en")
    deaf, forced = SubtitleTrack("c", "srt", "en", for_deaf=True), SubtitleTrack("d", "srt", "en", is_forced=True)
    pictures = SubtitleTrack("e", "dvd_subtitle", "en", unread="no text")
    assert preferred([pictures, forced, deaf, german, english], "en") == [english, deaf, german, forced]


@pytest.mark.parametrize(
    ("text", "spoken", "speaker"),
    [
        ("[door creaks] Come in.", "Come in.", ""),
        ("♪ la la la ♪", "la la la", ""),
        ("(SIGHS) DR. MOSS: Not again.", "Not again.", "Dr. Moss"),
        ("- How are you? - Fine.", "How are you? Fine.", ""),
        ("It is 3:00 in New York: late.", "It is 3:00 in New York: late.", ""),
        ("HE SAID: GO HOME", "HE SAID: GO HOME", ""),
        ("[music]", "", ""),
    ],
)
def test_sounds_and_speakers_are_told_apart_from_what_is_said(text, spoken, speaker):
    assert said(text) == (spoken, speaker)


def test_damaged_files_are_told_of_in_a_sentence(film):
    rng = random.Random(3)
    cases = {
        "en": b"",
        "de": bytes(range(256)) * 40,
        "fr": bytes(rng.randrange(256) for _ in range(20_000)),
        "es": b"1\n00:00:xx --> 00:00:03,000\nno time\n",
        "it": b"WEBVTT\n\n\xff\xfe\x00",
        "pt": b"[Script Info]\n[Events]\nDialogue: nothing\n",
    }
    for language, data in cases.items():
        film.with_suffix(f".{language}.srt").write_bytes(data)
    for track in tracks_of(film):
        texts, _, losses = read(film, track)
        assert texts or losses, track.source
        assert all(loss.startswith(f"{track.source}: ") for loss in losses)


def test_what_lies_outside_the_video_is_counted(film):
    film.with_suffix(".srt").write_text(
        srt("inside") + "2\n00:10:00,000 --> 00:10:02,000\nfar behind\n\n3\n00:00:03,000 --> 00:00:02,000\nbackwards\n",
        encoding="utf-8",
    )
    texts, _, losses = read(film)
    assert texts == ["inside", "backwards"]  # which stays as if it did not say how long
    assert losses == ("talk.srt: 1 of its 3 entries lie outside the video or last no time",)


def test_huge_files_and_endless_lines_are_bounded(film, monkeypatch):
    large = film.with_suffix(".srt")
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert read(film)[2] == ("talk.srt: it has 16 MB, subtitles at most 16",)
    started = time.process_time()
    large.write_text(srt("{\\p1" * 200_000, "x" * 300_000), encoding="utf-8")
    texts = read(film)[0]
    assert all(len(text) <= subtitles.MOST_LETTERS for text in texts)
    assert time.process_time() - started < 5.0
    monkeypatch.setattr(subtitles, "MOST_CUES", 10)
    large.write_text("".join(f"{n}\n00:00:0{n % 5},{n:03d} --> 00:00:05,900\nline {n}\n\n" for n in range(50)))
    texts, _, losses = read(film)
    assert len(texts) == 10
    assert losses == ("talk.srt: only the first 10 of its entries were read",)


def test_nothing_that_a_file_names_is_opened(film, tmp_path):
    secret = tmp_path / "secret.srt"
    secret.write_text(srt("a secret"), encoding="utf-8")
    for text in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile '{secret}'\n"):
        film.with_suffix(".srt").write_text(text, encoding="utf-8")
        assert "a secret" not in " ".join(read(film)[0])
