"""Answers about the video itself and about the models: length, cuts, sound, scores, rivals, flags."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath

from assistant.chat import talk
from assistant.chat.compose import Reply, mark, safe, say, tell
from assistant.chat.evidence import Evidence
from assistant.chat.understand import Asked
from assistant.chat.witnesses import MODEL_ANSWERS
from assistant.chat.words import numbers_in
from assistant.core.timeline import Shot, Span, clock

_LANGUAGES = {
    "en": "English", "de": "German (Deutsch)", "es": "Spanish (español)", "fr": "French", "it": "Italian",
    "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ru": "Russian", "ja": "Japanese", "zh": "Chinese",
}  # fmt: skip
_MOST_CHANGES = 12


def about(asked: Asked, evidence: Evidence) -> Reply | None:
    """The answer to a question about the video or the models, None where it is no such question."""
    if asked.kind in _OF_SHOTS and any(one.what == "shots" for one in evidence.timeline.absences):
        return Reply(tell(asked.language, "not_watched"), "not_looked_at")
    answer = _ANSWERS.get(asked.kind) or MODEL_ANSWERS.get(asked.kind)
    found = answer(asked, evidence) if answer is not None else None
    return replace(found, computed=True) if found is not None else None


_OF_SHOTS = ("cuts", "cut_begin", "longest_shot")


def _length(asked: Asked, evidence: Evidence) -> Reply:
    seconds = evidence.duration_seconds
    minutes = f", about {round(seconds / 60)} minutes" if seconds >= 90 and asked.language == "en" else ""
    return Reply(say(asked, "length", length=clock(seconds), seconds=seconds, minutes=minutes))


def _picture(asked: Asked, evidence: Evidence) -> Reply:
    video = evidence.timeline.video
    if not video.has_picture:
        return Reply(say(asked, "no_picture"))
    shape = "square" if video.width == video.height else "wide" if video.width > video.height else "upright"
    return Reply(say(asked, "portrait", shape=say(asked, shape), width=video.width, height=video.height))


def _rate(asked: Asked, evidence: Evidence) -> Reply:
    video = evidence.timeline.video
    return Reply(say(asked, "rate", rate=video.frame_rate) if video.has_picture else say(asked, "no_picture"))


def _file(asked: Asked, evidence: Evidence) -> Reply:
    video = evidence.timeline.video
    codecs = "".join(f", {name}" for name in (video.video_codec, video.audio_codec) if name)
    size = f", {video.size_bytes / 1e6:.1f} MB" if video.size_bytes else ""
    name = safe(PurePath(video.path.replace("\\", "/")).name, 120)
    return Reply(say(asked, "file", name=name, container=video.container or "video", codecs=codecs, size=size))


def _change(asked: Asked, shot: Shot) -> str:
    return say(asked, "change", kind=say(asked, shot.transition), time=clock(shot.span.start_seconds, 1))


def _cuts(asked: Asked, evidence: Evidence) -> Reply:
    shots = evidence.timeline.shots
    which = re.search(r"\b(first|second|third|last|final) cut\b", asked.text)
    if which and len(shots) > 1:
        return Reply(_one_cut(asked, evidence, which.group(1)))
    changes = ", ".join(_change(asked, shot) for shot in shots[1 : _MOST_CHANGES + 1])
    if len(shots) > 1 and re.search(r"\b(?:one|single|continuous|uncut)\b.{0,20}(?:take|shot|go)\b", asked.text):
        return Reply(say(asked, "not_one_take", changes=changes, count=len(shots)))
    yes_no = "yes_no" in asked.forms
    if len(shots) < 2:
        return Reply(say(asked, "cuts_none" if yes_no and "single" not in asked.text else "one_shot"))
    if "cuts" in asked.text and not yes_no:
        return Reply(say(asked, "cut_count", cuts=len(shots) - 1, changes=changes, count=len(shots)))
    if yes_no:
        count = len(shots) - 1
        return Reply(say(asked, "cuts", cuts="one" if count == 1 else count, changes=changes, count=len(shots)))
    return Reply(say(asked, "shots", count=len(shots), changes=changes))


def _one_cut(asked: Asked, evidence: Evidence, which: str) -> str:
    changes = evidence.timeline.shots[1:]
    number = -1 if which in ("last", "final") else min(int(numbers_in(which)[0]), len(changes)) - 1
    shot = changes[number]
    at = evidence.segments_in(Span(shot.span.start_seconds + 0.01, shot.span.start_seconds + 0.01))
    time, kind = clock(shot.span.start_seconds, 1), say(asked, shot.transition)
    return say(asked, "cut_at", which=which, time=time, kind=kind, mark=mark(at) if at else "").replace(" .", ".")


def _one_shot(asked: Asked, evidence: Evidence) -> Reply | None:
    """The longest, shortest, first or last shot, with its length."""
    shots = evidence.timeline.shots
    found = re.search(r"\b(longest|shortest|first|second|third|last|final)\b", asked.text)
    if not shots or found is None:
        return None
    which = found.group(1)
    if which in ("longest", "shortest"):
        shot = (max if which == "longest" else min)(shots, key=lambda one: one.span.seconds)
    else:
        number = -1 if which in ("last", "final") else min(int(numbers_in(which)[0]), len(shots)) - 1
        shot = shots[number]
    start, end = clock(shot.span.start_seconds, 1), clock(shot.span.end_seconds, 1)
    marks = mark(evidence.segments_in(shot.span) or [1])
    return Reply(say(asked, "shot_lasts", which=which, seconds=shot.span.seconds, start=start, end=end, mark=marks))


def _silence(asked: Asked, evidence: Evidence) -> Reply | None:
    """Where nobody speaks, the longest gaps first."""
    voice = sorted(evidence.timeline.speech_spans, key=lambda span: span.start_seconds)
    if not voice:
        return None
    edges = [
        0.0,
        *(edge for span in voice for edge in (span.start_seconds, span.end_seconds)),
        evidence.duration_seconds,
    ]
    gaps = [(end - start, start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start > 2.0]
    if not gaps:
        return Reply(say(asked, "no_silence"))
    told = [say(asked, "gap", start=clock(s), end=clock(e), seconds=n) for n, s, e in sorted(gaps, reverse=True)[:4]]
    ids = evidence.segments_in(Span(max(gaps)[1], max(gaps)[2]))
    return Reply(say(asked, "silence", gaps=", ".join(told)) + (f" {mark(ids)}" if ids else ""))


def _speech_share(asked: Asked, evidence: Evidence) -> Reply:
    seconds = sum(span.seconds for span in evidence.timeline.speech_spans)
    whole = evidence.duration_seconds or 1.0
    return Reply(say(asked, "speech_share", share=100 * seconds / whole, seconds=seconds, whole=whole))


def _suppressed(asked: Asked, evidence: Evidence) -> Reply:
    dropped = evidence.timeline.suppressed
    if not dropped:
        return Reply(say(asked, "none_suppressed"))
    texts = [
        say(asked, "suppressed_one", text=safe(s.text), time=clock(s.span.start_seconds), reason=safe(s.reason))
        for s in dropped[:4]
    ]
    return Reply(say(asked, "suppressed", texts="; ".join(texts)))


def _transition(asked: Asked, evidence: Evidence) -> Reply:
    shots = evidence.timeline.shots
    if asked.times and shots:
        at = asked.times[0].span.start_seconds
        # A person reads the time off a player that shows whole seconds.
        near = min(shots, key=lambda shot: abs(shot.span.start_seconds - at))
        here = (
            near if abs(near.span.start_seconds - at) <= 1.0 else next((s for s in shots if s.span.contains(at)), near)
        )
        if here.transition == "start":
            return Reply(say(asked, "shot_first", time=clock(at)))
        kind = say(asked, here.transition)
        return Reply(say(asked, "shot_at", time=clock(at), kind=kind, at=clock(here.span.start_seconds, 1)))
    wanted = next(
        (kind for kind in ("dissolve", "fade", "cut") if kind in asked.text.replace("crossfade", "dissolve")), ""
    )
    chosen = [shot for shot in shots[1:] if not wanted or shot.transition == wanted]
    if not chosen:
        changes = ", ".join(_change(asked, shot) for shot in shots[1:_MOST_CHANGES]) or say(asked, "unknown")
        return Reply(say(asked, "no_kind", kind=wanted or "transition", changes=changes))
    return Reply(say(asked, "kinds_found", changes=", ".join(_change(asked, s) for s in chosen[:_MOST_CHANGES])))


def _sound(asked: Asked, evidence: Evidence) -> Reply:
    video = evidence.timeline.video
    if not video.has_audio:
        return Reply(say(asked, "no_sound"))
    codec = f" ({video.audio_codec})" if video.audio_codec else ""
    voice = say(asked, "voice", language=f" ({_languages(evidence)})" if _languages(evidence) else "")
    if not evidence.speech and not evidence.timeline.speech_spans:
        voice = say(asked, "no_voice", reason=_no_speech(evidence))
    return Reply(say(asked, "sound", codec=codec, voice=voice))


def _no_speech(evidence: Evidence) -> str:
    reason = next((a.reason for a in evidence.timeline.absences if a.what.startswith("speech")), "")
    if not evidence.timeline.video.has_audio:
        return reason or "the file has no audio track"
    return reason or "no voice was found"


def _why_no_speech(asked: Asked, evidence: Evidence) -> Reply | None:
    if evidence.speech:
        return None
    return Reply(say(asked, "why_no_speech", reason=_no_speech(evidence)))


def _languages(evidence: Evidence) -> str:
    found = dict.fromkeys(u.language for s in evidence.timeline.segments for u in s.utterances if u.language)
    if evidence.speech and not found:
        found = dict.fromkeys([evidence.language])
    return ", ".join(_LANGUAGES.get(language, language) for language in found)


def _language(asked: Asked, evidence: Evidence) -> Reply:
    if not evidence.speech:
        return Reply(say(asked, "no_language", reason=_no_speech(evidence)))
    return Reply(say(asked, "language", languages=_languages(evidence)))


def _segments(asked: Asked, evidence: Evidence) -> Reply:
    return Reply(say(asked, "segments", count=len(evidence.timeline.segments)))


def _speakers(asked: Asked, evidence: Evidence) -> Reply | None:
    names = sorted({line.speaker for line in evidence.speech if line.speaker})
    if names:
        return Reply(say(asked, "speakers", count=len(names), names=", ".join(safe(n, 60) for n in names)))
    if not evidence.speech:
        return Reply(
            say(asked, "no_sound" if not evidence.timeline.video.has_audio else "no_voice", reason=_no_speech(evidence))
        )
    if {"number", "often"} & asked.forms:
        return Reply(say(asked, "speakers_unknown"), "cannot_tell")
    return talk.introductions(asked, evidence)


_ANSWERS: Mapping[str, Callable[[Asked, Evidence], Reply | None]] = {
    "length": _length,
    "portrait": _picture,
    "size": _picture,
    "rate": _rate,
    "file": _file,
    "cuts": _cuts,
    "cut_begin": _transition,
    "sound": _sound,
    "why_no_speech": _why_no_speech,
    "language": _language,
    "segments": _segments,
    "speakers": _speakers,
    "longest_shot": _one_shot,
    "silence": _silence,
    "speech_share": _speech_share,
    "suppressed": _suppressed,
}
