"""How well nearest covers keep the genre: precision@k of all blocks, of each block alone, and of chance.

Of covers of several genres a neighbour counts where it shares one with the query.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.genre_sets import apart, has_sets, indicator, with_sets
from coverfusion.data.splits import IN_NO_FOLD, folds
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.forest import Forest, Row, forest_axis
from coverfusion.experiments.drawing.words import points, records, scored
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.statistics import group_weights, interval, score_interval
from coverfusion.experiments.retrieval.source import IndexSource, open_index_source
from coverfusion.fusion.blocks import BlockScaler, columns_by_block
from coverfusion.fusion.similarity.training_index import INDEX_COMPONENTS
from coverfusion.fusion.similarity.vector_search import nearest_rows, new_index

KS = (1, 5, 10)
OF_ONE, OF_SEVERAL = "the genre", "a genre in common"  # what precision is of
RETRIEVAL_FOLDS = 5
MAX_EVALUATED_COVERS = 20_000  # covers of a sample; whole groups are drawn
PRECISION_RESAMPLES = 1000
ALL_BLOCKS, RANDOM_COVERS = "all blocks", "random"


def write_retrieval(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    blocks: Sequence[str] | None = None,
    seed: int = 0,
) -> tuple[pd.DataFrame, str]:
    """Evaluates a run's or a table's covers, and writes `retrieval.csv` and `retrieval.svg` into `out`.

    Args:
        folder: a run folder or a table folder.
        out: where to write.
        blocks: only these; None: all.
        seed: of the sample, of folds and resampling.

    Returns:
        For each set of blocks and k the scores with their intervals, as text for people; and what precision
        is of: the genre, or a genre in common where a cover may have several.

    Raises:
        UserError: as `open_index_source` and `precision_at_k`.
    """
    out = Path(out)
    source = open_index_source(folder, blocks)
    X, covers = read_sample(source, seed)
    if source.several:
        covers = with_sets(covers, covers["genre"].map(apart))
    table, of = precision_at_k(X, source.names, covers, seed), OF_SEVERAL if source.several else OF_ONE
    write_csv(table, out / "retrieval.csv")
    pages.write(out / "retrieval.svg", pages.svg(retrieval_chart(table, of), standalone=True))
    shown = table[["blocks", "k"]].copy()
    shown["precision, %"] = [
        scored(Interval(*values)) for values in table[["precision", "low", "high"]].to_numpy()
    ]
    for name, head in (("over_random", "points over random"), ("all_over", "all blocks: points over it")):
        columns = [name, f"{name}_low", f"{name}_high"]
        shown[head] = [
            f"{value} ({low} to {high})"
            for value, low, high in (map(points, row) for row in table[columns].to_numpy())
        ]
    return shown, of


def read_sample(source: IndexSource, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """(n, d) float32 raw rows of some covers, and those covers: whole groups, covers with features.

    At most `MAX_EVALUATED_COVERS`.

    Args:
        source: as `retrieval.source.open_index_source` gives it.
        seed: of the sample.
    """
    groups, names = pd.factorize(source.covers["group"])
    turn = np.random.default_rng(seed).permutation(len(names))[groups]  # of each cover's group
    fitting = np.searchsorted(np.bincount(turn).cumsum(), MAX_EVALUATED_COVERS, side="right")
    wanted = turn < fitting
    rows, kept, start = [], [], 0
    for chunk in source.chunks():
        here = np.flatnonzero(wanted[start : start + len(chunk)] & ~np.isnan(chunk).all(axis=1))
        rows.append(chunk[here])
        kept.append(here + start)
        start += len(chunk)
    return np.concatenate(rows), source.covers.iloc[np.concatenate(kept)].reset_index(drop=True)


def precision_at_k(
    X: np.ndarray, columns: Sequence[str], covers: pd.DataFrame, seed: int = 0
) -> pd.DataFrame:
    """Precision@k of the genre: the proportion of the k nearest covers that share a genre with the query.

    Each cover is a query once, in the fold that it is held out of: scaling and PCA are learnt from the other
    folds' covers, and only those are in the index. Folds keep groups whole, so a near duplicate of the query
    is never its neighbour. Chance is the proportion of such covers in the index. A genre of fewer groups
    than folds is in every index, and no query.

    Args:
        X: (n, d) float32 raw rows, NaN = not there.
        columns: d names `block.column`.
        covers: n rows with `cover_id`, `genre`, `group`, and `genres` where each may have several.
        seed: of folds and resampling.

    Returns:
        One row for each of all blocks, each block, and chance, and each k of 1, 5, 10: `blocks`, `k`,
        `precision` with `low`, `high` (95 %, bootstrap of the queries' groups), `over_random` with `_low`,
        `_high` and `all_over` (what all blocks have more) with `_low`, `_high`, and `queries`.

    Raises:
        UserError: too few groups of all genres but one for five folds.
    """
    by_id = folds(covers, RETRIEVAL_FOLDS, 1, seed).iloc[:, 0]
    numbers = by_id.loc[covers["cover_id"]].to_numpy()
    genres, alike = _sharing(covers)
    blocks = columns_by_block(columns)
    parts = list(dict.fromkeys(name.partition(".")[0] for name in blocks))
    names = [ALL_BLOCKS, *parts] if len(parts) > 1 else parts
    rng = np.random.default_rng(seed)
    hits = {name: np.zeros((len(covers), len(KS))) for name in [*names, RANDOM_COVERS]}
    for fold in range(RETRIEVAL_FOLDS):
        held = np.flatnonzero(numbers == fold)
        # of covers at the same distance, not always the first genre
        known = rng.permutation(np.flatnonzero(numbers != fold))
        scaler = BlockScaler(INDEX_COMPONENTS)
        Z, Q = scaler.fit_transform(X[known], blocks), scaler.transform(X[held])
        hits[RANDOM_COVERS][held] = alike[genres[held]][:, genres[known]].mean(axis=1)[:, None]
        for name in names:
            own = [
                part for block, part in scaler.slices.items() if name in (ALL_BLOCKS, block.partition(".")[0])
            ]
            where = np.r_[tuple(own)]
            nearest = nearest_rows(new_index(Z[:, where], "l2"), Q[:, where], max(KS), "l2")[1]
            right = alike[genres[held][:, None], genres[known][nearest]]
            hits[name][held] = np.stack([right[:, :k].mean(axis=1) for k in KS], axis=1)
    queries = numbers != IN_NO_FOLD
    hits = {name: values[queries] for name, values in hits.items()}
    weights = group_weights(covers["group"].to_numpy()[queries], seed, PRECISION_RESAMPLES)
    weights /= weights.sum(axis=1, keepdims=True)
    count = covers["group"][queries].nunique()
    rows = []
    for name, values in hits.items():
        compared = {
            "": values,
            "over_random": values - hits[RANDOM_COVERS],
            "all_over": hits[names[0]] - values,
        }
        spans = {what: (part.mean(axis=0), *interval(weights @ part)) for what, part in compared.items()}
        if name != RANDOM_COVERS:  # chance is computed, not drawn
            means = spans[""][0]
            drawn = zip(means, (weights @ values).T, strict=True)
            ends = np.array([score_interval(float(mean), resampled, count) for mean, resampled in drawn])
            spans[""] = (means, ends[:, 0], ends[:, 1])
        for position, k in enumerate(KS):
            row: dict[str, object] = {"blocks": name, "k": k}
            for what, (mean, low, high) in spans.items():
                row[what or "precision"] = mean[position]
                row[f"{what}_low".lstrip("_")] = low[position]
                row[f"{what}_high".lstrip("_")] = high[position]
            rows.append(row | {"queries": int(queries.sum())})
    return pd.DataFrame(rows)


def _sharing(covers: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(n,) codes of the covers' genres or sets of genres, and (u, u) bool: which of these share a genre."""
    codes, names = pd.factorize(covers["genre"])
    if not has_sets(covers):
        return codes, np.eye(len(names), dtype=bool)
    own = covers.drop_duplicates("genre")["genres"]
    has = indicator(own, sorted({genre for genres in own for genre in genres}))
    return codes, has @ has.T


def retrieval_chart(table: pd.DataFrame, of: str = OF_ONE) -> Forest:
    """What `precision_at_k` gives, in percent; the line is the precision of random covers."""
    chance = 100 * float(table.loc[table["blocks"] == RANDOM_COVERS, "precision"].iloc[0])
    rows = [
        Row(
            label=str(row["blocks"]),
            value=row["precision"],
            low=row["low"],
            high=row["high"],
            group=KS.index(row["k"]),
        ).scaled(100)
        for row in records(table[table["blocks"] != RANDOM_COVERS])
    ]
    return Forest(
        title=f"Precision at k of {of}",
        rows=rows,
        axis=forest_axis(rows, chance, 0.0, 100.0),
        axis_label="of the k nearest covers, those that share a genre, %, 95 % interval",
        shown="{:.1f}".format,
        tick="{:g}".format,
        line=chance,
        line_label=f"random covers: {chance:.1f}",
        groups={number: f"k = {k}" for number, k in enumerate(KS)},
    )
