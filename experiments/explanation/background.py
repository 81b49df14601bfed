"""Training covers as the model sees them, out of the bundle's own index: what a cover is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.genre_sets import apart
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.bundle import Bundle
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.similarity.vector_search import indexed_rows

SAME_ROW_TOLERANCE = (
    1e-3  # prepared rows this close in every number are one (an index may keep half precision)
)


def background(bundle: Bundle, count: int, seed: int = 0) -> pd.DataFrame:
    """Features of `count` training covers, drawn at random (all, where there are fewer).

    Without an index of training covers, or for a model of pictures alone, it is one row in which everything
    is missing.

    Args:
        bundle: the fitted model.
        count: how many covers.
        seed: of the draw.

    Returns:
        (n, d) float32 frame with the classifier's columns.
    """
    columns = bundle.classifier.feature_names_in_
    if bundle.neighbours is None or not set(columns) & set(bundle.neighbours.columns):
        return pd.DataFrame(np.full((1, len(columns)), np.nan, np.float32), columns=columns)
    total = len(bundle.neighbours.covers)
    drawn = np.random.default_rng(seed).choice(total, min(count, total), replace=False)
    return training_rows(bundle.neighbours, np.sort(drawn)).reindex(columns=columns)


def covers_of_genre(bundle: Bundle, genre: str, most: int, seed: int = 0) -> pd.DataFrame:
    """Features of at most `most` training covers of a genre, as `background` gives them; may be empty."""
    columns = bundle.classifier.feature_names_in_
    if bundle.neighbours is None:
        return pd.DataFrame(columns=columns, dtype=np.float32)
    named = bundle.neighbours.covers["genre"]
    has = named == genre if bundle.several is None else named.map(lambda genres: genre in apart(genres))
    own = np.flatnonzero(has)
    drawn = np.random.default_rng(seed).permutation(own)[:most]
    return training_rows(bundle.neighbours, np.sort(drawn)).reindex(columns=columns)


def training_rows(neighbours: TrainingIndex, positions: Sequence[int] | np.ndarray) -> pd.DataFrame:
    """The features of indexed covers, turned back from the index's prepared rows.

    Blocks that the index does not project come back to float32 precision (values beyond 10 standard
    deviations are cut there), and so does what is missing. Of wider blocks the kept components come back,
    which is the embedding without its finest detail.

    Args:
        neighbours: the index.
        positions: (n,) rows of `neighbours.covers`.

    Returns:
        (n, d) float32 frame with `block.column` names; NaN = not there.
    """
    scaler = neighbours.scaler
    rows = np.full((len(positions), len(neighbours.columns)), np.nan, np.float32)
    if len(positions):
        Z = indexed_rows(neighbours.index, np.asarray(positions))
        nothing = scaler.transform(np.full((1, rows.shape[1]), np.nan, np.float32))
        for name, where in scaler.blocks.items():
            part = scaler.slices[name]
            present = np.abs(Z[:, part] - nothing[:, part]).max(axis=1) > SAME_ROW_TOLERANCE
            rows[np.ix_(present, where)] = _unprepared(scaler, name, Z[present, part])
    return pd.DataFrame(rows, columns=neighbours.columns)


def _unprepared(scaler: BlockScaler, name: str, Z: np.ndarray) -> np.ndarray:
    """(n, k) float32 columns of one block from its (n, width) prepared ones."""
    learnt, width = scaler.parts[name], len(scaler.blocks[name])
    standard = Z / scaler.weights[name] * learnt["size"]
    if "components" in learnt:
        standard = standard @ learnt["components"].T + learnt["centre"]
        missing = np.zeros((len(Z), width), bool)
    else:
        gap = (standard[:, width:] + learnt["gap_mean"] > 0.5).any(axis=1, keepdims=True)
        # a gap is prepared as exactly 0, a value hardly ever, except in a constant column (of scale 1)
        missing = gap & (standard[:, :width] == 0) & (learnt["scale"] != 1)
    values = standard[:, :width] * learnt["scale"] + learnt["mean"]
    values[missing] = np.nan
    return values.astype(np.float32)
