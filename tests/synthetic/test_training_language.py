"""The texts from which the language model learns are true of their evidence; its training can stop and go on."""

from __future__ import annotations

import random
import re

import pytest

from assistant.chat.conversation import Turned, build_prompt
from assistant.chat.retrieval import render_segment
from assistant.chat.verify import check, marks, says_not_found
from assistant.synthetic.recipes import language, language_data
from assistant.synthetic.recipes.language_data import (
    Batches,
    CountingModel,
    corpus,
    draw_conversation,
    draw_summary,
    render,
)
from assistant.synthetic.recipes.language_model import hidden_states, new_model, new_tokenizer
from assistant.synthetic.recipes.language_tasks import MAKERS, Asker, follow_up
from assistant.synthetic.recipes.language_wordings import HELD_OUT, TRAINED, every, word
from assistant.synthetic.recipes.language_world import draw_timeline, rows_of

SEED = 120_000


@pytest.fixture(scope="module")
def tokenizer():
    return new_tokenizer(corpus(SEED, timelines=60))


def asker(number: int, held_out: bool = False) -> Asker:
    rng = random.Random(SEED + number)
    return Asker(draw_timeline(rng, 16), rng, held_out)


def wordings(table: dict[str, tuple[str, ...]], kind: str) -> set[str]:
    return {whole for text in table.get(kind, ()) for whole in every(text)}


def test_every_kind_of_question_has_twenty_wordings_and_some_that_are_kept_back():
    for kind in MAKERS:
        assert len(wordings(TRAINED, kind)) >= 20, kind
    assert sum(bool(HELD_OUT.get(kind)) for kind in MAKERS) >= len(MAKERS) - 2


def test_no_kept_back_wording_is_trained_on():
    kept_back = {whole for kind in HELD_OUT for whole in wordings(HELD_OUT, kind)}
    rng = random.Random(SEED)
    for kind in TRAINED:
        assert not kept_back & wordings(TRAINED, kind), kind
        assert not kept_back & {word(kind, rng) for _ in range(400)}, kind


def test_words_are_exchanged_and_places_stay():
    rng = random.Random(SEED)
    for kind in TRAINED:
        drawn = {word(kind, rng) for _ in range(400)}
        assert drawn - wordings(TRAINED, kind) or kind in ("and_thing", "sure"), kind
        places = {place for text in TRAINED[kind] for place in re.findall(r"{\w+}", text)}
        assert {place for text in drawn for place in re.findall(r"{\w+}|[{}]", text)} == places, kind


@pytest.mark.parametrize("held_out", [False, True])
def test_every_answer_is_supported_by_the_evidence_it_was_made_from(held_out):
    found: dict[str, int] = {}
    for number in range(40):
        one = asker(number, held_out)
        for kind in MAKERS:
            task = one.draw(kind)
            if task is None or says_not_found(task.answer):
                continue
            found[kind] = found.get(kind, 0) + 1
            verdicts = [claim.verdict for claim in check(task.answer, one.timeline)]
            assert set(verdicts) == {"supported"}, (task, verdicts)
    assert set(found) == set(MAKERS) - {"unknowable"}


def test_follow_ups_are_answered_from_what_was_cited_before():
    seen = set()
    for number in range(120):
        one = asker(number)
        task = one.draw("first")
        more = follow_up(one, [task])
        if more is None or says_not_found(more.answer):
            continue
        seen.add(more.kind)
        assert {claim.verdict for claim in check(more.answer, one.timeline)} == {"supported"}, more
        if more.kind == "next":
            assert set(task.ids) < set(more.ids)
    assert len(seen) >= 6


def test_summaries_are_supported_too():
    rng = random.Random(SEED)
    for _ in range(20):
        made = draw_summary(rng, 10)
        assert made.messages[0].content.startswith("Below are notes")
        assert marks(made.answer)


def test_the_evidence_holds_the_recognisers_mistakes_and_orders_that_somebody_spoke():
    lines, odd = [], 0
    for number in range(150):
        timeline = asker(number).timeline
        lines += [render_segment(segment) for segment in timeline.segments]
        odd += any(row.odd for row in rows_of(timeline))
    text = "\n".join(lines)
    for part in ("(unsure)", "does: unknown", "instructions", 'says: "we count'):
        assert part in text
    assert odd
    assert sum("says" in line for line in lines) < len(lines)


