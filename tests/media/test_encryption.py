"""A locked file is told to be locked, whatever its container; an open one never is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import SAMPLE
from making_media import scene, tone, write

from assistant.config import Limits
from assistant.errors import VideoUnreadable
from assistant.media.encryption import is_encrypted
from assistant.media.video import probe

LIMITS = Limits()


def box(name: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body


def lock_sample_entry(content: bytes, was: bytes, locked: bytes, scheme: bytes) -> bytes:
    """Rename a sample entry and put a protection scheme at its end, as common encryption does (ISO/IEC 23001-7)."""
    protection = box(
        b"sinf",
        box(b"frma", was)
        + box(b"schm", bytes(4) + scheme + (0x10000).to_bytes(4, "big"))
        + box(b"schi", box(b"tenc", bytes(6) + b"\1\x08" + bytes(range(16)))),
    )
    found = bytearray(content)
    entry = content.index(was, content.index(b"stsd")) - 4
    end = entry + int.from_bytes(content[entry : entry + 4], "big")
    found[entry + 4 : entry + 8] = locked
    found[end:end] = protection
    # Every box around it grows; the index lies behind the samples, so that no offset changes.
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        at = content.rindex(name, 0, entry) - 4
        found[at : at + 4] = (int.from_bytes(found[at : at + 4], "big") + len(protection)).to_bytes(4, "big")
    found[entry : entry + 4] = (end - entry + len(protection)).to_bytes(4, "big")
    return bytes(found)


def small(path: Path, **how) -> Path:
    def prepare(stream) -> None:
        stream.codec_context.time_base = Fraction(1, 25)

    return write(path, [scene(1)] * 25, [tone(1.0)], prepare=prepare, **how)


def cenc(folder: Path) -> bytes:
    return lock_sample_entry(small(folder / "a.mp4").read_bytes(), b"avc1", b"encv", b"cenc")


def cbcs_sound(folder: Path) -> bytes:
    whole = small(folder / "a.mp4").read_bytes()
    return lock_sample_entry(whole, b"mp4a", b"enca", b"cbcs")


def fragmented_cenc(folder: Path) -> bytes:
    path = small(folder / "a.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    return lock_sample_entry(path.read_bytes(), b"avc1", b"encv", b"cenc")


def fairplay(folder: Path) -> bytes:
    return small(folder / "a.mp4").read_bytes().replace(b"mp4a", b"drms", 1)


def drm_asf(folder: Path) -> bytes:
    """A content encryption object (ASF specification, 3.14) as the first one of the header."""
    whole = small(folder / "a.wmv", codec="wmv2", sound_codec="mp2", format="asf").read_bytes()
    secret = b"".join(len(text).to_bytes(4, "little") + text for text in (b"secret", b"DRM\0", b"key\0", b"http://a\0"))
    lock = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + (24 + len(secret)).to_bytes(8, "little") + secret
    size, count = int.from_bytes(whole[16:24], "little"), int.from_bytes(whole[24:28], "little")
    header = whole[:16] + (size + len(lock)).to_bytes(8, "little") + (count + 1).to_bytes(4, "little") + whole[28:30]
    return header + lock + whole[30:]


def locked_matroska(folder: Path) -> bytes:
    """A ContentEncodings element with AES (RFC 9559, 5.1.4.1.31) in the first track."""
    whole = small(folder / "a.mkv").read_bytes()
    aes = b"\x47\xe1\x81\x05" + b"\x47\xe2\x90" + bytes(range(16))
    encryption = b"\x50\x35" + bytes([0x80 | len(aes)]) + aes
    body = b"\x50\x31\x81\0" + b"\x50\x32\x81\1" + b"\x50\x33\x81\1" + encryption
    encoding = b"\x62\x40" + bytes([0x80 | len(body)]) + body
    lock = b"\x6d\x80" + bytes([0x80 | len(encoding)]) + encoding
    tracks = whole.rindex(b"\x16\x54\xae\x6b")  # the list of what lies where names it first
    entry = whole.index(b"\xae", tracks + 5)

    def longer(at: int, content: bytes) -> bytes:
        width = 9 - content[at].bit_length()
        size = int.from_bytes(content[at : at + width], "big") + len(lock)
        return content[:at] + size.to_bytes(width, "big") + content[at + width :]

    width = 9 - whole[entry + 1].bit_length()
    size = int.from_bytes(whole[entry + 1 : entry + 1 + width], "big") & ((1 << 7 * width) - 1)
    end = entry + 1 + width + size
    # The segment's size, 8 bytes wide, lies behind its name.
    grown = whole[:end] + lock + whole[end:]
    for at in (entry + 1, tracks + 4, whole.index(b"\x18\x53\x80\x67") + 4):
        grown = longer(at, grown)
    return grown


def scrambled_ts(folder: Path) -> bytes:
    """The scrambling bits of every packet that carries pictures or sound (ISO/IEC 13818-1, 2.4.3.3)."""
    content = bytearray(small(folder / "a.ts", sound_codec="mp2").read_bytes())
    for at in range(0, len(content), 188):
        if 0x100 <= ((content[at + 1] & 0x1F) << 8 | content[at + 2]) < 0x110:
            content[at + 3] |= 0xC0
            content[at + 100 : at + 188] = bytes(x ^ 0x5A for x in content[at + 100 : at + 188])
    return bytes(content)


def scrambled_dvd(folder: Path) -> bytes:
    content = bytearray(small(folder / "a.vob", codec="mpeg2video", sound_codec="mp2", format="vob").read_bytes())
    for kind in (0xE0, 0xC0):
        at = content.find(b"\0\0\1" + bytes([kind]))
        while at >= 0:
            content[at + 6] |= 0x10
            at = content.find(b"\0\0\1" + bytes([kind]), at + 7)
    return bytes(content)


LOCKED: dict[str, Callable[[Path], bytes]] = {
    "cenc.mp4": cenc,
    "cbcs_sound.mp4": cbcs_sound,
    "fragmented.mp4": fragmented_cenc,
    "fairplay.m4v": fairplay,
    "drm.wmv": drm_asf,
    "aes.mkv": locked_matroska,
    "broadcast.ts": scrambled_ts,
    "dvd.vob": scrambled_dvd,
}


@pytest.mark.parametrize("name", LOCKED)
def test_a_locked_file_is_told_to_be_locked(tmp_path, name):
    path = tmp_path / f"locked_{name}"
    path.write_bytes(LOCKED[name](tmp_path))
    with pytest.raises(VideoUnreadable) as caught:
        probe(path, LIMITS)
    assert str(caught.value) == f"{path.name} is encrypted (copy protection); use a copy without protection"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {}),
        ("f.mp4", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
        ("a.mkv", {}),
        ("a.wmv", {"codec": "wmv2", "sound_codec": "mp2", "format": "asf"}),
        ("a.ts", {"sound_codec": "mp2"}),
        ("a.vob", {"codec": "mpeg2video", "sound_codec": "mp2", "format": "vob"}),
        ("a.mxf", {"codec": "mpeg2video", "sound_codec": "pcm_s16le", "sound_rate": 48_000}),
    ],
)
def test_an_open_file_is_not(tmp_path, name, how):
    assert not is_encrypted(small(tmp_path / name, **how))


def test_no_real_file_that_is_open_is_taken_for_a_locked_one(media):
    files = [path for path in media.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [path.name for path in files if is_encrypted(path)] == []


@pytest.mark.parametrize("content", [b"", b"\0", b"G" * 188 * 5, b"\x1aE\xdf\xa3", b"\x1aE\xdf\xa3" + b"\xff" * 50])
def test_what_is_too_short_or_nonsense_is_not_locked(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert not is_encrypted(tmp_path / "a")
    assert not is_encrypted(tmp_path / "missing")


def test_damage_to_the_sample_never_breaks_the_look_for_locks(tmp_path):
    whole = bytearray(SAMPLE.read_bytes())
    for first in range(0, 4000, 61):
        hurt = whole.copy()
        hurt[-first - 1] ^= 0xFF
        hurt[first] ^= 0x55
        (tmp_path / "a.mp4").write_bytes(hurt[: len(hurt) - first])
        is_encrypted(tmp_path / "a.mp4")
