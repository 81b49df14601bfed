"""From predictions to tables: the leaderboard, the per-genre table, confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.experiments.evaluation.metrics import Scores, score_predictions
from coverfusion.experiments.pipeline.cached_fits import Model, all_blocks

ScoredParts = dict[tuple[Model, str], Scores]


def genres_of(predictions: pd.DataFrame) -> list[str]:
    """The genres that a predictions frame has `p_` columns for, in their order."""
    return [column[2:] for column in predictions.columns if column.startswith("p_")]


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
        genres = genres_of(frame)
        proba = [f"p_{genre}" for genre in genres]
        for split, part in frame.groupby("split", sort=False):
            ordered = part.sort_index()
            scored[model, str(split)] = score_predictions(
                ordered["genre"].to_numpy(),
                ordered[proba].to_numpy(),
                genres,
                groups[ordered.index].to_numpy(),
                seed,
                folds,
            )
    return scored


def leaderboard(scored: ScoredParts, seconds: Mapping[Model, float], split: str) -> pd.DataFrame:
    """One row a model and split: each score with its interval, the most accurate on `split` first."""
    rows = []
    for (model, part), scores in scored.items():
        row: dict[str, Any] = {
            "classifier": model.classifier,
            "blocks": "+".join(model.blocks),
            "split": part,
            "covers": int(scores.confusion.to_numpy().sum()),
        }
        for name, values in scores.overall.iterrows():
            row[str(name)] = values["value"]
            row[f"{name}_low"], row[f"{name}_high"] = values["low"], values["high"]
        rows.append(row | {"fit_seconds": seconds[model]})
    frame = pd.DataFrame(rows)
    rank = frame[frame["split"] == split].set_index(["classifier", "blocks"])["accuracy"].rank(method="first")
    order = frame.set_index(["classifier", "blocks"]).index.map(rank.to_dict())
    return (
        frame.assign(_rank=-order)
        .sort_values(["_rank", "split"], ascending=[True, False])
        .drop(columns="_rank")
    )


def best_model(scored: ScoredParts, split: str, blocks: Sequence[str]) -> Model:
    """The model on all blocks with the highest accuracy on `split`; a lower log loss breaks ties.

    Args:
        scored: of every model.
        split: the one that chooses.
        blocks: of the feature table; a classifier of pictures sees them instead, or beside.
    """
    fused = {model: scores.overall["value"] for (model, s), scores in scored.items() if s == split}
    fused = {m: values for m, values in fused.items() if m.blocks == all_blocks(m.classifier, blocks)}
    return max(fused, key=lambda model: (fused[model]["accuracy"], -fused[model]["log_loss"]))


def as_json(scored: ScoredParts, chosen: Model) -> dict[str, Any]:
    """`metrics.json`: every score, interval, per-genre score and confusion matrix of every model."""
    models = []
    for (model, split), scores in scored.items():
        genres = list(scores.confusion.index)
        models.append(
            {
                "classifier": model.classifier,
                "blocks": list(model.blocks),
                "split": split,
                "scores": {
                    name: {end: None if np.isnan(v) else v for end, v in row.items()}
                    for name, row in scores.overall.to_dict(orient="index").items()
                },
                "genres": {g: scores.per_genre.loc[g].to_dict(orient="index") for g in genres},
                "confusion": {"genres": genres, "counts": scores.confusion.to_numpy().tolist()},
            }
        )
    return {"chosen": {"classifier": chosen.classifier, "blocks": list(chosen.blocks)}, "models": models}


def write_leaderboard(folder: Path, board: pd.DataFrame, scored: ScoredParts) -> None:
    """`leaderboard.csv`, `per_genre.csv` and `confusion.csv` (long form)."""
    write_csv(board, folder / "leaderboard.csv")
    keys = ["classifier", "blocks", "split"]
    named = {(m.classifier, "+".join(m.blocks), split): scores for (m, split), scores in scored.items()}
    per_genre = pd.concat({k: s.per_genre for k, s in named.items()}, names=keys).reset_index()
    write_csv(per_genre, folder / "per_genre.csv")
    cells = {k: pd.DataFrame({"covers": s.confusion.stack()}) for k, s in named.items()}
    write_csv(pd.concat(cells, names=keys).reset_index(), folder / "confusion.csv")
