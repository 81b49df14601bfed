"""A bundle for Python users: pictures of any kind in, a frame of scores out."""

from __future__ import annotations

import hashlib
import html
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError, decode, decode_image
from coverfusion.data.plurals import how_many
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.scoring.known_backs import NO_PICTURE, ReadPicture, check_backs, sides_table
from coverfusion.experiments.scoring.known_metadata import MetadataRows, given_metadata, with_metadata
from coverfusion.experiments.scoring.score import bundle_extractors, check_targets, rows_name, score_chunk
from coverfusion.features.extract import COVERS_PER_CHUNK, read_decoded
from coverfusion.features.registry import Extractor
from coverfusion.fusion.bundle import Bundle, load_bundle
from coverfusion.fusion.uncertainty.decision import Targets

Picture = str | bytes | os.PathLike[str] | Image | np.ndarray
Backs = Picture | Iterable[Picture | None]


@dataclass(frozen=True, repr=False)
class Predictor:
    """A loaded bundle with its extractors; made by `load`.

    Attributes:
        bundle: the fitted model.
        extractors: those that it was trained with.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> run = cf.train(folder, classifiers=["knn"], blocks=["color"], folds=2, store="store")
        >>> predictor = cf.Predictor.load(run.bundle)
        >>> scores = predictor.predict(["covers/Jazz/000.jpg", "README.md"], top_k=2)
        >>> scores[["path", "error"]].values.tolist()
        [['covers/Jazz/000.jpg', ''], ['README.md', 'no such file']]
        >>> predictor.predict_proba(["covers/Jazz/000.jpg"]).shape
        (1, 6)
    """

    bundle: Bundle
    extractors: list[Extractor]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Predictor:
        """Checks and reads a bundle.

        Args:
            folder: a run's `bundle/`.

        Raises:
            UserError: as `load_bundle`; its extractors' weights are not here, or are others.
        """
        bundle = load_bundle(folder)
        return cls(bundle, bundle_extractors(bundle))

    def __repr__(self) -> str:
        return f"Predictor({self.bundle!r})"

    def _repr_html_(self) -> str:
        """For notebooks: the bundle, and its genres."""
        return f"<p>{html.escape(repr(self))}</p><p>{html.escape(', '.join(map(str, self.classes_)))}</p>"

    @property
    def classes_(self) -> np.ndarray:
        """(k,) genres, in the order of the columns of `predict_proba`."""
        return np.asarray(self.bundle.classes)

    def predict(
        self,
        pictures: Picture | Iterable[Picture],
        top_k: int | None = None,
        target_error: float | None = None,
        target_coverage: float | None = None,
        set_coverage: float = 0.9,
        sets: str | None = None,
        thresholds: str | None = None,
        metadata: MetadataRows | None = None,
        backs: Backs | None = None,
    ) -> pd.DataFrame:
        """Scores pictures; one that cannot be read is a row with its reason in `error`.

        Args:
            pictures: one or several: paths, addresses, `zip!member`s, bytes of a file, Pillow images, and
                arrays as `data.pictures.decode_image` takes them.
            top_k: how many genres a row names, at most all; None: 3, and all where a cover may have several.
            target_error: abstain so that at most this proportion of the predictions is wrong.
            target_coverage: predict for this proportion of covers, the most confident ones.
            set_coverage: the proportion of genre sets that hold the true genre.
            sets: "by-genre": of the covers of each genre; "marginal": of all covers together; None: as the
                bundle has it.
            thresholds: "by-genre": `target_error` is kept among the covers predicted as each genre.
            metadata: column of the manifest -> its value for each picture, for a model that has learnt from
                such columns; what is left out counts as missing.
            backs: of the same covers, None for one without, for a model that has learnt from backs.

        Returns:
            One row a picture, with the columns of `coverfusion score`: path ("" for a picture in memory),
            cover_id, genre_1, probability_1, ..., abstain, genre_set, nearest_distance, out_of_distribution,
            learnt_from, failed_blocks, error.

        Raises:
            UserError: targets that exclude each other or are out of range, or that this bundle cannot meet;
                metadata or backs that the model does not know, or of another number of rows.
            ValueError: `top_k` is below 1.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be 1 or more")
        targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
        check_targets(self.bundle, targets)
        top_k = rows_name(self.bundle, top_k)
        frames = [
            score_chunk(self.bundle, self.extractors, chunk, top_k, targets, known, behind)
            for chunk, known, behind in self._chunks(pictures, metadata, backs)
        ]
        if not frames:
            return score_chunk(self.bundle, self.extractors, [], top_k, targets)
        return pd.concat(frames, ignore_index=True)

    def predict_proba(
        self,
        pictures: Picture | Iterable[Picture],
        metadata: MetadataRows | None = None,
        backs: Backs | None = None,
    ) -> np.ndarray:
        """(n, k) calibrated probabilities; all NaN for a picture that cannot be read.

        Args:
            pictures: as in `predict`.
            metadata: as in `predict`.
            backs: as in `predict`.
        """
        parts = [np.empty((0, len(self.bundle.classes)))]
        for chunk, known, behind in self._chunks(pictures, metadata, backs):
            sides = sides_table(chunk, behind, self.extractors)
            proba = np.full((len(chunk), len(self.bundle.classes)), np.nan)
            if sides.table is not None:
                values = None if known is None else known.iloc[sides.good]
                raw = self.bundle.predict_proba(with_metadata(self.bundle, sides.table, values))
                proba[sides.good] = self.bundle.calibrated(raw)
            parts.append(proba)
        return np.concatenate(parts)

    def _chunks(
        self,
        pictures: Picture | Iterable[Picture],
        metadata: MetadataRows | None,
        backs: Backs | None,
    ) -> Iterator[tuple[list[ReadPicture], pd.DataFrame | None, list[ReadPicture] | None]]:
        """Read pictures, a bounded number at a time, with their metadata and backs."""
        check_backs(self.bundle, backs is not None)
        values, start = given_metadata(self.bundle, metadata), 0
        behind = _chunks([] if backs is None else backs)
        for chunk in _chunks(pictures):
            end = start + len(chunk)
            if values is not None and end > len(values):
                raise UserError(
                    f"metadata has {how_many(len(values), 'row')} for more pictures. Give one row a picture."
                )
            own = None if backs is None else next(behind, [])
            if own is not None and len(own) != len(chunk):
                raise UserError("backs: there are more or fewer than pictures. Give one each, None for none.")
            yield chunk, None if values is None else values.iloc[start:end], own
            start = end
        if values is not None and start < len(values):
            raise UserError(
                f"metadata has {how_many(len(values), 'row')} for {how_many(start, 'picture')}. Give one "
                f"row a picture."
            )
        if next(behind, None):
            raise UserError("backs: there are more than pictures. Give one each, None for none.")


def _chunks(pictures: Picture | Iterable[Picture | None]) -> Iterator[list[ReadPicture]]:
    """Read pictures, a bounded number at a time."""
    waiting = iter(_as_many(pictures))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(waiting, COVERS_PER_CHUNK)):
            yield list(pool.map(_read, chunk))


def _as_many(pictures: Picture | Iterable[Picture | None]) -> Iterable[Picture | None]:
    """One picture as a list of one; an array of four dimensions is several."""
    if isinstance(pictures, np.ndarray):
        return pictures if pictures.ndim == 4 else [pictures]
    return [pictures] if isinstance(pictures, str | bytes | os.PathLike | Image) else pictures


def _read(picture: Picture | None) -> ReadPicture:
    if picture is None:
        return NO_PICTURE
    if isinstance(picture, str | os.PathLike):
        return read_decoded("", os.fspath(picture), read_bytes)
    try:
        if isinstance(picture, bytes):
            return hashlib.sha256(picture).hexdigest(), "", decode(picture)
        if not isinstance(picture, Image | np.ndarray):
            kind = type(picture).__name__
            raise PictureError(f"no picture but of type {kind}: give a path, bytes, an image or an array")
        return "", "", decode_image(picture)
    except PictureError as error:
        return "", "", error
