"""Files that name others: playlists, manifests, scripts and references, each under names that hide what they are.

    python tests/hostile_media.py FOLDER HOME

puts every file of FOLDER through every entry that decodes, after the marker file ``begin`` was asked for, so that a
trace of the system calls shows what was opened for their sake. Prints a JSON line a case.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import av
import av.error
from making_media import scene, tone, write

CANARY = "canary.mp4"
_HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
_END = "#EXT-X-ENDLIST\n"
_DASH = (
    '<?xml version="1.0"?>\n<MPD type="static" xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT2S">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1.42c00d">{}'
    "</Representation></AdaptationSet></Period></MPD>"
)
_SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {udp} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)

# What a file holds: {file} is the path of another video, {http} the address of a server that counts its callers.
TEXTS = {
    "hls-path": _HLS + "#EXTINF:2,\n{file}\n" + _END,
    "hls-relative": _HLS + f"#EXTINF:2,\n{CANARY}\n" + _END,
    "hls-file-url": _HLS + "#EXTINF:2,\nfile://{file}\n" + _END,
    "hls-http": _HLS + "#EXTINF:2,\n{http}/a.ts\n" + _END,
    "hls-key": _HLS + '#EXT-X-KEY:METHOD=AES-128,URI="{http}/key"\n#EXTINF:2,\n{file}\n' + _END,
    "hls-key-file": _HLS + '#EXT-X-KEY:METHOD=AES-128,URI="{file}"\n#EXTINF:2,\n{file}\n' + _END,
    "hls-map": _HLS + '#EXT-X-MAP:URI="{file}"\n#EXTINF:2,\n{file}\n' + _END,
    "hls-master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{http}/child.m3u8\n",
    "hls-media": '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{http}/a.m3u8"\n'
    '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\n{http}/child.m3u8\n',
    "hls-live": _HLS + "#EXTINF:2,\n{file}\n",
    "hls-concat": _HLS + "#EXTINF:2,\nconcat:{file}|{file}\n" + _END,
    "hls-subfile": _HLS + "#EXTINF:2,\nsubfile,,start,0,end,64,,:{file}\n" + _END,
    "hls-crypto": _HLS + "#EXTINF:2,\ncrypto+file://{file}\n" + _END,
    "hls-data": _HLS + "#EXTINF:2,\ndata:video/mp4;base64,AAAA\n" + _END,
    "hls-bytes": _HLS + "#EXTINF:2,\n#EXT-X-BYTERANGE:64@0\n{file}\n" + _END,
    "hls-with-mark": "\ufeff" + _HLS + "#EXTINF:2,\n{file}\n" + _END,
    "ffconcat": "ffconcat version 1.0\nfile {file}\n",
    "ffconcat-sibling": f"ffconcat version 1.0\nfile {CANARY}\n",
    "ffconcat-http": "ffconcat version 1.0\nfile {http}/a.mp4\n",
    "ffconcat-self": "ffconcat version 1.0\nfile {self}\n",
    "ffconcat-stream": f"ffconcat version 1.0\nstream\nexact_stream_id 1\nfile {CANARY}\nduration 36000\n",
    "dash-base": _DASH.format("<BaseURL>{file}</BaseURL>"),
    "dash-http": _DASH.format("<BaseURL>{http}/a.mp4</BaseURL>"),
    "dash-template": _DASH.format('<SegmentTemplate media="{http}/$Number$.m4s" startNumber="1" duration="2"/>'),
    "dash-list": _DASH.format(
        '<SegmentList><Initialization sourceURL="{file}"/><SegmentURL media="{file}"/></SegmentList>'
    ),
    "xml-entity": '<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY x SYSTEM "file://{file}">]>'
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>&x;</BaseURL></MPD>',
    "imf-cpl": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Id>urn:uuid:1</Id><SegmentList><Path>{file}</Path></SegmentList></CompositionPlaylist>",
    "smooth": "<SmoothStreamingMedia MajorVersion='2'><StreamIndex Url='{http}/a'/></SmoothStreamingMedia>",
    "smil": '<smil><body><video src="{http}/a.mp4"/></body></smil>',
    "asx": '<asx version="3.0"><entry><ref href="{http}/a.wmv"/></entry></asx>',
    "pls": "[playlist]\nFile1={file}\nNumberOfEntries=1\n",
    "reference": "[Reference]\nRef1={http}/a.asf\n",
    "ram": "{http}/a.rm\n",
    "sdp": _SDP,
    "sdp-tcp": _SDP.replace("IN IP4 127.0.0.1\nt", "IN IP4 127.0.0.1\na=control:rtsp://127.0.0.1:{port}/a\nt"),
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:00:000, filepos: 000000000\n",
    "avisynth": 'FFmpegSource2("{file}")\n',
    "vapoursynth": 'import vapoursynth\nopen("{file}").read()\n',
    "lavfi": "movie={file}[out0]\n",
    "metadata": ";FFMETADATA1\ntitle={file}\n",
    "mpegts-raw-url": "rtp://127.0.0.1:{udp}\n",
}
# Names that are addresses, patterns or protocols to libavformat.
NAMES = (
    "img%03d.png",
    "img*.png",
    "img%03d.mp4",
    "concat:canary.mp4|canary.mp4",
    "file:canary.mp4",
    "subfile,,start,0,end,64,,:canary.mp4",
    "crypto:canary.mp4",
    "async:canary.mp4",
    "cache:canary.mp4",
    "data:video,mp4;base64,AAAA",
    "pipe:0",
    "tcp:127.0.0.1:{port}",
    "udp:127.0.0.1:{udp}",
    "http:127.0.0.1:{port}",
    "-i",
)


def write_hostile(folder: Path, http_port: int, udp_port: int) -> list[Path]:
    """The hostile files, with the video and the pictures that they name beside them."""
    folder.mkdir(parents=True)
    canary = write(folder / CANARY, [scene(1)] * 5, [tone(0.2)])
    write(folder / "canary.sub", [scene(1)] * 5, format="mpeg", codec="mpeg1video", prepare=_at_25)
    for number in (1, 2):
        write(folder / f"img{number:03d}.png", [scene(number)], codec="png", format="image2", prepare=_rgb)
    made = []

    def put(name: str, content: bytes) -> None:
        made.append(folder / name)
        made[-1].write_bytes(content)

    places = {"file": canary, "http": f"http://127.0.0.1:{http_port}", "port": http_port, "udp": udp_port}
    endings = ("mp4", "mkv", "ts")
    for number, (kind, text) in enumerate(TEXTS.items()):
        name = "canary.idx" if kind == "vobsub" else f"{kind}.{endings[number % 3]}"
        put(name, text.format(**places, self=name).encode())
    own = {"hls-http": "m3u8", "hls-path": "m3u8", "dash-http": "mpd", "ffconcat": "ffconcat", "sdp": "sdp"}
    for kind, ending in own.items():
        put(f"{kind}.{ending}", TEXTS[kind].format(**places).encode())
    put("vobsub.mp4", TEXTS["vobsub"].encode())
    for name in NAMES:
        put(name.format(**places), TEXTS["ffconcat"].format(**places).encode())
    for name, content in _inside_real_containers(canary, places).items():
        put(name, content)
    return made


def _inside_real_containers(canary: Path, places: dict[str, object]) -> dict[str, bytes]:
    """Playlists behind the beginnings of real containers, and a real one whose samples lie in another file."""
    whole, playlist = canary.read_bytes(), TEXTS["hls-http"].format(**places).encode()
    alias = str(canary).encode()
    at = whole.index(b"url \x00\x00\x00\x01")
    return {
        "box-then-hls.mp4": b"\x00\x00\x00\x08free" + playlist,
        "ftyp-then-hls.mp4": whole[:32] + playlist,
        "tag-then-hls.mp3": b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10) + playlist,
        "sync-then-hls.ts": (b"\x47" + b"\x1f\xff\x10" + b"\xff" * 184) * 2 + playlist,
        "start-code-then-hls.h264": b"\0\0\0\1\x67\x42\xc0\x0a" + playlist,
        "start-code-then-hls.h265": b"\0\0\0\1\x40\1\x0c\1" + playlist,
        "sequence-then-hls.m2v": b"\0\0\1\xb3\x06\0\x40\x13" + playlist,
        "header-then-hls.ivf": b"DKIF\0\0\x20\0VP80" + playlist,
        "header-then-hls.y4m": b"YUV4MPEG2 W16 H16 F25:1\nFRAME\n" + playlist,
        "header-then-hls.mxf": b"\x06\x0e+4\2\5\1\1\r\1\2\1\1\2\4\0" + playlist,
        "header-then-hls.nut": b"nut/multimedia container\0" + playlist,
        "picture-then-hls.mjpeg": b"\xff\xd8\xff\xe0" + playlist,
        "header-then-hls.wv": b"wvpk\x20\0\0\0\x10\4" + playlist,
        "data-reference.mp4": whole[:at] + b"url \x00\x00\x00\x00" + whole[at + 8 :] + alias,
        "alias-reference.mov": whole[:at] + b"alis\x00\x00\x00\x00" + whole[at + 8 :] + alias,
    }


def _rgb(stream) -> None:
    stream.pix_fmt = "rgb24"


def _at_25(stream) -> None:
    from fractions import Fraction

    stream.codec_context.time_base = Fraction(1, 25)


def entries(path: Path, out: Path, engine) -> dict[str, Callable[[], object]]:
    """Every way in which the app lets libav look into a file, as calls."""
    from assistant.config import Limits
    from assistant.core.timeline import Video
    from assistant.media.audio import AudioBuffer
    from assistant.media.proxy import make_proxy
    from assistant.media.video import clip_at, probe, read

    video = Video(str(path), f"{abs(hash(path.name)):064x}", 1.0, 96, 64, 25.0, has_audio=True)

    def looking(frame_size: int) -> list[object]:
        with AudioBuffer(video, out.parent) as audio_buffer:
            return list(read(path, video, frame_size=frame_size, frame_rate=5.0, sound=audio_buffer))

    return {
        "probe": lambda: probe(path, Limits()),
        "read": lambda: looking(32),
        "sound": lambda: looking(0),
        "clip_at": lambda: clip_at(path, video, [0.0, 0.5], 32),
        "proxy": lambda: make_proxy(path, video, out),
        "analyze": lambda: engine.analyze(path),
    }


def main(folder: Path, home: Path) -> None:
    from PIL import Image

    from assistant.config import load
    from assistant.engine import Assistant
    from assistant.errors import InputUnusable

    engine = Assistant(load(home, "demo"))
    good = write(home / "good.mp4", [scene(2)] * 5, [tone(0.2)])
    for name, entry in entries(good, home / "proxy.mp4", engine).items():
        if name != "analyze":
            entry()  # what is imported late is imported now
    Image.init()  # Pillow's readers are modules of their own, each imported when its first picture comes
    beside = {CANARY, "canary.sub", "img001.png", "img002.png"}
    hostile = [path for path in sorted(folder.iterdir()) if path.name not in beside]
    # What the trace must be able to see: the same library without the guard follows the file.
    with contextlib.suppress(av.error.FFmpegError):
        av.open(str(next(folder.glob("ffconcat-sibling.*")))).close()
    with contextlib.suppress(FileNotFoundError):
        (folder / "begin").open()
    for path in hostile:
        told = {}
        for name, entry in entries(path, home / "proxy.mp4", engine).items():
            if name == "analyze" and path.stem.endswith("-reference"):
                continue  # it holds pictures of its own, so that whole models would be read from the disk
            try:
                entry()
                told[name] = "opened"
            except InputUnusable as error:
                told[name] = str(error)
        print(json.dumps({"name": path.name, "told": told}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main(Path(sys.argv[1]), Path(sys.argv[2]))
