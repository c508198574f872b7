"""Text in a picture by PP-OCR's detection and recognition (PaddleOCR, arXiv:2009.09941), as RapidOCR runs them.

The folder holds the two networks as ONNX; the recogniser's file says which characters it knows. RapidOCR does what
belongs between and behind them: regions of the detector's map become boxes, boxes are cut out, and letters are decoded.
It is given both files, so it never fetches any.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.files import sha256_of
from assistant.errors import ModelFailed, ModelUnavailable
from assistant.models.packs import checkpoints
from assistant.models.protocols import TextInFrame

FRAME_SIZE = 1080
# Of the longer edge. On 10 frames of slides of 1,920 pixels the detector finds 145 of the 151 lines that it finds in
# the whole frame, in a third of the time. Letters are read from the whole frame.
DETECTION_PIXELS = 960
MOST_BOXES = 150  # in one frame, the largest: so many lines are more than anybody reads in a picture
_NETWORKS = ("det", "rec")


class PPOcrReader:
    """A `TextReader` from a folder on this machine; safe to share between threads.

    Args:
        threads: of the processor; 0: all.

    Raises:
        ModelUnavailable: a file is missing, damaged or not of PP-OCR, or the packages that read it are not installed.
    """

    frame_size = FRAME_SIZE

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.name, self.revision = identity(folder)
        detection, recognition = (_network(folder, name) for name in _NETWORKS)
        try:
            import onnxruntime
            from rapidocr import RapidOCR
        except ImportError as error:
            raise ModelUnavailable(
                f"text in pictures needs a package that is not installed ({error})", "run make install"
            ) from error
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        try:
            known = onnxruntime.InferenceSession(recognition, _quiet(onnxruntime)).get_modelmeta().custom_metadata_map
            if "character" not in known:  # RapidOCR would look for a list elsewhere
                raise checkpoints.damaged(folder, "the recogniser's file does not say which characters it knows")
            self._engine: Any = RapidOCR(params=_settings(detection, recognition, threads))
            self._engine._load_det_model()
            self._engine._load_rec_model()
        except ModelUnavailable:
            raise
        except Exception as error:  # onnxruntime has a class of its own for each way in which a file may be wrong
            raise checkpoints.damaged(folder, "the networks do not load") from error
        self._lock = threading.Lock()

    def read(self, frame: NDArray[np.uint8]) -> list[TextInFrame]:
        """The lines of text in a frame uint8 ``[H, W, 3]``, from top to bottom.

        Raises:
            ModelFailed: it broke at this frame.
        """
        if min(frame.shape[:2]) < 8:
            return []
        picture = np.ascontiguousarray(frame[:, :, ::-1])  # RapidOCR wants blue first, as OpenCV does
        try:
            with self._lock:
                return self._read(picture)
        except Exception as error:  # OpenCV, shapely and onnxruntime each have their own
            raise ModelFailed(
                f"{self.name} broke at a frame ({type(error).__name__})", "analyse the video again"
            ) from error

    def _read(self, picture: NDArray[np.uint8]) -> list[TextInFrame]:
        found = self._engine.text_det(picture)
        if found.boxes is None or not len(found.boxes):
            return []
        boxes = np.asarray(found.boxes, np.float32)
        if len(boxes) > MOST_BOXES:
            areas = np.prod(boxes.max(axis=1) - boxes.min(axis=1), axis=1)
            boxes = boxes[np.sort(np.argsort(-areas, kind="stable")[:MOST_BOXES])]
        lines: Any = self._engine.recognize_txt(self._engine.crop_text_regions(picture, boxes))
        corners = np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1)
        return [
            TextInFrame(text, (float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(score))
            for text, score, box in zip(lines.txts, lines.scores, corners, strict=True)
            if text.strip()
        ]


def identity(folder: Path) -> tuple[str, str]:
    """Name and revision of the two networks in a folder, without loading them."""
    files = [_network(folder, name) for name in _NETWORKS]
    digest = hashlib.sha256("".join(sha256_of(file) for file in files).encode())
    return files[1].stem.replace("_rec_", " ")[:80], digest.hexdigest()[:12]


def _network(folder: Path, name: str) -> Path:
    """The folder's one file of the detector or of the recogniser.

    Raises:
        ModelUnavailable: there is none, or more than one.
    """
    files = sorted(folder.glob(f"*_{name}_*.onnx"))
    if len(files) != 1:
        raise checkpoints.damaged(folder, f"it holds {len(files) or 'no'} files *_{name}_*.onnx instead of one")
    return checkpoints.own_file(files[0])


def _quiet(onnxruntime: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def _settings(detection: Path, recognition: Path, threads: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Det.model_path": str(detection),
        "Rec.model_path": str(recognition),
        "Det.limit_side_len": DETECTION_PIXELS,
        "Det.limit_type": "max",
        "Global.use_cls": False,
        "Global.log_level": "error",
        "Global.model_root_dir": str(detection.parent),
    }
    if threads:
        found["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
    return found
