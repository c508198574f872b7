"""Files of subtitles that lie beside a video: which belong to it, what their names say, and their text."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EXTENSIONS = (".srt", ".vtt", ".ass", ".ssa")
MAX_BYTES = 16 * 1000**2  # subtitles of a day of talk have less
MOST_FILES = 40
_MOST_ENTRIES = 20_000  # of a folder that are looked at
_DETECTED_BYTES = 64 * 1024

# ISO 639-1, the codes of ISO 639-2 that containers write, and the names that people write, in English and their own.
_LANGUAGES = """
ar ara arabic | be bel belarusian | bg bul bulgarian | ca cat catalan | cs cze ces czech | da dan danish dansk
de ger deu german deutsch | el gre ell greek | en eng english | es spa spanish español espanol | et est estonian
fa per fas persian farsi | fi fin finnish suomi | fr fre fra french français francais | he heb hebrew | hi hin hindi
hr hrv croatian hrvatski | hu hun hungarian magyar | id ind indonesian | is ice isl icelandic | it ita italian italiano
ja jpn japanese | ko kor korean | lt lit lithuanian | lv lav latvian | ms may msa malay | nb nob | nl dut nld dutch
no nor norwegian norsk | pl pol polish polski | pt por portuguese português portugues | ro rum ron romanian
ru rus russian | sk slo slk slovak | sl slv slovenian | sr srp serbian | sv swe swedish svenska | th tha thai
tr tur turkish türkçe | uk ukr ukrainian | ur urd urdu | vi vie vietnamese | zh chi zho chinese chs cht
"""
_CODES = {
    name: names[0] for line in _LANGUAGES.replace("\n", " | ").split("|") if (names := line.split()) for name in names
}
# The encodings of a time before UTF-8 by language; all others wrote cp1252.
_CODE_PAGES = {
    code: page
    for page, known in {
        "cp1250": "cs hr hu pl ro sk sl",
        "cp1251": "be bg ru sr uk",
        "cp1253": "el",
        "cp1254": "tr",
        "cp1255": "he",
        "cp1256": "ar fa ur",
        "cp1257": "et lt lv",
        "cp1258": "vi",
        "cp932": "ja",
        "cp949": "ko",
        "cp874": "th",
        "gb18030": "zh",
    }.items()
    for code in known.split()
}
_WESTERN = frozenset("äöüßåæøœàâáãçéèêëíìîïñóòôõúùûÿ¿¡«»“”„’‘–—…°·ªº€£§©®\u00a0")
_MARKS = {
    "forced": {"forced", "foreign", "signs"},
    "deaf": {"sdh", "cc", "hi", "hearing", "impaired"},
    "nothing": {"default", "full", "sub", "subs", "subtitles", "utf8", "utf-8"},
}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file of subtitles beside a video, and what its name says; ``language`` as ISO 639-1, "" where it says none."""

    path: Path
    language: str = ""
    is_forced: bool = False  # only what the language of the sound does not tell: signs, another tongue
    for_deaf: bool = False  # with sounds, and who speaks


def language_code(name: str) -> str:
    """ISO 639-1 of a language as files name it (``ger``, ``de-AT``, ``German``), "" where it is none that is known."""
    return _CODES.get(re.split(r"[-_]", name.strip().lower())[0], "")


def sidecars(video: Path) -> tuple[Sidecar, ...]:
    """The subtitles that lie beside a video, by name: ``talk.srt``, ``talk.de.vtt``, ``talk.mp4.en.forced.ass``.

    Between the video's name and the extension only languages and marks may stand, else it is another video's.
    """
    names = [f"{_plain(name)}." for name in (video.name, video.stem)]
    found = []
    for path in _files(video.parent):
        if path.suffix.lower() not in EXTENSIONS:
            continue
        stem = f"{_plain(path.stem)}."
        rest = next((stem[len(name) :] for name in names if stem.startswith(name)), None)
        if rest is not None and (made := _named(path, rest)) is not None and path.is_file():
            found.append(made)
    return tuple(sorted(found, key=lambda one: one.path.name)[:MOST_FILES])


def fingerprint(video: Path) -> list[list[str | int]]:
    """Name, size and time of change of each file beside a video: with another, its subtitles are read anew."""
    found: list[list[str | int]] = []
    for one in sidecars(video):
        try:
            status = one.path.stat()
        except OSError:  # gone since the folder was read
            continue
        found.append([one.path.name, status.st_size, status.st_mtime_ns])
    return found


def _files(folder: Path) -> Iterator[Path]:
    try:
        for number, path in enumerate(folder.iterdir()):
            if number >= _MOST_ENTRIES:
                return
            yield path
    except OSError:
        return


def _plain(name: str) -> str:
    """A name as file systems compare it that know neither small letters nor one way to write an accent."""
    return unicodedata.normalize("NFC", name).casefold()


def _named(path: Path, rest: str) -> Sidecar | None:
    """What the parts of a name say, None where one of them says nothing that is known."""
    language, marks = "", set()
    for part in filter(None, rest.split(".")):
        mark = next((kind for kind, names in _MARKS.items() if part in names), "")
        # "hi" is Hindi, and hearing-impaired where a language stands already.
        if (code := language_code(part)) and not language:
            language = code
        elif mark:
            marks.add(mark)
        else:
            return None
    return Sidecar(path, language, "forced" in marks, "deaf" in marks)


def decoded(data: bytes, language: str = "") -> str:
    """The text of a file in whatever encoding: by its byte order mark, as UTF-8, by its language, else by likeness.

    Args:
        language: ISO 639-1, where it is known.
    """
    for mark, encoding in _MARKED.items():
        if data.startswith(mark):
            return data.decode(encoding, "replace").lstrip("\ufeff")
    if (wide := _without_mark(data)) is not None:
        return data.decode(wide, "replace")
    for encoding in ["utf-8", *([_CODE_PAGES.get(language, "cp1252")] if language else [])]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode(_likely(data), "replace")


_MARKED = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16's does
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def _without_mark(data: bytes) -> str | None:
    """UTF-16 without its mark: of digits, arrows and Latin letters every other byte is zero."""
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.25 * max(1, len(head) // 2):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _likely(data: bytes) -> str:
    """The encoding of a text without a mark that is no UTF-8."""
    text = data.decode("cp1252", "replace")
    beyond = {letter.lower() for letter in text if not letter.isascii()}
    share = sum(not letter.isascii() for letter in text) / max(1, sum(map(str.isalpha, text)))
    # Western languages write an accent now and then, and nothing else. Czech read so has both of the last two.
    if share < 0.2 and beyond <= _WESTERN and not {"ì", "ø"} <= beyond:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_DETECTED_BYTES]).best()
    return best.encoding if best is not None else "cp1252"
