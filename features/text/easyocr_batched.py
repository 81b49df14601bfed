"""Text in pictures with EasyOCR: its logic and weights, with a faster order of work.

What EasyOCR does one picture and one box at a time, on all cores for each small step, is done here with one
thread a picture and with the boxes of all pictures together. Its own functions find boxes, cut them out and
decode letters; only the two networks run differently (`features.text.craft`, `features.text.recognizer`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    import easyocr

log = logging.getLogger(__name__)
BOXES_AT_A_TIME = 16
# EasyOCR's own defaults of `readtext`
LOW_CONFIDENCE = 0.1
TARGET_CONTRAST = 0.5
Item = TypeVar("Item")
Result = TypeVar("Result")


class Word(NamedTuple):
    """One piece of text: EasyOCR's box joins the words of a line.

    Attributes:
        text: what was read.
        confidence: 0 to 1.
        box: four corners (x, y) in pixels, clockwise from the upper left.
    """

    text: str
    confidence: float
    box: list[list[float]]


class _Crop(NamedTuple):
    picture: int
    pixels: Any  # (64, width) uint8
    box: list[list[float]]
    width: int  # the width that EasyOCR pads this box to


def plain_reader(folder: Path, languages: Sequence[str]) -> easyocr.Reader:
    """EasyOCR with its defaults but for quantization, with weights from `folder` and no download.

    Raises:
        FileNotFoundError: a weight file is not in `folder`.
        ValueError: EasyOCR does not know a language, or cannot read these together.
    """
    import easyocr
    import torch

    gpu = torch.cuda.is_available()
    # quantized layers round by the extremes of a batch: a text then depends on the CPU and on torch's version
    return easyocr.Reader(
        list(languages),
        gpu=gpu,
        model_storage_directory=str(folder),
        download_enabled=False,
        verbose=False,
        quantize=False,
    )


class FastReader:
    """Reads many pictures at once; the same text as `easyocr.Reader.readtext` of each.

    Args:
        reader: EasyOCR's reader; its networks are replaced, so it must be the caller's own.
    """

    def __init__(self, reader: easyocr.Reader) -> None:
        import torch

        self.reader = reader
        self.threads = torch.get_num_threads()
        if reader.device == "cpu":
            from coverfusion.features.text.craft import FastCraft
            from coverfusion.features.text.recognizer import fast_recognizer

            fast = FastCraft(reader.detector)
            reader.detector = lambda canvases: (fast(canvases), None)
            reader.recognizer = fast_recognizer(reader.recognizer)
        else:
            self.threads = 1
        unknown = set(reader.character) - set(reader.lang_char)
        self.ignored = [reader.character.index(c) + 1 for c in unknown]

    def read(self, pictures: Sequence[np.ndarray]) -> list[list[Word] | None]:
        """The text of each picture, boxes in EasyOCR's order; None where EasyOCR raised.

        Args:
            pictures: (height, width, 3) uint8 each, any sizes.
        """
        crops_by_picture = self._each(lambda k: self._crops(k, pictures[k]), range(len(pictures)))
        crops = [crop for crops in crops_by_picture for crop in crops or []]
        same_width = defaultdict(list)
        for place, crop in enumerate(crops):
            same_width[crop.width].append(place)
        batches = [
            places[k : k + BOXES_AT_A_TIME]
            for places in same_width.values()
            for k in range(0, len(places), BOXES_AT_A_TIME)
        ]
        batches.sort(key=lambda places: -crops[places[0]].width * len(places))  # the longest work first
        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        read = self._each(lambda places: self._recognise([crops[k] for k in places]), batches)
        for places, results in zip(batches, read, strict=True):
            for place, result in zip(places, results, strict=True):
                texts[place] = result
        words: list[list[Word] | None] = [None if f is None else [] for f in crops_by_picture]
        for crop, (text, confidence) in zip(crops, texts, strict=True):
            mine = words[crop.picture]
            if mine is not None:
                mine.append(Word(text, confidence, crop.box))
        return words

    def _each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """`work` of every item, each on one core: small steps shared among cores wait more than they work."""
        import torch

        def run(item: Item) -> Result:
            with torch.inference_mode():
                return work(item)

        if self.threads == 1:
            return [run(item) for item in items]
        machine = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(self.threads, initializer=lambda: torch.set_num_threads(1)) as pool:
                return list(pool.map(run, items))
        finally:
            torch.set_num_threads(machine)  # a worker's setting reaches threads that start later

    def _crops(self, number: int, picture: np.ndarray) -> list[_Crop] | None:
        """The boxes of one picture, cut out; None where EasyOCR raises."""
        import cv2
        from easyocr.utils import get_image_list, reformat_input

        try:
            color, grey = reformat_input(picture)
            level, tilted = self.reader.detect(color, reformat=False)
            single = [([box], []) for box in level[0]] + [([], [box]) for box in tilted[0]]
            crops = []
            for level_box, tilted_box in single:
                images, width = get_image_list(level_box, tilted_box, grey, model_height=64)
                crops += [_Crop(number, image, _corners(box), int(width)) for box, image in images]
            return crops
        except (ArithmeticError, ValueError, IndexError, RuntimeError, cv2.error) as error:
            log.warning("OCR failed on a picture of shape %s: %s", picture.shape, error)
            return None

    def _recognise(self, crops: Sequence[_Crop]) -> list[tuple[str, float]]:
        """Text and confidence of boxes that are padded to one width; as EasyOCR's `get_text` does it."""
        first = self._predict(crops, 0.0)
        weak = [k for k, (_, confidence) in enumerate(first) if confidence < LOW_CONFIDENCE]
        if weak:
            second = self._predict([crops[k] for k in weak], TARGET_CONTRAST)
            for k, again in zip(weak, second, strict=True):
                if not first[k][1] > again[1]:
                    first[k] = again
        if self.reader.model_lang == "arabic":
            from bidi import get_display

            return [(str(get_display(text)), confidence) for text, confidence in first]
        return first

    def _predict(self, crops: Sequence[_Crop], contrast: float) -> list[tuple[str, float]]:
        from easyocr.recognition import AlignCollate, recognizer_predict
        from PIL import Image

        width = crops[0].width
        collate = AlignCollate(imgH=64, imgW=width, keep_ratio_with_pad=True, adjust_contrast=contrast)
        batch = collate([Image.fromarray(crop.pixels) for crop in crops])
        reader = self.reader
        pairs = recognizer_predict(
            reader.recognizer, reader.converter, [batch], width // 10, self.ignored, {}, device=reader.device
        )
        return [(text, float(confidence)) for text, confidence in pairs]


def _corners(box: Any) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in box]
