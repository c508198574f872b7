"""What every entailment model promises, over both backends with tiny random weights."""

import pytest
from tiny_entailment import tokenizer, write_cross_encoder, write_nli

from assistant.errors import ModelUnavailable
from assistant.models.entailment import minilm_cross_encoder as cross
from assistant.models.entailment.minilm_cross_encoder import MiniLMCrossEncoder
from assistant.models.entailment.nli import NliModel
from assistant.models.packs.catalog import backend_of
from assistant.models.protocols import Statement
from assistant.models.runtime import packed_bert

BACKENDS = {"cross-encoder": (write_cross_encoder, MiniLMCrossEncoder), "nli": (write_nli, NliModel)}
STATEMENTS = [
    Statement(("speech: six eggs and a kilo of potatoes",), "How many eggs?", "Six eggs are used."),
    Statement(("action: pouring something into something", "scene: kitchen"), "", "Something is poured."),
    Statement((), "Who speaks?", "Nobody speaks."),
    Statement(tuple(f"speech: line {n} says what line {n} says" for n in range(60)), "What is said?", "Much is said."),
]


@pytest.fixture(scope="module", params=BACKENDS)
def model(request, tmp_path_factory):
    write, backend = BACKENDS[request.param]
    return backend(write(tmp_path_factory.mktemp("entailment") / "tiny"), device="cpu")


def test_the_three_outcomes_are_probabilities_that_sum_to_one(model):
    for judged in model.score(STATEMENTS):
        outcomes = (judged.supported, judged.contradicted, judged.not_there)
        assert sum(outcomes) == pytest.approx(1, abs=1e-4)
        assert min(outcomes) >= 0
        assert judged.answers is None or 0 <= judged.answers <= 1


def test_a_statement_is_judged_the_same_alone_as_among_others(model):
    together = model.score(STATEMENTS)
    for statement, judged in zip(STATEMENTS, together, strict=True):
        (alone,) = model.score([statement])
        assert alone.supported == pytest.approx(judged.supported, abs=1e-4)
        assert alone.not_there == pytest.approx(judged.not_there, abs=1e-4)


def test_nothing_asked_is_nothing_judged(model):
    assert model.score([]) == []
    assert model.score(STATEMENTS)[1].answers is None


@pytest.mark.parametrize("name", BACKENDS)
def test_a_folder_says_which_backend_loads_it(name, tmp_path):
    write, backend = BACKENDS[name]
    assert backend_of("entailment", write(tmp_path / "model")) == f"{backend.__module__}:{backend.__name__}"


@pytest.mark.parametrize("backend", [MiniLMCrossEncoder, NliModel])
def test_a_folder_without_a_model_is_told_in_a_sentence(backend, tmp_path):
    with pytest.raises(ModelUnavailable, match="can be loaded"):
        backend(tmp_path / "nothing", device="cpu")


def test_a_classifier_of_something_else_is_no_nli_model(tmp_path):
    with pytest.raises(ModelUnavailable, match="no label 'entailment'"):
        NliModel(write_nli(tmp_path / "mood", labels=("sad", "glad")), device="cpu")


def test_the_outcomes_of_an_nli_model_are_found_by_their_names(tmp_path):
    usual = NliModel(write_nli(tmp_path / "a"), device="cpu")
    other = NliModel(write_nli(tmp_path / "b", labels=("entailment", "neutral", "contradiction")), device="cpu")
    first, second = usual.score(STATEMENTS[:1])[0], other.score(STATEMENTS[:1])[0]
    assert (first.supported, first.contradicted) == pytest.approx((second.contradicted, second.supported))


def test_evidence_longer_than_a_window_is_read_whole():
    words = tokenizer()
    encoding = cross.Encoding(words)
    statement = Statement(tuple(f"speech: word{n} " + "abc " * 20 for n in range(12)), "q", "s")
    windows = encoding.windows(statement)
    assert len(windows) > 1
    assert all(len(tokens) <= cross.MAX_TOKENS and len(tokens) == len(types) for tokens, types in windows)
    whole = encoding.windows(Statement(statement.evidence[:1], "q", "s"))[0][0]
    assert windows[0][0][: len(whole) - 1] == whole[:-1]
    seen = sum(len(tokens) for tokens, _ in windows)
    assert seen >= sum(len(words.encode(line, add_special_tokens=False).ids) for line in statement.evidence)


def test_a_line_longer_than_a_window_is_cut_and_not_lost():
    encoding = cross.Encoding(tokenizer())
    windows = encoding.windows(Statement(("a " * 500,), "q", "s"))
    assert sum(types.count(1) - 1 for _, types in windows) == 500


def test_packed_weights_come_back_to_within_half_a_step():
    import torch

    weights = {"matrix": torch.randn(100, 100), "bias": torch.randn(7)}
    back = packed_bert.unpack_weights(packed_bert.pack_weights(weights))
    step = weights["matrix"].abs().amax(1, keepdim=True) / 127
    assert ((back["matrix"] - weights["matrix"]).abs() <= 0.51 * step).all()
    assert torch.allclose(back["bias"], weights["bias"], atol=1e-3)
