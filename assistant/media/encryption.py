"""Whether a file is locked, from the marks that its container carries.

libavformat opens most locked files without a word and hands out packets that no decoder understands; without this look
a person would be told to download the file again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_MOST_HEADER_BYTES = 16 << 20
_MOST_ELEMENTS = 20_000
_LOCKED_ENTRIES = frozenset({b"encv", b"enca", b"enct", b"encs", b"drms", b"drmi", b"drmt", b"aavd"})
_NESTED_BOXES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
# GUIDs of the ASF specification, section 3.14 to 3.16: content encryption, extended, advanced.
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_LOCKS = tuple(
    bytes.fromhex(guid)
    for guid in (
        "fbb3112223bdd211b4b700a0c955fc6e",
        "14e68a292226174cb935dae07ee9289c",
        "338505438169e6499b74ad12cb86d58c",
    )
)
_EBML = b"\x1aE\xdf\xa3"
_SEGMENT, _TRACKS, _TRACK, _ENCODINGS, _ENCODING, _ENCRYPTION, _CLUSTER = (
    0x18538067,
    0x1654AE6B,
    0xAE,
    0x6D80,
    0x6240,
    0x5035,
    0x1F43B675,
)
_NESTED_ELEMENTS = frozenset({_SEGMENT, _TRACKS, _TRACK, _ENCODINGS, _ENCODING})
# SMPTE ST 429-6: the key of an encrypted triplet, as digital cinema packages carry them.
_MXF_START, _MXF_LOCK = b"\x06\x0e+4\2\5\1\1", bytes.fromhex("060e2b34020401070d010301027e0100")
_MXF_SEARCHED_BYTES = 1 << 20
_PACKETS_SEARCHED = 4000
_SCRAMBLED_SHARE = 0.5


def is_encrypted(path: Path) -> bool:
    """Whether the container says that a track of it is locked; False where it cannot be read at all."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            if head.startswith(_ASF_HEADER):
                return _asf_is_locked(file)
            if head.startswith(_EBML):
                return _matroska_is_locked(file)
            if _MXF_START in head:
                file.seek(0)
                return _MXF_LOCK in file.read(_MXF_SEARCHED_BYTES)
            if head[:4] == b"\0\0\1\xba":
                file.seek(0)
                return _program_stream_is_scrambled(file.read(_MXF_SEARCHED_BYTES))
            for first, step in ((0, 188), (4, 192), (0, 204)):
                if all(head[at : at + 1] == b"G" for at in range(first, first + 5 * step, step)):
                    return _transport_stream_is_scrambled(file, first, step)
            return _mp4_is_locked(file)
    except OSError:
        return False


def _mp4_is_locked(file: BinaryIO) -> bool:
    """Whether a sample description has one of the names that stand for a locked one (ISO/IEC 14496-12, 8.12)."""
    return any(name in _LOCKED_ENTRIES for name in _sample_entries(file))


def _sample_entries(file: BinaryIO) -> Iterator[bytes]:
    waiting, seen = [(0, file.seek(0, 2))], 0
    while waiting:
        position, end = waiting.pop()
        while position + 8 <= end and seen < _MOST_ELEMENTS:
            seen += 1
            file.seek(position)
            header = file.read(16)
            if len(header) < 8:
                break
            size, name, body = int.from_bytes(header[:4], "big"), header[4:8], position + 8
            if size == 1:
                size, body = int.from_bytes(header[8:16], "big"), position + 16
            elif size == 0:
                size = end - position
            if size < 8 or position + size > end:
                break
            if name in _NESTED_BOXES or name == b"stsd":
                # Into it at once: a file in pieces has thousands of boxes behind it. The entries of a sample
                # description lie behind its version, flags and count.
                waiting.append((position + size, end))
                waiting.append((body + (8 if name == b"stsd" else 0), position + size))
                break
            yield name
            position += size


def _asf_is_locked(file: BinaryIO) -> bool:
    """Whether the header holds an encryption object (ASF specification, sections 3.14 to 3.16)."""
    file.seek(0)
    header = file.read(30)
    size = min(int.from_bytes(header[16:24], "little"), _MOST_HEADER_BYTES)
    body, position = file.read(max(0, size - 30)), 0
    while position + 24 <= len(body):
        if body[position : position + 16] in _ASF_LOCKS:
            return True
        length = int.from_bytes(body[position + 16 : position + 24], "little")
        if length < 24:
            return False
        position += length
    return False


def _matroska_is_locked(file: BinaryIO) -> bool:
    """Whether a track has a ContentEncryption element (RFC 9559, section 5.1.4.1.31.8)."""
    waiting, seen = [(0, file.seek(0, 2))], 0
    while waiting:
        position, end = waiting.pop()
        while position < end and seen < _MOST_ELEMENTS:
            seen += 1
            file.seek(position)
            header = file.read(12)
            found = _ebml_number(header, 4, keep_marker=True)
            if found is None:
                break
            name, taken = found
            length = _ebml_number(header[taken:], 8, keep_marker=False)
            if length is None:
                break
            body = position + taken + length[1]
            unknown = length[0] == (1 << (7 * length[1])) - 1
            stop = end if unknown else min(end, body + length[0])
            if name == _ENCRYPTION:
                return True
            if name == _CLUSTER:
                return False  # the tracks lie before the first of what may be millions
            if name in _NESTED_ELEMENTS:
                waiting.append((stop, end))
                waiting.append((body, stop))
                break
            position = stop
    return False


def _ebml_number(data: bytes, most: int, *, keep_marker: bool) -> tuple[int, int] | None:
    """A number of variable length and how many bytes it takes, or None (RFC 8794, section 4)."""
    if not data or data[0] == 0:
        return None
    width = 9 - data[0].bit_length()
    if width > most or len(data) < width:
        return None
    first = data[0] if keep_marker else data[0] & ((1 << (8 - width)) - 1)
    return int.from_bytes(bytes([first]) + data[1:width], "big"), width


def _transport_stream_is_scrambled(file: BinaryIO, first: int, step: int) -> bool:
    """Whether most packets that carry something say that they are scrambled (ISO/IEC 13818-1, 2.4.3.2)."""
    file.seek(0)
    data = file.read(first + _PACKETS_SEARCHED * step)
    places = range(first, len(data) - 187, step)
    # Tables (PIDs below 0x20) and stuffing (0x1FFF) are never scrambled.
    carrying = [
        data[at + 3]
        for at in places
        if 0x20 <= ((data[at + 1] & 0x1F) << 8 | data[at + 2]) < 0x1FFF and data[at + 3] & 0x10
    ]
    return sum(flags & 0x80 != 0 for flags in carrying) > _SCRAMBLED_SHARE * max(1, len(carrying))


def _program_stream_is_scrambled(data: bytes) -> bool:
    """Whether most packets of pictures and sound say that they are scrambled, as on a DVD."""
    scrambled = total = 0
    position = data.find(b"\0\0\1")
    while 0 <= position < len(data) - 9:
        kind = data[position + 3]
        length = int.from_bytes(data[position + 4 : position + 6], "big")
        # Only MPEG-2 packets have the two bits, behind a 10.
        if (kind == 0xBD or 0xC0 <= kind <= 0xEF) and data[position + 6] & 0xC0 == 0x80:
            total += 1
            scrambled += data[position + 6] & 0x30 != 0
        step = 6 + length if kind >= 0xBB else 4
        position = data.find(b"\0\0\1", position + step)
    return scrambled > _SCRAMBLED_SHARE * max(1, total)
