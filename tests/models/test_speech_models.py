"""Voice activity detection and transcription: where there is voice, what is said, and what is not believed."""

import importlib.util
import json
import random
import shutil
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from conftest import ROOT

from assistant.core.timeline import Span
from assistant.errors import Cancelled, InputUnusable, ModelUnavailable
from assistant.models.speech.chunks import SAMPLE_RATE_HZ, pack_chunks, unsure_spans
from assistant.models.speech.gates import (
    Draft,
    GateLimits,
    reason_to_suppress,
    reasons_by_sentence,
    repeated_words,
)
from assistant.models.speech.languages import divided, joined, probabilities_by_piece
from assistant.models.speech.passages import Passage, read
from assistant.models.speech.sentences import Sentence, judge
from assistant.models.speech.silero import (
    SileroVoiceDetector,
    VoiceNetwork,
    VoiceRules,
    voiced_spans,
    weights_file,
)
from assistant.models.speech.whisper import DecodingOptions, WhisperTranscriber
from assistant.models.speech.whisper_checkpoint import load, tokenizer
from assistant.synthetic.narration import Voice, sample_voice, say
from assistant.synthetic.vocabulary import any_sentence

DEMO_SPEECH = ROOT / "assistant" / "packs" / "demo" / "speech"
speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed")


def sound_of(path):
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def narrated(sentences, voice, gap_seconds):
    """Sound with these sentences, and the span of each."""
    parts, spans, now = [np.zeros(int(gap_seconds * SAMPLE_RATE_HZ), np.float32)], [], gap_seconds
    for sentence in sentences:
        spoken = say(sentence, voice)
        spans.append(Span(now, now + len(spoken) / SAMPLE_RATE_HZ))
        parts += [spoken, np.zeros(int(gap_seconds * SAMPLE_RATE_HZ), np.float32)]
        now = spans[-1].end_seconds + gap_seconds
    return np.concatenate(parts), spans


@pytest.fixture(scope="module")
def detector():
    return SileroVoiceDetector()


def noise(seconds, level=0.05):
    return (np.random.default_rng(1).standard_normal(int(seconds * SAMPLE_RATE_HZ)) * level).astype(np.float32)


FAINT = 0.003  # a level at which no voice is looked for beside the detector's


# Voice activity


@speaks
def test_voice_is_found_where_a_sentence_is_spoken(detector):
    samples, spoken = narrated(["the red circle moves left", "we count one two three"], Voice("en-us", 150, 50), 1.5)
    found = detector.detect(samples)
    for span in spoken:
        mine = [other for other in found if other.overlap_seconds(span) > 0]
        assert abs(mine[0].start_seconds - span.start_seconds) < 0.5
        assert abs(mine[-1].end_seconds - span.end_seconds) < 0.5
    assert all(any(span.overlap_seconds(other) > 0 for span in spoken) for other in found)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "nothing"])
