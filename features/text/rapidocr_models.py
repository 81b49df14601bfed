"""PP-OCR's networks as the package `rapidocr` brings or names them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from pathlib import Path

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.networks.openvino import converted_root
from coverfusion.features.weights import Weights, packaged_file

log = logging.getLogger(__name__)
DETECTOR = "PP-OCRv6_det_small.onnx"
ORIENTATION = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
RECOGNIZER = "PP-OCRv6_rec_small.onnx"


def weights(preset: str, languages: Sequence[str]) -> list[Weights]:
    """Text detector, orientation classifier and recogniser, in that order.

    Args:
        preset: "packaged" reads the package's 50 languages; "hub" also other scripts, one at a time.
        languages: RapidOCR's names: codes ("en", "de", "ch", "japan"), or a script ("cyrillic", "korean").

    Raises:
        ValueError: no model reads these together.
    """
    files = [("PP-OCRv6 text detector", 10, DETECTOR), ("PP-OCR orientation of lines", 1, ORIENTATION)]
    scripts = sorted(set(languages) - _packaged_languages())
    if not scripts:
        files.append(("PP-OCRv6 recogniser, 50 languages", 21, RECOGNIZER))
    packaged = [
        Weights(
            name=name,
            source="PyPI rapidocr",
            licence="Apache-2.0",
            megabytes=megabytes,
            path=packaged_file("rapidocr", file),
            how_to_get="pip install rapidocr",
        )
        for name, megabytes, file in files
    ]
    if not scripts:
        return packaged
    if preset == "packaged":
        raise ValueError(f"the packaged recogniser does not know {', '.join(scripts)}; preset 'hub' may")
    return [*packaged, _hub_recognizer(scripts)]


def reads_packaged(languages: Sequence[str]) -> bool:
    """Whether the package's own recogniser reads these languages."""
    return set(languages) <= _packaged_languages()


def _packaged_languages() -> set[str]:
    return set(_languages("PPOCRV6", "SMALL"))


@functools.cache
def _languages(version: str, size: str) -> list[str]:
    """The languages and scripts that RapidOCR's recognisers of a version and size read."""
    from rapidocr import ModelType, OCRVersion
    from rapidocr.utils.model_resolver import list_supported_langs
    from rapidocr.utils.typings import TaskType

    return list(list_supported_langs(TaskType.REC, OCRVersion[version], ModelType[size]))


def _hub_recognizer(scripts: Sequence[str]) -> Weights:
    """PP-OCRv5's recogniser of one script (and Latin letters), in the folder of converted networks."""
    from rapidocr import EngineType, ModelType, OCRVersion
    from rapidocr.inference_engine.base import FileInfo, InferSession
    from rapidocr.utils.typings import TaskType

    if len(scripts) > 1:
        raise ValueError(f"no recogniser reads {' and '.join(scripts)} together; name one of them")
    if scripts[0] not in (known := _languages("PPOCRV5", "MOBILE")):
        raise ValueError(
            f"no recogniser knows '{scripts[0]}'.{did_you_mean(scripts[0], known)} The preset 'hub' knows "
            f"{', '.join(known)}; the packaged recogniser {', '.join(sorted(_packaged_languages()))}"
        )
    asked = FileInfo(EngineType.ONNXRUNTIME, OCRVersion.PPOCRV5, TaskType.REC, scripts[0], ModelType.MOBILE)
    info = InferSession.get_model_url(asked)
    path = converted_root() / Path(info["model_dir"]).name
    return Weights(
        name=f"PP-OCRv5 recogniser ({scripts[0]})",
        source="ModelScope RapidAI/RapidOCR",
        licence="Apache-2.0",
        megabytes=8,
        path=path,
        how_to_get="coverfusion weights fetch CONFIG, with the config that names the language",
        fetch=lambda: _download(info["model_dir"], info["SHA256"], path),
    )


def _download(url: str, sha256: str, path: Path) -> None:
    from rapidocr.utils.download_file import DownloadFile, DownloadFileInput

    partial = path.with_suffix(".part")
    DownloadFile.run(DownloadFileInput(url, partial, log, sha256))
    if not DownloadFile.check_file_sha256(partial, sha256):
        partial.unlink()
        raise UserError(f"{url} is not the file that RapidOCR names (another sha256). Try again later.")
    partial.replace(path)
