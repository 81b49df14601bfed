"""Scores of uploaded covers, with what the page needs to show them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from PIL.Image import Image

from coverfusion.data.csv_files import as_text
from coverfusion.data.pictures import PictureError
from coverfusion.experiments.app.loaded_model import ONE_AT_A_TIME, LoadedModel
from coverfusion.experiments.app.uploads import on_disk
from coverfusion.experiments.drawing.thumbnails import thumbnail
from coverfusion.experiments.scoring.score import score_chunk
from coverfusion.features.extract import decoded_ahead
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets

PICTURES_A_STEP = 8  # pictures between two steps of the bar; other visitors wait no longer than that


@dataclass(frozen=True)
class ScoredCovers:
    """Scores of n pictures.

    Attributes:
        frame: n rows as `score_chunk` gives them, with all genres; `path` is the name of the upload, or
            `upload.zip!member`.
        pictures: n PNGs of exactly what was scored; None where there is no picture.
        thumbnails: n small JPEGs; None likewise.
        left_out: how many pictures were not taken, since they were too many.
    """

    frame: pd.DataFrame
    pictures: list[bytes | None]
    thumbnails: list[bytes | None]
    left_out: int = 0

    @property
    def good(self) -> list[int]:
        """The numbers of the pictures that could be read."""
        return [number for number, error in enumerate(self.frame["error"]) if not error]


def score_uploads(
    model: LoadedModel,
    uploads: Sequence[tuple[str, bytes | memoryview]],
    targets: Targets = NO_TARGETS,
    counted: Callable[[int], object] | None = None,
) -> Iterator[ScoredCovers]:
    """Scores the first `MAX_PICTURES` pictures of uploaded files and zips; what cannot be read has an error.

    Args:
        model: shared with other visitors.
        uploads: file names and contents, at least one.
        targets: when to abstain, and what the sets of genres guarantee.
        counted: called with the number of pictures to score, before the first is read.

    Yields:
        After every few pictures: all that is scored so far.
    """
    frames: list[pd.DataFrame] = []
    pictures: list[bytes | None] = []
    small: list[bytes | None] = []
    with on_disk(uploads) as (taken, left_out):
        names = [name for name, _ in taken]
        if counted is not None:
            counted(len(taken))
        for chunk in decoded_ahead((("", path) for _, path in taken), PICTURES_A_STEP):
            with ONE_AT_A_TIME:
                frames.append(
                    score_chunk(model.bundle, model.extractors, chunk, len(model.bundle.classes), targets)
                )
            new = [None if isinstance(got, PictureError) else _png(got) for _, _, got in chunk]
            pictures += new
            small += [None if picture is None else thumbnail(picture) for picture in new]
            frame = pd.concat(frames, ignore_index=True).assign(path=names[: len(pictures)])
            yield ScoredCovers(frame, list(pictures), list(small), left_out)


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores without the sets of covers that the model has learnt from: they would guarantee nothing."""
    return frame.assign(genre_set=frame["genre_set"].mask(frame["learnt_from"].eq(True)))


def as_file(frame: pd.DataFrame, kind: str) -> bytes:
    """Scores as the bytes of a file; `kind` is "csv", "jsonl" or "parquet"."""
    if kind == "parquet":
        return frame.to_parquet(index=False)
    if kind == "jsonl":
        return frame.to_json(orient="records", lines=True, force_ascii=False).encode()
    return as_text(frame).to_csv(index=False).encode()


def _png(picture: Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
