"""A small language model of a real architecture, loaded and asked as a published one would be."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest
from conftest import SHARED

from assistant.errors import ModelFailed, ModelUnavailable
from assistant.models.protocols import GenerationOptions, Message
from assistant.models.runtime.budget import FairLock

FOLDER = SHARED / "models" / "stories260K_hf"
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TEMPLATE[27:]
)
EVIDENCE = " ".join(f"[S{n}] The little dog sat by the big tree and saw a bird." for n in range(1, 25))

needs_model = pytest.mark.skipif(not FOLDER.is_dir(), reason="the small language model is not on this machine")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model only loses time in sharing its work
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    """A model that tells stories for as long as it is let."""
    from assistant.models.chat.transformers_chat import TransformersChatModel

    if not FOLDER.is_dir():
        pytest.skip("the small language model is not on this machine")
    return TransformersChatModel(FOLDER, device="cpu", chat_template=TEMPLATE)


@pytest.fixture(scope="module", params=["stories"])
def any_model(request):
    """Each chat model that must keep the contract."""
    return request.getfixturevalue("model")


def said(model, messages, **options) -> str:
    return "".join(model.stream(messages, GenerationOptions(**options)))


def test_an_answer_streams_in_pieces_that_make_the_whole(model):
    pieces = list(model.stream([Message("user", "Once upon a time")], GenerationOptions(max_tokens=40)))
    assert len(pieces) > 10
    assert "".join(pieces) == said(model, [Message("user", "Once upon a time")], max_tokens=40)


def test_the_answer_is_the_one_that_transformers_generates(any_model):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    text = "Tell me a story about a cat."
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], chat_template=TEMPLATE, add_generation_prompt=True, tokenize=False
    )
    # Some templates are tokenized with a leading special token; the prompt is made as `stream` makes it.
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        whole = AutoModelForCausalLM.from_pretrained(FOLDER).generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=30, do_sample=False, pad_token_id=0
        )
    expected = tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True)
    assert said(any_model, [Message("user", text)], max_tokens=30) == expected


def test_the_second_turn_reads_only_what_is_new(any_model):
    first = [Message("system", EVIDENCE), Message("user", "What does the dog do?")]
    answer = said(any_model, first, max_tokens=20)
    before = any_model.prefilled_tokens
    second = [*first, Message("assistant", answer), Message("user", "And then?")]
    again = said(any_model, second, max_tokens=20)
    assert any_model.prefilled_tokens <= 0.2 * before, (before, any_model.prefilled_tokens)
    any_model.forget()
    assert said(any_model, second, max_tokens=20) == again, "the kept keys and values change the answer"


def test_another_conversation_does_not_inherit_the_cache(any_model):
    said(any_model, [Message("user", "A red ball rolls down the hill.")], max_tokens=5)
    one = said(any_model, [Message("user", "A bird sings.")], max_tokens=20)
    any_model.forget()
    assert said(any_model, [Message("user", "A bird sings.")], max_tokens=20) == one


def test_a_cancel_is_heard_within_200_ms(model):
    stop = threading.Event()
    pieces = []
    stopped_at = ended_at = 0.0
    for piece in model.stream([Message("user", "Once")], GenerationOptions(max_tokens=400), stop.is_set):
        pieces.append(piece)
        if len(pieces) == 5:
            stop.set()
            stopped_at = time.monotonic()
    ended_at = time.monotonic()
    assert len(pieces) <= 6
    assert ended_at - stopped_at < 0.2


def test_a_closed_stream_lets_the_next_one_in(any_model):
    stream = any_model.stream([Message("user", "Once")], GenerationOptions(max_tokens=400))
    next(stream)
    stream.close()
    assert said(any_model, [Message("user", "Twice")], max_tokens=3)


def test_a_timeout_is_told(any_model):
    with pytest.raises(ModelFailed, match="did not finish within"):
        said(any_model, [Message("user", "Once")], max_tokens=400, timeout_seconds=0.0)


def test_a_prompt_longer_than_the_context_is_told(any_model):
    with pytest.raises(ModelFailed, match="does not fit"):
        said(any_model, [Message("user", EVIDENCE * 10)], max_tokens=5)


def test_stop_words_end_the_answer_and_are_not_part_of_it(model):
    whole = said(model, [Message("user", "Once upon a time")], max_tokens=40)
    word = whole.split()[4]
    text = said(model, [Message("user", "Once upon a time")], max_tokens=40, stop=(word,))
    assert word not in text
    assert whole.startswith(text)


def test_out_of_memory_is_a_sentence_and_the_next_answer_works(any_model, monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    from transformers import LlamaForCausalLM

    with monkeypatch.context() as patched:
        patched.setattr(LlamaForCausalLM, "forward", fail)
        with pytest.raises(ModelFailed, match="ran out of memory"):
            said(any_model, [Message("user", "Once")], max_tokens=5)
    assert said(any_model, [Message("user", "Once")], max_tokens=5)


def test_answers_asked_for_at_once_come_one_after_the_other(any_model):
    lengths = []

    def ask(text: str) -> None:
        lengths.append(len(said(any_model, [Message("user", text)], max_tokens=12)))

    threads = [threading.Thread(target=ask, args=(f"Story {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(lengths) == 4
    assert any_model.waiting == 0


@needs_model
def test_a_template_without_a_system_role_gets_the_rules_before_the_question():
    from assistant.models.chat.transformers_chat import TransformersChatModel

    model = TransformersChatModel(FOLDER, device="cpu", chat_template=NO_SYSTEM)
    assert said(model, [Message("system", "Be brief."), Message("user", "Once")], max_tokens=5)


@needs_model
def test_a_model_without_a_template_is_refused_with_a_sentence():
    from assistant.models.chat.transformers_chat import TransformersChatModel

    with pytest.raises(ModelUnavailable, match="has no chat template"):
        TransformersChatModel(FOLDER, device="cpu")


def test_a_missing_model_is_refused_with_a_sentence(tmp_path):
    from assistant.models.chat.transformers_chat import TransformersChatModel

    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        TransformersChatModel("nobody/no-such-model", device="cpu")
    with pytest.raises(ModelUnavailable, match="no weights in safetensors"):
        TransformersChatModel(tmp_path, device="cpu")


@needs_model
def test_a_damaged_checkpoint_is_refused_with_a_sentence(tmp_path):
    from assistant.models.chat.transformers_chat import TransformersChatModel

    for file in FOLDER.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelUnavailable, match="not a whole safetensors file"):
        TransformersChatModel(tmp_path, device="cpu", chat_template=TEMPLATE)


def test_four_bits_need_the_hardware(model):
    from assistant.models.chat.transformers_chat import TransformersChatModel

    with pytest.raises(ModelUnavailable, match="four-bit"):
        TransformersChatModel(f"{FOLDER}#4bit", device="cpu", chat_template=TEMPLATE)


def test_the_queue_is_fair():
    lock = FairLock()
    assert lock.acquire(lambda: False)
    order: list[int] = []

    def wait(number: int) -> None:
        assert lock.acquire(lambda: False)
        order.append(number)
        lock.release()

    threads = []
    for number in range(5):
        thread = threading.Thread(target=wait, args=(number,))
        thread.start()
        while lock.waiting < number + 2:
            time.sleep(0.001)
        threads.append(thread)
    assert not lock.acquire(lambda: True)
    lock.release()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3, 4]


def test_in_a_chat_what_such_a_model_babbles_is_not_believed(model):
    from timelines import SHAPES, timeline_of

    from assistant.chat import answer as chat
    from assistant.config import ChatSettings, Settings

    settings = Settings(home=Path("unused"), chat=ChatSettings(answer_tokens=24, evidence_tokens=300))
    *_, answer = chat.answer("What rotates?", timeline_of(SHAPES[:4]), model=model, settings=settings)
    assert answer.model == "extractive"
    assert "blue square" in answer.text.lower()
    assert answer.notices
