"""Memory stays flat in the length of a video: ``pytest -m soak tests/test_memory_soak.py -s`` (an hour on two cores).

Each analysis has a process of its own, whose peak (``VmHWM``) is compared between five minutes and an hour of the same
pictures in 1080p: a file of black with sound, and one in which something moves.
"""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from conftest import ROOT

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc"),
]

LIKE = 1.05  # an hour may take this much of what five minutes take
MOST_BYTES = 4 * 1000**3

_ANALYSIS = """
import json, re, sys, tempfile
from dataclasses import replace
from pathlib import Path
from assistant.config import load
from assistant.engine import Assistant

path, saving, memory = Path(sys.argv[1]), sys.argv[2] == "on", int(sys.argv[3])

def held(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))

with tempfile.TemporaryDirectory() as home:
    settings = load(Path(home), "demo", {})
    settings = replace(settings, compute=replace(settings.compute, save_work=saving, memory_bytes=memory))
    engine = Assistant(settings)
    engine.models.recognizer(), engine.models.image_text_encoder(), engine.models.transcriber()
    at_rest = held("VmRSS")
    timeline = engine.analyze(path)
    print(json.dumps({
        "peak": held("VmHWM"), "at_rest": at_rest, "segments": len(timeline.segments),
        "seconds": timeline.video.duration_seconds, "saving": timeline.provenance.saving,
    }))
"""


def analysed(path, saving="on", memory=0):
    """What one analysis in a process of its own held at most, and while the models were only loaded."""
    command = [sys.executable, "-c", _ANALYSIS, str(path), saving, str(memory)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    result = json.loads(done.stdout)
    print(f"\n{path.name} saving={saving}: {result}")
    return result


def repeated(source, target, seconds):
    """The streams of ``source`` copied, one behind the other, until they last so long."""
    with av.open(str(target), "w") as out:
        streams, start = {}, Fraction(0)
        while start < seconds:
            with av.open(str(source)) as container:
                length = Fraction(container.duration, av.time_base)
                for stream in container.streams:
                    streams.setdefault(stream.index, out.add_stream_from_template(stream) if not start else None)
                for packet in container.demux():
                    if packet.dts is None or start + packet.dts * packet.time_base >= seconds:
                        continue
                    shift = round(start / packet.time_base)
                    packet.dts, packet.pts = packet.dts + shift, packet.pts + shift
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
            start += length
    return target


def moving(source, target):
    """The source in 1080p with 12 frames a second, without sound."""
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=12, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        slot = -1
        for frame in container.decode(video=0):
            if int(frame.time * 12) > slot:
                slot = int(frame.time * 12)
                large = frame.reformat(width=1920, height=1080, format="yuv420p")
                large.pts, large.time_base = slot, Fraction(1, 12)
                out.mux(stream.encode(large))
        out.mux(stream.encode(None))
    return target


@pytest.fixture(scope="module")
def films(media, tmp_path_factory):
    """Kind -> (five minutes, an hour)."""
    folder = tmp_path_factory.mktemp("films")
    black = media / "long/black_363s_1080p_silent_audio.mp4"
    coffee = moving(media / "actions/pour_coffee.mp4", folder / "coffee.mp4")
    return {
        kind: tuple(repeated(source, folder / f"{kind}_{seconds}.mp4", seconds) for seconds in (300, 3600))
        for kind, source in (("black", black), ("moving", coffee))
    }


@pytest.mark.parametrize("saving", ["on", "off"])
@pytest.mark.parametrize("kind", ["black", "moving"])
def test_an_hour_takes_no_more_memory_than_five_minutes(films, kind, saving):
    short, long = (analysed(path, saving) for path in films[kind])
    assert long["segments"] > 10 * short["segments"]
    assert long["peak"] <= LIKE * short["peak"]
    assert long["peak"] < MOST_BYTES
