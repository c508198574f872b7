"""Trains the demo pack's language model from scratch: a small Qwen3 that answers from lines of evidence."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.synthetic.recipes.language_data import Batches, corpus
from assistant.synthetic.recipes.language_model import CONTEXT_TOKENS, Batch, hidden_states, new_model, new_tokenizer
from assistant.synthetic.recipes.language_tasks import FACT_SIZES
from assistant.synthetic.recipes.torch_run import write_checkpoint

if TYPE_CHECKING:
    import torch

STEPS = 7000
PEAK_RATE = 2.5e-3
HELD_OUT_FIRST_SEED = 100_000
SHARD_SIZE = "14MB"
# Steady, then down to nothing over the second half: such a training may be lengthened or ended at any time.
_WARM_UP, _DECAY_SHARE = 60, 0.5
# Spoken sentences repeat what is seen: foretelling the evidence teaches to look things up before any question does.
_EVIDENCE_WEIGHT, _EVIDENCE_STEPS = 0.3, 800
_FACT_WEIGHT, _LOOK_WEIGHT = 0.1, 0.2
_REPORT_EVERY = 50


def train_language(
    out: Path, *, work: Path, seed: int = 0, steps: int | None = None, report: Callable[[str], None]
) -> dict[str, float]:
    """The figures on held-out texts after training; tokenizer and model lie in ``out`` in the layout of transformers.

    Args:
        work: a folder for the checkpoint, from which the same call goes on where it was interrupted.
        steps: how many batches; less than the default is for trying out. A checkpoint of another number goes on too.
    """
    import torch

    total = STEPS if steps is None else steps
    work.mkdir(parents=True, exist_ok=True)
    checkpoint = work / f"language-{seed}.pt"
    run = _Run(total, seed, work)
    if checkpoint.exists():
        run.load_state(torch.load(checkpoint, weights_only=True))
        report(f"language: going on from step {run.step}")
    started, first = time.monotonic(), run.step
    losses, right, asked = 0.0, Counter[str](), Counter[str]()
    for batch in run.batches():
        loss, hits = run.take_step(batch)
        losses += loss
        asked.update(batch.kinds)
        right.update(kind for kind, hit in zip(batch.kinds, hits, strict=True) if hit)
        if run.step % _REPORT_EVERY == 0 or run.step == total:
            pace = (time.monotonic() - started) / (run.step - first)
            weak = sorted((right[kind] / asked[kind], kind) for kind in asked)
            report(
                f"language: step {run.step}/{total} loss {losses / ((run.step - 1) % _REPORT_EVERY + 1):.3f} "
                f"right {right.total() / asked.total():.3f}, {pace:.2f} s a step, "
                f"{(total - run.step) * pace / 60:.0f} min left; "
                + " ".join(f"{kind} {share:.2f}" for share, kind in weak)
            )
            losses = 0.0
            right.clear()
            asked.clear()
            write_checkpoint(run.state(), checkpoint)
        if run.step % 250 == 0 and run.step < total:
            report(f"language: held out {held_out_figures(run.model, run.tokenizer, 2)['right']:.3f}")
            save(run.model, run.tokenizer, work / "latest")
    figures = held_out_figures(run.model, run.tokenizer, 12)
    save(run.model, run.tokenizer, out)
    report(f"language: held-out answers right to the letter {figures['right']:.3f}")
    return figures


class _Run:
    """A training that can be stopped after any step and taken up again."""

    def __init__(self, total: int, seed: int, work: Path) -> None:
        import torch

        torch.manual_seed(seed)
        self.total, self.seed, self.step = total, seed, 0
        self.tokenizer = _tokenizer(seed, work)
        self.model = new_model(self.tokenizer)
        named = list(self.model.named_parameters())
        inner = [p for name, p in named if p.ndim == 2 and "embed" not in name]
        words = [p for name, p in named if "embed" in name]
        norms = [p for _, p in named if p.ndim == 1]
        width = self.model.config.hidden_size
        # Thrown away afterwards: what each line of the evidence says, and which of them an answer begins with.
        self.heads = torch.nn.ModuleList(
            [torch.nn.Linear(width, size) for _ in ("line", "answer") for size in FACT_SIZES]
        )
        norms += list(self.heads.parameters())
        # Muon (Jordan 2024) for the matrices, scaled to the rates of AdamW (Liu et al. 2025, arXiv:2502.16982).
        self.optimizers: list[Any] = [
            torch.optim.Muon(inner, lr=PEAK_RATE, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(words, lr=PEAK_RATE, weight_decay=0.0, betas=(0.9, 0.95)),
            # How sharply a head can look hangs on the gains of its norms alone: they have far to go.
            torch.optim.AdamW(norms, lr=3 * PEAK_RATE, weight_decay=0.0, betas=(0.9, 0.95)),
        ]
        self.rates = (PEAK_RATE, PEAK_RATE, 3 * PEAK_RATE)

    def batches(self) -> Iterator[Batch]:
        """The batches of the steps that are left, made by a process beside this one."""
        from torch.utils.data import DataLoader

        made = Batches(self.tokenizer, self.seed, self.total)
        left = range(self.step, self.total)
        yield from DataLoader(
            made, batch_size=None, sampler=left, num_workers=1, prefetch_factor=4, collate_fn=_as_it_is
        )

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)

    def take_step(self, batch: Batch) -> tuple[float, list[bool]]:
        """One batch learnt; its loss, and which answers would have been right to the letter before it."""
        import torch

        self.model.train()
        with torch.autocast("cpu", torch.bfloat16):
            loss, hits = answer_loss(
                self.model, batch, _EVIDENCE_WEIGHT if self.step < _EVIDENCE_STEPS else 0.0, self.heads
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, peak in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * share_at(self.step, self.total)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item(), hits


def share_at(step: int, total: int) -> float:
    """The learning rate, 1 at its peak: a short warm-up, a long plateau, then in a straight line to nothing."""
    decay = max(1, int(total * _DECAY_SHARE))
    return min((step + 1) / _WARM_UP, 1.0, (total - step) / decay)


def answer_loss(model: Any, batch: Batch, evidence_weight: float, heads: Any = None) -> tuple[torch.Tensor, list[bool]]:
    """The mean loss of the answers' tokens, and which answers the model would have given to the letter.

    Args:
        evidence_weight: how much it counts to foretell the evidence itself.
        heads: read the facts of a line from where its labels end, after half of the layers, and those of the first
            line of an answer from where it begins; their loss is added, and so is that of two heads of some layers
            which are to look at the line that is marked next and at the word that is quoted next. Which words belong
            together, and which line a question means: what such a model finds out last is shown to it at every word.
    """
    import torch
    from torch.nn.functional import cross_entropy

    states = hidden_states(model, batch)
    counted = batch.weights > 0
    wanted = batch.rows.roll(-1, dims=2)[counted]
    scores = model.lm_head(states.rows[counted])
    weights = batch.weights[counted]
    loss = (cross_entropy(scores.float(), wanted, reduction="none") * weights).sum() / weights.sum()
    missed = torch.zeros(len(batch.kinds), dtype=torch.bool)
    missed[batch.exchanges[counted][scores.argmax(-1) != wanted]] = True
    if evidence_weight:
        there = torch.arange(batch.prefixes.shape[1] - 1) < batch.prefix_lengths[:, None] - 1
        foretold = model.lm_head(states.prefixes[:, :-1][there])
        loss = loss + evidence_weight * cross_entropy(foretold.float(), batch.prefixes[:, 1:][there])
    if heads is not None:
        lines = states.middle[batch.line_ends[:, 0], batch.line_ends[:, 1]]
        begun = states.rows[batch.starts[:, 0], batch.starts[:, 1], batch.starts[:, 2]]
        for number, (found, facts) in enumerate(((lines, batch.line_facts), (begun, batch.start_facts))):
            for place, size in enumerate(FACT_SIZES):
                told = heads[number * len(FACT_SIZES) + place](found).float().view(-1, size)
                loss = loss + _FACT_WEIGHT * cross_entropy(told, facts[:, place].view(-1))
        for head, places in enumerate((batch.pointers, batch.copies)):
            pointed = places >= 0
            for looks in states.looks if pointed.any() else ():
                looked = looks[:, :, head][pointed].float()
                loss = loss + _LOOK_WEIGHT * cross_entropy(looked, places[pointed])
    return loss, [not miss for miss in missed.tolist()]


def held_out_figures(model: Any, tokenizer: Any, batches: int) -> dict[str, float]:
    """The share of answers right to the letter, over all and by kind, on held-out seeds and wordings."""
    import torch

    model.eval()
    made = Batches(tokenizer, HELD_OUT_FIRST_SEED, batches, held_out=True)
    right, asked = Counter[str](), Counter[str]()
    with torch.inference_mode():
        for number in range(batches):
            batch = made.batch(random.Random(f"held out {number}"), 14)
            _, hits = answer_loss(model, batch, 0.0)
            asked.update(batch.kinds)
            right.update(kind for kind, hit in zip(batch.kinds, hits, strict=True) if hit)
    figures = {"right": right.total() / asked.total()}
    return figures | {f"right/{kind}": right[kind] / asked[kind] for kind in sorted(asked)}


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write model and tokenizer to ``out``: safetensors in bfloat16, in shards, to be computed with in float32."""
    import torch

    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.safetensors*"):
        old.unlink()
    half = new_model(tokenizer).to(torch.bfloat16)
    half.load_state_dict({name: value.to(torch.bfloat16) for name, value in model.state_dict().items()})
    half.save_pretrained(out, max_shard_size=SHARD_SIZE)
    tokenizer.save_pretrained(out)
    # The generation settings say nothing but where an answer ends.
    settings = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "do_sample": False}
    (out / "generation_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _tokenizer(seed: int, work: Path) -> Any:
    """The tokenizer of this training: made once, then kept beside the checkpoint."""
    from transformers import PreTrainedTokenizerFast

    folder = work / f"tokenizer-{seed}"
    if not (folder / "tokenizer.json").exists():
        new_tokenizer(corpus(seed)).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder, model_max_length=CONTEXT_TOKENS)


def _as_it_is(batch: Batch) -> Batch:
    return batch
