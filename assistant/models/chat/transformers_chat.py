"""A chat model on this machine through transformers: streamed, cancellable, its keys and values kept between turns."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant.core.progress import CancelCheck, never
from assistant.errors import ContextExceeded, ModelFailed, ModelUnavailable
from assistant.models.packs import checkpoints, tokenizer_files, vetting
from assistant.models.protocols import RAISE_TIME_LIMIT, GenerationOptions, Message
from assistant.models.runtime import device as devices
from assistant.models.runtime.budget import FairLock

logger = logging.getLogger(__name__)

# So many prompt tokens are read at once: few enough that a cancel is noticed soon, enough to keep the cores busy.
_CHUNK_TOKENS = 256
_DEFAULT_CONTEXT_TOKENS = 4096
_REMEDY = "name a chat model in safetensors under Settings, or fetch one with: python -m assistant models pull"


class TransformersChatModel:
    """One causal language model with a chat template, loaded once and shared by all who ask, in the order they came.

    Args:
        source: a folder, or a hub name whose files are on this machine already; ``#4bit`` behind it loads the weights
            in four bits (CUDA and bitsandbytes needed).
        chat_template: used where the tokenizer brings none.
        name: what the model is called in answers; default: the folder or the hub's name.

    Raises:
        ModelUnavailable: missing, damaged, not in safetensors, or without a chat template.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        chat_template: str | None = None,
        name: str = "",
    ) -> None:
        place, _, option = str(source).partition("#")
        self.name = name or (Path(place).name if Path(place).exists() else place)
        self._counting = threading.Lock()
        self._tokenizer, self._model = _load(place, device, precision, four_bit=option == "4bit")
        if chat_template is not None:
            self._tokenizer.chat_template = chat_template
        if not self._tokenizer.chat_template:
            raise ModelUnavailable(
                f"the language model {self.name} has no chat template",
                "name a model that was trained for chat (often called instruct or chat)",
            )
        try:
            self._prompt_ids([Message("system", "Be brief."), Message("user", "What happens?")])
        except ModelFailed as error:
            raise ModelUnavailable(error.what, error.remedy) from error
        self.context_tokens = _context_tokens(self._model.config)
        self.prefilled_tokens = 0
        """Prompt tokens that the last answer had to read; the others were kept from the answer before."""
        self._stop_ids = _stop_ids(self._tokenizer, self._model)
        self._queue = FairLock()
        self._counts: dict[str, int] = {}
        self._cache: Any = None
        self._cached_ids: list[int] = []

    def forget(self) -> None:
        """Let go of what was kept of the last conversation, so that the next prompt is read from its beginning."""
        self._cache, self._cached_ids = None, []

    @property
    def waiting(self) -> int:
        """How many answers are being made or wait for their turn."""
        return self._queue.waiting

    def count_tokens(self, text: str) -> int:
        """How many tokens a text takes in a prompt."""
        with self._counting:  # a fast tokenizer must not be borrowed by two threads at once
            if text not in self._counts:
                if len(self._counts) > 20_000:
                    self._counts.clear()
                self._counts[text] = len(self._tokenizer(text, add_special_tokens=False)["input_ids"])
            return self._counts[text]

    def stream(
        self, messages: Sequence[Message], options: GenerationOptions, cancelled: CancelCheck = never
    ) -> Iterator[str]:
        """Pieces of the answer; ends within one token of `cancelled`.

        Raises:
            ModelFailed: the prompt is longer than the context, out of memory, timed out.
        """
        deadline = time.monotonic() + options.timeout_seconds
        ids = self._prompt_ids(messages)
        if len(ids) + 8 > self.context_tokens:
            raise ContextExceeded(
                f"the prompt of {len(ids)} tokens does not fit the {self.context_tokens} tokens of {self.name}",
                "choose a language model with a longer context",
            )
        if not self._queue.acquire(lambda: cancelled() or time.monotonic() > deadline):
            if cancelled():
                return
            raise _timed_out(self.name, options)
        try:
            yield from self._generate(ids, options, deadline, cancelled)
        finally:
            self._queue.release()

    def _generate(
        self, ids: list[int], options: GenerationOptions, deadline: float, cancelled: CancelCheck
    ) -> Iterator[str]:
        writer = _Writer(self._tokenizer, options.stop)
        left = min(options.max_tokens, self.context_tokens - len(ids))
        scores = self._read(ids, deadline, cancelled, options)
        while scores is not None and left > 0 and not cancelled():
            if time.monotonic() > deadline:
                raise _timed_out(self.name, options)
            token = _choose(scores, options.temperature)
            if token in self._stop_ids:
                break
            left -= 1
            if piece := writer.add(token):
                yield piece
            if writer.stopped:
                return
            if left > 0 and not cancelled():
                scores = self._step([token])
        if rest := writer.rest():
            yield rest

    def _read(self, ids: list[int], deadline: float, cancelled: CancelCheck, options: GenerationOptions) -> Any:
        """The scores behind the prompt, reading only what the cache does not hold; None where cancelled."""
        common = 0
        for mine, theirs in zip(self._cached_ids, ids[:-1], strict=False):
            if mine != theirs:
                break
            common += 1
        common = self._crop(common)
        self.prefilled_tokens = len(ids) - common
        scores = None
        for start in range(common, len(ids), _CHUNK_TOKENS):
            if cancelled():
                return None
            if time.monotonic() > deadline:
                raise _timed_out(self.name, options)
            scores = self._step(ids[start : start + _CHUNK_TOKENS])
        return scores

    def _crop(self, length: int) -> int:
        """Cut the cache down to the common tokens; returns how many it still holds."""
        from transformers import DynamicCache

        if self._cache is not None and 0 < length < len(self._cached_ids):
            try:
                # Negative: how many tokens to remove from its end.
                self._cache.crop(length - len(self._cached_ids))
                self._cached_ids = self._cached_ids[:length]
            except (AttributeError, NotImplementedError, ValueError, RuntimeError):
                length = 0  # this architecture's cache cannot be cut
        if self._cache is None or length == 0:
            self._cache = DynamicCache(config=self._model.config)
            self._cached_ids = []
            return 0
        return length

    def _step(self, ids: list[int]) -> Any:
        """The scores float32 ``[vocabulary]`` behind these tokens, which the cache then holds."""
        import torch

        try:
            # Entered for this step alone: a generator that is left half-way must not leave its mode to the thread.
            with torch.inference_mode():
                tokens = torch.tensor([ids], device=self._model.device)
                done = self._model(
                    input_ids=tokens, past_key_values=self._cache, use_cache=True, logits_to_keep=1, return_dict=True
                )
                self._cache = done.past_key_values
                self._cached_ids += ids
                return done.logits[0, -1].float()
        except (RuntimeError, MemoryError) as error:
            self._cache, self._cached_ids = None, []
            if isinstance(error, MemoryError | torch.OutOfMemoryError) or "memory" in str(error).lower():
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                raise ModelFailed(
                    f"{self.name} ran out of memory", "choose a smaller language model, or close other programs"
                ) from error
            raise ModelFailed(f"{self.name} broke while answering", "ask again, or choose another model") from error

    def _prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        chat = [{"role": message.role, "content": message.content} for message in messages]
        with self._counting:
            try:
                return self._template(chat)
            except _template_errors():
                # Some templates know no system role: what it says then stands before the first question.
                try:
                    return self._template(_without_system(chat))
                except _template_errors() as error:
                    raise ModelFailed(
                        f"the chat template of {self.name} does not take a conversation", "choose another model"
                    ) from error

    def _template(self, chat: list[dict[str, str]]) -> list[int]:
        text = self._tokenizer.apply_chat_template(
            chat,
            add_generation_prompt=True,
            tokenize=False,
            enable_thinking=False,  # read by templates of models that think aloud, ignored by others
        )
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _template_errors() -> tuple[type[Exception], ...]:
    """What running a chat template may raise: jinja's own, and what a slip in its expressions raises."""
    from jinja2 import TemplateError

    return (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class _Writer:
    """Turns tokens into text as they come, holding back half characters and stop words."""

    def __init__(self, tokenizer: Any, stop: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        self._ids: list[int] = []
        self._sent = 0
        self.stopped = False

    def add(self, token: int) -> str:
        self._ids.append(token)
        text = self._text()
        for word in self._stop:
            if (at := text.find(word, max(0, self._sent - len(word)))) >= 0:
                self.stopped = True
                return self._send(text[:at])
        if text.endswith("\ufffd"):  # the first bytes of a character that is not complete yet
            return ""
        held = max((n for word in self._stop for n in range(1, len(word)) if text.endswith(word[:n])), default=0)
        return self._send(text[: len(text) - held])

    def rest(self) -> str:
        return self._send(self._text().rstrip("\ufffd"))

    def _text(self) -> str:
        return str(self._tokenizer.decode(self._ids, skip_special_tokens=True))

    def _send(self, text: str) -> str:
        piece = text[self._sent :]
        self._sent = max(self._sent, len(text))
        return piece


def _load(place: str, device: str, precision: str, *, four_bit: bool) -> tuple[Any, Any]:
    """Tokenizer and model from files on this machine; weights in safetensors only, no code of the model's makers."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder = _folder(place)
    chosen = devices.choose_device(device)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    dtype = devices.choose_precision(precision, chosen, size)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    started = time.monotonic()
    try:
        tokenizer = tokenizer_files.load(folder)
        if four_bit:
            options["quantization_config"] = _four_bit(chosen)
        if chosen == "cuda":
            options["device_map"] = "auto"  # accelerate: what does not fit the accelerator stays in main memory
        with contextlib.ExitStack() as held:
            files = held.enter_context(vetting.causal_copy(folder))
            model = AutoModelForCausalLM.from_pretrained(files, dtype=dtype, **options)
            if chosen == "cuda":  # what accelerate leaves on the disk is read from there as it is used
                weakref.finalize(model, held.pop_all().close)
    except (ModelUnavailable, MemoryError):
        raise
    except Exception as error:  # transformers, tokenizers and safetensors each raise their own
        logger.debug("loading failed", exc_info=True)
        raise ModelUnavailable(f"the language model {place} cannot be loaded from this machine", _REMEDY) from error
    if chosen != "cuda":
        model.to(chosen)
    logger.info("loaded model=%s device=%s precision=%s seconds=%.1f", place, chosen, dtype, time.monotonic() - started)
    return tokenizer, model.eval()


def _folder(place: str) -> Path:
    """Where the files of a model lie: a folder, or a repository in the hub's cache.

    Raises:
        ModelUnavailable: it is not on this machine, or has no weights in safetensors.
    """
    try:
        folder = checkpoints.local_folder(place)
    except ModelUnavailable as error:
        raise ModelUnavailable(f"the language model {place} cannot be loaded from this machine", _REMEDY) from error
    if not any(folder.glob("*.safetensors")):
        raise ModelUnavailable(f"the folder {place} holds no weights in safetensors", _REMEDY)
    return folder


def _four_bit(device: str) -> Any:
    from importlib.util import find_spec

    if device != "cuda" or find_spec("bitsandbytes") is None:
        raise ModelUnavailable(
            "four-bit weights need a CUDA device and the package bitsandbytes",
            "install it (pip install bitsandbytes), or take #4bit off the model's name",
        )
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype="bfloat16")


def _context_tokens(config: Any) -> int:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return int(getattr(text, "max_position_embeddings", None) or _DEFAULT_CONTEXT_TOKENS)


def _stop_ids(tokenizer: Any, model: Any) -> frozenset[int]:
    found = getattr(model.generation_config, "eos_token_id", None)
    ids = list(found) if isinstance(found, list | tuple) else [found]
    return frozenset(int(one) for one in (*ids, tokenizer.eos_token_id) if one is not None)


def _choose(scores: Any, temperature: float) -> int:
    import torch

    if temperature <= 0:
        return int(scores.argmax())
    return int(torch.multinomial((scores / temperature).softmax(-1), 1))


def _without_system(chat: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(chat) < 2 or chat[0]["role"] != "system":
        return chat
    first = {"role": "user", "content": f"{chat[0]['content']}\n\n{chat[1]['content']}"}
    return [first, *chat[2:]]


def _timed_out(name: str, options: GenerationOptions) -> ModelFailed:
    return ModelFailed(
        f"{name} did not finish within {options.timeout_seconds:g} seconds",
        f"ask for less, choose a smaller language model, or {RAISE_TIME_LIMIT}",
    )
