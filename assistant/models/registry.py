"""Which pack speaks, and its models: each loaded when it is first used, once per process."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from assistant.config import EMBEDDER_FOLDER, RERANKER_FOLDER, VERIFIER_FOLDER, AnswererName, Settings
from assistant.core.files import human_bytes
from assistant.errors import ModelUnavailable
from assistant.media.sampling import ClipSpec
from assistant.models.domain import Domain, load_domain
from assistant.models.packs import catalog, checkpoints, language
from assistant.models.packs.catalog import KINDS, PACKS, WITNESSES, Kind, Pack, Part
from assistant.models.protocols import (
    ActionRecognizer,
    ChatModel,
    EntailmentModel,
    ImageTextEncoder,
    Reranker,
    TextEmbedder,
    TextModels,
    TextReader,
    Transcriber,
    VoiceDetector,
)
from assistant.models.runtime import device as devices
from assistant.models.runtime.budget import Budget
from assistant.models.runtime.framing import Framing
from assistant.models.scene import labels

__all__ = ["Models", "Pack", "Part", "resolve"]

logger = logging.getLogger(__name__)

Report = Callable[[str], object]

# What people call each kind.
KIND_NAMES: Mapping[Kind, str] = {
    "actions": "Actions",
    "descriptions": "Scene",
    "speech": "Speech",
    "language": "Language model",
    "embed": "Search by meaning",
    "entailment": "Check of statements",
    "text": "Text",
}


def resolve(settings: Settings) -> Pack:
    """The pack that the settings ask for; ``auto`` takes for each kind the best whose weights are on this machine.

    Raises:
        ModelUnavailable: required weights are not on this machine, or there is no such pack or folder.
    """
    demo, starter, standard, large = (named(settings, name) for name in ("demo", "starter", "standard", "large"))
    if settings.pack == "auto":
        published = [large, standard, starter]
        pack = require(catalog.by_kind([*published, demo]))
        return replace(pack, notice=_notice(pack, demo, starter, standard))
    asked = require(named(settings, settings.pack))
    # A pack that was asked for by name speaks for all that it has; what it lacks comes from one that has it.
    beside = {"starter": [starter, demo], "standard": [standard, starter], "large": [large, starter]}
    return catalog.by_kind(beside[asked.name]) if settings.pack in beside else asked


def _notice(pack: Pack, demo: Pack, starter: Pack, standard: Pack) -> str:
    """One line: which pack was taken and why, and what would bring more."""
    if "demo" not in pack.name.split("+"):
        return f"using the {pack.name} pack, which is on this machine"
    if pack.name == demo.name:
        return (
            f"using the demo pack: {demo.note}; {starter.remedy} for speech in real videos,"
            f" {checkpoints.PULL_COMMAND} --pack standard for all that happens in them"
        )
    return f"using {pack.note}; the demo pack knows generated shapes only: {standard.remedy} for real videos"


def named(settings: Settings, name: str) -> Pack:
    """The pack of this name, or in the folder of this path, whether its weights are there or not.

    Raises:
        ModelUnavailable: no such pack or folder.
    """
    if name in PACKS:
        return PACKS[name](settings.home, machine(settings))
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise ModelUnavailable(
            f"there is no pack called {name!r}, and no such folder",
            f"use auto, {', '.join(PACKS)} or a folder laid out as docs/packs.md says",
        )
    return catalog.folder_pack(folder)


def machine(settings: Settings) -> devices.Machine:
    """This machine within the settings, with its speed as far as it was measured."""
    rate = language.stored_rate(settings.home, settings.compute)
    return replace(devices.machine(settings.compute), reading_rate=rate)


def require(pack: Pack) -> Pack:
    """The pack itself.

    Raises:
        ModelUnavailable: some of its required weights are not on this machine.
    """
    if missing := pack.missing():
        kinds = ", ".join(part.kind for part in missing)
        raise ModelUnavailable(f"the {pack.name} pack lacks {kinds} (looked in {pack.folder})", pack.remedy)
    return pack


@lru_cache(maxsize=1)
def entailment_model() -> EntailmentModel | None:
    """The model that judges a sentence by its evidence; None where its weights are not here."""
    return cast(EntailmentModel | None, _shipped("entailment", VERIFIER_FOLDER))


@lru_cache(maxsize=1)
def reranker() -> Reranker | None:
    """The model that says which line holds an answer; None where its weights are not here."""
    return cast(Reranker | None, _shipped("rerank", RERANKER_FOLDER))


@lru_cache(maxsize=1)
def embedder() -> TextEmbedder | None:
    """The sentence embeddings that ship; None where their weights are not here."""
    return cast(TextEmbedder | None, _shipped("embed", EMBEDDER_FOLDER))


def _shipped(kind: str, folder: Path) -> Any:
    """A model that comes with the project, the same for every pack; None where its weights are not here.

    Raises:
        ModelUnavailable: they are here, and cannot be loaded.
    """
    return backend(kind, folder)(folder) if (folder / "config.json").is_file() else None


def text_models(embeds: TextEmbedder | None = None) -> TextModels:
    """The small models that read text: those that ship, but the embeddings of a pack that has its own."""
    return TextModels(embeds or embedder(), reranker(), entailment_model())


class Models:
    """The models of one pack, loaded when they are first asked for; safe to share between threads."""

    def __init__(self, pack: Pack, settings: Settings) -> None:
        self.pack = pack
        self.budget = Budget.of(settings.compute.memory_bytes)
        self._settings = settings
        self._loaded: dict[Kind, Any] = {}
        self._identities: dict[Kind, tuple[str, str]] = {}
        self._domains: dict[Kind, Domain | None] = {}
        self._locks = {kind: threading.RLock() for kind in KINDS}

    @property
    def loaded(self) -> frozenset[Kind]:
        """The kinds whose models are in memory."""
        return frozenset(self._loaded)

    def recognizer(self) -> ActionRecognizer:
        return cast(ActionRecognizer, self._once("actions", lambda: self._visual("actions", self.pack.none_below)))

    def image_text_encoder(self) -> ImageTextEncoder:
        return cast(ImageTextEncoder, self._once("descriptions", lambda: self._visual("descriptions")))

    def transcriber(self) -> Transcriber:
        return cast(Transcriber, self._once("speech", self._load_transcriber))

    def voice_detector(self) -> VoiceDetector:
        """A new detector: each serves one stream."""
        return cast(VoiceDetector, backend("voice")())

    def chat_model(self) -> ChatModel:
        """The language model that the settings name, else the pack's own.

        Raises:
            ModelUnavailable: neither is on this machine.
        """
        return cast(ChatModel, self._once("language", self._load_chat_model))

    def own_chat_model(self) -> ChatModel:
        """The pack's language model, whatever the settings name.

        Raises:
            ModelUnavailable: the pack has none.
        """
        path, compute = self.location("language"), self._settings.compute
        part = self.pack.part("language")
        name = (part.source if part is not None else "") or f"{self.speaker('language')}/language"
        return cast(ChatModel, backend("language")(path, device=compute.device, precision=compute.precision, name=name))

    def has_chat_model(self) -> bool:
        """Whether a language model answers unless told otherwise: the settings name one, or the pack wants its own."""
        if self._settings.chat.language_model:
            return True
        return self.pack.answerer != "extractive" and self.pack.location("language") is not None

    def answerer(self, wanted: AnswererName) -> tuple[ChatModel | None, ModelUnavailable | None]:
        """The language model to answer with, None for answers composed from the timeline, and why it is not there.

        Raises:
            ModelUnavailable: it was asked for by name and is not there.
        """
        if wanted == "extractive" or (wanted == "auto" and not self.has_chat_model()):
            return None, None
        try:
            return self.chat_model(), None
        except ModelUnavailable as error:
            if wanted == "llm":
                raise
            logger.warning("the language model is not there: %s", error.what)
            return None, error

    def text_embedder(self) -> TextEmbedder | None:
        """The model that compares texts by meaning, None where its weights are not on this machine."""
        if self.pack.location("embed") is None:
            return None
        return cast(TextEmbedder, self._once("embed", lambda: backend("embed")(self.location("embed"))))

    def text_reader(self) -> TextReader:
        return cast(TextReader, self._once("text", self._load_text_reader))

    def domain(self, kind: Kind) -> Domain | None:
        """What this model was made for, where its folder says so; None: for anything."""
        if kind not in self._domains:
            self._domains[kind] = load_domain(self.location(kind).parent)
        return self._domains[kind]

    def offer(self, kind: Kind) -> str:
        """What could be fetched for this kind, with its size and the command; empty where nothing is offered."""
        parts = (named(self._settings, name).part(kind) for name in PACKS)
        part = next((part for part in parts if part is not None and part.source), None)
        if part is None:
            return ""
        name, size = KIND_NAMES[kind], human_bytes(part.download_bytes)
        return f"{name}: {part.shown}, {size}; {checkpoints.PULL_COMMAND} --kind {kind}"

    def speaker(self, kind: Kind) -> str:
        """Which pack's model speaks for this kind."""
        part = self.pack.part(kind)
        return (part.pack if part is not None else "") or self.pack.name

    def label_set(self) -> labels.LabelSet:
        """The label lists of the settings, else of the pack, as their files are now."""
        return labels.LabelSet.load(
            self._settings.descriptions.label_lists or self.pack.label_lists,
            own=self._settings.home / labels.OWN_FOLDER,
        )

    def identity(self, kind: Kind) -> tuple[str, str]:
        """Name and revision of a model, without loading it."""
        if kind not in self._identities:
            path = self.location(kind)
            module = _module(kind, path)
            self._identities[kind] = getattr(module, "identity", checkpoints.identity)(path)
        return self._identities[kind]

    def clip_spec(self) -> ClipSpec:
        """How the recogniser wants to be fed, without loading it."""
        self.location("actions")
        return clip_spec_of(self.pack)

    def framing(self) -> Framing:
        """How the recogniser frames its pictures, without loading it."""
        path = self.location("actions")
        return cast(Framing, _module("actions", path).framing_of(path))

    def logit_scale(self) -> float:
        """The image_text_encoder's scale of similarities, without loading it where the file allows."""
        if "descriptions" not in self._loaded:
            from assistant.models.scene.openclip import stored_logit_scale

            if (stored := stored_logit_scale(self.location("descriptions"))) is not None:
                return stored
        return self.image_text_encoder().logit_scale

    def location(self, kind: Kind) -> Path:
        """Where the pack's weights of this kind lie.

        Raises:
            ModelUnavailable: not on this machine.
        """
        found = self.pack.location(kind)
        if found is None:
            raise ModelUnavailable(f"the {self.pack.name} pack has no {kind} model", self.pack.remedy)
        return found

    def weights_bytes(self) -> int:
        """Bytes of the weights that an analysis uses, as their files have them."""
        return sum(self._file_bytes(kind) for kind in WITNESSES)

    def release(self, kind: Kind) -> None:
        """Forget a loaded model, so that its memory can be used for another."""
        with self._locks[kind]:
            if self._loaded.pop(kind, None) is None:
                return
        import gc

        import torch

        gc.collect()
        devices.give_memory_back()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _once(self, kind: Kind, load: Callable[[], Any]) -> Any:
        if kind not in self._loaded:
            self._make_room(kind)  # before the lock: two kinds that wait for each other's would wait for ever
        with self._locks[kind]:
            if kind not in self._loaded:
                self._limit_threads()
                self._loaded[kind] = load()
                devices.give_memory_back()  # half of what loading took was copies
                logger.info("loaded %s of pack %s", kind, self.pack.name)
            return self._loaded[kind]

    def _make_room(self, kind: Kind) -> None:
        """Release the models that nobody needs beside this one, where all of them do not fit."""
        loaded = {other: self._file_bytes(other) for other in tuple(self._loaded) if other != kind}
        for other in self.budget.to_release(kind, loaded, self._file_bytes(kind)):
            logger.info("releasing %s to make room for %s", other, kind)
            self.release(other)

    def _file_bytes(self, kind: Kind) -> int:
        """Bytes of the weights' files, 0 for a model that lies elsewhere."""
        path = self.pack.location(kind)
        if path is None or (kind == "language" and self._settings.chat.language_model):
            return 0
        return path.stat().st_size if path.is_file() else checkpoints.weights_bytes(path)

    def _limit_threads(self) -> None:
        if self._settings.compute.threads:
            import torch

            torch.set_num_threads(self._settings.compute.threads)

    def _visual(self, kind: Kind, *more: object) -> Any:
        compute = self._settings.compute
        path = self.location(kind)
        return backend(kind, path)(path, compute.device, compute.precision, *more)

    def _load_text_reader(self) -> Any:
        return backend("text")(self.location("text"), threads=self._settings.compute.threads)

    def _load_transcriber(self) -> Any:
        path = self.location("speech")
        device = devices.choose_device(self._settings.compute.device)
        if device == "mps":  # Whisper's decoder builds sparse and 64-bit tensors, which Metal does not take
            device = "cpu"
        precision = devices.choose_precision(self._settings.compute.precision, device, self._file_bytes("speech"))
        return backend("speech")(
            path,
            device=device,
            precision=precision,
            word_times=self._settings.speech.word_times,
            features_bytes=self.budget.features_bytes,
        )

    def _load_chat_model(self) -> Any:
        name = self._settings.chat.language_model
        if name.startswith(("http://", "https://")):
            address, _, model = name.partition("#")
            return backend("server")(address, model, context_tokens=self._settings.chat.context_tokens)
        if not name:
            return self.own_chat_model()
        compute = self._settings.compute
        return backend("language")(name, device=compute.device, precision=compute.precision)


def clip_spec_of(pack: Pack) -> ClipSpec:
    """How a pack's recogniser wants to be fed, also where its weights are still to be fetched."""
    path = pack.location("actions")
    if path is not None:
        return cast(ClipSpec, _module("actions", path).clip_spec(path))
    from assistant.models.actions.vjepa2 import published_spec

    part = pack.part("actions")
    return published_spec(part.source if part is not None else "")


def backend(kind: str, path: Path | None = None) -> Any:
    """The class that the table of backends names for weights of this kind at ``path``."""
    module, _, name = catalog.backend_of(kind, path).partition(":")
    return getattr(importlib.import_module(module), name)


def _module(kind: str, path: Path) -> Any:
    return importlib.import_module(catalog.backend_of(kind, path).partition(":")[0])
