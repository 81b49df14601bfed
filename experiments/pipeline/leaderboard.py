"""From predictions to tables: the leaderboard, the per-genre table, confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.evaluation.metrics import Scores, score_predictions
from coverfusion.experiments.evaluation.several_metrics import score_sets
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.pipeline.predicted_genres import predicted_of, several

ScoredParts = dict[tuple[Model, str], Scores]


def score_splits(
    predictions: Mapping[Model, pd.DataFrame], groups: pd.Series, seed: int, folds: int | None = None
) -> ScoredParts:
    """Scores of each model on each split.

    Args:
        predictions: model -> frame by cover_id with `split`, `genre` and `p_<genre>`.
        groups: cover_id -> group, for the bootstrap.
        seed: of the bootstrap; the same resamples serve every model of a split.
        folds: how many the predictions are pooled from; None: one split.
    """
    scored = {}
    for model, frame in predictions.items():
        for split, part in frame.groupby("split", sort=False):
            ordered = part.sort_index()
            own = groups[ordered.index].to_numpy()
            scored[model, str(split)] = score_frame(ordered, own, seed, folds)
    return scored


def score_frame(
    predictions: pd.DataFrame,
    groups: np.ndarray,
    seed: int,
    folds: int | None = None,
    genres: Sequence[str] = (),
) -> Scores:
    """Scores of a predictions frame, of covers with one genre or several.

    Args:
        predictions: n rows with `genre`, `p_<genre>` and, of covers of several genres, `says_<genre>`.
        groups: n labels, for the bootstrap.
        seed: of the bootstrap.
        folds: how many the predictions are pooled from; None: one split.
        genres: of all covers, where some may have no column here; else those that have one.
    """
    found = predicted_of(predictions, genres)
    if several(predictions):
        return score_sets(found.truth, found.named, found.proba, found.genres, groups, seed, folds)
    genre = predictions["genre"].to_numpy()
    return score_predictions(genre, found.proba, found.genres, groups, seed, folds)


def leaderboard(
    scored: ScoredParts, seconds: Mapping[Model, float], split: str, metric: Metric
) -> pd.DataFrame:
    """One row a model and split: each score with its interval, the best on `split` by a metric first."""
    rows = []
    for (model, part), scores in scored.items():
        row: dict[str, Any] = {
            "classifier": model.classifier,
            "blocks": "+".join(model.blocks),
            "split": part,
            "covers": scores.covers,
        }
        for name, values in scores.overall.iterrows():
            row[str(name)] = values["value"]
            row[f"{name}_low"], row[f"{name}_high"] = values["low"], values["high"]
        rows.append(row | {"fit_seconds": seconds[model]})
    frame = pd.DataFrame(rows)
    values = frame[frame["split"] == split].set_index(["classifier", "blocks"])[metric.column]
    rank = metric.better(values).rank(method="first", ascending=False)
    order = frame.set_index(["classifier", "blocks"]).index.map(rank.to_dict())
    return (
        frame.assign(_rank=order)
        .sort_values(["_rank", "split"], ascending=[True, False])
        .drop(columns="_rank")
    )


def as_json(
    scored: ScoredParts,
    chosen: Model,
    why: Mapping[str, Any],
    ranked_by: str,
    baseline: Mapping[str, Mapping[str, float]],
    guessed: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """`metrics.json`: every score, interval, per-genre score and confusion matrix of every model.

    Args:
        scored: of every model.
        chosen: the bundle's model.
        why: what chose it.
        ranked_by: the metric of the leaderboard's order.
        baseline: split -> metric -> its value where nothing is known of a cover.
        guessed: the same of guessing by a prior of the user's; nothing under the natural one.
    """
    models = []
    for (model, split), scores in scored.items():
        genres = list(scores.confusion.index)
        models.append(
            {
                "classifier": model.classifier,
                "blocks": list(model.blocks),
                "split": split,
                "covers": scores.covers,
                "scores": {
                    name: {end: None if np.isnan(v) else v for end, v in row.items()}
                    for name, row in scores.overall.to_dict(orient="index").items()
                },
                "genres": {g: scores.per_genre.loc[g].to_dict(orient="index") for g in genres},
                "confusion": {"genres": genres, "counts": scores.confusion.to_numpy().tolist()},
            }
        )
    return {
        "chosen": {"classifier": chosen.classifier, "blocks": list(chosen.blocks), **why},
        "ranked_by": ranked_by,
        "baseline": baseline,
        "guessed": guessed,
        "models": models,
    }


def write_leaderboard(folder: Path, board: pd.DataFrame, scored: ScoredParts) -> None:
    """`leaderboard.csv`, `per_genre.csv` and `confusion.csv` (long form)."""
    write_csv(board, folder / "leaderboard.csv")
    keys = ["classifier", "blocks", "split"]
    named = {(m.classifier, "+".join(m.blocks), split): scores for (m, split), scores in scored.items()}
    per_genre = pd.concat({k: s.per_genre for k, s in named.items()}, names=keys).reset_index()
    write_csv(per_genre, folder / "per_genre.csv")
    cells = {k: pd.DataFrame({"covers": s.confusion.stack()}) for k, s in named.items()}
    write_csv(pd.concat(cells, names=keys).reset_index(), folder / "confusion.csv")
