"""Sentences about the video itself: length, cuts, sound, voices, languages, models, flags."""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.chat.verification.entailment import Finding
from assistant.chat.verification.evidence import Evidence
from assistant.chat.verification.language import lexicon, tokens
from assistant.chat.verification.numbers import Number, find_numbers
from assistant.chat.verification.statement import CLOCK, Statement, seconds_of

_VIDEO = r"(?:the |this |whole |entire |full )*(?:video|clip|film|movie|recording|footage|file|it|whole thing)"
_LENGTH = re.compile(
    rf"\b{_VIDEO}\b.{{0,20}}\b(?:last(?:s|ed)?|runs?|goes on|takes|is|has a (?:length|duration|running time) "
    rf"of)\b.{{0,40}}"
    rf"\b(?:seconds?|minutes?|hours?|days?|sec|min|s|h)\b|\b(?:length|duration|running time)\b|^(?:about |"
    rf"around |roughly )?[\w\s.-]+ "
    rf"(?:seconds?|minutes?|hours?)(?: long)?\.?$",
    re.IGNORECASE,
)
_COUNTED = {
    "cut": lambda e: max(0, len(e.timeline.shots) - 1),
    "transition": lambda e: max(0, len(e.timeline.shots) - 1),
    "shot": lambda e: len(e.timeline.shots),
    "take": lambda e: len(e.timeline.shots),
    "segment": lambda e: len(e.timeline.segments),
}
_COUNT = re.compile(
    r"\b(no|[\w-]+|\d+) (?:hard |single |different )?(cut|transition|shot|segment|take)s?\b", re.IGNORECASE
)
_NO_VOICE = re.compile(
    r"\b(?:no|without(?: any)?|not any) (?:voices?|speech|spoken words?|talking|words|dialogue|one speaks?|one "
    r"(?:talks|says|is heard))\b|"
    r"\b(?:nobody|no one|no-one|none)\b.{0,20}\b(?:speaks?|talks?|says|said|heard|speaking|talking)\b|"
    r"\b(?:nothing|no words?|not a word)\b.{0,12}\b(?:said|spoken|heard)\b|\b(?:is|are|was) silent\b|\bsilence\b",
    re.IGNORECASE,
)
_VOICE = re.compile(
    r"\b(?:speech|voices?|talking|somebody speaking|someone speaking|people talking)\b.{0,30}\b(?:heard|found|"
    r"detected|there|present)\b|"
    r"\bthere (?:is|are) (?:\w+ )?(?:speech|voices?|talking)\b|\b(?:somebody|someone|people) (?:is|are) "
    r"(?:speaking|talking)\b",
    re.IGNORECASE,
)
_NO_SOUND = re.compile(
    r"\b(?:no|without(?: an?| any)?) (?:audio|sound)(?: track)?\b|\bsilent (?:video|film|file)\b", re.IGNORECASE
)
_SOUND = re.compile(r"\b(?:has|with|is|there is|contains) (?:an? |any )?(?:audio|sound)(?: track)?\b", re.IGNORECASE)
_SPEECH_PLACE = re.compile(
    r"\b(?:here|there|then|that|this|these|those|over|during|while|in|at|between)\b", re.IGNORECASE
)
_IN_VIDEO = re.compile(r"\bin (?:the|this) (?:video|clip|film|sound|recording|file)\b", re.IGNORECASE)
_FLAGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("none_of_my_labels", re.compile(
        r"\bnone of (?:the|its|these|my)? ?(?:\w+ )?(?:labels?|actions?|deeds)\b|\bno (?:action|"
        r"label)s?\b.{0,30}\b(?:fits?|match\w*|clear\w*|reach\w*|believed|"
        r"sure|recogni[sz]ed)\b|\b(?:does|do|did) not (?:recogni[sz]e|know|fit)\b.{0,20}\baction\b|\bbelow "
        r"(?:the|its) (?:limit|threshold)\b",
        re.IGNORECASE)),
    ("out_of_protocol", re.compile(
        r"\b(?:shorter|too short|not long enough|fewer frames)\b.{0,50}\b(?:recogni[sz]er|model|expects?|"
        r"protocol|trained|action|needs?|made for)\b|"
        r"\bout of (?:its )?protocol\b", re.IGNORECASE)),
    ("models_disagree", re.compile(r"\b(?:models|recogni[sz]er and (?:the )?describer|describer and (?:the "
    r")?recogni[sz]er)\b.{0,20}\bdisagree", re.IGNORECASE)),
    ("shared_result", re.compile(r"\bresult\b.{0,30}\b(?:shared|taken over|reused|copied|same as)\b|\bnothing "
    r"changes in the picture\b", re.IGNORECASE)),
)  # fmt: skip
_FITS = re.compile(
    r"\b(?:one|some|a|an|the (?:best|first|top)|at least one)\b(?: of the)? ?(?:action|"
    r"label)s?\b.{0,40}\b(?:fits?|clears?|reach\w*|above|over|passes)\b",
    re.IGNORECASE,
)
_SHAPE = re.compile(r"\b(portrait|upright|vertical|landscape|horizontal|widescreen)\b", re.IGNORECASE)
_SIZE = re.compile(r"\b(\d{3,5})\s*(?:x|×|by)\s*(\d{3,5})\b", re.IGNORECASE)
_RATE = re.compile(r"\b(\d{1,3}(?:\.\d+)?) ?(?:fps|frames (?:per|a|each) second)\b", re.IGNORECASE)
_LANGUAGES = {
    "en": "english", "de": "german", "es": "spanish", "fr": "french", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "pl": "polish",
    "ru": "russian", "ja": "japanese", "zh": "chinese", "ko": "korean", "ar": "arabic", "hi": "hindi",
    "tr": "turkish", "sv": "swedish",
    "da": "danish", "no": "norwegian", "fi": "finnish", "cs": "czech", "hu": "hungarian", "uk": "ukrainian",
    "el": "greek",
}  # fmt: skip
SPOKEN = re.compile(rf"\b({'|'.join(_LANGUAGES.values())})\b", re.IGNORECASE)
_SPEAKS = re.compile(r"\b(?:speak|spoke|spoken|speech|language|said|talk|in the sound|words)\w*\b", re.IGNORECASE)
_PROGRAM = re.compile(r"\W*Why\W+ beside the segment measures\b")
_TOLERANCE = 0.12  # of a length that is said in round figures