def test_no_voice_is_found_without_any(detector, kind):
    seconds = np.arange(4 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sounds = {
        "silence": np.zeros(4 * SAMPLE_RATE_HZ),
        "noise": noise(4),
        "tone": 0.3 * np.sin(2 * np.pi * 330 * seconds),
        "nothing": np.zeros(0),
    }
    assert detector.detect(sounds[kind].astype(np.float32)) == []


@speaks
def test_blocks_of_any_size_give_the_same_spans(detector):
    samples, _ = narrated(["see you on monday", "the code is one two"], Voice("en-gb", 140, 40), 0.8)
    whole = detector.detect(samples)
    for size in (333, 512, 16_000):
        for first in range(0, len(samples), size):
            detector.feed(samples[first : first + size])
        assert detector.finish() == whole


@speaks
def test_the_block_network_gives_the_probabilities_of_the_packages_own_loop():
    import torch

    samples = say("here the white star turns around", Voice("en-us+f2", 150, 50))
    windows = samples[: len(samples) // 512 * 512].reshape(-1, 512)
    folder = Path(next(iter(importlib.util.find_spec("silero_vad").submodule_search_locations)))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", FutureWarning)
        loop = torch.jit.load(str(folder / "data" / "silero_vad.jit"))
        wanted = [loop(torch.from_numpy(window), SAMPLE_RATE_HZ).item() for window in windows]
    network = VoiceNetwork(weights_file())
    first, rest = network(windows[:7]), network(windows[7:])
    assert np.abs(np.concatenate([first, rest]) - wanted).max() < 1e-3


def test_what_a_long_stream_leaves_behind_is_one_number_for_each_window(detector):
    block = np.zeros(6 * SAMPLE_RATE_HZ + 5, np.float32)
    detector.reset()
    detector.feed(block)
    tracemalloc.start()
    for _ in range(40):
        detector.feed(block)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 20 * SAMPLE_RATE_HZ * 4, "the sound that waits for its block, and no more"
    assert detector.finish() == []


def test_short_pauses_join_and_short_voices_drop_out():
    rules = VoiceRules(min_silence_seconds=0.2, min_voice_seconds=0.2, padding_seconds=0.0)
    window = 0.032
    probabilities = np.array([0.9] * 10 + [0.1] * 3 + [0.9] * 10 + [0.1] * 20 + [0.9] * 3 + [0.1] * 20, np.float32)
    spans = voiced_spans(probabilities, len(probabilities) * 512, rules)
    assert [(span.start_seconds, span.end_seconds) for span in spans] == [(0.0, pytest.approx(23 * window))]


def test_padding_never_reaches_into_a_neighbour_or_past_the_ends():
    rules = VoiceRules(padding_seconds=5.0)
    probabilities = np.array([0.1] * 5 + [0.9] * 20 + [0.1] * 20 + [0.9] * 20 + [0.1] * 5, np.float32)
    first, second = voiced_spans(probabilities, len(probabilities) * 512, rules)
    assert first.start_seconds == 0.0
    assert first.end_seconds == pytest.approx(second.start_seconds)
    assert second.end_seconds == pytest.approx(len(probabilities) * 512 / SAMPLE_RATE_HZ)


REAL_FILES = [
    "derived/coffee_plus_brooklyn_at_3s.mp4",
    "derived/dog_plus_onetwothree_at_5s.mp4",
    "derived/flower_x3_plus_jfk.mp4",
    "speech/nasa_webb_narration.mp4",
    "speech/no_speech_rain.mp3",
    "actions/throw_ball_dog.mp4",
    "actions/pour_coffee.mp4",
    "odd/silent_black_10s.mp4",
    "actions/chaplin_two_men.mp4",
]


@pytest.mark.parametrize("name", REAL_FILES)
def test_voice_in_real_recordings_is_where_the_truth_says(detector, media, name):
    truth = json.loads((media / "truth.json").read_text())
    wanted = [Span(start, end) for start, end in truth.get(name, {}).get("speech_seconds", [])]
    found = detector.detect(sound_of(media / name))
    for span in wanted:
        mine = [other for other in found if other.overlap_seconds(span) > 0]
        assert abs(mine[0].start_seconds - span.start_seconds) <= 0.5
        assert abs(mine[-1].end_seconds - span.end_seconds) <= 0.5
    assert all(any(other.overlap_seconds(span) > 0 for span in wanted) for other in found)


@speaks
@pytest.mark.parametrize("gain", [0.3, 0.1, 0.03, 0.01, 0.003])
def test_quiet_speech_is_heard_as_well_as_loud_speech(detector, gain):
    samples, _ = narrated(["the red circle moves left", "we count one two three"], Voice("en-us", 150, 50), 1.5)
    rounded = np.rint(samples * gain * 32767) / 32767  # as a file with 16 bits keeps it
    loud, quiet = detector.detect(samples), detector.detect(rounded.astype(np.float32))
    shared = sum(one.overlap_seconds(other) for one in loud for other in quiet)
    assert shared >= 0.95 * sum(span.seconds for span in loud)
    assert sum(span.seconds for span in quiet) <= 1.1 * sum(span.seconds for span in loud)


@pytest.mark.parametrize("level", [0.03, 0.003, 0.0003, 0.00003])
def test_faint_noise_raised_to_an_ordinary_level_is_still_no_voice(detector, level):
    assert detector.detect(noise(20, level)) == []


@speaks
def test_the_level_of_ordinary_sound_is_not_touched(detector):
    spoken = say("here the white star turns around", Voice("en-us", 150, 50))
    loud = (0.5 / np.abs(spoken).max() * spoken[: len(spoken) // 512 * 512]).astype(np.float32)
    probabilities = VoiceNetwork(weights_file())(loud.reshape(-1, 512))
    assert detector.detect(loud) == voiced_spans(probabilities, len(loud), detector.rules) != []


# Chunks


def test_close_spans_share_a_chunk_and_far_ones_do_not():
    samples = np.zeros(30 * SAMPLE_RATE_HZ, np.float32)
    speech = [Span(1, 2), Span(2.3, 4), Span(8, 9)]
    chunks = pack_chunks(speech, samples, max_seconds=10, join_gap_seconds=0.5, padding_seconds=0.2)
    assert [(c.span.start_seconds, c.span.end_seconds) for c in chunks] == [(0.8, 4.2), (7.8, 9.2)]
    assert [c.voiced_seconds for c in chunks] == pytest.approx([2.7, 1.0])


def test_a_long_voice_is_cut_where_it_is_quietest_and_nothing_is_lost():
    samples = noise(70, 0.3)
    samples[27 * SAMPLE_RATE_HZ : int(27.2 * SAMPLE_RATE_HZ)] *= 0.01
    chunks = pack_chunks([Span(0, 70)], samples, max_seconds=30, join_gap_seconds=0.5, padding_seconds=0.2)
    assert all(chunk.span.seconds <= 30 for chunk in chunks)
    assert 27.0 < chunks[0].span.end_seconds < 27.2
    assert [a.span.end_seconds for a in chunks[:-1]] == [b.span.start_seconds for b in chunks[1:]]
    assert sum(chunk.voiced_seconds for chunk in chunks) == pytest.approx(70)


def test_spans_past_the_end_of_the_sound_are_cut_or_dropped():
    samples = np.zeros(2 * SAMPLE_RATE_HZ, np.float32)
    chunks = pack_chunks([Span(1, 5), Span(6, 7)], samples, max_seconds=8, join_gap_seconds=2, padding_seconds=0.2)
    assert [chunk.span for chunk in chunks] == [Span(0.8, 2.0)]


# Gates


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (Draft("the red circle moves left", 2.0, 0.01, -0.1), ""),
        (Draft("we count one one two", 2.0, 0.01, -0.1), ""),
        (Draft("thank you", 2.0, 0.9, -0.8), "probably no speech"),
        (Draft("see you on monday", 2.0, 0.1, -1.4), "too uncertain"),
        (Draft("so it is so it is so it is so it is so it is so it is so it is so it is", 9.0, 0.1, -0.2), "repeats"),
        (Draft("go go go go go go", 4.0, 0.1, -0.2), "'go' again and again"),
        (Draft("subtitles by the community of everybody", 0.4, 0.1, -0.2), "s of voice can hold"),
        (Draft(" ... ", 2.0, 0.1, -0.2), "without recognisable words"),
    ],
)
def test_words_are_believed_or_the_reason_is_given(draft, reason):
    given = reason_to_suppress(draft, GateLimits())
    assert given == "" if not reason else reason in given


def drafts(*texts):
    return [Draft(text, 5.0, 0.1, -0.2) for text in texts]


def test_a_loop_over_several_sentences_is_found_and_its_neighbours_stay():
    reasons = reasons_by_sentence(drafts("Well, well!", *5 * ["Thank you."], "And yours?"), GateLimits())
    assert reasons[0] == reasons[-1] == ""
    assert all("'thank you' again and again" in reason for reason in reasons[1:-1])
    reasons = reasons_by_sentence(drafts(*4 * ["We went on.", "They did not."], "So it ended."), GateLimits())
    assert [bool(reason) for reason in reasons] == 8 * [True] + [False]


def test_a_sentence_that_is_sure_is_believed_in_a_chunk_that_is_not():
    passage = Passage(Span(0, 9), (1, 2))
    sentences = [
        Sentence(passage, Span(0, 3), " This was heard well.", average_logprob=-0.3),
        Sentence(passage, Span(3, 9), " Mumble of the rhubarb.", average_logprob=-2.5),
    ]
    whole = Draft("This was heard well. Mumble of the rhubarb.", 9.0, 0.1, -1.3)
    reasons = judge(sentences, whole, GateLimits())
    assert reasons[0] == ""
    assert "too uncertain" in reasons[1]
    assert all(judge(sentences, replace(whole, no_speech_probability=0.9), GateLimits()))
    assert judge(sentences, replace(whole, average_logprob=-0.5), GateLimits()) == ["", ""]


def test_counting_the_same_number_four_times_is_not_a_loop():
    assert repeated_words("we count one one one one") == ""
    assert repeated_words("a b c a b c a b c a b c") == "a b c"


# Whisper


def small_checkpoint(path, *, vocabulary=51_864, width=32):
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    dims = ModelDimensions(80, 1500, width, 2, 1, vocabulary, 64, width, 2, 1)
    model = Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding, std=0.02)
    torch.save({"dims": dims.__dict__, "model_state_dict": model.half().state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    """A Whisper of random weights: it writes nonsense, as Whisper does on noise."""
    path = small_checkpoint(tmp_path_factory.mktemp("whisper") / "random.pt")
    return WhisperTranscriber(path, decoding=DecodingOptions(temperatures=(0.0,)))


def test_nonsense_is_suppressed_with_its_reason_and_its_place(english):
    result = english.transcribe(noise(5, FAINT), [Span(1, 2), Span(3.5, 5)])
    assert result.utterances == ()
    assert result.language is None
    assert len(result.suppressed) == 1
    assert result.suppressed[0].reason
    assert result.suppressed[0].span == Span(0.5, 5.0)


def test_no_voice_means_no_words_and_no_work(english):
    result = english.transcribe(noise(2, FAINT), [])
    assert (result.utterances, result.suppressed, result.language) == ((), (), None)


def test_the_revision_names_the_weights_and_changes_with_them(english, tmp_path):
    assert english.name == "whisper-random"
    again = WhisperTranscriber(small_checkpoint(tmp_path / "random.pt", width=16))
    assert len(again.revision) == len(english.revision) == 12
    assert again.revision != english.revision


def test_a_stop_is_heard_in_the_middle_of_a_layer_stack(english):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Cancelled):
        english.transcribe(noise(5), [Span(1, 4)], cancelled=cancelled)
    assert len(asked) == 5
    english.transcribe(noise(5), [Span(1, 4)])
    assert len(asked) == 5, "nothing is left behind that asks"


def test_an_english_model_says_so_when_another_language_is_asked_for(english):
    with pytest.raises(InputUnusable, match="English alone"):
        english.transcribe(noise(2), [Span(0, 1)], language="de")
    with pytest.raises(InputUnusable, match="no language 'xx'"):
        english.transcribe(noise(2), [Span(0, 1)], language="xx")


@pytest.fixture
def decoded(monkeypatch):
    """What Whisper's decoder was given, one entry a call: the encoder's features and the language."""
    from whisper.model import Whisper

    calls: list[tuple[np.ndarray, str]] = []
    decode = Whisper.decode

    def noted(model, features, options):
        calls.append((features.numpy().copy(), options.language))
        return decode(model, features, options)

    monkeypatch.setattr(Whisper, "decode", noted)
    return calls


def multilingual(tmp_path, **options):
    path = small_checkpoint(tmp_path / "multi.pt", vocabulary=51_865)
    return WhisperTranscriber(path, decoding=DecodingOptions(temperatures=(0.0,), **options))


def test_a_multilingual_model_takes_a_language_or_detects_one(tmp_path, decoded):
    from whisper.tokenizer import LANGUAGES

    model = multilingual(tmp_path)
    assert model.is_multilingual
    model.transcribe(noise(2, FAINT), [Span(0, 2)])
    model.transcribe(noise(2, FAINT), [Span(0, 2)], language="de")
    (_, detected), (_, given) = decoded
    assert detected in LANGUAGES
    assert given == "de"


def test_the_language_of_a_short_sound_is_asked_of_all_its_features(tmp_path):
    import torch
    from whisper.audio import N_SAMPLES, log_mel_spectrogram, pad_or_trim

    model = load(small_checkpoint(tmp_path / "multi.pt", vocabulary=51_865), "cpu", "float32")
    span = Span(0, 2)
    with torch.no_grad():
        spectrum = log_mel_spectrogram(pad_or_trim(torch.from_numpy(noise(2)), N_SAMPLES), model.dims.n_mels)
        features = model.encoder(spectrum[None])[0]
        ((piece, found),) = probabilities_by_piece(model, tokenizer(True), features, span, [Span(0.1, 1.9)])
        (theirs,) = model.detect_language(features[None])[1]
    assert piece == span
    assert found == pytest.approx({code: float(value) for code, value in theirs.items()}, abs=1e-5)


def test_a_foreign_second_does_not_turn_the_sentences_that_it_was_asked_with():
    pieces = [Span(4.9, 7.9), Span(7.9, 11.1), Span(11.1, 12.5)]
    heard = [{"en": 0.59, "zh": 0.02}, {"en": 0.33, "zh": 0.05}, {"en": 0.0, "zh": 0.99}]
    parts = [(Span(0, 4.9), "en"), *divided(list(zip(pieces, heard, strict=True)), "zh", "en")]
    assert joined(parts) == [(Span(0, 11.1), "en"), (Span(11.1, 12.5), "zh")]


def test_no_chunk_goes_through_the_encoder_twice_to_detect_the_language(tmp_path, monkeypatch, decoded):
    from whisper.model import AudioEncoder

    heard, listen = [], AudioEncoder.forward
    monkeypatch.setattr(AudioEncoder, "forward", lambda own, given: heard.append(len(given)) or listen(own, given))
    model = multilingual(tmp_path, max_chunk_seconds=2.0, padding_seconds=0.2)
    samples, speech = noise(12, FAINT), [Span(2.5 * part, 2.5 * part + 0.8 + part / 10) for part in range(5)]
    result = model.transcribe(samples, speech)
    assert heard == [3, 2]
    assert len(result.suppressed) == 5
    model.transcribe(samples, speech, language=decoded[0][1])
    assert heard == [3, 2, 5]
    (taken_over, language), (computed, given) = decoded
    assert language == given
    np.testing.assert_allclose(taken_over, computed, atol=1e-4)


def test_half_precision_of_the_encoder_gives_nearly_the_same_features(tmp_path, decoded):
    path, options = small_checkpoint(tmp_path / "random.pt"), DecodingOptions(temperatures=(0.0,))
    for precision in ("float32", "bfloat16"):
        WhisperTranscriber(path, decoding=options, precision=precision).transcribe(noise(2, FAINT), [Span(0, 2)])
    (full, _), (rounded, _) = decoded
    assert rounded.dtype == np.float32
    assert 0 < np.abs(full - rounded).mean() < 0.02 * np.abs(full).mean() + 0.01


TIMES, END = 50_363, 50_256


def reading(*tokens):
    """A chunk from 10 s to 20 s, of text tokens and of times as texts of seconds."""
    numbers = [TIMES + round(float(token) * 50) if isinstance(token, str) else token for token in tokens]
    return read(numbers, TIMES, END, Span(10, 20))


def test_timestamps_divide_a_chunk_into_passages():
    found = reading("0", 5, 6, "2", "3", 7, "18")
    assert found.passages == (Passage(Span(10, 12), (5, 6)), Passage(Span(13, 20), (7,)))
    assert reading(5).passages == (Passage(Span(10, 20), (5,)),)


@pytest.mark.parametrize(
    ("tokens", "goes_on_at"),
    [
        (("0", 5, "4", "4"), 14.0),  # cut here, and nothing behind it yet
        (("0", 5, "4", "4", 6, 7), 14.0),  # cut here; what was written behind it has no end
        (("0", 5, "4", "4.5", 6, "9"), None),
        (("0", 5, "9"), None),
        (("0", 5, 6), None),
        (("0", 5, "0.4", "0.4", 6), None),  # no progress: it would never end
        (("0", 5, "9.8", "9.8"), None),  # nothing can be said behind it
    ],
)
def test_a_doubled_timestamp_says_from_where_the_sound_must_be_decoded_again(tokens, goes_on_at):
    assert reading(*tokens).goes_on_at == goes_on_at


def test_what_is_written_behind_a_doubled_timestamp_is_left_to_the_next_decoding():
    assert reading("0", 5, "4", "4", 6, 7).passages == (Passage(Span(10, 14), (5,)),)
    assert reading("0", 5, "0.4", "0.4", 6).passages == (
        Passage(Span(10, 10.4), (5,)),
        Passage(Span(10.4, 20), (6,)),
    )


class Scripted:
    """A decoder in the place of Whisper's own, which writes what it is given for each chunk in turn."""

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self.transcribe = transcriber.transcribe
        self.script: list[list[float | str]] = []
        self.certainty = (-0.2, 0.01)

    def decode(self, model, features, options):
        words = tokenizer(model.is_multilingual, model.num_languages, options.language)
        logprob, no_speech = self.certainty
        results = []
        for _ in features:
            tokens = []
            for part in self.script.pop(0):
                is_time = isinstance(part, float)
                tokens += [words.timestamp_begin + round(part * 50)] if is_time else words.encode(part)
            text = words.decode([token for token in tokens if token < words.timestamp_begin])
            results.append(SimpleNamespace(tokens=tokens, text=text, no_speech_prob=no_speech, avg_logprob=logprob))
        return results


@pytest.fixture
def scripted(english, monkeypatch):
    from whisper.model import Whisper

    decoder = Scripted(english)
    monkeypatch.setattr(Whisper, "decode", lambda model, features, options: decoder.decode(model, features, options))
    yield decoder
    assert decoder.script == [], "every chunk was decoded, and none twice"


def test_words_behind_a_cut_are_decoded_from_there(scripted):
    scripted.script = [
        [0.0, " We went to the sea.", 8.0, 8.0, " And the"],
        [0.0, " And the rain began.", 6.0],
    ]
    result = scripted.transcribe(noise(20), [Span(0, 20)])
    assert [(u.span, u.text) for u in result.utterances] == [
        (Span(0, 8), "We went to the sea."),
        (Span(8, 14), "And the rain began."),
    ]
    assert result.suppressed == ()


def test_a_cut_before_silence_asks_for_nothing_more(scripted):
    scripted.script = [[0.0, " We went to the sea.", 8.0, 8.0]]
    assert len(scripted.transcribe(noise(20, FAINT), [Span(0, 8), Span(9.9, 10)]).utterances) == 1


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech", "believed"),
    [
        (" And so we went down to the sea.", -0.3, 0.1, True),
        (" And so we went down to the sea.", -0.8, 0.1, False),
        (" And so we went down to the sea.", -0.3, 0.9, False),
        (" Thank you.", -0.3, 0.1, False),
        (" Oh oh oh oh oh", -0.3, 0.1, False),
    ],
)
def test_words_in_loud_sound_without_voice_are_believed_where_they_are_sure(
    scripted, text, logprob, no_speech, believed
):
    scripted.script = [[0.0, text, 8.0]]
    scripted.certainty = (logprob, no_speech)
    result = scripted.transcribe(noise(10, 0.1), [])
    assert [u.text for u in result.utterances] == ([text.strip()] if believed else [])
    assert bool(result.suppressed) is not believed


def test_sound_that_may_hide_a_voice_is_loud_and_has_none_found_in_it():
    samples = np.concatenate([noise(10, 0.1), noise(10, 0.001), noise(5, 0.1)])
    assert unsure_spans(samples, [Span(2, 6), Span(9.5, 12)]) == [Span(0, 2), Span(6, 9.5), Span(20, 25)]
    assert unsure_spans(samples[:0], []) == []


def test_a_loop_takes_its_own_sentences_alone(scripted):
    scripted.script = [
        [0.0, " What is your number?", 4.0, 4.0, " 1 1 1 1 1 1 1 1 1 1 1 1 1 1", 12.0, 12.0, " And yours?", 15.0]
    ]
    result = scripted.transcribe(noise(20), [Span(0, 20)])
    assert [u.text for u in result.utterances] == ["What is your number?", "And yours?"]
    (loop,) = result.suppressed
    assert (loop.span, loop.reason) == (Span(4, 12), "text repeats itself ('1' again and again)")


@pytest.mark.parametrize("harm", ["missing", "empty", "truncated", "not weights"])
def test_missing_or_damaged_weights_name_the_command_that_mends_them(tmp_path, harm):
    path = tmp_path / "small.pt"
    if harm == "truncated":
        small_checkpoint(path)
        path.write_bytes(path.read_bytes()[:10_000])
    elif harm != "missing":
        path.write_bytes(b"" if harm == "empty" else b"<html>not found</html>")
    with pytest.raises(ModelUnavailable, match=r"python -m assistant models (pull|verify)"):
        WhisperTranscriber(path)


@pytest.fixture(scope="module")
def demo():
    if not (DEMO_SPEECH / "model.pt").is_file():
        pytest.skip("the demo pack's speech model is not there yet")
    return WhisperTranscriber(DEMO_SPEECH, word_times=False)


@speaks
def test_the_demo_model_understands_new_sentences_by_new_voices(demo, detector):
    from assistant.synthetic.recipes.speech_scores import word_edits

    errors = words = 0
    for seed in (190_001, 190_002, 190_003):
        rng = random.Random(seed)
        sentences = [any_sentence(rng) for _ in range(6)]
        samples, spoken = narrated(sentences, sample_voice(rng), 0.8)
        result = demo.transcribe(samples + noise(60, 0.002)[: len(samples)], detector.detect(samples))
        assert result.language == "en"
        for utterance in result.utterances:
            assert any(span.overlap_seconds(utterance.span) > 0.5 * span.seconds for span in spoken)
        errors += word_edits(" ".join(sentences).split(), " ".join(u.text for u in result.utterances).split())
        words += len(" ".join(sentences).split())
    assert errors / words <= 0.1


@pytest.mark.parametrize("level", [0.0, 0.05])
def test_the_demo_model_writes_nothing_for_silence_and_noise(demo, level):
    assert demo.transcribe(noise(4, level), [Span(0.5, 3.5)]).utterances == ()


def test_the_demo_model_does_not_believe_most_of_what_it_makes_of_a_real_person(demo, detector, media):
    believed = heard = 0
    for name in ("speech/jfk.flac", "speech/nasa_webb_narration.mp4", "speech/en_brooklyn_bridge.wav"):
        samples = sound_of(media / name)
        result = demo.transcribe(samples, detector.detect(samples))
        believed += len(result.utterances)
        heard += len(result.utterances) + len(result.suppressed)
    assert heard >= 6
    assert believed <= 0.25 * heard


def test_a_config_that_asks_for_the_unknown_is_damage(tmp_path):
    small_checkpoint(tmp_path / "model.pt")
    (tmp_path / "config.json").write_text('{"decoding": {"max_chunk_minutes": 1}}')
    with pytest.raises(ModelUnavailable, match="decoding that nobody knows"):
        WhisperTranscriber(tmp_path)
