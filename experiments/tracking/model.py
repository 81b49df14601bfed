"""A bundle as an MLflow model. MLflow runs this file when the model is loaded ("models from code").

Whoever asks a served model sends the bytes of pictures. Paths and addresses would let them read files and
reach machines that only the server can, so they are read only where the server's environment sets
COVERFUSION_READ_PATHS=1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError, decode
from coverfusion.experiments.scoring.score import bundle_extractors, rows_name, score_chunk
from coverfusion.features.extract import COVERS_PER_CHUNK, decoded_ahead
from coverfusion.fusion.bundle import load_bundle

READ_PATHS = "COVERFUSION_READ_PATHS"
Picture = tuple[str, str, Image | PictureError]  # cover_id, path, picture or why there is none


class CoverModel(PythonModel):
    """Genres with probabilities for pictures, as `coverfusion score` gives them."""

    def load_context(self, context: Any) -> None:
        """Checks and reads the bundle; raises UserError where it or its weights are not what they were."""
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))
        self.extractors = bundle_extractors(self.bundle)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Scores pictures.

        Args:
            context: MLflow's; not used.
            model_input: n rows with `image` (a picture file's bytes as base64 text). `path` is handed back;
                with COVERFUSION_READ_PATHS=1 a row without `image` is read from there (a file of the
                model's machine, an address, or `zip!member`).
            params: `top_k`, how many genres a row names. If left out 3, and all of a model of several genres.

        Returns:
            n rows in the same order: `path`, `cover_id`, `genre_1`, `probability_1`, ..., `failed_blocks`,
            `error`. A picture that cannot or may not be read has no genre and says why in `error`.

        Raises:
            UserError: neither column is there.
        """
        if not {"image", "path"} & set(model_input.columns):
            raise UserError("The input needs a column `image` (base64) or `path`.")
        asked = (params or {}).get("top_k")
        top_k = rows_name(self.bundle, None if asked is None else int(asked))
        pictures = _pictures(model_input)
        frames = []
        while chunk := list(islice(pictures, COVERS_PER_CHUNK)):
            frames.append(score_chunk(self.bundle, self.extractors, chunk, top_k))
        if not frames:
            return score_chunk(self.bundle, self.extractors, [], top_k)
        return pd.concat(frames, ignore_index=True)


def _pictures(frame: pd.DataFrame) -> Iterator[Picture]:
    """Every row's picture, in order; files are read ahead, where that is switched on."""
    images = _texts(frame, "image")
    paths = _texts(frame, "path")
    if os.environ.get(READ_PATHS) != "1":
        unread = PictureError(f"there is no `image`, and paths are not read: {READ_PATHS} is not 1 here")
        for path, image in zip(paths, images, strict=True):
            yield _from_base64(image, path) if image else ("", path, unread)
        return
    files = (("", path) for path, image in zip(paths, images, strict=True) if not image)
    read = chain.from_iterable(decoded_ahead(files))
    for path, image in zip(paths, images, strict=True):
        yield _from_base64(image, path) if image else next(read)


def _texts(frame: pd.DataFrame, column: str) -> list[str]:
    return frame[column].fillna("").astype(str).tolist() if column in frame else [""] * len(frame)


def _from_base64(text: str, path: str) -> Picture:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "", path, PictureError("image is not base64")
    cover_id = hashlib.sha256(content).hexdigest()
    try:
        return cover_id, path, decode(content)
    except PictureError as error:
        return cover_id, path, error


set_model(CoverModel())