def about_video(statement: Statement, evidence: Evidence) -> Finding | None:
    """None where the sentence is not about the video itself."""
    if _PROGRAM.match(statement.bare) or _PROGRAM.match(statement.text):
        return Finding("supported", "it tells what this program offers", "timeline")
    for rule in (_flags, _sound, _voice, _counts, _length, _format, _language):
        if (found := rule(statement, evidence)) is not None:
            return found
    return None


def _finding(right: bool, reason: str) -> Finding:
    return Finding("supported" if right else "contradicted", reason, "timeline")


def _flags(statement: Statement, evidence: Evidence) -> Finding | None:
    segments = [evidence.timeline.segments[number - 1] for number in statement.ids]
    if not segments:
        return None
    for flag, pattern in _FLAGS:
        if pattern.search(statement.bare):
            right = all(flag in segment.flags for segment in segments)
            return _finding(right, f"the timeline {'flags' if right else 'does not flag'} it so there")
    if _FITS.search(statement.bare) and not statement.has("negation"):
        return _finding(
            all("none_of_my_labels" not in s.flags and s.actions for s in segments),
            "by the recogniser's own limit there",
        )
    if _FITS.search(statement.bare):
        return _finding(
            bool(re.search(r"below which|nothing is believed", statement.bare))
            == all("none_of_my_labels" not in s.flags for s in segments),
            "by the recogniser's own limit there",
        )
    return None


def _sound(statement: Statement, evidence: Evidence) -> Finding | None:
    has = evidence.timeline.video.has_audio
    told = "the file has an audio track" if has else "the file has no audio track"
    if _NO_SOUND.search(statement.bare):
        return _finding(not has, told)
    if _SOUND.search(statement.bare) and not statement.ids:
        return _finding(has, told)
    return None