def test_the_same_seed_gives_the_same_batch_and_another_another(tokenizer):
    one, again, other = Batches(tokenizer, 1, 9)[3], Batches(tokenizer, 1, 9)[3], Batches(tokenizer, 2, 9)[3]
    assert one.rows.equal(again.rows)
    assert one.kinds == again.kinds
    assert not one.rows.equal(other.rows)
    assert float((one.exchanges >= 0).float().mean()) > 0.85


def test_a_mark_and_each_line_of_the_rules_is_one_token(tokenizer):
    counting = CountingModel(tokenizer)
    assert counting.count_tokens("[S12]") == 1
    one = asker(0)
    prompt = build_prompt("What happens?", one.timeline, [], counting, evidence_tokens=3000, answer_tokens=400)
    rules = prompt.messages[0].content.split("Evidence\n")[0]
    assert counting.count_tokens(rules) < 20
    assert tokenizer.decode(tokenizer(prompt.messages[0].content)["input_ids"]) == prompt.messages[0].content


def test_forty_segments_and_a_conversation_fit_the_context(tokenizer):
    counting = CountingModel(tokenizer)
    rng = random.Random(SEED)
    timeline = draw_timeline(rng, 1)
    while len(timeline.segments) < 40:
        timeline = draw_timeline(rng, 40)
    history = [Turned("What happens?", "The red circle is moving left [S1].", (1,))] * 3
    prompt = build_prompt("And then?", timeline, history, counting, evidence_tokens=3000, answer_tokens=400)
    assert prompt.shown_ids == {segment.id for segment in timeline.segments}
    assert counting.count_tokens(render(prompt.messages)) + 400 < counting.context_tokens


def test_texts_are_laid_out_as_the_chat_template_lays_them_out(tokenizer):
    made = draw_conversation(asker(1), CountingModel(tokenizer), 3)
    chat = [{"role": message.role, "content": message.content} for message in made.messages]
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == render(made.messages)


def test_an_exchange_beside_others_is_read_as_if_it_were_alone(tokenizer):
    import torch

    batch = Batches(tokenizer, SEED, 1).batch(random.Random(2), 8)
    torch.manual_seed(0)
    model = new_model(tokenizer).eval()
    with torch.inference_mode():
        together = hidden_states(model, batch).rows
        for number in (0, 3, len(batch.kinds) - 1):
            here = batch.exchanges == number
            group = int(here.nonzero()[0, 0])
            prefix = batch.prefixes[group, : batch.prefix_lengths[group] if batch.with_prefix[here].any() else 0]
            ids = torch.cat([prefix, batch.rows[here]])[None]
            alone = model.model(input_ids=ids).last_hidden_state[0, len(prefix) :]
            assert torch.allclose(alone, together[here], atol=1e-4)


def test_the_model_has_five_to_twenty_million_weights(tokenizer):
    assert 5e6 <= sum(weight.numel() for weight in new_model(tokenizer).parameters()) <= 20e6
    assert 2000 <= len(tokenizer) <= 4000


def test_a_training_that_stopped_goes_on_and_its_model_loads(tmp_path, monkeypatch):
    from assistant.models.chat.transformers_chat import TransformersChatModel
    from assistant.models.protocols import GenerationOptions, Message

    monkeypatch.setattr(language_data, "PREFIXES", 1)
    monkeypatch.setattr(language_data, "ROWS", 1)
    monkeypatch.setattr(language, "corpus", lambda seed: corpus(seed, timelines=20))
    lines: list[str] = []
    out, work = tmp_path / "language", tmp_path / "work"
    language.train_language(out, work=work, seed=SEED, steps=1, report=lines.append)
    figures = language.train_language(out, work=work, seed=SEED, steps=2, report=lines.append)
    assert "language: going on from step 1" in lines
    assert 0.0 <= figures["right"] <= 1.0
    model = TransformersChatModel(out, device="cpu")
    assert model.context_tokens >= 2048
    "".join(model.stream([Message("user", "What happens?")], GenerationOptions(max_tokens=5)))


def test_the_rate_warms_up_stays_and_falls_to_nothing():
    rates = [language.share_at(step, 1000) for step in range(1000)]
    assert rates[0] < rates[30] < rates[100] == rates[499] == 1.0
    assert rates[600] > rates[800] > rates[999] > 0
