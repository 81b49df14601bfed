"""Of covers that may have several genres: each genre's probabilities, and what genre sets hold."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from coverfusion.experiments.decision.tables import SET_GUARANTEES, SET_SPLITS
from coverfusion.experiments.evaluation.intervals import chance_error, grouped_proportion, reliability
from coverfusion.experiments.pipeline.predicted_genres import Predicted
from coverfusion.fusion.uncertainty.several_decision import false_negative_threshold


def genre_reliability(found: Predicted, groups: np.ndarray, wider: float) -> pd.DataFrame:
    """The bins of each genre's reliability diagram: how often covers have it against its probability.

    Args:
        found: predictions of held-out covers.
        groups: (n,) labels of covers that belong together.
        wider: from `evaluation.statistics.widening`.
    """
    frames = []
    for code, genre in enumerate(found.genres):
        bins = pd.DataFrame(
            map(asdict, reliability(found.proba[:, code], found.truth[:, code], groups, wider))
        )
        having = pd.DataFrame(bins.pop("accuracy").tolist()).add_prefix("having_")
        frames.append(pd.concat([bins, having], axis=1).assign(genre=genre))
    table = pd.concat(frames, ignore_index=True)
    return table.rename(columns={"having_value": "having", "confidence": "probability"})


def genre_calibration(found: Predicted, bins: pd.DataFrame, groups: np.ndarray, wider: float) -> pd.DataFrame:
    """One row a genre: how many have it, what the model says on average, and the calibration error.

    Args:
        found: predictions of held-out covers.
        bins: from `genre_reliability`.
        groups: (n,) labels of covers that belong together.
        wider: from `evaluation.statistics.widening`.

    Returns:
        genre, covers, having (proportion that have it, with its interval), probability (mean), ece (expected
        calibration error), chance_ece (of perfect probabilities on so few covers).
    """
    rows = []
    for code, genre in enumerate(found.genres):
        own = bins[bins["genre"] == genre]
        having = grouped_proportion(found.truth[:, code], groups, wider)
        away = (own["covers"] * (own["probability"] - own["having"]).abs()).sum()
        row = {"genre": genre, "covers": int(found.truth[:, code].sum()), "having": having.value}
        row |= {"having_low": having.low, "having_high": having.high}
        row |= {"probability": found.proba[:, code].mean(), "ece": away / len(found.proba)}
        rows.append(row | {"chance_ece": chance_error(found.proba[:, code])})
    return pd.DataFrame(rows)


def several_sets(found: Predicted, groups: np.ndarray, seed: int) -> pd.DataFrame:
    """What sets hold on random halves of the held-out groups, with thresholds learnt on the other halves.

    Sets are those of `score`: the false-negative rate is controlled (`SeveralDecision.sets`).

    Args:
        found: predictions of held-out covers.
        groups: (n,) labels of covers that belong together.
        seed: of the halves.

    Returns:
        One row a guarantee and split: held (proportion of a cover's genres that its set holds, a mean over
        groups), whole (proportion of covers whose genres are all held), size (mean), and for each genre
        held_<genre> (proportion of its covers whose set holds it) and beside_<genre> (of the other covers).
    """
    rng = np.random.default_rng(seed)
    names, codes = np.unique(groups, return_inverse=True)
    rows = []
    for split in range(SET_SPLITS):
        learns = (rng.permutation(len(names)) < len(names) // 2)[codes]
        for guarantee in SET_GUARANTEES:
            limit = false_negative_threshold(
                found.proba[learns], found.truth[learns], groups[learns], 1 - guarantee
            )
            inside, truth = found.proba[~learns] >= limit, found.truth[~learns]
            row = {"guarantee": guarantee, "split": split} | _held(inside, truth, groups[~learns])
            for code, genre in enumerate(found.genres):
                row[f"held_{genre}"] = _proportion(inside[:, code], truth[:, code])
                row[f"beside_{genre}"] = _proportion(inside[:, code], ~truth[:, code])
            rows.append(row)
    return pd.DataFrame(rows)


def _held(inside: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    has = truth.any(axis=1)  # a cover without a genre has none to miss
    kept = pd.Series((inside & truth)[has].sum(axis=1) / truth[has].sum(axis=1))
    return {
        "held": float(kept.groupby(groups[has]).mean().mean()),
        "whole": float((kept == 1).mean()),
        "size": float(inside.sum(axis=1).mean()),
    }


def _proportion(inside: np.ndarray, among: np.ndarray) -> float:
    return float(inside[among].mean()) if among.any() else float("nan")


def summarised_several(sets: pd.DataFrame) -> pd.DataFrame:
    """One row a guarantee, from `several_sets`: of `held` over the splits, and means of the others.

    Returns:
        guarantee, held (mean), lowest, highest, deviation (standard deviation), whole, size.
    """
    grouped = sets.groupby("guarantee")
    held = grouped["held"].agg(["mean", "min", "max", "std"])
    held.columns = pd.Index(["held", "lowest", "highest", "deviation"])
    return held.join(grouped[["whole", "size"]].mean()).reset_index()


def sets_of_genres(sets: pd.DataFrame, guarantee: float) -> pd.DataFrame:
    """One row a genre, of sets of one guarantee: the same of held_<genre>, and the mean of beside_<genre>."""
    own = sets[sets["guarantee"] == guarantee]
    names = [str(name).removeprefix("held_") for name in sets.columns if str(name).startswith("held_")]
    return pd.DataFrame(
        [
            {
                "genre": name,
                "held": own[f"held_{name}"].mean(),
                "lowest": own[f"held_{name}"].min(),
                "highest": own[f"held_{name}"].max(),
                "beside": own[f"beside_{name}"].mean(),
            }
            for name in names
        ]
    )
