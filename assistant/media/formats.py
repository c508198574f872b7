"""Which files are taken: the one list behind the guard on opening, the upload's first look, and the README."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 4096

_SYNC_BYTE = 0x47
_ZERO_PADDING = b"\0"


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Args:
        name: as people call it.
        extensions: its usual ones, with the dot; the name of a file decides nothing but what a file picker shows.
        demuxers: libavformat's names. None of them may open anything but the bytes it is given: no playlists, no
            manifests, no patterns of file names, no session descriptions.
        starts: beginnings of such a file, as (offset, bytes).
    """

    name: str
    extensions: tuple[str, ...]
    demuxers: tuple[str, ...]
    starts: tuple[tuple[int, bytes], ...] = ()


def _boxes(*names: bytes) -> tuple[tuple[int, bytes], ...]:
    return tuple((4, name) for name in names)


FORMATS: tuple[Format, ...] = (
    Format(
        "MP4, MOV, M4A and 3GP",
        (".mp4", ".m4v", ".mov", ".m4a", ".3gp", ".3g2"),
        ("mov,mp4,m4a,3gp,3g2,mj2",),
        _boxes(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"pnot"),
    ),
    Format("Matroska and WebM", (".mkv", ".webm", ".mka"), ("matroska,webm",), ((0, b"\x1aE\xdf\xa3"),)),
    Format("AVI", (".avi",), ("avi",), ((8, b"AVI "),)),
    Format("MPEG transport stream", (".ts", ".mts", ".m2ts"), ("mpegts",)),
    Format("MPEG program stream", (".mpg", ".mpeg", ".vob"), ("mpeg",), ((0, b"\0\0\1\xba"),)),
    Format("FLV", (".flv",), ("flv",), ((0, b"FLV\1"),)),
    Format("ASF, WMV and WMA", (".wmv", ".asf", ".wma"), ("asf",), ((0, b"0&\xb2u\x8ef\xcf\x11"),)),
    Format("Ogg and Opus", (".ogv", ".ogg", ".oga", ".opus"), ("ogg",), ((0, b"OggS"),)),
    Format("MXF", (".mxf",), ("mxf",)),
    Format("NUT", (".nut",), ("nut",), ((0, b"nut/multimedia container\0"),)),
    Format("IVF", (".ivf",), ("ivf",), ((0, b"DKIF"),)),
    Format("DV", (".dv",), ("dv",), ((0, b"\x1f\x07\0"),)),
    Format("raw H.264", (".h264", ".264"), ("h264",)),
    Format("raw H.265", (".h265", ".265", ".hevc"), ("hevc",)),
    Format("raw MPEG-1, MPEG-2 and MPEG-4 video", (".m1v", ".m2v"), ("mpegvideo", "m4v"), ((0, b"\0\0\1\xb3"),)),
    Format("raw AV1", (".obu",), ("obu",), ((0, b"\x12\0\x0a"),)),
    # A single JPEG begins in the same way; where the first picture ends is beyond the first look.
    Format("Motion JPEG", (".mjpeg", ".mjpg"), ("mjpeg",), ((0, b"\xff\xd8\xff"),)),
    Format("GIF", (".gif",), ("gif",), ((0, b"GIF8"),)),
    # Still or moving; libavformat reads the moving one, Pillow all others of these.
    Format("PNG", (".png", ".apng"), ("apng",), ((0, b"\x89PNG\r\n\x1a\n"),)),
    Format("JPEG", (".jpg", ".jpeg"), (), ((0, b"\xff\xd8\xff"),)),
    Format("WebP", (".webp",), (), ((8, b"WEBP"),)),
    Format("AVIF", (".avif",), (), ((4, b"ftypavif"), (4, b"ftypavis"))),
    Format("HEIC", (".heic", ".heif"), (), _boxes(b"ftyp")),
    Format("TIFF", (".tif", ".tiff"), (), ((0, b"II*\0"), (0, b"MM\0*"))),
    Format("BMP", (".bmp",), ()),
    Format("Y4M", (".y4m",), ("yuv4mpegpipe",), ((0, b"YUV4MPEG2 "),)),
    Format("MP3", (".mp3",), ("mp3",), ((0, b"ID3"), (0, b"APETAGEX"))),
    Format("WAV and RF64", (".wav",), ("wav",), ((8, b"WAVE"),)),
    Format("W64", (".w64",), ("w64",), ((0, b"riff\x2e\x91\xcf\x11"),)),
    Format("FLAC", (".flac",), ("flac",), ((0, b"fLaC"),)),
    Format("AAC", (".aac",), ("aac",), ((0, b"ADIF"),)),
    Format("AIFF", (".aiff", ".aif", ".aifc"), ("aiff",), ((8, b"AIFF"), (8, b"AIFC"))),
    Format("CAF", (".caf",), ("caf",), ((0, b"caff"),)),
    Format("AMR", (".amr",), ("amr",), ((0, b"#!AMR"),)),
    Format("AC-3 and E-AC-3", (".ac3", ".eac3"), ("ac3", "eac3"), ((0, b"\x0bw"), (0, b"w\x0b"))),
    Format("AU", (".au", ".snd"), ("au",), ((0, b".snd"),)),
    Format("WavPack", (".wv",), ("wv",), ((0, b"wvpk"),)),
    Format("TTA", (".tta",), ("tta",), ((0, b"TTA1"),)),
)

