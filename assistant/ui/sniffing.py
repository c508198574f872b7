"""Whether the first bytes of a file are those of a kind of video, sound or picture that can be opened."""

from __future__ import annotations

HEAD_BYTES = 4096

_STARTS: tuple[bytes, ...] = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"OggS",
    b"FLV\x01",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF: WMV, WMA
    b"fLaC",
    b"ID3",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"GIF8",
    b"\x89PNG",
    b"\xff\xd8\xff",  # JPEG
    b"II*\0",  # TIFF
    b"MM\0*",
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"pnot")
_RIFF_KINDS = (b"AVI ", b"WAVE", b"WEBP")


def looks_like_media(head: bytes) -> bool:
    """Whether these first bytes (`HEAD_BYTES` of them, fewer of a short file) start a known container.

    It keeps texts, programs and archives from being uploaded for nothing; only decoding tells whether a file is sound.
    """
    if head.startswith(_STARTS) or head[4:8] in _BOXES:
        return True
    if head[:4] == b"RIFF" and head[8:12] in _RIFF_KINDS:
        return True
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # BMP
        return True
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # MPEG audio frame, AAC in ADTS
        return True
    return any(_repeats(head, first, step) for first, step in ((0, 188), (4, 192), (0, 204)))


def _repeats(head: bytes, first: int, step: int) -> bool:
    """Whether the sync byte of a transport stream stands where each of its packets begins."""
    places = range(first, min(len(head), first + 5 * step), step)
    return len(places) >= 3 and all(head[at] == 0x47 for at in places)
