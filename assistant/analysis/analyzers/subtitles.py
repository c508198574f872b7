"""Subtitles: what is written for the video, inside its file or beside it; no model is needed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from assistant.analysis.analyzer import AnalysisContext, Finding, Needs, ReadTrack, Stream
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck
from assistant.core.timeline import Absence, Observation, Utterance
from assistant.media.subtitles import Subtitles, SubtitleTrack, preferred, read, said, spoken_language, tracks_of

logger = logging.getLogger(__name__)

VERSION = "1"
KIND = "subtitles"


class SubtitlesAnalyzer:
    """The best of the video's subtitles: whole rather than forced, in the language that is spoken, as far as known."""

    kind = KIND
    needs = Needs(sidecars=True)

    def __init__(self, context: AnalysisContext) -> None:
        self._language = context.settings.speech.language or ""

    def key(self) -> Json:
        return {"language": self._language, "version": VERSION}

    def run(self, stream: Stream, cancelled: CancelCheck) -> Iterator[Finding]:
        tracks = tracks_of(stream.path)
        if not tracks:
            return
        chosen: Subtitles | None = None
        for track in preferred(tracks, self._language or spoken_language(stream.path)):
            chosen = read(stream.path, stream.video, track, cancelled)
            for loss in chosen.losses:
                yield Absence(self.kind, loss)
            if chosen.cues:
                break
        if chosen is None or not chosen.cues:
            for track in tracks:
                if track.unread:
                    yield Absence(self.kind, f"{track.described}: {track.unread}")
            return
        yield ReadTrack(chosen.track, tuple(track for track in tracks if track is not chosen.track))
        track = chosen.track
        for cue in chosen.cues:
            yield Observation(self.kind, cue.span, text=cue.text, source=track.source, details=_details(track))
        logger.info("subtitles tracks=%d cues=%d", len(tracks), len(chosen.cues))


def _details(track: SubtitleTrack) -> Json:
    return {"language": track.language, "forced": track.is_forced}


def written(findings: Iterable[Finding]) -> list[Utterance]:
    """The subtitles as what is said, where somebody else's words are missing; forced ones tell too little for that."""
    found = []
    for item in findings:
        if isinstance(item, Observation) and item.kind == KIND and not item.details["forced"]:
            text, speaker = said(item.text)
            if any(letter.isalnum() for letter in text):
                source = f"{KIND}: {item.source}"
                found.append(Utterance(item.span, text, item.details["language"], speaker=speaker, source=source))
    return found
