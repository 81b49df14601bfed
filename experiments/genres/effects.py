"""What sets a genre apart from the rest, one readable column at a time: effect size and corrected p."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from coverfusion.data.genre_sets import genre_names
from coverfusion.experiments.evaluation.statistics import holm
from coverfusion.experiments.genres.membership import of_genre, one_a_group
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.features.descriptions import CIRCULAR_COLUMNS
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.blocks import NUMBERED

MAX_CORRELATION = 0.8  # columns of a higher rank correlation say the same, and one of them is enough to show
SIGNIFICANCE_LEVEL = 0.05  # of the corrected p
# |Cliff's delta| from which an effect is called so: J. Romano et al. 2006, after Cohen's d of 0.2, 0.5, 0.8
EFFECT_SIZES = {"large": 0.474, "medium": 0.33, "small": 0.147, "negligible": 0.0}
EFFECT_COLUMNS = [
    "genre",
    "column",
    "delta",
    "higher",
    "equal",
    "p",
    "covers",
    "others",
    "median",
    "median_others",
]


def readable(table: FeatureTable) -> pd.DataFrame:
    """The columns that mean something by themselves: no embedding, no n-gram, no angle.

    An angle has no larger and smaller; `hue_cos` and `hue_sin` say the same in order.

    Returns:
        (n covers, columns) frame with `block.column` names; NaN = not there.
    """
    frame = table.frame()
    chosen = [name for name in frame.columns if not NUMBERED.search(name) and name not in CIRCULAR_COLUMNS]
    return frame[chosen]


def effects(values: pd.DataFrame, covers: pd.DataFrame) -> pd.DataFrame:
    """Covers of each genre against all others, in every readable column.

    Cliff's delta is P(genre > rest) - P(genre < rest) for a cover of each, from the Mann-Whitney U (N. Cliff,
    Dominance statistics, Psychological Bulletin 114, 1993); p is of the two-sided U test with correction for
    ties, then corrected (`corrected_by_block`). Of each group one cover takes part on each side, so that
    copies do not count as evidence. Missing values take no part, constant columns neither.

    Args:
        values: from `readable`.
        covers: frame with `cover_id`, `genre`, `group`.

    Returns:
        One row a genre and column: genre, column, delta, higher (the proportion of pairs in which the
        genre's cover has the higher value), equal (in which both have the same), p, p_corrected,
        size (in words), covers and others (how many took part), median and median_others; the largest effect
        of each genre first.
    """
    genres = genre_names(covers)
    rows = []
    with counted("effects", len(genres)) as bar:
        for genre in genres:
            inside = of_genre(covers, genre)
            own, rest = (values.loc[ids].to_numpy(np.float64) for ids in one_a_group(covers, inside))
            for number, column in enumerate(values.columns):
                a, b = _there(own[:, number]), _there(rest[:, number])
                if len(a) and len(b) and min(a.min(), b.min()) < max(a.max(), b.max()):
                    higher, equal, p = mann_whitney(a, b)
                    delta = 2 * higher + equal - 1
                    medians = float(np.median(a)), float(np.median(b))
                    rows.append([genre, column, delta, higher, equal, p, len(a), len(b), *medians])
            bar.advance(bar.task_ids[0])
    frame = pd.DataFrame(rows, columns=EFFECT_COLUMNS)
    frame.insert(6, "p_corrected", corrected_by_block(frame))
    frame.insert(7, "size", [size_of(delta) for delta in frame["delta"]])
    return frame.sort_values(
        ["genre", "delta"],
        key=lambda column: -column.abs() if column.name == "delta" else column,
        kind="stable",
        ignore_index=True,
    )


def corrected_by_block(frame: pd.DataFrame) -> np.ndarray:
    """(n,) Holm's p within the rows of each block, times the number of blocks.

    Each block has an equal part of the level: all together err in 5 % of reports at most, and a thousand
    columns of one block do not hide twenty of another.

    Args:
        frame: `column` (`block.column`) and `p`.
    """
    blocks = frame["column"].str.split(".").str[0]
    corrected = np.ones(len(frame))
    for block in blocks.unique():
        inside = (blocks == block).to_numpy()
        corrected[inside] = holm(frame.loc[inside, "p"].to_numpy(np.float64)) * blocks.nunique()
    return np.minimum(corrected, 1.0)


def mann_whitney(own: np.ndarray, rest: np.ndarray) -> tuple[float, float, float]:
    """The proportion of pairs in which `own` has the higher value, that of ties, and the two-sided p (scipy).

    Args:
        own: (n,) numbers, none missing.
        rest: (m,) numbers, none missing, not all the same as `own`.
    """
    test = mannwhitneyu(own, rest, alternative="two-sided")
    places = np.unique(np.concatenate([own, rest]), return_inverse=True)[1]
    ours, theirs = (np.bincount(part, minlength=places.max() + 1) for part in np.split(places, [len(own)]))
    pairs = len(own) * len(rest)
    equal = float(ours @ theirs) / pairs
    return float(test.statistic) / pairs - equal / 2, equal, float(test.pvalue)  # U counts ties half


def _there(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def size_of(delta: float) -> str:
    """What an effect of this Cliff's delta is called."""
    return next(name for name, least in EFFECT_SIZES.items() if abs(delta) >= least)


def rank_correlation(values: pd.DataFrame) -> pd.DataFrame:
    """(columns, columns) absolute correlation of the columns' ranks; NaN where one is constant."""
    return values.rank().corr().abs()


def distinct(own: pd.DataFrame, correlation: pd.DataFrame, most: int) -> pd.DataFrame:
    """The largest significant effects of columns that are not correlated with one kept already.

    Args:
        own: rows of one genre from `effects`, the largest effect first.
        correlation: from `rank_correlation`.
        most: how many are kept.

    Returns:
        Rows of `own` with a corrected p below `SIGNIFICANCE_LEVEL`, in their order; a column whose
        correlation with one kept already is above `MAX_CORRELATION` is left out.
    """
    kept: list[str] = []
    for column in own.loc[own["p_corrected"] < SIGNIFICANCE_LEVEL, "column"]:
        if len(kept) < most and not (correlation.loc[column, kept] > MAX_CORRELATION).any():
            kept.append(column)
    return own[own["column"].isin(kept)]
