"""Channels by what they are, tracks by what they hold, and no count or kind of samples that breaks anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import ROOT
from making_media import scene, tone, write

from assistant.analysis.analyzer import TrackChoice
from assistant.analysis.analyzers.speech import choose_track
from assistant.analysis.stages import load_findings, save_findings
from assistant.config import Limits
from assistant.core.progress import never
from assistant.core.timeline import Span
from assistant.errors import InputUnusable
from assistant.media.audio import AudioBuffer, SoundTrack, preferred, sound_tracks
from assistant.media.downmix import Downmix, weights
from assistant.media.proxy import make_proxy
from assistant.media.video import probe, read
from assistant.store import Library, stage_key

LIMITS = Limits()
RATE = 16_000


def mixed(names: Sequence[str], **channels: np.ndarray) -> np.ndarray:
    """The mix of a second in which these channels sound, in blocks as a decoder gives them."""
    sound = np.zeros((len(names), RATE), np.float32)
    for name, samples in channels.items():
        sound[list(names).index(name)] = samples
    downmix = Downmix(tuple(names), RATE)
    return np.concatenate([downmix.mix(sound[:, first : first + 1000]) for first in range(0, RATE, 1000)])


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples).mean()))


def share_of(mix: np.ndarray, part: np.ndarray) -> float:
    """How much of the part is in the mix."""
    return float(mix @ part / (part @ part))


VOICE, MUSIC, BASS = tone(1.0, 300.0), tone(1.0, 1700.0), tone(1.0, 40.0)
LAYOUTS = {
    "5.1": ("FL", "FR", "FC", "LFE", "BL", "BR"),
    "5.1(side)": ("FL", "FR", "FC", "LFE", "SL", "SR"),
    "7.1": ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_speech_in_the_centre_stands_above_music_around_it(layout):
    names = LAYOUTS[layout]
    around = {name: MUSIC for name in names if name not in ("FC", "LFE")}
    mix = mixed(names, FC=VOICE, LFE=BASS, **around)
    assert share_of(mix, VOICE) > 1.2 * share_of(mix, MUSIC)
    assert share_of(mix, BASS) == pytest.approx(0.0, abs=0.001)


def test_speech_at_the_sides_is_heard_where_the_centre_is_empty():
    mix = mixed(LAYOUTS["5.1"], FL=VOICE, FR=VOICE, LFE=BASS)
    assert share_of(mix, VOICE) > 0.2
    assert share_of(mix, BASS) == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize("channel", ["FL", "FR", "BL", "BR"])
def test_one_voice_in_any_corner_of_four_is_heard(channel):
    assert level(mixed(("FL", "FR", "BL", "BR"), **{channel: VOICE})) > 0.15 * level(VOICE)


@pytest.mark.parametrize("names", [("FL", "FR"), ("NONE", "NONE"), LAYOUTS["5.1"]])
def test_left_against_right_is_not_silence(names):
    sound = np.zeros((len(names), RATE), np.float32)
    sound[0], sound[1] = VOICE, -VOICE
    downmix = Downmix(tuple(names), RATE)
    mix = np.concatenate([downmix.mix(sound[:, first : first + 1000]) for first in range(0, RATE, 1000)])
    assert level(mix) > 0.2 * level(VOICE)


def test_a_stereo_mix_is_the_mean_of_its_channels():
    wide = VOICE + 0.8 * MUSIC, VOICE - 0.8 * MUSIC
    assert np.allclose(mixed(("FL", "FR"), FL=wide[0], FR=wide[1]), VOICE, atol=1e-4)


def test_one_microphone_of_sixteen_is_heard():
    sound = np.zeros((16, RATE), np.float32)
    sound[11] = VOICE
    assert level(Downmix(("NONE",) * 16, RATE).mix(sound)) == pytest.approx(level(VOICE), rel=0.01)


def test_of_ambisonic_sound_the_channel_that_hears_all_round_is_taken():
    assert weights(tuple(f"AMBI{index}" for index in range(16))).tolist() == [1.0] + [0.0] * 15


def test_bass_alone_is_still_sound():
    assert weights(("LFE",)).tolist() == [1.0]


def test_damaged_samples_never_become_infinite():
    sound = np.array([[np.nan, np.inf, 3e38, -3e38] * 100] * 2, np.float32)
    assert np.isfinite(Downmix(("FL", "FR"), RATE).mix(sound)).all()


def test_the_real_film_sound_keeps_its_dialogue(media):
    """The centre is quieter than each of the four channels of music around it."""
    names, sound = channels_of(media / "odd2" / "sound_5_1_centre_speech_music.mkv")
    centre = sound[names.index("FC")]
    assert level(centre) < 0.6 * level(sound[0])
    mix = Downmix(names, RATE).mix(sound)
    assert level(weights(names)[names.index("FC")] * centre) > 0.8 * level(
        mix - weights(names)[names.index("FC")] * centre
    )


def heard_track(path: Path, number: int) -> np.ndarray:
    video = probe(path, LIMITS)
    with AudioBuffer(video, order=(number - 1,)) as audio_buffer:
        list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer))
        samples = audio_buffer.samples()
        assert samples is not None
        return np.array(samples)


def channels_of(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """The channels' names, and the sound float32 ``[channels, N]``."""
    parts, names = [], ()
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", rate=RATE)
        for frame in container.decode(audio=0):
            names = tuple(c.name for c in frame.layout.channels)
            frame.pts = None
            parts += [b.to_ndarray().reshape(b.samples, -1).T for b in resampler.resample(frame)]
    return names, np.concatenate(parts, axis=1)


