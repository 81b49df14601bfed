"""From kept predictions to the tables of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric, cover_losses, metric_interval
from coverfusion.experiments.evaluation.metrics import score_predictions
from coverfusion.experiments.evaluation.statistics import group_weights, widening
from coverfusion.experiments.pipeline.cached_fits import VALIDATION, Model
from coverfusion.experiments.pipeline.fold_scores import fold_scores
from coverfusion.experiments.tuning.candidates import Candidates

SWEEP_SCORES = tuple(metric.column for metric in METRICS.values())


def score_values(candidates: Candidates, models: Mapping[str, Model]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `folds.csv` (value, part and set of covers) and of `values.csv` (all parts together).

    `values.csv` has each score with its interval as in a leaderboard, and for validation covers how much
    better they are than with the best value by the config's metric, mostly below 0: `difference` with its
    interval, paired, from resampling groups, widened where folds share training covers
    (`experiments.evaluation.statistics.widening`).
    """
    genres = sorted(candidates.covers["genre"].unique())
    groups = candidates.covers.drop_duplicates("cover_id").set_index("cover_id")["group"]
    folds, rows, sums = [], [], {}
    metric = METRICS[candidates.config.metric]
    for value, model in models.items():
        frames = [candidates.fits.predictions(model, part) for part in candidates.parts]
        for part, frame in zip(candidates.parts, frames, strict=True):
            seconds = candidates.fits.seconds(model, part)
            for covers, predicted in frame.groupby("split", sort=False):
                row = {"value": value, "part": part.name, "covers": covers, "n": len(predicted)}
                folds.append(row | _scores(predicted, genres) | {"seconds": seconds})
        for covers, predicted in pd.concat(frames).sort_index(kind="stable").groupby("split", sort=False):
            rows.append({"value": value, "covers": covers, "n": len(predicted)})
            rows[-1] |= _intervals(predicted, genres, groups, candidates)
            if covers == VALIDATION:
                sums[value] = pd.DataFrame(_sums(predicted, genres, metric), index=predicted.index)
    table = pd.DataFrame(rows)
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
    """`value`, `covers`, `best`, `difference`, `difference_low`, `difference_high` of validation covers."""
    metric, held_out = METRICS[candidates.config.metric], table[table["covers"] == VALIDATION]
    worth = held_out.assign(_worth=metric.better(held_out[metric.column]))
    best = worth.sort_values(["_worth", "log_loss"], ascending=[False, True])["value"].iloc[0]
    ids = sums[best].index
    codes = np.unique(groups[ids].to_numpy(), return_inverse=True)[1]
    # the first row, of weight 1 for every cover, gives the exact values
    weights = np.vstack([np.ones(len(ids)), group_weights(codes, candidates.config.seed)])
    values = {
        value: metric.better(metric.value(weights @ of.loc[ids].to_numpy())) for value, of in sums.items()
    }
    rows = []
    for value in held_out["value"]:
        less, *resampled = values[value] - values[best]
        wider, count = widening(candidates.config.folds), codes.max() + 1
        low, high = (0.0, 0.0)
        if value != best:
            low, high = metric_interval(metric, np.asarray(resampled), count, wider, difference=True)
        row = {"value": value, "covers": VALIDATION, "best": value == best, "difference": less}
        rows.append(row | {"difference_low": low, "difference_high": high})
    return pd.DataFrame(rows)


def _intervals(
    frame: pd.DataFrame, genres: list[str], groups: pd.Series, candidates: Candidates
) -> dict[str, float]:
    config, proba = candidates.config, _proba(frame, genres)
    of = groups[frame.index].to_numpy()
    overall = score_predictions(
        frame["genre"].to_numpy(), proba, genres, of, config.seed, config.folds
    ).overall
    scores: dict[str, float] = {}
    for name in SWEEP_SCORES:
        row = overall.to_dict("index")[name]
        scores |= {name: row["value"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    return scores


def _scores(frame: pd.DataFrame, genres: list[str]) -> dict[str, float]:
    proba = _proba(frame, genres)
    truth = pd.Index(genres).get_indexer(pd.Index(frame["genre"]))
    scores = fold_scores(truth, proba.argmax(axis=1), proba, genres)
    return {name: scores[name] for name in SWEEP_SCORES}


def _sums(frame: pd.DataFrame, genres: list[str], metric: Metric) -> np.ndarray:
    """(n, s) what each cover adds to the metric's sums."""
    proba = _proba(frame, genres)
    truth = pd.Index(genres).get_indexer(pd.Index(frame["genre"]))
    return metric.sums(truth, proba.argmax(axis=1), cover_losses(truth, proba), len(genres))


def _proba(frame: pd.DataFrame, genres: list[str]) -> np.ndarray:
    return frame.reindex(columns=[f"p_{genre}" for genre in genres], fill_value=0.0).to_numpy()
