"""The parts of transcription that need no model: languages, words' times, passages, chunks and what is believed."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core.timeline import Span
from assistant.models.speech.alignment import token_starts, within_voice
from assistant.models.speech.chunks import SAMPLE_RATE_HZ, Chunk, chunk_of, chunk_samples, pack_chunks, unsure_spans
from assistant.models.speech.gates import Draft, GateLimits, compression_ratio, reason_to_suppress, repeated_words
from assistant.models.speech.languages import pieces_of, stretches
from assistant.models.speech.passages import read
from assistant.models.speech.silero import VoiceRules, voiced_spans

QUICK = settings(max_examples=120, deadline=None, derandomize=True)
TIMES = st.lists(st.floats(0, 60).map(lambda seconds: round(seconds, 2)), min_size=2, max_size=16, unique=True)


@st.composite
def ordered_spans(draw) -> list[Span]:
    """Spans one after the other, with pauses."""
    edges = sorted(draw(TIMES))
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]


# Languages


def test_a_chunk_is_divided_in_pauses_where_both_sides_have_enough_voice():
    voiced = [Span(0, 3), Span(4, 7), Span(8, 11)]
    assert pieces_of(Span(0, 11), voiced) == [Span(0, 3.5), Span(3.5, 7.5), Span(7.5, 11)]
    assert pieces_of(Span(0, 4.5), [Span(0, 2), Span(3, 4)]) == [Span(0, 4.5)]
    assert pieces_of(Span(0, 9), []) == [Span(0, 9)]


@given(voiced=ordered_spans(), ends=st.tuples(st.floats(0, 60), st.floats(0, 60)))
@QUICK
def test_the_pieces_of_a_chunk_cover_it_in_order(voiced, ends):
    span = Span(min(ends), max(ends))
    pieces = pieces_of(span, voiced)
    assert pieces[0].start_seconds == span.start_seconds
    assert pieces[-1].end_seconds == span.end_seconds
    assert all(one.end_seconds == other.start_seconds for one, other in pairwise(pieces))


def test_a_piece_speaks_another_language_only_where_it_is_sure_and_the_usual_one_improbable():
    pieces = [
        (Span(0, 3), {"en": 0.9, "de": 0.1}),
        (Span(3, 6), {"en": 0.3, "de": 0.6}),
        (Span(6, 9), {"en": 0.01, "de": 0.9}),
        (Span(9, 12), {"en": 0.01, "de": 0.6}),
        (Span(12, 15), {"de": 0.4, "nl": 0.3, "en": 0.0}),
    ]
    assert stretches(pieces, "en") == [(Span(0, 6), "en"), (Span(6, 12), "de"), (Span(12, 15), "en")]
    assert stretches([], "en") == []


# Times of words


def cheapest(cost: np.ndarray) -> float:
    """The cost of the cheapest way by trying every choice; for small tables."""
    tokens, moments = cost.shape
    best = np.full((tokens, moments), np.inf)
    for row, column in product(range(tokens), range(moments)):
        before = [
            best[r, c] for r, c in ((row - 1, column - 1), (row - 1, column), (row, column - 1)) if r >= 0 and c >= 0
        ]
        best[row, column] = cost[row, column] + (min(before) if before else 0.0)
    return float(best[-1, -1])


def cost_of(cost: np.ndarray, starts: np.ndarray) -> float:
    """The least that a way costs on which the tokens begin at these moments."""
    total, ends = 0.0, [*starts[1:], None]
    for token, (start, following) in enumerate(zip(starts, ends, strict=True)):
        if following is None:
            total += cost[token, start:].sum()
        else:
            # A token lasts to the moment before the next one begins, or shares that moment with it.
            last = max(start, following - 1)
            alone = cost[token, start : last + 1].sum()
            shared = cost[token, start : following + 1].sum()
            total += min(alone, shared)
    return float(total)


@given(
    table=st.integers(1, 6).flatmap(
        lambda rows: st.integers(rows, 9).flatmap(
            lambda columns: st.lists(
                st.lists(st.integers(-9, 9), min_size=columns, max_size=columns), min_size=rows, max_size=rows
            )
        )
    )
)
@QUICK
def test_tokens_begin_in_order_on_the_cheapest_way(table):
    cost = np.array(table, np.float32)
    starts = token_starts(cost)
    assert starts[0] == 0
    assert (np.diff(starts) >= 0).all()
    assert starts[-1] < cost.shape[1]
    assert cost_of(cost, starts) <= cheapest(cost) + 1e-4


def test_each_token_begins_where_its_attention_does():
    cost = np.zeros((3, 12), np.float32)
    cost[0, :4], cost[1, 4:9], cost[2, 9:] = -1, -1, -1
    assert token_starts(cost).tolist() == [0, 4, 9]


@pytest.mark.parametrize(
    ("word", "voiced", "kept"),
    [
        (Span(1, 3), [Span(2, 5)], Span(2, 3)),
        (Span(1, 3), [Span(0, 2)], Span(1, 2)),
        (Span(1, 3), [Span(0, 1.2), Span(2, 5)], Span(2, 3)),
        (Span(1, 3), [Span(1.5, 2)], Span(1.5, 2)),
        (Span(1, 3), [Span(0, 9)], Span(1, 3)),
        (Span(1, 3), [], Span(1, 3)),
        (Span(1, 3), [Span(4, 5)], Span(1, 3)),
        (Span(1, 3), [Span(0, 1.01)], Span(1, 3)),
    ],
)
def test_the_pause_is_cut_off_a_word_and_one_without_voice_stays(word, voiced, kept):
    assert within_voice(word, voiced) == kept


@given(voiced=ordered_spans(), ends=st.tuples(st.floats(0, 60), st.floats(0, 60)))
@QUICK
def test_a_word_never_leaves_its_own_time(voiced, ends):
    word = Span(min(ends), max(ends))
    kept = within_voice(word, voiced)
    assert word.start_seconds <= kept.start_seconds <= kept.end_seconds <= word.end_seconds


# Passages

FIRST_TIMESTAMP, END = 1000, 900


@given(
    tokens=st.lists(st.integers(0, 899) | st.integers(1000, 2500) | st.integers(900, 999), max_size=30),
    start=st.floats(0, 100).map(lambda seconds: round(seconds, 2)),
    seconds=st.floats(0.1, 30).map(lambda seconds: round(seconds, 2)),
)
@QUICK
def test_passages_lie_in_order_within_their_chunk_and_lose_no_word_that_is_not_decoded_again(tokens, start, seconds):
    span = Span(start, start + seconds)
    reading = read(tokens, FIRST_TIMESTAMP, END, span)
    for passage in reading.passages:
        assert span.start_seconds <= passage.span.start_seconds <= passage.span.end_seconds <= span.end_seconds
        assert passage.tokens
    assert all(a.span.end_seconds <= b.span.start_seconds for a, b in pairwise(reading.passages))
    written = [token for passage in reading.passages for token in passage.tokens]
    words = [token for token in tokens if token < END]
    assert written == words[: len(written)]
    if reading.goes_on_at is None:
        assert written == words
    else:
        assert reading.passages[-1].span.end_seconds <= reading.goes_on_at < span.end_seconds


# Chunks


@given(speech=ordered_spans(), most=st.floats(2, 30), gap=st.floats(0, 3), padding=st.floats(0, 0.5))
@QUICK
def test_chunks_hold_all_speech_in_order_and_none_is_too_long(speech, most, gap, padding):
    samples = np.zeros(45 * SAMPLE_RATE_HZ, np.float32)
    chunks = pack_chunks(speech, samples, max_seconds=most, join_gap_seconds=gap, padding_seconds=padding)
    heard = [Span(one.start_seconds, min(45.0, one.end_seconds)) for one in speech if one.start_seconds < 45]
    assert sum(chunk.voiced_seconds for chunk in chunks) == pytest.approx(sum(one.seconds for one in heard), abs=1e-6)
    assert all(chunk.span.seconds <= most + 1e-6 for chunk in chunks)
    assert all(a.span.end_seconds <= b.span.start_seconds + 1e-6 for a, b in pairwise(chunks))
    for one in heard:
        held = sum(chunk.span.overlap_seconds(one) for chunk in chunks)
        assert held == pytest.approx(one.seconds, abs=1e-6)


def test_a_chunk_knows_how_much_of_both_kinds_lies_in_it_and_cuts_out_its_own_sound():
    chunk = chunk_of(Span(1, 4), [Span(0, 2), Span(3.5, 9)], [Span(2, 3)])
    assert chunk == Chunk(Span(1, 4), 1.5, 1.0)
    samples = np.arange(5 * SAMPLE_RATE_HZ, dtype=np.float32)
    assert chunk_samples(chunk, samples)[0] == SAMPLE_RATE_HZ
    assert len(chunk_samples(chunk, samples)) == 3 * SAMPLE_RATE_HZ


@given(voiced=ordered_spans())
@QUICK
def test_what_is_unsure_is_never_voiced(voiced):
    samples = np.full(60 * SAMPLE_RATE_HZ, 0.2, np.float32)
    for one in unsure_spans(samples, voiced):
        assert one.seconds >= 1.0
        assert not any(other.overlap_seconds(one) > 1e-9 for other in voiced)


# Voice


@given(
    probabilities=st.lists(st.floats(0, 1, width=32), max_size=200),
    silence=st.floats(0.03, 0.5),
    least=st.floats(0.0, 0.5),
    padding=st.floats(0, 1),
    cut=st.integers(0, 511),
)
@QUICK
def test_voiced_spans_lie_in_order_within_the_sound_and_hold_every_window_that_is_sure(
    probabilities, silence, least, padding, cut
):
    count = max(0, 512 * len(probabilities) - cut)
    rules = VoiceRules(min_silence_seconds=silence, min_voice_seconds=0.0, padding_seconds=padding)
    spans = voiced_spans(np.array(probabilities, np.float32), count, rules)
    assert all(a.end_seconds <= b.start_seconds + 1e-9 for a, b in pairwise(spans))
    assert all(0 <= one.start_seconds <= one.end_seconds <= count / SAMPLE_RATE_HZ + 1e-9 for one in spans)
    for index, probability in enumerate(probabilities):
        now = (index + 0.5) * 512 / SAMPLE_RATE_HZ
        if probability >= rules.starts_at and now < count / SAMPLE_RATE_HZ:
            assert any(one.start_seconds <= now <= one.end_seconds for one in spans)
    longer = VoiceRules(min_silence_seconds=silence, min_voice_seconds=least, padding_seconds=0.0)
    kept = voiced_spans(np.array(probabilities, np.float32), count, longer)
    assert all(one.seconds >= least - 0.033 for one in kept)


# What is believed

LIMITS = GateLimits()
LETTERS = st.text("abcdefghij ", min_size=1, max_size=60)


@given(text=LETTERS, voice=st.floats(0, 30), no_speech=st.floats(0, 1), logprob=st.floats(-5, 0))
@QUICK
def test_words_that_are_believed_stay_believed_where_everything_is_surer(text, voice, no_speech, logprob):
    draft = Draft(text, voice, no_speech, logprob)
    if not reason_to_suppress(draft, LIMITS):
        assert not reason_to_suppress(Draft(text, voice + 1, no_speech / 2, logprob / 2), LIMITS)


@given(phrase=st.lists(st.sampled_from("abcde"), min_size=1, max_size=3, unique=True), times=st.integers(6, 12))
@QUICK
def test_a_phrase_that_comes_again_and_again_is_found_wherever_it_stands(phrase, times):
    loop = " ".join(phrase * times)
    assert repeated_words(loop)
    assert repeated_words(f"before it {loop} and behind")
    assert not repeated_words(" ".join(f"w{n}" for n in range(times * 3)))


def test_repetition_compresses_and_words_do_not():
    assert compression_ratio("la " * 100) > LIMITS.compression_ratio
    assert compression_ratio("the quick brown fox jumps over a lazy dog while it rains in town") < 2