def heard(path: Path) -> np.ndarray:
    video = probe(path, LIMITS)
    with AudioBuffer(video) as audio_buffer:
        assert list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer)) == []
        samples = audio_buffer.samples()
        assert samples is not None
        return np.array(samples)


# A crash in native code ends the process: a process of its own, and the last line that it printed.
EVERY_KIND = """
import av, numpy as np
from types import SimpleNamespace
from assistant.media.audio import SoundDecoder
for kind in ("u8", "s16", "s32", "s64", "flt", "dbl", "u8p", "s16p", "s32p", "s64p", "fltp", "dblp"):
    for count in (*range(1, 18), 24, 32, 33, 48, 63, 64):
        for rate in (8000, 44100) if count % 8 else (16000, 192000):
            print(kind, count, rate, flush=True)
            layout = {1: "mono", 2: "stereo"}.get(count, f"{count} channels")
            frame = av.AudioFrame(format=kind, layout=layout, samples=rate // 20)
            for plane in frame.planes[:8]:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate = rate
            decoder = SoundDecoder(0.0)
            packet = SimpleNamespace(size=1, decode=lambda: [frame])
            blocks = [*decoder.decode(packet), *decoder.flush()]
            assert abs(sum(len(samples) for _, samples in blocks) - 800) < 80
            assert all(samples.ndim == 1 and np.isfinite(samples).all() for _, samples in blocks)
print("done")
"""


def test_no_count_of_channels_kind_of_sample_or_rate_breaks_anything():
    done = subprocess.run([sys.executable, "-c", EVERY_KIND], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["done"], done.stderr[-500:]


@pytest.mark.parametrize("count", [3, 8, 9, 16])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le", "wavpack", "flac"])
def test_files_of_many_channels_are_heard(tmp_path, count, codec):
    if codec == "flac" and count > 8:
        pytest.skip("FLAC has eight channels at most")
    path = tmp_path / ("a.wv" if codec == "wavpack" else "a.flac" if codec == "flac" else "a.wav")
    write_channels(path, codec, np.stack([tone(1.0)] * count))
    assert level(heard(path)) == pytest.approx(level(tone(1.0)), rel=0.5)


def write_channels(path: Path, codec: str, sound: np.ndarray) -> None:
    layout = {3: "3.0", 8: "7.1"}.get(len(sound), f"{len(sound)} channels")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        kind = stream.codec_context.format.name
        for first in range(0, sound.shape[1], 4096):
            piece = sound[:, first : first + 4096]
            data = piece.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format="flt", layout=layout)
            frame.sample_rate, frame.pts = RATE, first
            for block in av.AudioResampler(format=kind, layout=layout, rate=RATE).resample(frame):
                container.mux(stream.encode(block))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", ["sound_7_1_aac.mp4", "sound_7_1_flac.mkv"])
def test_eight_channels_are_heard(media, name):
    assert level(heard(media / "odd2" / name)) > 0.01


@pytest.mark.parametrize("count", [8, 9, 16])
def test_the_copy_for_the_browser_has_the_sound_of_any_count_of_channels(tmp_path, count):
    path = tmp_path / "a.wav"
    write_channels(path, "pcm_s16le", np.stack([tone(1.0)] * count))
    copy = make_proxy(path, probe(path, LIMITS), tmp_path / "copy.mp4")
    assert level(heard(copy)) > 0.5 * level(tone(1.0))


# Which track


def test_main_tracks_come_before_commentaries_and_the_default_one_before_the_rest():
    plain, comment = SoundTrack(1), SoundTrack(2, is_main=False, is_default=True)
    default = SoundTrack(3, is_default=True)
    assert preferred([comment, plain, default]) == (2, 1, 0)
    assert preferred([plain, comment, default], wanted=2) == (1,)
    with pytest.raises(InputUnusable, match="there is no sound track 4 in this file; choose 1 to 3"):
        preferred([plain, comment, default], wanted=4)
    with pytest.raises(InputUnusable, match="leave the choice out"):
        preferred([plain], wanted=2)


def test_what_a_file_says_of_its_tracks_is_read(media):
    first, second = sound_tracks(media / "odd2" / "track1_comment_track2_default.mkv")
    assert (first.number, first.is_main, first.is_default) == (1, False, False)
    assert (second.number, second.is_main, second.is_default) == (2, True, True)