def _voice(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "Nothing is said there": the cited segments, or where none is cited the whole video."""
    denied, affirmed = _NO_VOICE.search(statement.bare), _VOICE.search(statement.bare)
    if not denied and not affirmed:
        return None
    if _topic(statement):
        return None  # "nobody says anything about prices": a search, made elsewhere
    elsewhere = denied is not None and _SPEECH_PLACE.search(statement.bare[denied.end() :]) is not None
    if elsewhere and not statement.ids and not affirmed and not _IN_VIDEO.search(statement.bare):
        return None
    lines = [line for line in evidence.speech if not statement.ids or set(line.segment_ids) & set(statement.ids)]
    spoken = bool(lines) or (not statement.ids and bool(evidence.timeline.speech_spans))
    told = "words are said there" if spoken else "no words are said there"
    return _finding(spoken != bool(denied), told)


def _topic(statement: Statement) -> bool:
    match = re.search(r"\b(?:about|of|that|why|how|whether|where|when|who|what)\b(.*)$", statement.bare, re.IGNORECASE)
    return match is not None and any(
        not lexicon().light(w) and not lexicon().is_kind(w, "video", "speech") for w in tokens(match.group(1))
    )


def _counts(statement: Statement, evidence: Evidence) -> Finding | None:
    for match in _COUNT.finditer(statement.bare):
        word, noun = match.group(1).lower(), match.group(2).lower()
        numbers = find_numbers(tokens(word))
        if word != "no" and not numbers:
            continue
        if evidence.speech and not _of_video(statement, match, evidence):
            continue
        count = _COUNTED[noun](evidence)
        right = count == 0 if word == "no" else float(count) in numbers[0].values
        return _finding(right, f"the video has {count} {noun}{'' if count == 1 else 's'}")
    return None


def _of_video(statement: Statement, match: re.Match[str], evidence: Evidence) -> bool:
    """Whether cuts and shots are the video's, not the speaker's: a bread cut, a shot of rum."""
    return bool(re.search(_VIDEO, statement.bare, re.IGNORECASE)) or not any(
        match.group(2).lower() in line.tokens for line in evidence.cited(statement.ids)
    )


def _length(statement: Statement, evidence: Evidence) -> Finding | None:
    if not _LENGTH.search(statement.bare) or statement.has("telling"):
        return None
    if any(line.kind == "speech" and _same_time(statement, line.numbers) for line in evidence.cited(statement.ids)):
        return None
    duration = evidence.timeline.video.duration_seconds
    values = [seconds_of(match) for match in CLOCK.finditer(statement.bare)]
    values += [seconds for seconds in (_seconds(statement.numbers),) if seconds]
    if not values or (
        statement.ids
        and not re.search(r"\b(?:video|clip|film|movie|recording|footage|file)\b", statement.bare, re.IGNORECASE)
    ):
        return None
    right = any(abs(value - duration) <= max(1.0, _TOLERANCE * duration) for value in values)
    return _finding(right, f"the video lasts {duration:.1f} seconds")


def _same_time(statement: Statement, numbers: list[Number]) -> bool:
    return any(one.same_value(other) and one.unit == other.unit for one in statement.numbers for other in numbers)


_UNIT_SECONDS = {"second": 1.0, "sec": 1.0, "minut": 60.0, "min": 60.0, "hour": 3600.0, "day": 86_400.0}


def _seconds(numbers: list[Number]) -> float:
    return sum(max(one.values) * _UNIT_SECONDS[one.unit] for one in numbers if one.unit in _UNIT_SECONDS)


def spoken_seconds(statement: Statement) -> float:
    """The time that a sentence names in numbers and units ("about two minutes and five seconds"), 0 where none."""
    return _seconds(statement.numbers)


def _format(statement: Statement, evidence: Evidence) -> Finding | None:
    video = evidence.timeline.video
    if size := _SIZE.search(statement.bare):
        pair = (int(size.group(1)), int(size.group(2)))
        return _finding(
            pair in ((video.width, video.height), (video.height, video.width)), f"it is {video.width} by {video.height}"
        )
    if rate := _RATE.search(statement.bare):
        return _finding(
            abs(float(rate.group(1)) - video.frame_rate) < 0.5, f"it has {video.frame_rate:g} frames a second"
        )
    shape = _SHAPE.search(statement.bare)
    if shape and re.search(_VIDEO, statement.bare, re.IGNORECASE) and not statement.ids:
        upright = shape.group(1).lower() in ("portrait", "upright", "vertical")
        return _finding(upright == (video.height > video.width), f"it is {video.width} by {video.height}")
    return _models(statement, evidence)


def _models(statement: Statement, evidence: Evidence) -> Finding | None:
    """A model named as the one that spoke."""
    if not re.search(
        r"\b(?:model|recogni[sz]er|describer|transcriber|weights|labels? list)\b", statement.bare, re.IGNORECASE
    ):
        return None
    made = evidence.timeline.provenance
    known = " ".join(str(stage.get("model", "")) for stage in (made.actions, made.descriptions, made.speech)).lower()
    known += " v-jepa 2 vjepa clip whisper" if known.strip() else ""
    named = re.findall(
        r"\b(?:[\w.-]+/[\w.-]+|v-?jepa(?: 2)?|clip|whisper|videomae|timesformer|siglip|parakeet)\b",
        statement.bare.lower(),
    )
    named = [
        name for name in named if not (name == "clip" and re.search(r"\b(?:the|this) clip\b", statement.bare.lower()))
    ]
    if not named:
        return None
    right = all(re.sub(r"[\s-]", "", name) in re.sub(r"[\s-]", "", known) for name in named)
    return _finding(right, "by what the timeline says of its models")


def _language(statement: Statement, evidence: Evidence) -> Finding | None:
    named = SPOKEN.search(statement.bare)
    if not named or not _SPEAKS.search(statement.bare):
        return None
    lines = [line for line in evidence.speech if not statement.ids or set(line.segment_ids) & set(statement.ids)]
    if not lines or any(named.group(1).lower() in line.tokens for line in lines):
        return None
    spoken = {_LANGUAGES.get(line.language[:2], line.language) for line in lines}
    right = (named.group(1).lower() in spoken) != bool(statement.has("negation"))
    return _finding(right, f"the speech is in {' and '.join(sorted(spoken))}")


Rule = Callable[[Statement, Evidence], Finding | None]
