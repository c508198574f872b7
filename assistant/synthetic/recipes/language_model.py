"""The demo pack's language model: its tokenizer, its architecture, and how one evidence serves many questions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.core import prompts

if TYPE_CHECKING:
    import torch

CONTEXT_TOKENS = 2048
VOCABULARY = 2304
MOST_MARKS = 99
END, PAD = "<|end|>", "<|pad|>"
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% if message.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# What stands between the parts of a line of evidence. No untrusted word can hold it: see `sentences.safe`.
_JOINTS = (
    *(' | does: "', ' | looks: "', ' | does: unknown | looks: "', '" | looks: "', '" | says: "'),
    *('" (unsure) | looks: "', '" (unsure) | says: "', '" (unsure)\n', '"\n'),
)
# Those that end the labels of a line.
AFTER_LABELS = ('" | says: "', '" (unsure) | says: "', '" (unsure)\n', '"\n')
_LEAST_CHARACTERS = 8


def new_tokenizer(texts: Iterable[str]) -> Any:
    """A byte-level BPE trained on the texts, as transformers loads it.

    The fixed lines of the prompts, the joints of the evidence and each mark are one token: a small model then reads
    a video in few steps and copies a mark in one.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    whole = [*_prompt_lines(), *_JOINTS, *(f"[S{number}]" for number in range(1, MOST_MARKS + 1))]
    special = [PAD, END, *_ROLES]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(whole),
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(text, normalized=False) for text in whole])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _prompt_lines() -> list[str]:
    """The fixed lines of the prompts, each with the line break that goes with it."""
    lines: list[str] = []
    for name in ("system", "summarize", "more"):
        for piece in re.split(r"\{\{.*?\}\}", prompts.read(f"{name}.md")):
            lines += re.findall(r"\n?[^\n]+\n*", piece.rstrip("\n") if piece.endswith("evidence\n") else piece)
    return list(dict.fromkeys(line for line in lines if len(line) >= _LEAST_CHARACTERS))


