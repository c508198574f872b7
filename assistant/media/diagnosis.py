"""What is wrong with a file that cannot be used as a video, told from its first bytes in one line."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path
from typing import BinaryIO

from assistant.config import Limits
from assistant.core.files import size_beside_limit
from assistant.errors import VideoTooLarge, VideoUnreadable

_HEAD_BYTES = 4096
_MAX_BOXES = 2000
_REENCODE = "re-encode it to MP4 (H.264 and AAC) and try again"
_PLAYLISTS = (
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat", "a list of files"),
    (b"v=0", "a session description"),
    (b"# VobSub", "a subtitle index"),
    (b"[playlist]", "a playlist"),
    (b"[Reference]", "a playlist"),
)
_OTHER_KINDS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def display_name(path: Path) -> str:
    """The file's name for a one-line message; see `safe_name`."""
    return safe_name(path.name or str(path))


def safe_name(text: str) -> str:
    """A name from outside for a one-line message: no control or direction-changing characters, 80 at most."""
    name = "".join("?" if unicodedata.category(c)[0] == "C" else c for c in text)
    return name if len(name) <= 80 else f"{name[:60]}...{name[-17:]}"


def require_file(path: Path, limits: Limits) -> int:
    """The size in bytes of a plain file that is worth opening.

    Raises:
        VideoUnreadable: missing, a folder, a device, not permitted, empty.
        VideoTooLarge: more bytes than the limit.
    """
    name = display_name(path)
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise VideoUnreadable(f"no such file: {name}", "check the path") from error
    except (OSError, ValueError) as error:
        raise VideoUnreadable(f"{name} cannot be reached ({_reason(error)})", "check the path") from error
    if stat.S_ISDIR(found.st_mode):
        raise VideoUnreadable(f"{name} is a folder", "give one video file")
    if not stat.S_ISREG(found.st_mode):
        raise VideoUnreadable(f"{name} is not a plain file", "give one video file")
    if found.st_size == 0:
        raise VideoUnreadable(f"{name} is empty (0 bytes)", "copy or download it again")
    if found.st_size > limits.max_bytes:
        size, most = size_beside_limit(found.st_size), size_beside_limit(limits.max_bytes)
        raise VideoTooLarge(f"{name} is {size}, the limit is {most}", "cut it shorter, or save it at a lower quality")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise VideoUnreadable(f"{name} cannot be read ({_reason(error)})", "check its permissions") from error
    return found.st_size


def unreadable(path: Path) -> VideoUnreadable:
    """The error for a file that no demuxer accepts, as helpful as its first bytes allow."""
    name = display_name(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            boxes, cut_off = _top_level_boxes(file)
    except OSError as error:
        return VideoUnreadable(f"{name} cannot be read ({_reason(error)})", "check that it is still there")
    what, remedy = _judge(head, boxes, cut_off=cut_off)
    return VideoUnreadable(f"{name} {what}", remedy)


def wrong_kind(head: bytes) -> tuple[str, str]:
    """What a file that begins so is instead of a video (``is a ZIP archive, not a video``), and the remedy."""
    return _judge(head[:_HEAD_BYTES], [], cut_off=False)


def undecodable(path: Path, codec: str) -> VideoUnreadable:
    """The error for a container that opens but whose contents no decoder understands."""
    # The decoders are held to the limit of pixels, and do not tell one refusal from the other.
    return VideoUnreadable(
        f"nothing in {display_name(path)} can be decoded ({codec or 'unknown codec'}): it is damaged, of a kind that is"
        " not known here, or its pictures are too large",
        "re-encode it to MP4 (H.264 and AAC, 4K or less) and try again",
    )


def too_long(path: Path, seconds: float, limits: Limits) -> VideoTooLarge:
    """The error for a video that lasts longer than the limit."""
    most = _length(limits.max_seconds)
    return VideoTooLarge(f"{display_name(path)} is {_length(seconds)} long, the limit is {most}", "cut it shorter")


def too_many_pixels(path: Path, width: int, height: int, limits: Limits) -> VideoTooLarge:
    """The error for pictures that are larger than the limit."""
    return VideoTooLarge(
        f"{display_name(path)} has pictures of {width} x {height} pixels ({width * height / 1e6:.3g} million),"
        f" the limit is {limits.max_pixels / 1e6:.3g} million",
        "scale it down to 4K or less",
    )


def encrypted(path: Path) -> VideoUnreadable:
    """The error for a file whose contents are locked."""
    return VideoUnreadable(f"{display_name(path)} is encrypted (copy protection)", "use a copy without protection")


def nothing_inside(path: Path) -> VideoUnreadable:
    """The error for a file that opens but holds neither picture nor sound."""
    return VideoUnreadable(
        f"{display_name(path)} holds neither picture nor sound", "it may be only a part of a video; use the whole file"
    )


def _judge(head: bytes, boxes: list[bytes], *, cut_off: bool) -> tuple[str, str]:
    """What the file is instead of a video, and the remedy."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, kind in _PLAYLISTS:
        if text.startswith(start):
            return f"is {kind}, not a video", "give the video file itself"
    if text.startswith(b"<"):
        lower = text[:1024].lower()
        if b"<mpd" in lower or b"<smil" in lower:
            return "is a playlist, not a video", "give the video file itself"
        if b"<html" in lower or b"<!doctype html" in lower or b"<head" in lower:
            return "is a web page, not a video", "the download went wrong; download the video itself"
    for start, kind in _OTHER_KINDS:
        if head.startswith(start):
            return f"is {kind}, not a video", "give a video file such as MP4, MKV or WebM"
    if head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:12] == b"ftypavif":
        return "is a picture that is damaged", "save it again as JPEG or PNG"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "is a HEIC picture that cannot be decoded here", "save it as JPEG or PNG"
    if not head.strip(b"\0"):
        return "contains only zeros", "copy or download it again"
    if b"ftyp" in boxes or b"mdat" in boxes:
        if cut_off and b"moov" not in boxes and b"moof" not in boxes:
            return "was cut off before its index was written", "copy or download the whole file again"
        return "is damaged", f"download it again, or {_REENCODE}"
    if _is_text(head):
        return "is text, not a video", "give a video file such as MP4, MKV or WebM"
    return "is not a video or sound file that can be read", _REENCODE


def _top_level_boxes(file: BinaryIO) -> tuple[list[bytes], bool]:
    """The names of an MP4's outermost boxes as far as their sizes make sense, and whether the last one is cut off."""
    names: list[bytes] = []
    position, end = 0, file.seek(0, 2)
    while len(names) < _MAX_BOXES:
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            break
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        names.append(header[4:8])
        if size < 8:  # 0: to the end of the file; 2..7: nonsense
            break
        position += size
        if position > end:  # cut off, or no box at all: 64-bit sizes reach further than a file can be sought
            break
    return names, position >= end and names[-1:] == [b"mdat"]


def _is_text(head: bytes) -> bool:
    sample = head[:1024]
    printable = sum(byte >= 32 or byte in (9, 10, 13) for byte in sample)
    return b"\0" not in sample and printable >= 0.97 * len(sample)


def _reason(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "not a usable name"


def _length(seconds: float) -> str:
    for unit, name in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} second{'' if seconds == 1 else 's'}"
