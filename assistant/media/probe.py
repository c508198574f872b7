"""What a file holds, measured from its packets and its first frame instead of believed from its header."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from assistant.config import Limits
from assistant.core.files import sha256_of
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Video
from assistant.errors import Cancelled
from assistant.media.clocks import Clocks, Track, frame_seconds, is_untimed, measure_tracks
from assistant.media.container import (
    DAMAGE,
    codec_name,
    decoder_threads,
    open_guarded,
    picture_streams,
    sound_streams,
)
from assistant.media.diagnosis import encrypted, nothing_inside, require_file, too_long, too_many_pixels, undecodable
from assistant.media.encryption import is_encrypted
from assistant.media.frames import Orientation, display_size, orientation_of
from assistant.media.images import image_kind

# Sound that outlasts the picture by less is the padding of its codec, not something to look at.
_SOUND_TAIL_SECONDS = 0.5
_MOST_PACKETS_TO_FIRST_FRAME = 3000
_MOST_SECONDS_TO_FIRST_FRAME = 20.0


def check(cancelled: CancelCheck) -> None:
    """Stop here where somebody asked for it.

    Raises:
        Cancelled: ``cancelled`` is true.
    """
    if cancelled():
        raise Cancelled


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the video's clock starts on the container's, and how its picture is shown.

    ``picture`` is the index of the picture track, None for sound alone; ``jumped``: the container's clock jumps, so
    that only decoding from the start finds a time. ``player_offset_seconds``: where a player that plays the file itself
    stands at our time 0 (its clock starts with whichever track starts first). ``untimed``: the pictures carry no times
    that mean anything, and follow one another.
    """

    origin_seconds: float
    picture: int | None
    orientation: Orientation
    frame_seconds: float
    jumped: bool
    player_offset_seconds: float = 0.0
    untimed: bool = False


def probe(path: Path, limits: Limits, cancelled: CancelCheck = never) -> Video:
    """What a file holds; width and height are upright and in square pixels, 0 where there is only sound.

    Raises:
        VideoUnreadable: missing, empty, a folder, damaged, encrypted, no picture and no sound, nothing decodable.
        VideoTooLarge: over a limit of ``limits``.
        Cancelled: ``cancelled`` turned true.
    """
    size = require_file(path, limits)
    if is_encrypted(path):
        raise encrypted(path)
    tracks, picture, sound = _measure(path, limits, cancelled)
    index = picture if picture is not None else sound
    assert index is not None
    if tracks[index].seconds > limits.max_seconds:
        raise too_long(path, tracks[index].seconds, limits)
    with open_guarded(path, limits.max_pixels) as container:
        stream: Any = container.streams[index]
        frame = _first_frame(container, stream)
        if frame is None:
            raise undecodable(path, codec_name(stream))
        facts: dict[str, Any] = {"duration_seconds": tracks[index].seconds, "width": 0, "height": 0, "frame_rate": 0.0}
        if picture is not None:
            heard = None if sound is None or tracks[sound].seconds > limits.max_seconds else tracks[sound]
            facts = _picture_facts(container, stream, frame, tracks[picture], heard)
            if facts["duration_seconds"] > limits.max_seconds:
                # Each track is short enough, but their clocks lie hours apart: the picture's counts.
                facts = _picture_facts(container, stream, frame, tracks[picture], None)
        video = Video(
            path=str(path),
            sha256=sha256_of(path, cancelled),
            has_audio=sound is not None,
            audio_codec="" if sound is None else codec_name(container.streams[sound]),
            container=_container_name(container, path),
            size_bytes=size,
            **facts,
        )
        _remember(path, video, _timing_of(container, video, picture, frame, tracks[index]))
    return video


def _measure(path: Path, limits: Limits, cancelled: CancelCheck) -> tuple[dict[int, Track], int | None, int | None]:
    """The tracks' real extents, and which of them are the picture and the sound (None: there is none)."""
    with open_guarded(path, limits.max_pixels) as container:
        pictures, sounds = picture_streams(container), sound_streams(container)
        for stream in pictures:
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > limits.max_pixels:
                raise too_many_pixels(path, width, height, limits)
        tracks = measure_tracks(container, [*pictures, *sounds], lambda: check(cancelled))
        picture = next((s.index for s in pictures if s.index in tracks), None)
        sound = next((s.index for s in sounds if s.index in tracks), None)
    if picture is None and sound is None:
        raise nothing_inside(path)
    return tracks, picture, sound


