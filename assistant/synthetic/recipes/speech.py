"""Train the demo pack's speech model: a Whisper of small dimensions on narrated sentences of the generated world."""

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.core.files import replaced
from assistant.models.speech.whisper import tokenizer
from assistant.synthetic.recipes.speech_data import (
    HELD_OUT_SEEDS,
    TRAINING_SEEDS,
    Beds,
    Example,
    Sentence,
    mixed_example,
    spoken_pairs,
)
from assistant.synthetic.recipes.speech_scores import log_mel, word_error_rate

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

logger = logging.getLogger(__name__)

# Whisper fixes the audio context (30 s) and the vocabulary; the vocabulary's embedding is 9 of these 10.6 MB.
DIMENSIONS = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 88,
    "n_audio_head": 4,
    "n_audio_layer": 3,
    "n_vocab": 51_864,
    "n_text_ctx": 224,
    "n_text_state": 88,
    "n_text_head": 4,
    "n_text_layer": 2,
}
LETTERS = " abcdefghijklmnopqrstuvwxyz"
PADDING_KEPT = 24
BATCHES_DRAWN = 8
DEFAULT_STEPS = 3600
TRAINING_PAIRS = 3000
HELD_OUT_PAIRS = 200


@dataclass(frozen=True)
class SpeechTraining:
    """How one run trains; the same values and seed give the same weights on the same machine."""

    seed: int
    steps: int
    batch: int = 20
    learning_rate: float = 2e-3
    warm_up: int = 300
    full_length_steps: int = 120
    full_length_batch: int = 8
    ctc_weight: float = 0.5
    # Two sentences in one chunk come gradually: aligning one is learnt first.
    pairs_from_step: int = 1500


class Vocabulary:
    """The few tokens that the closed sentences use; all other tokens share one embedding.

    The loss is exactly Whisper's loss over the whole vocabulary, at the cost of about eighty tokens: the other
    51,800 have equal logits, so that they count as one token whose logit is raised by the log of their number.
    """

    def __init__(self, texts: list[str]) -> None:
        self.tokenizer = tokenizer(multilingual=False)
        special = [self.tokenizer.eot, self.tokenizer.sot, self.tokenizer.no_timestamps, self.tokenizer.no_speech]
        spoken = {token for text in texts for token in self.tokenizer.encode(" " + text)}
        self.tokens = sorted(spoken | {token for token in special if token is not None})
        self.index = {token: index for index, token in enumerate(self.tokens)}
        self.others = DIMENSIONS["n_vocab"] - len(self.tokens)

    def sequence(self, text: str) -> list[int]:
        """What the decoder shall read and write, as indices into the used tokens."""
        tokens = [self.tokenizer.sot, self.tokenizer.no_timestamps]
        tokens += self.tokenizer.encode(" " + text) if text else []
        return [self.index[token] for token in (*tokens, self.tokenizer.eot)]


@dataclass
class Batch:
    """Spectra ``[batch, 80, frames]``, frames of 10 ms cut after the longest chunk; tokens ``[batch, length]``."""

    mel: "torch.Tensor"
    tokens: "torch.Tensor"
    wanted: "torch.Tensor"
    letters: list["torch.Tensor"]


def train_speech(
    out: Path, *, work: Path, seed: int = 0, steps: int | None = None, report: Callable[[str], None] = logger.info
) -> dict[str, float]:
    """Write a Whisper checkpoint to ``out`` and return its figures on held-out speech: ``wer`` and ``steps``.

    ``work`` keeps the spoken sentences and a checkpoint; called again after an interruption, it goes on from there.
    """
    import torch

    plan = SpeechTraining(seed=seed, steps=DEFAULT_STEPS if steps is None else steps)
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    first = TRAINING_SEEDS.start + seed * TRAINING_PAIRS % (len(TRAINING_SEEDS) - TRAINING_PAIRS)
    pairs = spoken_pairs(range(first, first + TRAINING_PAIRS), work / "spoken", 2, report)
    held_out = spoken_pairs(
        range(HELD_OUT_SEEDS.start, HELD_OUT_SEEDS.start + HELD_OUT_PAIRS), work / "held_out", 2, report
    )
    words = Vocabulary([sentence.text for pair in pairs for sentence in pair])
    trainer = Trainer(plan, words)
    trainer.resume(work / "speech.ckpt", report)
    trainer.run(pairs, held_out, work / "speech.ckpt", report)
    save_whisper(trainer.whisper(), out)
    figures = {"wer": word_error_rate(out, held_out, len(held_out)), "steps": float(plan.steps)}
    report(f"held-out word error rate {figures['wer']:.4f}")
    return figures