def new_model(tokenizer: Any) -> Any:
    """A `Qwen3ForCausalLM` of the demo pack's size with fresh weights."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        initializer_range=0.03,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,
    )
    model = Qwen3ForCausalLM(config)
    # Heads that cannot tell one line of many from the rest at the start take hundreds of steps to begin to.
    for name, weight in model.named_parameters():
        if "q_norm" in name or "k_norm" in name:
            weight.data.fill_(1.5)
    return model


@dataclass(frozen=True, slots=True)
class Batch:
    """Evidence read once and many exchanges about it; an exchange sees its evidence and itself.

    Args:
        prefixes: token ids int64 ``[B, P]``, padded at the end.
        prefix_lengths: int64 ``[B]``.
        rows: token ids int64 ``[B, N, R]``: exchanges one after the other in each row.
        positions: int64 ``[B, N, R]``, counting on behind the prefix in each exchange.
        exchanges: int64 ``[B, N, R]``: the number, in the batch, of the exchange that a token belongs to; -1 for
            padding.
        with_prefix: bool ``[B, N, R]``: whether the exchange sees the evidence (a summary brings its own).
        weights: float32 ``[B, N, R]``: how much it counts to foretell the token behind this one.
        kinds: the kind of question of each exchange.
        line_ends: int64 ``[K, 2]``: group and place of the token that ends the labels of a line of evidence.
        line_facts: int64 ``[K, 4]``: mark, action, colour and shape of that line, as numbers.
        starts: int64 ``[E, 3]``: group, row and place of the token behind which the last answer of an exchange begins.
        pointers: int64 ``[B, N, R]``: where, in the prefix, the line stands whose mark comes next in the answer; -1 for
            none.
        copies: int64 ``[B, N, R]``: where, in the prefix, the word stands that is quoted next; -1 for none.
        start_facts: int64 ``[E, 4]``: the facts of the first line that this answer marks; zeros where it marks none.
    """

    prefixes: torch.Tensor
    prefix_lengths: torch.Tensor
    rows: torch.Tensor
    positions: torch.Tensor
    exchanges: torch.Tensor
    with_prefix: torch.Tensor
    weights: torch.Tensor
    kinds: tuple[str, ...]
    line_ends: torch.Tensor
    line_facts: torch.Tensor
    starts: torch.Tensor
    start_facts: torch.Tensor
    pointers: torch.Tensor
    copies: torch.Tensor


@dataclass(frozen=True, slots=True)
class States:
    """What a model makes of a batch.

    Args:
        prefixes, rows: last hidden states, float32 ``[B, P, D]`` and ``[B, N, R, D]``.
        middle: hidden states of the prefixes after half of the layers.
        looks: for each layer of the second half but the last, how the first two heads of the rows look at prefix and
            row, scores ``[B, N, 2, R, P + R]``.
    """

    prefixes: torch.Tensor
    rows: torch.Tensor
    middle: torch.Tensor
    looks: list[torch.Tensor]


def hidden_states(model: Any, batch: Batch) -> States:
    """The hidden states of all tokens, as if each exchange were read alone behind its evidence.

    The weights are those of the Qwen3 model; only who sees whom is laid out anew, so that a prefix costs its tokens
    once and not once a question.
    """
    import torch
    from transformers.models.qwen3.modeling_qwen3 import apply_rotary_pos_emb

    body = model.model
    count, width = batch.prefixes.shape
    _, rows, length = batch.rows.shape
    x = body.embed_tokens(torch.cat([batch.prefixes, batch.rows.flatten(1)], dim=1))
    along = torch.arange(width).expand(count, width)
    cos, sin = body.rotary_emb(x, torch.cat([along, batch.positions.flatten(1)], dim=1))
    mask = _who_sees_whom(batch)
    middle = x
    looks: list[torch.Tensor] = []
    for number, layer in enumerate(body.layers):
        if number == len(body.layers) // 2:
            middle = x[:, :width]
        attention = layer.self_attn
        normed = layer.input_layernorm(x)
        heads = (count, width + rows * length, -1, attention.head_dim)
        query = attention.q_norm(attention.q_proj(normed).view(heads)).transpose(1, 2)
        key = attention.k_norm(attention.k_proj(normed).view(heads)).transpose(1, 2)
        value = attention.v_proj(normed).view(heads).transpose(1, 2)
        query, key = apply_rotary_pos_emb(query, key, cos, sin)
        key, value = (part.repeat_interleave(attention.num_key_value_groups, dim=1) for part in (key, value))
        mixed, scores = _attend(query.to(value.dtype), key.to(value.dtype), value, mask, width, rows)
        if len(body.layers) // 2 <= number < len(body.layers) - 1:
            looks.append(scores[:, :2].unflatten(0, (count, rows)))
        x = x + attention.o_proj(mixed.transpose(1, 2).flatten(2))
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    x = body.norm(x)
    return States(x[:, :width], x[:, width:].unflatten(1, (rows, length)), middle, looks)


def _who_sees_whom(batch: Batch) -> torch.Tensor:
    """float32 ``[B * N, 1, R, P + R]``, to be added to scores: 0 where a token of a row may look, else very low."""
    import torch

    count, width = batch.prefixes.shape
    _, rows, length = batch.rows.shape
    there = torch.arange(width) < batch.prefix_lengths[:, None]
    evidence = batch.with_prefix[..., None] & there[:, None, None, :]
    same = batch.exchanges[..., :, None] == batch.exchanges[..., None, :]
    own = same & torch.ones(length, length, dtype=torch.bool).tril()
    seen = torch.cat([evidence, own], dim=-1).view(count * rows, 1, length, width + length)
    return torch.zeros(seen.shape).masked_fill(~seen, -1e9)


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, width: int, rows: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of prefixes among themselves and of rows to their prefix and themselves, ``[B, H, P + N * R, d]``.

    The second are the scores of the rows, ``[B * N, H, R, P + R]``.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    first = scaled_dot_product_attention(query[:, :, :width], key[:, :, :width], value[:, :, :width], is_causal=True)

    def in_rows(part: torch.Tensor) -> torch.Tensor:
        return part[:, :, width:].unflatten(2, (rows, -1)).transpose(1, 2).flatten(0, 1)

    def with_prefix(part: torch.Tensor) -> torch.Tensor:
        prefix = part[:, None, :, :width].expand(-1, rows, -1, -1, -1).flatten(0, 1)
        return torch.cat([prefix, in_rows(part)], dim=2)

    # On a CPU in bfloat16 the plain products take two thirds of the time of the fused attention with a mask.
    scores = in_rows(query) @ with_prefix(key).transpose(-1, -2) * query.shape[-1] ** -0.5 + mask.to(query.dtype)
    mixed = scores.softmax(-1, dtype=query.dtype) @ with_prefix(value)
    return torch.cat([first, mixed.unflatten(0, (-1, rows)).transpose(1, 2).flatten(2, 3)], dim=2), scores
