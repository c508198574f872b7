"""A small analysis that the tests of the queue run in a real worker process; the file analysed is its script."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import signal
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch_stand_in

from assistant.core.timeline import ActionScore, Provenance, Segment, Shot, Span, Timeline, Video
from assistant.errors import Cancelled, ModelUnavailable, VideoUnreadable
from assistant.jobs.worker.limits import allow_cpu, cpu_used
from assistant.jobs.worker.target import PartialSaver
from assistant.store import Library


def burn():
    """Use the processor for good, with the interpreter free."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def beside(call, *values):
    """A call that takes its time by the clock, while the process computes, however busy the machine is."""
    threading.Thread(target=burn, daemon=True).start()
    call(*values)


# Calls in which no line of Python runs: with the interpreter free or locked, at work or not.
NATIVE = {
    "spin": burn,  # free, at work, for good
    "hold": lambda: ctypes.PyDLL(None).sleep(3600),  # locked, idle
    "load": lambda: beside(ctypes.PyDLL(None).sleep, 4),  # locked, at work: as a large library is loaded
    "compute": lambda: beside(torch_stand_in.stand_still, 4.0),  # free, at work, in a model
    "doze": lambda: torch_stand_in.stand_still(3600.0),  # free, idle, in a model
}


@dataclass
class Progress:
    """As `assistant.analysis.pipeline.Progress`, without what that module imports."""

    stage: str
    done_seconds: float
    total_seconds: float
    message: str = ""
    segment: Segment | None = None


class ScriptTarget:
    """Reads ``{"segments": n, "pause": s, "at": {"2": "crash"}, "once": true}`` and does as it says."""

    def __init__(self, settings):
        self.library = Library(settings.home)

    def __call__(self, request, report, cancelled):
        content = request.path.read_bytes()
        script = json.loads(content)
        sha256 = hashlib.sha256(content).hexdigest()
        if script.get("refuse"):
            raise VideoUnreadable("this is no video", "try another file")
        if script.get("weights"):
            raise ModelUnavailable("the weights are missing", "run models pull")
        video = Video(str(request.path), sha256, float(script["segments"]), 64, 48, 25.0, False)
        self.library.add_video(request.path, request.name, video)
        saver = PartialSaver(self.library, request.path)
        segments = []
        for number in range(1, script["segments"] + 1):
            segments.append(self.segment(sha256, number, script, request))
            if cancelled() and not script.get("deaf"):
                raise Cancelled
            progress = Progress(
                script.get("stage", "decode"), float(number), float(script["segments"]), segment=segments[-1]
            )
            saver.take(progress.segment)
            report(progress)
            time.sleep(script.get("pause", 0.0))
        whole = (Shot(Span(0.0, float(len(segments))), "start"),)
        self.library.save_timeline(sha256, Timeline(video, tuple(segments), whole, (), (), Provenance("script")))
        return sha256

    def segment(self, sha256, number, script, request):
        """One finished stage per segment, so that a later worker can go on from there."""
        key = self.library.stage_key(sha256, "part", "script", "1", {"number": number})
        stored = self.library.load_stage(key)
        if stored is None:
            self.misbehave(script.get("at", {}).get(str(number)), request.path, script.get("once", False))
            self.library.save_arrays(key, {"vector": np.full(4, number, np.float32)})
            self.library.save_stage(key, {"label": f"part {number}"})
            with Path(f"{request.path}.ran").open("a") as log:
                log.write(f"{number} {os.getpid()}\n")
            stored = {"label": f"part {number}"}
        return Segment(number, Span(number - 1.0, float(number)), (ActionScore(stored["label"], 0.9),))

    def misbehave(self, how, path, once):
        mark = Path(f"{path}.tried")
        if how is None or (once and mark.exists()):
            return
        mark.touch()
        match how:
            case "crash":
                ctypes.string_at(0)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "hang":
                time.sleep(3600)
            case "spin" | "hold" | "load" | "compute" | "doze":
                NATIVE[how]()
            case "raise":
                raise RuntimeError("a slip of the program")
            case "memory":
                raise MemoryError
            case "eat":
                self.eaten = np.ones(20_000_000)  # 160 MB
                time.sleep(3600)
            case "overwork":
                allow_cpu(1.0)
                burn()
            case "limits":
                told = {"worker": os.getpid(), "soft": resource.getrlimit(resource.RLIMIT_CPU)[0], "used": cpu_used()}
                Path(f"{path}.limits").write_text(json.dumps(told))
            case "dial":
                self.dial(Path(f"{path}.dialled"))
            case "print":
                os.write(1, b"noise from a library\n")

    def dial(self, log):
        """Write down what the kernel says to sockets of each family: an error's number, 0 where it lets them be."""
        told = {}
        for name in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"):
            try:
                socket.socket(getattr(socket, name), socket.SOCK_DGRAM).close()
                told[name] = 0
            except OSError as error:
                told[name] = error.errno
        try:
            socket.create_connection(("127.0.0.1", int(log.with_suffix(".port").read_text())), 5).close()
            told["connected"] = 0
        except OSError as error:
            told["connected"] = error.errno
        log.write_text(json.dumps(told))


def open_target(settings):
    return ScriptTarget(settings)