def _first_frame(container: InputContainer, stream: Any) -> Any:
    """The first frame of a track that decodes, on the container's mended clock; None where none does in good time."""
    if isinstance(stream, VideoStream):
        context = stream.codec_context
        context.thread_count = decoder_threads(context.width, context.height)
    untimed, give_up = is_untimed(container), time.monotonic() + _MOST_SECONDS_TO_FIRST_FRAME
    for number, packet in enumerate(Clocks(container, [stream]).packets()):
        try:
            frames = packet.decode()
        except DAMAGE:
            frames = []
        for frame in frames:
            if frame.pts is not None or untimed or packet.size == 0:
                return frame
        if number > _MOST_PACKETS_TO_FIRST_FRAME or time.monotonic() > give_up:
            return None
    return None


def _picture_facts(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, track: Track, sound: Track | None
) -> dict[str, Any]:
    """The fields of `Video` that the picture decides."""
    orientation = orientation_of(frame)
    width, height = display_size(frame.width, frame.height, stream.sample_aspect_ratio, orientation)
    start = track.start_seconds if frame.time is None or is_untimed(container) else frame.time
    # A raw stream's average rate is libavformat's default of 25; the coded pictures themselves know better.
    rate = 1 / frame_seconds(stream) if is_untimed(container) else _frame_rate(stream, track)
    end = max(track.end_seconds, start + 1 / rate)
    if sound is not None and sound.end_seconds > end + _SOUND_TAIL_SECONDS:
        end = sound.end_seconds
    return {
        "duration_seconds": round(end - start, 6),
        "width": width,
        "height": height,
        "frame_rate": round(rate, 6),
        "video_codec": codec_name(stream),
        "rotation_degrees": orientation.rotation_degrees,
    }


def _frame_rate(stream: VideoStream, track: Track) -> float:
    """Frames a second: the header's where the packets agree with it, else theirs."""
    seconds = track.seconds - track.gap_seconds
    counted = track.packets / seconds if seconds > 0 else 0.0
    claimed = float(stream.average_rate or 0) or float(stream.guessed_rate or 0)
    if 0 < claimed <= 1000 and (track.packets < 3 or abs(claimed - counted) <= 0.1 * claimed):
        return claimed
    return counted if 0 < counted <= 1000 else 25.0


def _container_name(container: InputContainer, path: Path) -> str:
    """One short name, telling WebM from Matroska, QuickTime from MP4 and images by their kinds."""
    with path.open("rb") as file:
        kind = image_kind(file)
    if kind:
        return kind
    name = str(container.format.name)
    if name.startswith("matroska"):
        with path.open("rb") as file:
            return "webm" if b"webm" in file.read(80) else "matroska"
    if name.startswith("mov,"):
        return "mov" if str(container.metadata.get("major_brand", "")).strip() == "qt" else "mp4"
    return name.split(",")[0]


_MOST_REMEMBERED = 64
_timings: dict[tuple[str, str], Timing] = {}


def timing(path: Path, video: Video) -> Timing:
    """Where the video's clock starts on the container's; remembered for the files probed or used last.

    Raises:
        VideoUnreadable: nothing can be decoded.
    """
    known = _timings.get((str(path), video.sha256))
    if known is not None:
        return known
    with open_guarded(path) as container:
        streams: list[Any] = [*(picture_streams(container) if video.has_picture else sound_streams(container))]
        indices = [stream.index for stream in streams]
        # One track in a container whose clock cannot jump needs no look at all its packets.
        index = indices[0] if len(indices) == 1 and str(container.format.name).startswith("mov,") else None
    track = Track(0.0, 0.0, 0)
    if index is None:
        with open_guarded(path) as container:
            tracks = measure_tracks(container, [container.streams[number] for number in indices], lambda: None)
        index = next((number for number in indices if number in tracks), None)
        if index is None:
            raise nothing_inside(path)
        track = tracks[index]
    with open_guarded(path) as container:
        frame = _first_frame(container, container.streams[index])
        if frame is None:
            raise undecodable(path, codec_name(container.streams[index]))
        found = _timing_of(container, video, index if video.has_picture else None, frame, track)
    _remember(path, video, found)
    return found


def _timing_of(container: InputContainer, video: Video, picture: int | None, frame: Any, track: Track) -> Timing:
    origin = track.start_seconds if frame.time is None or is_untimed(container) else float(frame.time)
    container_start = 0.0 if container.start_time is None else container.start_time / 1_000_000
    return Timing(
        origin_seconds=origin,
        picture=picture,
        orientation=orientation_of(frame) if picture is not None else Orientation(),
        frame_seconds=1 / video.frame_rate if video.frame_rate > 0 else 0.04,
        jumped=track.jumped,
        player_offset_seconds=max(0.0, origin - container_start),
        untimed=picture is not None and is_untimed(container),
    )


def _remember(path: Path, video: Video, found: Timing) -> None:
    while len(_timings) >= _MOST_REMEMBERED:
        _timings.pop(next(iter(_timings)), None)
    _timings[str(path), video.sha256] = found