class Trainer:
    """The model under training with its optimiser, able to stop after any step and to go on."""

    def __init__(self, plan: SpeechTraining, words: Vocabulary) -> None:
        import torch
        from whisper.model import ModelDimensions, Whisper

        self.plan, self.words, self.step = plan, words, 0
        self.model: Whisper = Whisper(ModelDimensions(**DIMENSIONS))
        width = DIMENSIONS["n_text_state"]
        torch.nn.init.normal_(self.model.decoder.positional_embedding, std=0.02)
        # Rows: the used tokens, then the one row that all other tokens share.
        self.embedding = torch.nn.Parameter(torch.randn(len(words.tokens) + 1, width) * 0.05)
        self.to_letters = torch.nn.Linear(width, len(LETTERS) + 1)
        trained = [p for name, p in self.model.named_parameters() if name != "decoder.token_embedding.weight"]
        self.parameters = [*trained, self.embedding, *self.to_letters.parameters()]
        self.optimiser = torch.optim.AdamW(self.parameters, plan.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))

    def run(
        self,
        pairs: list[tuple[Sentence, Sentence]],
        held_out: list[tuple[Sentence, Sentence]],
        checkpoint: Path,
        report: Callable[[str], None],
    ) -> None:
        """Train from the current step to the last, with a checkpoint every 250 steps."""
        import torch

        losses: list[tuple[float, float]] = []
        for batch, full_length in self._batches(pairs):
            for group in self.optimiser.param_groups:
                group["lr"] = self._learning_rate()
            text_loss, letter_loss = self._losses(batch, full_length)
            self.optimiser.zero_grad()
            (text_loss + self.plan.ctc_weight * letter_loss).backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimiser.step()
            self.step += 1
            losses.append((float(text_loss.detach()), float(letter_loss.detach())))
            if self.step % 50 == 0:
                text_mean, letter_mean = np.mean(losses, axis=0)
                report(f"step {self.step} of {self.plan.steps}: text {text_mean:.3f}, letters {letter_mean:.3f}")
                losses.clear()
            if self.step % 250 == 0 or self.step == self.plan.steps:
                self.save(checkpoint)
            if self.step % 1000 == 0:
                probe = checkpoint.with_name("probe.pt")
                save_whisper(self.whisper(), probe)
                report(f"step {self.step}: word error rate {word_error_rate(probe, held_out, 40):.3f} on 40 chunks")

    def _learning_rate(self) -> float:
        """The rate at this step: a linear warm-up, a slow cosine, and from 5/9 of the steps on a fast one to 1 %."""
        warm = min(1.0, (self.step + 1) / self.plan.warm_up)
        cooling = self.step >= self.plan.steps * 5 // 9
        done = self.step / max(1, self.plan.steps if cooling else self.plan.steps * 35 // 18)
        return self.plan.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def _batches(self, pairs: list[tuple[Sentence, Sentence]]) -> Any:
        """Yield the batches from the current step on; each depends only on the seed and its step."""
        short_steps = self.plan.steps - self.plan.full_length_steps
        beds = Beds(self.plan.seed)
        while self.step < self.plan.steps:
            full = self.step >= short_steps
            size = self.plan.full_length_batch if full else self.plan.batch
            draw = self.step // BATCHES_DRAWN
            rng = np.random.default_rng([self.plan.seed, draw, int(full)])
            pair_share = 0.4 * min(1.0, draw * BATCHES_DRAWN / self.plan.pairs_from_step)
            examples = [mixed_example(pairs, beds, rng, pair_share) for _ in range(size * BATCHES_DRAWN)]
            # Chunks of like length share a batch, so that little of it is padding.
            examples.sort(key=lambda example: len(example.samples))
            order = rng.permutation(BATCHES_DRAWN)
            for place in order[self.step % BATCHES_DRAWN :]:
                if self.step >= self.plan.steps or (self.step >= short_steps) != full:
                    break
                yield self._batch(examples[place * size : (place + 1) * size]), full

    def _batch(self, examples: list[Example]) -> Batch:
        import torch

        longest = max(len(example.samples) for example in examples)
        # Room after the speech: the spectrum's last frames must show the silence that pads every chunk to 30 s.
        frames = math.ceil(longest / 160 / 8) * 8 + 16
        sound = np.zeros((len(examples), frames * 160), np.float32)
        for row, example in enumerate(examples):
            sound[row, : len(example.samples)] = example.samples
        sequences = [self.words.sequence(example.text) for example in examples]
        length = max(map(len, sequences))
        tokens = torch.zeros(len(examples), length, dtype=torch.long)
        wanted = torch.full((len(examples), length - 1), -100)
        silent = self.words.index[self.words.tokenizer.no_speech]
        for row, (sequence, example) in enumerate(zip(sequences, examples, strict=True)):
            tokens[row, : len(sequence)] = torch.tensor(sequence)
            wanted[row, : len(sequence) - 1] = torch.tensor(sequence[1:])
            if not example.text:
                wanted[row, 0] = silent
        letters = [torch.tensor([LETTERS.index(c) + 1 for c in example.text], dtype=torch.long) for example in examples]
        return Batch(log_mel(torch.from_numpy(sound)), tokens, wanted, letters)

    def _losses(self, batch: Batch, full_length: bool) -> "tuple[torch.Tensor, torch.Tensor]":
        """Cross entropy of the text, and the CTC loss of the letters on the encoder's positions."""
        import torch
        from torch.nn import functional

        heard, bias, count = self._encode(batch.mel, full_length)
        logits = self._decode(batch.tokens[:, :-1], heard, bias)
        text_loss = functional.cross_entropy(logits.transpose(1, 2), batch.wanted)
        positions = self.to_letters(heard[:, :count]).log_softmax(-1).transpose(0, 1)
        lengths = torch.tensor([len(letters) for letters in batch.letters])
        letter_loss = functional.ctc_loss(
            positions, torch.cat(batch.letters), torch.full((len(lengths),), count), lengths, zero_infinity=True
        )
        return text_loss, letter_loss

    def _encode(self, mel: "torch.Tensor", full_length: bool) -> "tuple[torch.Tensor, torch.Tensor, int]":
        """Whisper's encoder on the chunk's positions and a sample of the silent positions up to 30 s.

        All silent positions look alike but for their place, so that a few of them, each counted as often as it
        stands for others (a bias on its attention score), give what all 1500 would, at a tenth of the cost.
        """
        import torch
        from torch.nn import functional

        encoder = self.model.encoder
        x = functional.gelu(encoder.conv1(mel))
        x = functional.gelu(encoder.conv2(x)).permute(0, 2, 1)[:, :-2]
        count, total = x.shape[1], DIMENSIONS["n_audio_ctx"]
        kept = total - count if full_length else PADDING_KEPT
        rest = torch.randperm(total - count)[:kept].sort().values + count
        x = torch.cat([x, x[:, -1:].expand(-1, kept, -1)], 1)
        x = x + encoder.positional_embedding[torch.cat([torch.arange(count), rest])]
        bias = torch.cat([torch.zeros(count), torch.full((kept,), math.log((total - count) / kept))])[None]
        for block in encoder.blocks:
            x = x + _attend(block.attn, block.attn_ln(x), None, bias)
            x = x + block.mlp(block.mlp_ln(x))
        return encoder.ln_post(x), bias, count

    def _decode(self, tokens: "torch.Tensor", heard: "torch.Tensor", bias: "torch.Tensor") -> "torch.Tensor":
        """Logits of the used tokens and, last, of all others together: ``[batch, length, used + 1]``."""
        import torch

        decoder, length = self.model.decoder, tokens.shape[1]
        x = self.embedding[tokens] + decoder.positional_embedding[:length]
        for block in decoder.blocks:
            x = x + _attend(block.attn, block.attn_ln(x), None, decoder.mask[:length, :length])
            x = x + _attend(block.cross_attn, block.cross_attn_ln(x), heard, bias)
            x = x + block.mlp(block.mlp_ln(x))
        logits = decoder.ln(x) @ self.embedding.T
        raised = torch.zeros(logits.shape[-1])
        raised[-1] = math.log(self.words.others)
        return logits + raised

    def whisper(self) -> "Whisper":
        """The model with the trained embedding written into Whisper's whole vocabulary."""
        import torch

        with torch.no_grad():
            table = self.model.decoder.token_embedding.weight
            table.copy_(self.embedding[-1].expand_as(table))
            table[self.words.tokens] = self.embedding[:-1]
        return self.model

    def save(self, path: Path) -> None:
        """Write everything that going on needs, atomically."""
        import torch

        state = {
            "plan": asdict(self.plan),
            "step": self.step,
            "model": self.model.state_dict(),
            "embedding": self.embedding.detach(),
            "to_letters": self.to_letters.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }
        with replaced(path) as unfinished:
            torch.save(state, unfinished)

    def resume(self, path: Path, report: Callable[[str], None]) -> None:
        """Go on from the checkpoint where there is one of the same plan; else start over."""
        import torch

        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        if state["plan"] != asdict(self.plan):
            report("the checkpoint belongs to another plan: starting over")
            return
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.to_letters.load_state_dict(state["to_letters"])
        with torch.no_grad():
            self.embedding.copy_(state["embedding"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        report(f"going on from step {self.step}")


def _attend(attention: Any, x: "torch.Tensor", heard: "torch.Tensor | None", bias: "torch.Tensor") -> "torch.Tensor":
    """Whisper's attention with a bias on the scores, which its own forward pass does not take."""
    from torch.nn import functional

    source = x if heard is None else heard
    query, key, value = (
        layer(given).unflatten(-1, (attention.n_head, -1)).transpose(1, 2)
        for layer, given in ((attention.query, x), (attention.key, source), (attention.value, source))
    )
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
    out: torch.Tensor = attention.out(mixed.transpose(1, 2).flatten(2))
    return out


def save_whisper(model: "Whisper", out: Path) -> None:
    """Write the weights as float16 in the form that ``whisper.load_model`` reads from a path."""
    import torch

    out.parent.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.detach().half() if tensor.is_floating_point() else tensor.detach()
        for name, tensor in model.state_dict().items()
    }
    with replaced(out) as unfinished:
        torch.save({"dims": dict(DIMENSIONS), "model_state_dict": weights}, unfinished)