CONTAINERS = ",".join(demuxer for kind in FORMATS for demuxer in kind.demuxers)
EXTENSIONS = tuple(extension for kind in FORMATS for extension in kind.extensions)
# Streams of coded pictures without any times: those come from the frame rate, and nothing can be sought in them.
UNTIMED = frozenset({"h264", "hevc", "mpegvideo", "m4v", "obu", "mjpeg"})

_STARTS = tuple(start for kind in FORMATS for start in kind.starts)
# The first partition of an MXF file, behind a run-in of up to 64 kB of anything (SMPTE ST 377-1).
_MXF_PARTITION = b"\x06\x0e+4\2\5\1\1\r\1\2\1\1\2"


def described() -> str:
    """The list as one sentence's middle, as the README prints it."""
    return ", ".join(kind.name for kind in FORMATS)


def looks_like_media(head: bytes) -> bool:
    """Whether these first bytes (`HEAD_BYTES` of them, fewer of a short file) start a known container.

    It keeps texts, programs and archives from being uploaded for nothing; only decoding tells whether a file is sound.
    """
    if any(head.startswith(start, offset) for offset, start in _STARTS):
        return True
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # reserved in BMP, and a start of two letters is none
        return True
    if _MXF_PARTITION in head or _is_start_code(head):
        return True
    # MPEG audio and AAC frames begin with eleven ones; encoders and cutters leave zeros in front of them.
    frames = head.lstrip(_ZERO_PADDING)[:2]
    if len(frames) == 2 and frames[0] == 0xFF and frames[1] & 0xE0 == 0xE0:
        return True
    return any(_repeats(head, first, step) for first, step in ((0, 188), (4, 192), (0, 204)))


def _is_start_code(head: bytes) -> bool:
    """Whether a raw stream of H.264, H.265 or MPEG video begins here: zeros, a one, and a name that is no zero.

    An icon file (``00 00 01 00``) begins almost so.
    """
    body = head.lstrip(_ZERO_PADDING)
    zeros = len(head) - len(body)
    return zeros >= 2 and len(body) > 1 and body[0] == 1 and body[1] != 0


def _repeats(head: bytes, first: int, step: int) -> bool:
    """Whether the sync byte of a transport stream stands where each of its packets begins."""
    places = range(first, min(len(head), first + 5 * step), step)
    return len(places) >= 3 and all(head[at] == _SYNC_BYTE for at in places)
