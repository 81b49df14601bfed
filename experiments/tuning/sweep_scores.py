"""From kept predictions to the tables of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.genre_sets import genre_names
from coverfusion.experiments.evaluation.best_of_many import corrected_metric, metric_differences
from coverfusion.experiments.evaluation.chosen_metric import METRICS, SET_METRICS
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.cached_fits import VALIDATION, Model
from coverfusion.experiments.pipeline.fold_scores import fold_scores
from coverfusion.experiments.pipeline.leaderboard import score_frame
from coverfusion.experiments.pipeline.predicted_genres import predicted_of, several
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.tuning.candidates import Candidates


def score_values(
    candidates: Candidates, models: Mapping[str, Model], tried: Mapping[str, Model] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `folds.csv` (value, part and set of covers) and of `values.csv` (all parts together).

    `values.csv` has each score with its interval as in a leaderboard, and for validation covers how much
    better they are than with the best value by the config's metric, mostly below 0: `difference` with an
    interval that holds for all values tried at once, as the best was found by comparing all. `corrected` is
    the metric of the best of all `tried` without what it owes to having been chosen
    (`experiments.evaluation.best_of_many`). Both are widened where folds share training covers
    (`experiments.evaluation.statistics.widening`).

    Args:
        candidates: what was fitted.
        models: name -> model, of the rows.
        tried: those that the best was chosen from, where they are more than the rows.
    """
    genres = genre_names(candidates.covers)
    groups = candidates.covers.drop_duplicates("cover_id").set_index("cover_id")["group"]
    folds, rows = [], []
    for value, model in models.items():
        frames = candidates.predictions(model)
        for part, frame in zip(candidates.parts, frames, strict=True):
            seconds = candidates.fits.seconds(model, part)
            for covers, predicted in frame.groupby("split", sort=False):
                row = {"value": value, "part": part.name, "covers": covers, "n": len(predicted)}
                folds.append(row | _scores(predicted, genres) | {"seconds": seconds})
        for covers, predicted in pd.concat(frames).sort_index(kind="stable").groupby("split", sort=False):
            rows.append({"value": value, "covers": covers, "n": len(predicted)})
            rows[-1] |= _intervals(predicted, genres, groups, candidates)
    table = pd.DataFrame(rows)
    every = {**(tried or {}), **models}
    sums = {value: _validated(candidates, model, genres) for value, model in every.items()}
    return pd.DataFrame(folds), table.merge(_against_best(table, sums, groups, candidates), how="left")


def write_sweep_tables(folder: Path, folds: pd.DataFrame, values: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """`folds.csv`, `values.csv` and, of networks, `epochs.csv`."""
    write_csv(folds, folder / "folds.csv")
    write_csv(values, folder / "values.csv")
    if len(epochs):
        write_csv(epochs, folder / "epochs.csv")


def _against_best(
    table: pd.DataFrame, sums: Mapping[str, pd.DataFrame], groups: pd.Series, candidates: Candidates
) -> pd.DataFrame:
    """By value, of validation covers: `best`, `difference` and `corrected` with their intervals."""
    config, held_out = candidates.config, table[table["covers"] == VALIDATION]
    metric, wider = SET_METRICS[config.metric], widening(config.folds)
    worth = held_out.assign(_worth=metric.better(held_out[metric.column]))
    best = worth.sort_values(["_worth", "log_loss"], ascending=[False, True])["value"].iloc[0]
    names, ids = list(sums), sums[best].index
    every = np.stack([frame.loc[ids].to_numpy() for frame in sums.values()], axis=1)
    codes = np.unique(groups[ids].to_numpy(), return_inverse=True)[1]
    many = metric_differences(metric, every, codes, config.seed, wider)
    corrected = corrected_metric(metric, every, codes, config.seed, wider)
    rows = []
    for value in held_out["value"]:
        less = many.interval(names.index(value), names.index(best))
        row = {"value": value, "covers": VALIDATION, "best": value == best, "tried": len(names)}
        row |= {"difference": less.value, "difference_low": less.low, "difference_high": less.high}
        row |= {"corrected": corrected.value}
        rows.append(row | {"corrected_low": corrected.low, "corrected_high": corrected.high})
    return pd.DataFrame(rows)


def _validated(candidates: Candidates, model: Model, genres: list[str]) -> pd.DataFrame:
    """cover_id -> what it adds to the metric's sums, where it was held out."""
    frame = pd.concat([frame[frame["split"] == VALIDATION] for frame in candidates.predictions(model)])
    sums = predicted_sums(frame, SET_METRICS[candidates.config.metric], genres)
    return pd.DataFrame(sums, index=frame.index)


def _intervals(
    frame: pd.DataFrame, genres: list[str], groups: pd.Series, candidates: Candidates
) -> dict[str, float]:
    config, of = candidates.config, groups[frame.index].to_numpy()
    overall = score_frame(frame, of, config.seed, config.folds, genres).overall
    scores: dict[str, float] = {}
    for name in _score_names(frame):
        row = overall.to_dict("index")[name]
        scores |= {name: row["value"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    return scores


def _scores(frame: pd.DataFrame, genres: list[str]) -> dict[str, float]:
    found = predicted_of(frame, genres)
    scores = fold_scores(found.truth, found.named, found.proba, genres)
    return {name: scores[name] for name in _score_names(frame)}


def _score_names(frame: pd.DataFrame) -> list[str]:
    return [metric.column for metric in (SET_METRICS if several(frame) else METRICS).values()]
