"""Whether a model has learnt from a picture: from this very file, or from a cover that shows the same.

Of such a picture a model knows more than of others, and its sets guarantee nothing. The distance of features
alone does not tell: where it calls none of 3,146 real covers learnt from that are not, it finds 14 % of 337
whose sleeve is among the training covers in another photograph, and 60 to 73 % of 40 covers in four other
encodings each. So the picture is held against the small pictures of its nearest training covers, as
duplicates are found in a collection. That finds 79 % and all, and 2 of the 3,146 others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.data.duplicates import same_picture
from coverfusion.data.pictures import decode, picture_hash
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.uncertainty.novelty import is_training_cover


def is_learnt(image: Image, distances: np.ndarray, thumbnails: Iterable[bytes | None]) -> bool:
    """Whether a picture, or one just like it, is among the training covers.

    Args:
        image: RGB.
        distances: to its `NEAREST` training covers, the nearest first.
        thumbnails: their small pictures; None for one without.
    """
    if is_training_cover(distances):
        return True
    own = picture_hash(image)
    return any(same_picture(own, picture_hash(decode(small))) for small in thumbnails if small)


def learnt_of(
    neighbours: TrainingIndex, cover_ids: Sequence[str], images: Sequence[Image], nearest: list[pd.DataFrame]
) -> list[bool]:
    """`is_learnt` of n pictures; one whose very file is a training cover always is.

    Args:
        neighbours: the training covers.
        cover_ids: sha256 of each file; "" where there is none.
        images: RGB.
        nearest: of each the `NEAREST` training covers, as `TrainingIndex.query` gives them.
    """
    known = neighbours.covers["cover_id"]
    files = set(known[known.isin(list(cover_ids))])
    return [
        own in files
        or is_learnt(image, near["distance"].to_numpy(), neighbours.thumbnails(near["cover_id"].tolist()))
        for own, image, near in zip(cover_ids, images, nearest, strict=True)
    ]
