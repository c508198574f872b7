"""One engine behind every surface: it owns the models, the library and their locks."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.analysis import pipeline
from assistant.analysis.analyzer import AnalysisContext
from assistant.chat import answer as chat
from assistant.chat import summarize as summaries
from assistant.chat.retrieval import Similarity
from assistant.config import AnswererName, Settings
from assistant.core.progress import CancelCheck, Report, never, silent
from assistant.core.timeline import Answer, Segment, Timeline
from assistant.errors import ModelUnavailable, UnknownSegment, VideoUnreadable
from assistant.exports import render as exports
from assistant.media import video
from assistant.models.protocols import ChatModel
from assistant.models.registry import Models, Pack, resolve, text_models
from assistant.store import Library

if TYPE_CHECKING:
    from assistant.explain import AnswerExplanation, Explanation, SceneExplanation

logger = logging.getLogger(__name__)

# What the library keeps of a video beside its timeline, and under which name.
SUMMARY, LATEST, WHY = "summary", "latest", "why"


class Assistant:
    """What every surface calls. Safe to share between threads: each model has its own lock.

    Args:
        settings: built once by the surface.
        library: opened here when not given.

    Raises:
        LibraryUnusable: the library's folder cannot be used.
    """

    def __init__(self, settings: Settings, library: Library | None = None) -> None:
        self.settings = settings
        self.library = library or Library(settings.home)
        self._analyzing = threading.Lock()
        self._early: dict[str, Timeline] = {}

    @cached_property
    def pack(self) -> Pack:
        """Which models speak; raises `ModelUnavailable` where the settings name a pack that is not there."""
        return resolve(self.settings)

    @cached_property
    def models(self) -> Models:
        """The pack's models, each loaded when it is first used."""
        return Models(self.pack, self.settings)

    def analyze(
        self,
        path: Path,
        *,
        name: str | None = None,
        progress: Report = silent,
        cancelled: CancelCheck = never,
        only: Collection[str] = (),
    ) -> Timeline:
        """The timeline of a file, analysed where the library does not hold it yet.

        Args:
            name: what the person calls it.
            only: the kinds of witness that are wanted (actions, scene, speech ...); all where empty.

        Raises:
            InputUnusable: the file cannot be used; the message says why and what to do.
            ModelUnavailable: weights are missing or damaged.
            Cancelled: stopped; what was finished is stored.
        """
        path = path.absolute()
        probed = self._probe(path, name or path.name)
        with self._analyzing:
            timeline = pipeline.analyze(self._context(), path, probed, progress, cancelled, only)
        return self.library.corrected(timeline)

    def _context(self) -> AnalysisContext:
        return AnalysisContext(self.settings, self.models, self.library)

    def _probe(self, path: Path, name: str) -> video.Video:
        known = self._known(path)
        if known is not None:
            return known
        probed = video.probe(path, self.settings.limits)
        self.library.add_video(path, name, probed)
        return probed

    def _known(self, path: Path) -> video.Video | None:
        """What the library remembers of this very file, unchanged since, or None."""
        try:
            status = path.stat()
        except OSError:
            return None
        sha256 = self.library.find_by_path(path, status.st_size, status.st_mtime_ns)
        entry = self.library.entry(sha256) if sha256 else None
        if sha256 is None or entry is None:
            return None
        # Of several copies the one that the person names is the one that is read and shown.
        self.library.prefer_path(sha256, path)
        return dataclasses.replace(entry.video, path=str(path))

    def timeline(self, sha256: str) -> Timeline | None:
        """The latest timeline of a video in the library, with what the person corrected, or None."""
        return self.library.timeline(sha256)

    def early_timeline(self, sha256: str) -> Timeline | None:
        """What can be told of a video whose analysis is still on its way: its subtitles; None where it has none."""
        entry = self.library.entry(sha256)
        if sha256 not in self._early and entry is not None:
            video = dataclasses.replace(entry.video, path=str(entry.path))
            if (found := pipeline.early_timeline(self._context(), video)) is not None:
                self._early = {sha256: found}
        return self._early.get(sha256)

    def ask(
        self,
        sha256: str,
        question: str,
        *,
        history: Sequence[chat.Turn] = (),
        answerer: AnswererName = "auto",
        cancelled: CancelCheck = never,
    ) -> Iterator[str | Answer]:
        """Pieces of an answer as they come; the last item is the checked `Answer`.

        Raises:
            QuestionUnusable: empty or too long.
            ModelUnavailable: the language model that was asked for by name is not there.
        """
        timeline, started = self._known_so_far(sha256), time.monotonic()
        model, missing = self._chat_model(answerer)
        for piece in chat.answer(
            question,
            timeline,
            history=history,
            model=model,
            similarity=self.similarity(timeline) if model is not None else None,
            settings=self.settings,
            reads=text_models(self.models.text_embedder()),
            missing=missing,
            cancelled=cancelled,
        ):
            if isinstance(piece, Answer):
                facts = (sha256[:8], piece.model, piece.outcome, len(piece.claims), time.monotonic() - started)
                logger.info("answered video=%s model=%s outcome=%s claims=%d seconds=%.1f", *facts)
            yield piece

    def _chat_model(self, answerer: AnswererName) -> tuple[ChatModel | None, ModelUnavailable | None]:
        """See `Models.answerer`; who answers where nobody chose is in the settings."""
        return self.models.answerer(self.settings.chat.answerer if answerer == "auto" else answerer)

    def similarity(self, timeline: Timeline) -> Similarity | None:
        """CLIP's similarity of a text to each segment, float32 ``[segments]``, where the encoder is at hand."""
        vectors = pipeline.frame_vectors(self._context(), timeline)
        if vectors is None:
            return None
        known = vectors

        def similar(text: str) -> NDArray[np.float32]:
            query = self.models.image_text_encoder().embed_texts([text])[0]
            return np.array([float((looks @ query).max()) for looks in known], dtype=np.float32)

        return similar

    def suggestions(self, sha256: str) -> list[str]:
        """First questions made from this video."""
        return chat.suggestions(self._known_so_far(sha256), text_models(self.models.text_embedder()))

    def summarize(
        self, sha256: str, *, answerer: AnswererName = "auto", cancelled: CancelCheck = never
    ) -> summaries.Summary:
        """A summary of each segment, of chapters, and of the whole; every sentence cited and checked."""
        model, missing = self._chat_model(answerer)
        summary = summaries.summarize(
            self._required(sha256), model=model, settings=self.settings, missing=missing, cancelled=cancelled
        )
        self.library.save_document(sha256, SUMMARY, LATEST, summary.to_json())
        return summary

    def explain(
        self,
        sha256: str,
        segment_id: int,
        label: str | None = None,
        *,
        progress: Report = silent,
        cancelled: CancelCheck = never,
    ) -> Explanation:
        """Why a label was predicted for a segment, measured with controls.

        Raises:
            UnknownSegment: no such segment or label, or a segment without actions.
            VideoUnreadable: no copy of the file is where it was, as it was.
            Cancelled: stopped half-way; what is done is kept.
        """
        from assistant import explain

        stored = self.explained(sha256, segment_id, label)
        if stored is not None:
            return stored
        timeline = self._analysed(sha256)
        segment = _segment(timeline, segment_id)
        entry = self.library.entry(sha256)
        if entry is not None and not entry.present:
            raise VideoUnreadable(f"{entry.name} is no longer where it was", "put the file back, or analyse it again")
        explanation = explain.explain(self._context(), timeline, segment, label, progress, cancelled)
        self.library.save_document(sha256, WHY, _why_key(segment, label), explanation.to_json())
        return explanation

    def explained(self, sha256: str, segment_id: int, label: str | None = None) -> Explanation | None:
        """The explanation that was measured before, or None; opens no video and loads no model.

        Raises:
            UnknownSegment: no such segment.
        """
        from assistant import explain

        segment = _segment(self._analysed(sha256), segment_id)
        stored = self.library.document(sha256, WHY, _why_key(segment, label))
        return explain.Explanation.from_json(stored) if stored is not None else None

    def explain_scene(self, sha256: str, segment_id: int) -> SceneExplanation:
        """Which frame, and which word of the label, carry the description of a segment.

        Raises:
            UnknownSegment: no such segment, or one without a description.
        """
        from assistant import explain

        timeline = self._analysed(sha256)
        segment = _segment(timeline, segment_id)
        vectors = pipeline.frame_vectors(self._context(), timeline)
        if vectors is None:
            raise UnknownSegment(f"segment {segment_id} has no description to explain", "choose one with a picture")
        return explain.explain_scene(segment, vectors[segment_id - 1], self.models.image_text_encoder())

    def explain_answer(self, sha256: str, answer: Answer) -> AnswerExplanation:
        """Which kind of evidence an answer rests on: it is asked again without each."""
        from assistant import explain

        model = None if answer.model == "extractive" else self.models.chat_model()

        def ask(question: str, timeline: Timeline) -> Answer:
            pieces = list(chat.answer(question, timeline, model=model, settings=self.settings))
            assert isinstance(pieces[-1], Answer)
            return pieces[-1]

        return explain.explain_answer(answer, self._required(sha256), ask)

    def export(self, sha256: str, kind: str, *, paths: bool = False) -> tuple[str, bytes]:
        """The file name and the bytes of an export; kinds are `exports.FORMATS`. ``paths``: see `exports.Material`."""
        timeline = self._required(sha256)
        entry = self.library.entry(sha256)
        name = entry.name if entry else Path(timeline.video.path).name

        def picture(wanted: str) -> bytes | None:
            path = self.library.picture(sha256, wanted)
            return path.read_bytes() if path is not None else None

        stem = Path(name).stem or "video"
        material = exports.Material(
            name,
            timeline,
            picture,
            conversation=self._conversation(sha256),
            summaries=self._summaries(sha256),
            why=self._whys(sha256),
            paths=paths,
        )
        return f"{stem}.{kind}", exports.render(material, kind)

    def _conversation(self, sha256: str) -> list[Answer]:
        conversations = self.library.chats.conversations(sha256)
        return [turn.answer for talk in conversations for turn in self.library.chats.turns(talk.id)]

    def _summaries(self, sha256: str) -> dict[int, str]:
        """Segment id -> its summary, 0 for the whole video, as far as they were made."""
        document = self.library.document(sha256, SUMMARY, LATEST)
        if document is None:
            return {}
        summary = summaries.Summary.from_json(document)
        texts = {index + 1: part.text for index, part in enumerate(summary.segments)}
        return {0: summary.whole.text, **texts}

    def _whys(self, sha256: str) -> dict[int, str]:
        """Segment id -> the text of the explanation of its best label, as far as they were made."""
        found = {}
        for segment in self._analysed(sha256).segments:
            if segment.action is not None:
                document = self.library.document(sha256, WHY, _why_key(segment, None))
                if document is not None:
                    found[segment.id] = str(document["text"])
        return found

    def _known_so_far(self, sha256: str) -> Timeline:
        return self.timeline(sha256) or self.early_timeline(sha256) or self._required(sha256)

    def _required(self, sha256: str) -> Timeline:
        return self.library.corrected(self._analysed(sha256))

    def _analysed(self, sha256: str) -> Timeline:
        """The timeline as the models made it: only their own labels can be explained."""
        timeline = self.library.analysed(sha256)
        if timeline is None:
            raise VideoUnreadable("this video has not been analysed yet", "analyse it first")
        return timeline


def _segment(timeline: Timeline, segment_id: int) -> Segment:
    segment = timeline.segment(segment_id)
    if segment is None:
        raise UnknownSegment(f"there is no segment {segment_id}", f"choose one from 1 to {len(timeline.segments)}")
    return segment


def _why_key(segment: Segment, label: str | None) -> str:
    return f"{segment.id} {label or (segment.action.label if segment.action else '')}"