def test_titles_say_what_flags_leave_out(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        for title, language in (("Director's Commentary", "eng"), ("Main \x1b[2J", "deu")):
            stream = container.add_stream("aac", rate=RATE, layout="mono")
            stream.metadata.update({"title": title, "language": language})
        for stream in container.streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    one, other = sound_tracks(path)
    assert (one.is_main, one.language) == (False, "eng")
    assert (other.is_main, other.language, other.title) == (True, "deu", "Main [2J")


def test_the_copy_for_the_browser_has_the_main_track(media, tmp_path):
    path = media / "odd2" / "track1_comment_track2_default.mkv"
    copy = make_proxy(path, probe(path, LIMITS), tmp_path / "copy.mp4")
    wanted, other = (heard_track(path, number) for number in (2, 1))
    samples = heard(copy)
    length = min(map(len, (samples, wanted, other)))
    best = [max(np.correlate(samples[2000 : length - 2000], track[:length], "valid")) for track in (wanted, other)]
    assert best[0] > 3 * best[1]


class LoudEnough:
    """A stand-in that takes everything at 300 Hz for voice."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []

    def feed(self, samples: np.ndarray) -> None:
        self.parts.append(samples)

    def finish(self) -> list[Span]:
        sound, self.parts = np.concatenate(self.parts), []
        voiced = abs(np.fft.rfft(sound)[round(300 * len(sound) / RATE)]) > 100
        return [Span(0.0, len(sound) / RATE)] if voiced else []


def chosen(folder: Path, tracks: list[np.ndarray], order: tuple[int, ...]) -> int | None:
    path = write(folder / "a.mp4", [scene(1)] * 25, tracks)
    video = probe(path, LIMITS)
    with AudioBuffer(video, order=order) as audio_buffer:
        list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer))
        choose_track(audio_buffer, LoudEnough, never)
        return audio_buffer.track


def test_a_track_is_chosen_by_voice_and_not_by_loudness(tmp_path):
    loud_hum, quiet_voice = tone(1.0, 100.0, level=0.9), tone(1.0, 300.0, level=0.1)
    assert chosen(tmp_path, [loud_hum, quiet_voice], (0, 1)) == 1


def test_among_tracks_with_voice_the_better_placed_one_is_taken(tmp_path):
    voice = tone(1.0, 300.0)
    assert chosen(tmp_path, [voice, voice], (1, 0)) == 1
    assert chosen(tmp_path, [voice, voice], (0, 1)) == 0


def test_without_any_voice_the_first_track_that_is_not_silent_is_taken(tmp_path):
    silence, hum = np.zeros(RATE, np.float32), tone(1.0, 100.0)
    assert chosen(tmp_path, [silence, hum, hum], (0, 1, 2)) == 1


def test_a_silent_track_that_was_asked_for_is_told_to_be_silent(tmp_path):
    path = write(tmp_path / "a.mp4", [scene(1)] * 25, [np.zeros(RATE, np.float32), tone(1.0)])
    video = probe(path, LIMITS)
    with AudioBuffer(video, order=preferred(sound_tracks(path), 1)) as audio_buffer:
        list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer))
        assert audio_buffer.reason == "the sound track is silent"


def test_the_track_that_was_heard_and_the_others_come_back_from_the_store(tmp_path):
    found = TrackChoice(SoundTrack(2, "deu", "Kommentar"), (SoundTrack(1, "eng"),))
    library = Library(tmp_path)
    key = stage_key("", "speech", "", "", {})
    save_findings(library, key, [found])
    assert load_findings(library, key) == (found,)
    document = library.load_stage(key)
    document["findings"][0]["type"] = "HeardTrack"  # as earlier versions wrote it
    library.save_stage(key, document)
    assert load_findings(library, key) == (found,)


# Before the first picture


def test_sound_before_the_first_picture_is_kept_apart(tmp_path):
    late = [7.0 + index / 25 for index in range(50)]
    path = write(tmp_path / "a.mkv", [scene(1)] * 50, [tone(9.0)], times=late)
    video = probe(path, LIMITS)
    with AudioBuffer(video) as audio_buffer:
        list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer))
        samples, lead = audio_buffer.samples(), audio_buffer.lead()
        assert samples is not None
        assert len(samples) == pytest.approx(2 * 16_000, abs=2000)
        assert lead is not None
        assert len(lead) == pytest.approx(7 * 16_000, abs=800)
        assert float(np.abs(lead).max()) > 0.4


def test_the_padding_of_a_codec_is_no_sound_before_the_picture(tmp_path):
    path = write(tmp_path / "a.mp4", [scene(1)] * 50, [tone(2.0)])
    video = probe(path, LIMITS)
    with AudioBuffer(video) as audio_buffer:
        list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer))
        assert audio_buffer.lead() is None


def test_sound_that_ends_before_the_first_picture_is_kept_too(tmp_path):
    path = write(tmp_path / "a.mkv", [scene(1)] * 50, [tone(3.0)], times=[7.0 + index / 25 for index in range(50)])
    video = probe(path, LIMITS)
    with AudioBuffer(video) as audio_buffer:
        list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer))
        lead = audio_buffer.lead()
        assert lead is not None
        assert len(lead) == pytest.approx(3 * 16_000, abs=1600)
