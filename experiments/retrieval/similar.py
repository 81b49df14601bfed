"""The covers nearest to a picture, or to words, as a table, as one picture or as a file of rows."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL.Image import Image

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.pipeline.outputs import check_file
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.retrieval.index import INDEX_FILE, CoverIndex, load_index
from coverfusion.experiments.retrieval.similar_figure import draw_similar
from coverfusion.experiments.scoring.score import same_extractors
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import table_of
from coverfusion.fusion.bundle import Bundle, load_bundle
from coverfusion.fusion.similarity.training_index import TrainingIndex

OUTPUT_ENDINGS = (".png", ".csv", ".json")  # of files


def similar(
    place: str | os.PathLike[str],
    picture: str | os.PathLike[str] | None = None,
    k: int = 5,
    out: str | os.PathLike[str] | None = None,
    *,
    words: str | None = None,
    genres: Sequence[str] | None = None,
    diversity: float = 0.0,
) -> pd.DataFrame:
    """The k covers of a bundle or an index that are nearest to a picture or to words; not the picture itself.

    Args:
        place: a bundle, or a folder that `coverfusion index` has made.
        picture: a file or `zip!member`.
        k: how many.
        out: a .png that draws what was found, or a .csv or .json that lists it.
        words: instead of a picture; needs the block `clip`.
        genres: only covers that have one of these.
        diversity: 0 to 1, how much the covers found should differ from each other.

    Returns:
        One row a cover, nearest first (with `diversity` in the order of picking): cover_id, genre, path,
        distance.

    Raises:
        UserError: picture and words, or neither; the picture, the bundle or the index cannot be read; a block
            that is needed cannot run; there is no block `clip`; no cover is of such a genre; `out` cannot be
            written, or is the picture itself.
    """
    picture = None if picture is None else os.fspath(picture)
    out = None if out is None else Path(out)
    if (picture is None) == (words is None):
        raise UserError("Name either a picture or --text with words to look for.")
    if out:
        check_file(out, OUTPUT_ENDINGS, [picture] if picture else [])
    opened = open_place(place)
    asked: Image | str
    if words is not None:
        asked = words
        nearest = nearest_to_words(opened, words, k, genres, diversity)
    else:
        asked, own = _decoded(str(picture))
        extractors = same_extractors(opened.extractors)
        nearest = nearest_covers(opened, extractors, asked, k, genres, diversity, leave_out=own)
    if out and out.suffix.lower() == ".csv":
        write_csv(nearest, out)
    elif out and out.suffix.lower() == ".json":
        write_json(out, {"picture": picture, "words": words, "covers": nearest.to_dict("records")})
    elif out:
        neighbours = _neighbours(opened)
        usual = math.nan if words is not None else neighbours.usual_distance()
        thumbnails = list(neighbours.thumbnails(nearest["cover_id"].tolist()))
        draw_similar(asked, nearest, thumbnails, usual).save(out)
    return nearest


def open_place(place: str | os.PathLike[str]) -> Bundle | CoverIndex:
    """A bundle or an index, whichever the folder is; raises UserError as `load_bundle` and `load_index`."""
    return load_index(place) if Path(place, INDEX_FILE).is_file() else load_bundle(place)


def nearest_covers(
    bundle: Bundle | CoverIndex,
    extractors: Sequence[Extractor],
    image: Image,
    k: int = 5,
    genres: Sequence[str] | None = None,
    diversity: float = 0.0,
    leave_out: str = "",
) -> pd.DataFrame:
    """The k covers over all blocks of a bundle or an index that are nearest to a decoded picture.

    Args:
        bundle: the covers to look among.
        extractors: those that it was made with.
        image: RGB.
        k: how many.
        genres: only covers that have one of these.
        diversity: 0 to 1, how much the covers found should differ from each other.
        leave_out: the cover_id of the picture itself, which may be among the covers.

    Returns:
        One row a cover: cover_id, genre, path, distance.

    Raises:
        UserError: a block fails on the picture, there is no index of covers, or no cover of such a genre.
    """
    table, failed = table_of([image], extractors)
    if failed[0]:
        raise UserError(f"This picture cannot be compared: {failed[0]}")
    found = _neighbours(bundle).query(table.frame(), k + bool(leave_out), genres, diversity)[0]
    return found[found["cover_id"] != leave_out].head(k).reset_index(drop=True)


def nearest_to_words(
    bundle: Bundle | CoverIndex,
    words: str,
    k: int = 5,
    genres: Sequence[str] | None = None,
    diversity: float = 0.0,
) -> pd.DataFrame:
    """The k covers whose CLIP image embedding is nearest to the words; as `nearest_covers`."""
    from coverfusion.features.clip import Clip

    neighbours = _neighbours(bundle)
    if neighbours.words is None:
        raise UserError(
            "--text needs an index with the block 'clip', and this one has none. `coverfusion weights` says "
            "how to get CLIP's weights; extract or train with them, then make the index again."
        )
    (clip,) = same_extractors({"clip": bundle.extractors["clip"]})
    assert isinstance(clip, Clip)
    return neighbours.query_words(clip.embed_words([words]), k, genres, diversity)[0]


def distance_words(place: str | os.PathLike[str], words: bool) -> str:
    """What the distances of a bundle or an index are of, and what they are large or small beside."""
    if words:
        return "Distance: 1 less the cosine of CLIP's embeddings of the words and of the cover."
    neighbours = _neighbours(open_place(place))
    return (
        f"Distance over {', '.join(neighbours.blocks)}, every block counting the same; two random covers are "
        f"{neighbours.usual_distance():.2f} apart. The picture itself is left out."
    )


def _decoded(picture: str) -> tuple[Image, str]:
    """The picture, and its cover_id."""
    try:
        content = read_bytes(picture)
        return decode(content), hashlib.sha256(content).hexdigest()
    except PictureError as error:
        raise UserError(f"{picture}: {error}") from error


def _neighbours(bundle: Bundle | CoverIndex) -> TrainingIndex:
    if bundle.neighbours is None:
        raise UserError("This bundle has no index of training covers. Train again.")
    return bundle.neighbours
