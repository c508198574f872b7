"""What one would write from the model cards: read the frames, then one model after the other. Kept plain on purpose.

    python bench/straightforward.py PACK VIDEO [VIDEO ...]

PACK is a folder with actions/, descriptions/ and speech/. Prints one JSON object: the seconds of each stage and what
was found in each video. The other side of ``python -m assistant bench`` is held against this.
"""

import json
import resource
import sys
import time
from pathlib import Path

import av
import numpy as np
import open_clip
import torch
import whisper
from PIL import Image
from transformers import VJEPA2ForVideoClassification, VJEPA2VideoProcessor

LOOKS_PER_SECOND = 1.0
LABELS = [f"a photo of a {thing}" for thing in ("person", "dog", "car", "cup", "tree", "book", "street", "screen")]


def read_frames(path, frames_per_second):
    """All frames are decoded to RGB; those of a steady rate are kept, since all of a long video would not fit."""
    frames = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            picture = frame.to_ndarray(format="rgb24")
            if frame.time * frames_per_second >= len(frames):
                frames.append(picture)
    return frames


def read_sound(path):
    """The first sound track as Whisper wants it: mono, float32, 16 kHz."""
    with av.open(path) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
        blocks = [
            block.to_ndarray().reshape(-1)
            for frame in container.decode(container.streams.audio[0])
            for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks).astype(np.float32) / 32768.0


def recognize_actions(model, processor, frames, frames_per_clip):
    found = []
    for start in range(0, len(frames), frames_per_clip):
        clip = frames[start : start + frames_per_clip]
        clip += [clip[-1]] * (frames_per_clip - len(clip))
        inputs = processor(np.stack(clip), return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs).logits
        found.append(model.config.id2label[int(logits.argmax(-1))])
    return found


def describe_looks(model, preprocess, texts, frames):
    found = []
    for frame in frames:
        with torch.no_grad():
            image = model.encode_image(preprocess(Image.fromarray(frame)).unsqueeze(0))
            image /= image.norm(dim=-1, keepdim=True)
        found.append(LABELS[int((image @ texts.T).argmax())])
    return found


def main(pack, videos):
    pack = Path(pack)
    started = time.perf_counter()
    recognizer = VJEPA2ForVideoClassification.from_pretrained(pack / "actions").eval()
    processor = VJEPA2VideoProcessor.from_pretrained(pack / "actions")
    rate = json.loads((pack / "actions" / "clip_spec.json").read_text())["frames_per_second"]
    clip, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{pack / 'descriptions'}")
    clip.eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{pack / 'descriptions'}")
    with torch.no_grad():
        texts = clip.encode_text(tokenizer(LABELS))
        texts /= texts.norm(dim=-1, keepdim=True)
    listener = whisper.load_model(str(next((pack / "speech").glob("*.pt"))), device="cpu")
    stages = {"load": time.perf_counter() - started}
    results = []
    for video in videos:
        begun = clock = time.perf_counter()
        seconds = {}

        def lap(stage, seconds=seconds):
            nonlocal clock
            seconds[stage] = time.perf_counter() - clock
            clock = time.perf_counter()

        frames = read_frames(video, rate)
        sound = read_sound(video)
        lap("decode")
        actions = recognize_actions(recognizer, processor, frames, recognizer.config.frames_per_clip)
        lap("actions")
        step = max(1, round(rate / LOOKS_PER_SECOND))
        looks = describe_looks(clip, preprocess, texts, frames[::step])
        lap("descriptions")
        said = listener.transcribe(sound, fp16=False)["text"] if sound is not None else ""
        lap("speech")
        results.append(
            {
                "video": Path(video).name,
                "total": time.perf_counter() - begun,
                "seconds": seconds,
                "calls": {"clips": len(actions), "looks": len(looks)},
                "actions": actions,
                "words": len(said.split()),
            }
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"stages": stages, "videos": results, "memory": {"peak": peak}}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
