"""Text in pictures with RapidOCR: its steps and PP-OCR's weights, its three networks by OpenVINO.

Differences from `RapidOCR()(picture)`: the detector sees every picture at one area, so that small covers are
enlarged and no cover costs more than another; lines are cut from the picture itself, at most of that area,
with a margin around it; each is padded to the next multiple of 32 pixels, not to 320.

Character error on 150 drawn covers / on 60 real ones of 300 px, and CPU seconds a real cover, by the
detector's side: 736 px 0.09 / 0.62 / 0.43, 640 0.09 / 0.64 / 0.35, 576 0.10 / 0.64 / 0.31, 544 0.09 / 0.66 /
0.30, 512 0.12 / 0.65 / 0.27, 480 0.12 / 0.63 / 0.25, 448 0.11 / 0.67 / 0.23; lines padded to 64 px, to 32 a
tenth cheaper and the same. On 100 drawn / 60 real, detector at 736, lines cut from the picture enlarged to
1104 px 0.10 / 0.70, to 736 0.10 / 0.69, from the picture as it is 0.10 / 0.64; then with the margin 0.62.

Sources: RapidOCR (Apache-2.0), github.com/RapidAI/RapidOCR; PP-OCR (C. Cui et al., PaddleOCR 3.0 Technical
Report, 2025); the text detector is DB (M. Liao et al., AAAI 2020).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coverfusion.data.machine_faults import stop_at_machine_fault
from coverfusion.features.networks.openvino import Network, each
from coverfusion.features.text import letterforms
from coverfusion.features.text.lines import Line, Reading, runs_on_end
from coverfusion.features.text.rapidocr_models import RECOGNIZER

log = logging.getLogger(__name__)

SIDE = 736  # pixels: lines are cut from every picture at most at the area of a square of this side
DETECTOR_SIDE = 480  # pixels: the detector sees every picture at the area of a square of this side
MARGIN = 0.05  # of a side, its outermost pixels again: the detector misses letters at the edge
LONGEST = 4 * SIDE  # pixels, of a very long picture that the detector sees
LETTERS_HEIGHT = 48  # of a line that is read, as the recogniser was trained
WIDTH_STEP = 32
TURNED_WIDTH, TURNED_CONFIDENCE = 192, 0.9  # RapidOCR's own for the orientation classifier
# RapidOCR's own; `thresh` and `box_thresh` are of pixels and boxes
DETECTION: dict[str, Any] = {
    "thresh": 0.3,
    "box_thresh": 0.5,
    "max_candidates": 1000,
    "unclip_ratio": 1.6,
    "use_dilation": True,
}

# text, confidence, and how the letters look where the recogniser says so
Read = tuple[str, float, np.ndarray | None]
# of each line: the ways to read it, (height, width, 3) each, and its box
Found = list[tuple[list[np.ndarray], list[list[float]]]]


class RapidReader:
    """Reads many pictures at once; one core a picture, then one core a line.

    Args:
        detector: PP-OCR's text detector, `.onnx`.
        orientation: its classifier of lines that stand upside down.
        recognizer: its recogniser, which names its letters itself.
    """

    def __init__(self, detector: Path, orientation: Path, recognizer: Path) -> None:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

        self.detector, self.orientation = Network(detector), Network(orientation)
        self.recognizer = Network(
            recognizer, into=letterforms.LAYERS if recognizer.name == RECOGNIZER else ()
        )
        letters = self.recognizer.model.get_rt_info()["framework"]["character"].value.splitlines()
        self._boxes, self._letters = DBPostProcess(**DETECTION), CTCLabelDecode(character=letters)

    def read(self, pictures: Sequence[np.ndarray]) -> list[Reading | None]:
        """The lines of each picture in reading order; None where reading failed.

        Args:
            pictures: (height, width, 3) uint8 RGB each, any sizes.
        """
        found = each(self._find, pictures)
        crops = [crop for one in found for ways, _ in one or [] for crop in ways]
        read = iter(each(self._read_line, crops))

        def line(ways: list[np.ndarray], box: list[list[float]]) -> tuple[Line, np.ndarray | None]:
            text, confidence, look = max([next(read) for _ in ways], key=lambda reading: reading[1])
            return Line(text, confidence, box), look

        lines = [None if one is None else [line(*found) for found in one] for one in found]
        return [None if one is None else _reading(one) for one in lines]

    def _find(self, picture: np.ndarray) -> Found | None:
        """The lines of one picture in reading order; None where that fails."""
        import cv2
        from rapidocr.ch_ppocr_det.main import TextDetector
        from rapidocr.utils.process_img import get_rotate_crop_image

        try:
            image, margin = reduced(picture)
            canvas = of_one_area(image)
            corners, _ = self._boxes(self.detector(_normal(canvas)[None])[0], image.shape[:2])
            if not len(corners):
                return []
            corners = TextDetector.sorted_boxes(corners).astype(np.float32)
            crops = [get_rotate_crop_image(image, box) for box in corners]
            size = np.array(picture.shape[1::-1])
            inside = (corners - margin) * (size / (image.shape[1::-1] - 2 * margin))
            boxes = inside.clip(0, size).round(1).tolist()
            return list(zip(self._ways(crops, corners), boxes, strict=True))
        except (ArithmeticError, ValueError, IndexError, RuntimeError, cv2.error) as error:
            stop_at_machine_fault(error, "Block 'ocr'")
            log.warning("OCR failed on a picture of shape %s: %s", picture.shape, error)
            return None

    def _ways(self, crops: list[np.ndarray], corners: np.ndarray) -> list[list[np.ndarray]]:
        """Each line as the classifier turns it; one that stands on end both ways: there it errs too often."""
        scores = self.orientation(_stacked(crops, TURNED_WIDTH))[0]
        on_end = [runs_on_end(box) for box in corners]
        return [
            [crop, np.rot90(crop, 2)] if end else [np.rot90(crop, 2) if turned > TURNED_CONFIDENCE else crop]
            for crop, end, (_, turned) in zip(crops, on_end, scores, strict=True)
        ]

    def _read_line(self, crop: np.ndarray) -> Read:
        """What one line says; several at once take as long and more memory."""
        width = math.ceil(_width(crop) / WIDTH_STEP) * WIDTH_STEP
        scores, *inner = self.recognizer(_stacked([crop], width))
        ((text, confidence),) = self._letters(scores)[0]
        look = None
        if inner:
            look = letterforms.of_line([stage[0] for stage in inner], _width(crop) / width)
        return text, float(confidence), look


def _reading(found: list[tuple[Line, np.ndarray | None]]) -> Reading:
    """The lines that say something, and how the letters of all of them look."""
    said = [(line, look) for line, look in found if line.text.strip()]
    lines = [line for line, _ in said]
    looks = [look for _, look in said if look is not None]
    return Reading(lines, letterforms.of_cover(lines, looks) if len(looks) == len(lines) else None)


def reduced(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture, (height, width, 3) RGB, at the detector's area if it is larger, with a margin, as BGR.

    Returns:
        The pixels, and the margin in pixels, left and right, above and below: (x, y).
    """
    import cv2

    height, width = picture.shape[:2]
    ratio = SIDE / math.sqrt(height * width)
    if ratio < 1:
        size = [max(1, round(edge * ratio)) for edge in (width, height)]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    x, y = (round(MARGIN * edge) for edge in picture.shape[1::-1])
    image = cv2.copyMakeBorder(picture[:, :, ::-1], y, y, x, x, cv2.BORDER_REPLICATE)
    return image, np.array([x, y])


def of_one_area(image: np.ndarray, side: int = DETECTOR_SIDE) -> np.ndarray:
    """The picture at the area of a square of `side` pixels, its sides multiples of 32."""
    import cv2

    height, width = image.shape[:2]
    ratio = min(side / math.sqrt(height * width), LONGEST / max(height, width))
    size = [max(32, round(edge * ratio / 32) * 32) for edge in (width, height)]
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if ratio > 1 else cv2.INTER_AREA)


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
    return lambda picture: list(getattr(reader(picture), "txts", None) or ())
