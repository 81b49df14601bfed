"""Block `ocr`: the words on a cover, what they mean, and how they stand on it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.registry import BlockExtractor, missing_weights, register
from coverfusion.features.text import easyocr, rapidocr, rapidocr_models, sentences
from coverfusion.features.text.layout import LAYOUT_COLUMNS, layout
from coverfusion.features.text.letterforms import LETTERFORM_WIDTH
from coverfusion.features.text.lines import Line, Reading, edit_distance, joined
from coverfusion.features.text.typography import TYPOGRAPHY_COLUMNS, typography
from coverfusion.features.weights import Weights

MIN_CONFIDENCE = 0.3  # of a line that classifiers learn from: 0.469 of genres right; 0: 0.466, 0.5: 0.464
READABLE = LAYOUT_COLUMNS | TYPOGRAPHY_COLUMNS
ALWAYS_THERE = ("found", "failed", "words", "area_share", "lines")  # also without text
ENGINES: dict[str, ModuleType] = {"rapidocr": rapidocr_models, "easyocr": easyocr}


@register("ocr")
class Ocr(BlockExtractor):
    """The lines that an engine reads, their sentence embedding, how they stand on the cover and look.

    Classifiers that learn from letters and words take the raw text of the notes (`text_of`).

    Args:
        preset: "packaged" has weights from packages; "hub" reads other scripts and takes any sentence model.
        engine: "rapidocr" (PP-OCR by OpenVINO) or "easyocr" (EasyOCR as it comes).
        languages: the engine's names of them; the packaged RapidOCR reads 50 languages whatever is named.
        text_model: hub preset: a sentence-transformers model by name, or a local folder.
        dimensions: length of the text model's vectors.
        min_confidence: lines below it are left out of the embedded text (not out of the counts).

    Raises:
        ValueError: a parameter is out of range, or languages do not go with engine and preset.
    """

    version = "5"

    def __init__(
        self,
        preset: str = "packaged",
        engine: str = "rapidocr",
        languages: Sequence[str] = ("en",),
        text_model: str | os.PathLike[str] = "all-MiniLM-L6-v2",
        dimensions: int = 384,
        min_confidence: float = MIN_CONFIDENCE,
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"there is no engine '{engine}'.{did_you_mean(engine, list(ENGINES))}")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence is {min_confidence}; it lies between 0 and 1")
        if dimensions < 1:
            raise ValueError(f"dimensions is {dimensions}; it must be at least 1")
        self.preset = preset
        self.engine = engine
        self.languages = list(languages)
        self.text_model = os.fspath(text_model)
        self.dimensions = dimensions
        self.min_confidence = min_confidence
        # only the layers of the packaged recogniser are known
        self.letterforms = engine == "rapidocr" and rapidocr_models.reads_packaged(self.languages)
        self._loaded: tuple[Any, sentences.Embed] | None = None
        if preset == "packaged" or engine == "rapidocr":
            self.weights()  # says at once which languages it lacks

    @property
    def columns(self) -> Sequence[str]:
        """Layout and typography, the embedding, then what the packaged recogniser sees of the letters."""
        letterforms = range(LETTERFORM_WIDTH if self.letterforms else 0)
        return [
            *READABLE,
            *(f"embedding_{k:04d}" for k in range(self.dimensions)),
            *(f"letterforms_{k:04d}" for k in letterforms),
        ]

    def describe(self) -> Mapping[str, str]:
        """Column -> meaning with its range."""
        model = "all-MiniLM-L6-v2" if self.preset == "packaged" else self.text_model
        embedding = f"sentence embedding of the text by {model} (no unit; missing without text)"
        letterforms = {
            "letterforms_*": "channels of two of the recogniser's stages over all lines, means and spreads "
            "(no unit; missing without text)"
        }
        readable = {
            name: text if name in ALWAYS_THERE or "missing" in text else f"{text}; missing without text"
            for name, text in READABLE.items()
        }
        return readable | {"embedding_*": embedding} | (letterforms if self.letterforms else {})

    def weights(self) -> Sequence[Weights]:
        """The engine's networks, then the sentence model."""
        files = ENGINES[self.engine].weights(self.preset, self.languages)
        return [*files, sentences.sentence_weights(self.preset, self.text_model)]

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, len(columns)) float32; what is not there is NaN."""
        return self.annotate(images)[0]

    def annotate(self, images: Sequence[Image]) -> tuple[np.ndarray, list[str]]:
        """The rows, and for each picture a JSON list of {text, confidence, box (four x, y in pixels)}.

        Lines stand in reading order; the note of a picture whose reading failed is "null".

        Raises:
            UserError: weights are missing, or the text model's vectors have another length.
        """
        reader, embed = self._load()
        pictures = [np.asarray(image.convert("RGB")) for image in images]
        readings: list[Reading | None] = reader.read(pictures)
        read = [None if reading is None else reading.lines for reading in readings]
        rows = np.full((len(pictures), len(self.columns)), np.nan, dtype=np.float32)
        embedded = slice(len(READABLE), len(READABLE) + self.dimensions)
        for row, lines, reading, picture in zip(rows, read, readings, pictures, strict=True):
            row[: len(READABLE)] = [
                *layout(lines, picture).values(),
                *typography(lines, picture).values(),
            ]
            if reading is not None and reading.letterforms is not None:
                row[embedded.stop :] = reading.letterforms
        texts = {k: joined(lines, self.min_confidence) for k, lines in enumerate(read) if lines}
        texts = {k: text.replace("\n", " ") for k, text in texts.items() if text}
        if texts:
            rows[list(texts), embedded] = embed(list(texts.values()))
        return rows, [_note(lines) for lines in read]

    def text_of(self, note: str | None) -> str | None:
        """The text that classifiers learn from, as the function of this name with `min_confidence`."""
        return text_of(note, self.min_confidence)

    def plain(self) -> Callable[[Image], str]:
        """The plain use of the same libraries: each one's own call on one picture, with the same weights.

        Returns:
            A function from one picture to its text.
        """
        folder = self._checked_weights()[-1].path
        assert folder is not None  # ready, as just checked
        embed = sentences.by_library(folder)
        read = self._load()[0].plain() if self.engine == "easyocr" else rapidocr.plain()

        def text(image: Image) -> str:
            found = "\n".join(read(np.asarray(image)))
            if found:
                embed([found])
            return found

        return text

    def differences(self, plain: Sequence[str], values: np.ndarray, notes: Sequence[str] | None) -> str:
        """How far the text that `annotate` read is from what `plain` read on the same pictures, in words."""
        ours = [self.text_of(note) or "" for note in notes or []]
        letters = sum(map(len, plain))
        wrong = sum(edit_distance(a, b) for a, b in zip(plain, ours, strict=True))
        other = sum(a != b for a, b in zip(plain, ours, strict=True))
        share = wrong / max(letters, 1)
        return f"character error {share:.2%} of {letters} letters; {other} of {len(plain)} covers differ"

    def _checked_weights(self) -> Sequence[Weights]:
        if missing := missing_weights(self):
            raise UserError(f"Block 'ocr' lacks weights: {missing}.")
        return self.weights()

    def _load(self) -> tuple[Any, sentences.Embed]:
        if self._loaded is None:
            *files, text = self._checked_weights()
            engine = [one.path for one in files if one.path is not None]
            reader = (
                rapidocr.RapidReader(*engine)
                if self.engine == "rapidocr"
                else easyocr.EasyReader(engine[0].parent, self.languages)
            )
            self._loaded = reader, sentences.load(text, self.dimensions)
        return self._loaded


def text_of(note: str | None, min_confidence: float = MIN_CONFIDENCE) -> str | None:
    """The text of a cover that classifiers learn from: its sure lines in reading order, a line each.

    Args:
        note: of `Ocr.annotate`; None where there is none.
        min_confidence: lines below it are left out.

    Returns:
        "" where nothing was read; None where there is no note, or reading failed.
    """
    lines = json.loads(note or "null")
    return None if lines is None else joined([Line(**line) for line in lines], min_confidence)


def _note(lines: Sequence[Line] | None) -> str:
    return json.dumps(None if lines is None else [line._asdict() for line in lines], ensure_ascii=False)
