"""Text in pictures with RapidOCR: its steps and PP-OCR's weights, its three networks by OpenVINO.

Differences from `RapidOCR()(picture)`: every picture is brought to one area first, so that small covers are
enlarged and no cover costs more than another; lines of all pictures are read together, each padded to the
next multiple of 64 pixels instead of to 320.

Sources: RapidOCR (Apache-2.0), github.com/RapidAI/RapidOCR; PP-OCR (C. Cui et al., PaddleOCR 3.0 Technical
Report, 2025); the text detector is DB (M. Liao et al., AAAI 2020).
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coverfusion.features.networks.openvino import Network, batches, each
from coverfusion.features.text.lines import Line

log = logging.getLogger(__name__)

SIDE = 736  # pixels: every picture is read at the area of a square of this side
LONGEST = 4 * SIDE  # of a very long picture
LETTERS_HEIGHT = 48  # of a line that is read, as the recogniser was trained
WIDTH_STEP = 64
LINES_AT_A_TIME = 8
TURNED_WIDTH, TURNED_CONFIDENCE = 192, 0.9  # RapidOCR's own for the orientation classifier
# RapidOCR's own; `thresh` and `box_thresh` are of pixels and boxes
DETECTION = {
    "thresh": 0.3,
    "box_thresh": 0.5,
    "max_candidates": 1000,
    "unclip_ratio": 1.6,
    "use_dilation": True,
}

Found = tuple[list[np.ndarray], list[list[list[float]]]]  # lines cut out, (h, w, 3) each, and their boxes


class RapidReader:
    """Reads many pictures at once; one core a picture, then one core a batch of lines.

    Args:
        detector: PP-OCR's text detector, `.onnx`.
        orientation: its classifier of lines that stand upside down.
        recognizer: its recogniser, which names its letters itself.
    """

    def __init__(self, detector: Path, orientation: Path, recognizer: Path) -> None:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

        self.detector, self.orientation = Network(detector), Network(orientation)
        self.recognizer = Network(recognizer)
        letters = self.recognizer.model.get_rt_info()["framework"]["character"].value.splitlines()
        self._boxes, self._letters = DBPostProcess(**DETECTION), CTCLabelDecode(character=letters)

    def read(self, pictures: Sequence[np.ndarray]) -> list[list[Line] | None]:
        """The lines of each picture in reading order; None where reading failed.

        Args:
            pictures: (height, width, 3) uint8 RGB each, any sizes.
        """
        found = each(self._find, pictures)
        crops = [crop for one in found if one for crop in one[0]]
        texts = iter(self._read_lines(crops))
        lines: list[list[Line] | None] = []
        for one in found:
            read = None if one is None else [Line(*next(texts), box) for box in one[1]]
            lines.append(None if read is None else [line for line in read if line.text.strip()])
        return lines

    def _find(self, picture: np.ndarray) -> Found | None:
        """The lines of one picture, cut out and turned upright; None where that fails."""
        import cv2
        from rapidocr.ch_ppocr_det.main import TextDetector
        from rapidocr.utils.process_img import get_rotate_crop_image

        try:
            image = of_one_area(picture)
            corners, _ = self._boxes(self.detector(_normal(image)[None])[0], image.shape[:2])
            if not len(corners):
                return [], []
            corners = TextDetector.sorted_boxes(corners).astype(np.float32)
            crops = [get_rotate_crop_image(image, box) for box in corners]
            back = np.array(picture.shape[1::-1]) / image.shape[1::-1]
            return self._upright(crops), (corners * back).astype(float).round(1).tolist()
        except (ArithmeticError, ValueError, IndexError, RuntimeError, cv2.error) as error:
            log.warning("OCR failed on a picture of shape %s: %s", picture.shape, error)
            return None

    def _upright(self, crops: list[np.ndarray]) -> list[np.ndarray]:
        scores = self.orientation(_stacked(crops, TURNED_WIDTH))[0]
        return [
            np.rot90(crop, 2) if turned > TURNED_CONFIDENCE else crop
            for crop, (_, turned) in zip(crops, scores, strict=True)
        ]

    def _read_lines(self, crops: Sequence[np.ndarray]) -> list[tuple[str, float]]:
        """Text and confidence of each line."""
        same_width = defaultdict(list)
        for place, crop in enumerate(crops):
            same_width[math.ceil(_width(crop) / WIDTH_STEP) * WIDTH_STEP].append(place)
        work = [
            (width, places)
            for width, every in sorted(same_width.items(), reverse=True)  # the longest work first
            for places in batches(every, LINES_AT_A_TIME)
        ]

        def read(one: tuple[int, Sequence[int]]) -> list[tuple[str, float]]:
            width, places = one
            scores = self.recognizer(_stacked([crops[k] for k in places], width))[0]
            return [(text, float(confidence)) for text, confidence in self._letters(scores)[0]]

        texts: dict[int, tuple[str, float]] = {}
        for (_, places), results in zip(work, each(read, work), strict=True):
            texts.update(zip(places, results, strict=True))
        return [texts[place] for place in range(len(crops))]


def of_one_area(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The picture, (height, width, 3), at the area of a square of `side`; as BGR, sides multiples of 32."""
    import cv2

    height, width = picture.shape[:2]
    ratio = min(side / math.sqrt(height * width), LONGEST / max(height, width))
    size = [max(32, round(edge * ratio / 32) * 32) for edge in (width, height)]
    how = cv2.INTER_CUBIC if ratio > 1 else cv2.INTER_AREA
    return cv2.resize(np.ascontiguousarray(picture[:, :, ::-1]), size, interpolation=how)


def _width(crop: np.ndarray) -> int:
    """The width in pixels of a line at the height it is read at."""
    return math.ceil(LETTERS_HEIGHT * crop.shape[1] / crop.shape[0])


def _stacked(crops: Sequence[np.ndarray], width: int) -> np.ndarray:
    """(n, 3, 48, width) float32: lines at one height, cut or padded to one width."""
    import cv2

    lines = np.zeros((len(crops), 3, LETTERS_HEIGHT, width), np.float32)
    for line, crop in zip(lines, crops, strict=True):
        own = min(width, _width(crop))
        line[:, :, :own] = _normal(cv2.resize(np.ascontiguousarray(crop), (own, LETTERS_HEIGHT)))
    return lines


def _normal(pixels: np.ndarray) -> np.ndarray[Any, Any]:
    """(3, height, width) float32 from -1 to 1, contiguous."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / 127.5 - 1


def plain() -> Callable[[np.ndarray], list[str]]:
    """RapidOCR as its README shows it: one picture to its lines, by its own engine."""
    from importlib.util import find_spec

    from rapidocr import EngineType, RapidOCR

    engine = EngineType.ONNXRUNTIME if find_spec("onnxruntime") else EngineType.OPENVINO
    parts = {f"{part}.engine_type": engine for part in ("Det", "Cls", "Rec")}
    reader = RapidOCR(params=parts | {"Global.log_level": "error"})
    return lambda picture: list(reader(picture).txts or ())
