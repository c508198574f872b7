"""The seams between the pipeline and the models: what each kind of model promises, and the values it exchanges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Span, Suppressed, Utterance
from assistant.media.sampling import Clip, ClipSpec


@dataclass(frozen=True)
class Recognition:
    """What a recogniser says of one segment.

    Args:
        probabilities: softmax over all labels, float32 ``[labels]``; ``logits`` alike.
        embedding: float32 ``[D]``.
        changes: how far the encoder's features move from each group of frames (tubelet) to the next, float32
            ``[clips, groups - 1]``: the distance of their means over the picture, in units of the features' spread
            over the picture. None from a recogniser without such features.
        tokens: how many of the encoder's tokens were computed for it; ``tokens_without`` saving there would have been.
    """

    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    changes: NDArray[np.float32] | None = None
    tokens: int = 0
    tokens_without: int = 0


class ActionRecognizer(Protocol):
    """Says what is being done in a clip."""

    name: str
    revision: str
    spec: ClipSpec
    frame_size: int  # pixels of the shortest edge at which frames should arrive: what the model scales them to anyway
    labels: tuple[str, ...]
    none_below: float  # best probability under which none of the labels fits
    clips_per_pass: int  # how many clips it computes at once, where so many wait

    def recognize(self, clips: Sequence[Sequence[Clip]], views: int = 1, save_work: bool = False) -> list[Recognition]:
        """One recognition per segment; each segment gives one clip or several (tokens joined, see `vjepa2`).

        Args:
            save_work: parts of a clip that stand still may be computed less often than the others.
        """
        ...


class ImageTextEncoder(Protocol):
    """Says what a frame looks like, by comparing it with texts."""

    name: str
    revision: str
    logit_scale: float
    frame_size: int  # pixels of the shortest edge at which frames should arrive

    def embed_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors float32 ``[N, D]`` of frames uint8 ``[N, H, W, 3]``."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors float32 ``[N, D]``."""
        ...


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said, what was not believed and why, in which language (None: nothing was said)."""

    utterances: tuple[Utterance, ...]
    suppressed: tuple[Suppressed, ...] = ()
    language: str | None = None


class VoiceDetector(Protocol):
    """Says where there is voice, whatever the words. One instance serves one stream."""

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Take the next block of mono float32 at 16 kHz."""
        ...

    def finish(self) -> list[Span]:
        """The voiced spans of all that was fed, on the stream's clock (0 = first sample)."""
        ...


class Transcriber(Protocol):
    """Writes down what is said."""

    name: str
    revision: str

    def transcribe(
        self,
        samples: NDArray[np.float32],
        speech: Sequence[Span],
        language: str | None = None,
        cancelled: CancelCheck = never,
    ) -> Transcription:
        """Words within the voiced spans of mono float32 ``[N]`` at 16 kHz; times on the samples' clock."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


RAISE_TIME_LIMIT = "raise “Seconds for an answer” under Settings (ASSISTANT_ANSWER_SECONDS)"


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    max_tokens: int = 400
    temperature: float = 0.0
    timeout_seconds: float = 120.0
    stop: tuple[str, ...] = ()


class ChatModel(Protocol):
    """Continues a conversation, piece by piece."""

    name: str
    context_tokens: int

    def count_tokens(self, text: str) -> int: ...

    def stream(
        self, messages: Sequence[Message], options: GenerationOptions, cancelled: CancelCheck = never
    ) -> Iterator[str]:
        """Pieces of the answer as they come; ends early where `cancelled` turns true.

        Raises:
            ModelFailed: out of memory, server gone, timed out, malformed stream.
        """
        ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence to judge, the lines of evidence that it points at, and the question it was said to (may be empty).

    A line names its witness, as in a prompt: ``speech: ...``, ``action: ...``, ``scene: ...``, ``text: ...``.
    """

    evidence: tuple[str, ...]
    question: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Entailment:
    """Probabilities: the evidence supports the sentence, contradicts it, does not speak of it; these sum to 1.

    Args:
        answers: probability that the sentence answers its question, None where none was asked or the model cannot say.
    """

    supported: float
    contradicted: float
    not_there: float
    answers: float | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A line that may answer a question, with the lines around it, which say what "it" and "they" are."""

    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @classmethod
    def at(cls, lines: Sequence[str], place: int) -> Passage:
        """The line at a place, with two before it and one behind."""
        return cls(lines[place], tuple(lines[max(0, place - 2) : place]), tuple(lines[place + 1 : place + 2]))


class Reranker(Protocol):
    """Reads a question and a passage side by side."""

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """Probabilities in 0..1, one a passage, in their order."""
        ...


class EntailmentModel(Protocol):
    """Says whether evidence carries a sentence, and whether the sentence answers its question."""

    name: str
    supported_from: float  # probability from which on a sentence counts as supported
    answers_from: float  # and as an answer to its question

    def score(self, statements: Sequence[Statement]) -> list[Entailment]:
        """One judgement per statement, in order. No evidence is evidence that does not speak of it."""
        ...


@dataclass(frozen=True, slots=True)
class TextModels:
    """The small models that read a timeline's text; what is missing, words and rules do as well as they can."""

    embedder: TextEmbedder | None = None
    reranker: Reranker | None = None
    entailment: EntailmentModel | None = None


@runtime_checkable
class ClipClassifier(ActionRecognizer, Protocol):
    """An action recogniser on which experiments can be made: ask ``isinstance`` before, since not every one can."""

    tubelet: int  # frames that the encoder joins into one token

    def crops(self, clip: Clip) -> NDArray[np.uint8]:
        """The clip as the model sees it in one view, before normalising, uint8 ``[T, size, size, 3]``."""
        ...

    def square_logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits float32 ``[B, labels]`` of clips made of such crops, uint8 ``[B, T, size, size, 3]``."""
        ...


class TextEmbedder(Protocol):
    """Turns texts into vectors whose dot product says how alike they are in meaning."""

    name: str

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 ``[texts, dimensions]``."""
        ...


@dataclass(frozen=True, slots=True)
class TextInFrame:
    """A line of text that was read in a frame.

    Args:
        box: left, top, right, bottom in pixels of the frame.
        score: how sure the reader is of its letters, 0..1.
    """

    text: str
    box: tuple[float, float, float, float]
    score: float


class TextReader(Protocol):
    """Reads what is written in a picture."""

    name: str
    revision: str
    frame_size: int  # pixels of the shortest edge beyond which a frame holds nothing more for it

    def read(self, frame: NDArray[np.uint8]) -> list[TextInFrame]:
        """The lines of text in a frame uint8 ``[H, W, 3]``, from top to bottom, as they stand there: untrusted.

        Raises:
            ModelFailed: it broke at this frame.
        """
        ...
